"""What a named attack is: bytes for a door, and what must come of them. The tables beside this file are made of these.

Bytes are templates: `{bearer}` and the like stand for what only a running region has; `scene.py` says what they mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Door = Literal["network", "hospital", "operations"]
"""`network` is the hosted instance (De Wilgenhof and two more), `hospital` the one holder that takes emergencies."""
Reach = Literal["nothing", "the look-up", "the request"]
"""What of it the holder's own server may see at most: nothing, whose record it is about, or the request as decided."""

FORM = b"Content-Type: application/x-www-form-urlencoded\r\n"
JSON = b"Content-Type: application/json\r\n"
BEARER = b"Authorization: Bearer {bearer}\r\n"
HOST = b"Host: gateway.example\r\n"
CLOSE = b"Connection: close\r\n"
BASE = b"/wilgenhof/fhir"
ONE = b"patient=Patient/1"
SCOPE = b"scope=http://terminology.hl7.org/CodeSystem/consentscope%7Ctreatment"
CATEGORY = b"category=http://snomed.info/sct%7C129125009"
DIRECTIVES = ONE + b"&" + SCOPE + b"&" + CATEGORY
BSN = b"identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C"
POSTMA, VERMEER, STRANGER, DEAD = b"999930412", b"900011233", b"999990019", b"900101222"


@dataclass(frozen=True, slots=True)
class Attack:
    """One hostile request. `status` of each answer in order; none: the connection ends without one.

    `reason` is the code in the record, `log` whose log it is in; empty: nobody's, and the page says why.
    """

    name: str
    kind: str
    sent: bytes
    status: tuple[int, ...]
    reason: str = ""
    log: str = "wilgenhof"
    reaches: Reach = "nothing"
    door: Door = "network"
    shows: str = "gateway"
    """The client certificate: `gateway`, `nobody`, `stranger`, `ehr`, `mitz`; `plain` is no TLS at all."""


def request(
    target: bytes,
    headers: bytes = BEARER,
    body: bytes | None = None,
    *,
    method: bytes = b"GET",
    version: bytes = b"1.1",
    host: bytes = HOST,
) -> bytes:
    """Write a request that ends its connection; a body comes with its length, once its templates are filled."""
    length = b"" if body is None else b"Content-Length: {length}\r\n"
    return (
        method
        + b" "
        + target
        + b" HTTP/"
        + version
        + b"\r\n"
        + host
        + CLOSE
        + headers
        + length
        + b"\r\n"
        + (body or b"")
    )


def get(query: bytes, headers: bytes = BEARER, *, kind: bytes = b"/Consent", **how: bytes) -> bytes:
    """Write a search by GET below the base of De Wilgenhof, or a read when the query is empty."""
    return request(BASE + kind + (b"?" + query if query else b""), headers, **how)  # type: ignore[arg-type]


def post(
    body: bytes,
    headers: bytes = BEARER + FORM,
    *,
    kind: bytes = b"/Consent",
    query: bytes = b"",
    tail: bytes = b"/_search",
) -> bytes:
    """Write a posted search below the base of De Wilgenhof."""
    return request(BASE + kind + tail + query, headers, body, method=b"POST")


def named(kind: str, rows: dict[str, tuple[bytes, int, str]], **how: str) -> list[Attack]:
    """Make attacks of one class that differ in their bytes, status and reason only."""
    return [Attack(name, kind, sent, (status,), reason, **how) for name, (sent, status, reason) in rows.items()]  # type: ignore[arg-type]


AMBIGUOUS, MALFORMED, UNSUPPORTED, METHOD = (f"PZP-REQUEST-00{n}" for n in (1, 2, 3, 4))
MEDIA, TOO_BIG, PATIENT, NOT_BSN, PAGE = (f"PZP-REQUEST-00{n}" for n in (5, 6, 7, 8, 9))
BODY, REFUSED, ACCEPT, STATED = (f"PZP-REQUEST-0{n}" for n in (10, 12, 15, 20))
ABSENT, INVALID, ISSUER, WRONG_SCOPE, CLAIMS, NO_PROOF, BAD_PROOF = (f"PZP-AUTHN-00{n}" for n in range(1, 8))
NO_CERTIFICATE, UNLISTED, NO_TENANT = "PZP-AUTHN-012", "PZP-AUTHN-013", "PZP-AUTHN-015"
UNKNOWN, DECEASED, OBJECTED = "PZP-PATIENT-001", "PZP-PATIENT-002", "PZP-CONSENT-010"
