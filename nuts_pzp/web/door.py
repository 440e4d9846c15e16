"""What every door does: read a bounded body, give each request a meldcode and a trace, answer one way.

Nothing here decides anything. A reply that is not recorded does not exist: NotRecorded becomes the uniform 503.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..audit.canonical import Pool
from ..exchange import Presented
from ..fhir.operation_outcome import FHIR_JSON, refusal
from ..reasons import Face, Reason
from ..values import Value

_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_TRACEPARENT = re.compile(r"00-[0-9a-f]{32}-[0-9a-f]{16}-0[01]", re.ASCII)

_randomness = Pool()

Scope = Mapping[str, Any]


class BodyTooBig(Exception):
    """More bytes than this door takes."""


class ClientLeft(Exception):
    """The client closed the connection before its request was complete."""


class Response(Value, frozen=True):
    """What leaves by a door."""

    hidden = frozenset({"body"})

    status: int
    body: bytes
    headers: tuple[tuple[bytes, bytes], ...] = ()
    media_type: str = FHIR_JSON


def meldcode() -> str:
    """Make a code that a person can read out on the phone: twelve characters, 60 random bits, no I, L, O or U."""
    bits = int.from_bytes(_randomness(8), "big")
    return "".join([_ALPHABET[bits >> place & 31] for place in range(0, 60, 5)])


def traceparent(received: str) -> str:
    """Continue a W3C trace with a new span of ours, or begin one when what was received is not one."""
    span = _randomness(8).hex()
    if _TRACEPARENT.fullmatch(received):
        return f"{received[:36]}{span}{received[52:]}"
    return f"00-{_randomness(16).hex()}-{span}-01"


def header(scope: Scope, name: bytes) -> str:
    """Return a header as text; empty when absent. Two of a kind are joined, so that checks see both."""
    return ", ".join([value.decode("latin-1") for key, value in scope["headers"] if key == name])


def presented(scope: Scope, url: str) -> Presented:
    """Gather the credentials of a request. `url` is the external URL of the resource, from settings, without query."""
    client = scope.get("client")
    return Presented(
        correlation=meldcode(),
        authorization=header(scope, b"authorization"),
        dpop=header(scope, b"dpop") or None,
        certificate=scope.get("client_certificate"),
        method=scope["method"],
        url=url,
        address=client[0] if client else "",
        trace=traceparent(header(scope, b"traceparent")),
    )


async def body(receive: Any, limit: int) -> bytes:
    """Read the whole body; raise BodyTooBig above `limit` bytes, ClientLeft when it never ends."""
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ClientLeft
        parts += message.get("body", b"")
        if len(parts) > limit:
            raise BodyTooBig
        if not message.get("more_body", False):
            return bytes(parts)


def refused(reason: Reason, code: str) -> Response:
    """Return the outward face of a reason as an OperationOutcome."""
    face = reason.face
    headers: tuple[tuple[bytes, bytes], ...] = ()
    if face.retry_after is not None:
        headers += ((b"retry-after", str(face.retry_after).encode()),)
    if face is Face.UNAUTHENTICATED:
        headers += ((b"www-authenticate", b'DPoP algs="ES256", Bearer'),)
    return Response(face.status, refusal(reason, code), headers)


def headed(response: Response) -> list[tuple[bytes, bytes]]:
    """Return the headers of an answer: never cached, never sniffed."""
    return [
        (b"content-type", response.media_type.encode()),
        (b"content-length", str(len(response.body)).encode()),
        (b"cache-control", b"no-store"),
        (b"x-content-type-options", b"nosniff"),
        *response.headers,
    ]


async def reply(send: Any, response: Response, *, head: bool = False) -> None:
    """Send it; to a HEAD without its body."""
    await send({"type": "http.response.start", "status": response.status, "headers": headed(response)})
    await send({"type": "http.response.body", "body": b"" if head else response.body})
