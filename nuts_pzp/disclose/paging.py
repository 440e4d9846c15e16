"""Page tokens: a further page is asked for by an opaque token, and decided about anew (design D2).

Trusts only what this tenant's key sealed. A token is AES-256-GCM, lives five minutes, and opens for one tenant, one
caller (organisation, professional and access token), one resource type and one FHIR version; it holds the request and
where the own server's next page is.
"""

from __future__ import annotations

import re
import secrets
from base64 import urlsafe_b64decode, urlsafe_b64encode
from dataclasses import dataclass, field

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..exchange import Access, Caller
from ..fhir import envelope
from ..fhir.capability import Capability
from ..fhir.envelope import RawRequest
from ..fhir.request import FhirRequest, encode, parse, stays_below
from ..fhir.version import Speech
from ..house import Holding
from ..identity import Tenant
from ..outcome import Deny, Outcome, Stop
from ..reasons import Reason
from ..values import replace

LIFETIME = 300
"""Seconds."""

_NONCE = 12
_FORMS: dict[Speech, int] = {"r4": 1, "stu3": 2}
"""A page of a server that speaks one FHIR version does not open when the tenant's server speaks another."""
_TOKEN = re.compile(r"_page=([A-Za-z0-9_-]{64,12288})(?:&(_format=[^&]+))?")
_PATH = re.compile(r"/([A-Z][A-Za-z]{1,63})")


class _Page(msgspec.Struct, array_like=True, frozen=True):
    """What a token holds. `method` and `query` are the request as `encode` writes it, without its path."""

    expires: int
    patient: str
    method: str
    query: str
    further: str


@dataclass(frozen=True, slots=True)
class Opened:
    """A request for a further page, parsed anew, and the logical id of the patient it was first decided about."""

    request: FhirRequest
    patient: str = field(repr=False)


_PAGE = msgspec.msgpack.Decoder(_Page)


def page_url(house: Holding, access: Access, further: str | None, now: float) -> Outcome[str | None]:
    """Return the URL of a further page below the tenant's own base, or None when there is none.

    It repeats a `_format` other than JSON: that is of the request, not of the page, and stands beside the token.
    A Patient search has no further page: its one patient is on the first. Deny SOURCE_LINK for a page outside the
    server's base. `now` is Unix time in seconds.
    """
    request, patient = access.request, access.patient.logical_id
    if further is None or patient is None or request.resource_type == "Patient":
        return None
    if not stays_below(further):
        return Deny(Reason.SOURCE_LINK, detail="the own server's next page is not below its base")
    asked = encode(replace(request, continuation=None))
    page = _Page(int(now) + LIFETIME, patient, asked.method, asked.query or asked.body.decode("ascii"), further)
    bound = _bound_to(house.tenant, access.caller, request.resource_type, house.policies.capability.version)
    nonce = secrets.token_bytes(_NONCE)
    sealed = nonce + AESGCM(house.page_key).encrypt(nonce, msgspec.msgpack.encode(page), bound)
    token = urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")
    form = f"&_format={request.form}" if request.form_stated else ""
    return f"{house.base}/{request.resource_type}?_page={token}{form}"


def asks_for_page(raw: RawRequest) -> bool:
    """True when the request means to open a page token; whether it may is for `open_page` to say."""
    return raw.query.startswith("_page") or "&_page" in raw.query


def open_page(house: Holding, caller: Caller, raw: RawRequest, capability: Capability, now: float) -> Outcome[Opened]:
    """Return what the token asks, parsed by today's capability; Deny PAGE_TOKEN for any other holder, type or time."""
    refused = Deny(Reason.PAGE_TOKEN, detail="a page token that does not open here, for this caller, now")
    path, token = _PATH.fullmatch(raw.path), _TOKEN.fullmatch(raw.query)
    if raw.method != "GET" or raw.body or path is None or token is None:
        return Deny(Reason.REQUEST_MALFORMED, detail="a page token stands behind a type, with nothing but a _format")
    try:
        sealed = urlsafe_b64decode(token[1] + "=" * (-len(token[1]) % 4))
        bound = _bound_to(house.tenant, caller, path[1], capability.version)
        page = _PAGE.decode(AESGCM(house.page_key).decrypt(sealed[:_NONCE], sealed[_NONCE:], bound))
    except (ValueError, InvalidTag, msgspec.DecodeError):
        return refused
    if not now < page.expires <= now + LIFETIME + 1:
        return refused
    request = _asked_again(page, replace(raw, query=token[2] or ""), path[1], capability, house.base)
    if isinstance(request, Stop):
        return request
    return Opened(replace(request, continuation=page.further), page.patient)


def _asked_again(
    page: _Page, raw: RawRequest, resource_type: str, capability: Capability, base: str
) -> Outcome[FhirRequest]:
    """Parse the sealed request behind the headers and the `_format` of the one that came; every rule holds again."""
    if page.method == "GET":
        query = f"{page.query}&{raw.query}" if raw.query else page.query
        return parse(replace(raw, query=query), capability, base)
    checked = parse(replace(raw, path="/metadata"), capability, base)
    if isinstance(checked, Stop):
        return checked
    form = (("content-type", envelope.FORM),)
    posted = RawRequest("POST", f"/{resource_type}/_search", "", form, page.query.encode())
    asked = parse(posted, capability, base)
    return asked if isinstance(asked, Stop) else replace(asked, form=checked.form, form_stated=checked.form_stated)


def _bound_to(tenant: Tenant, caller: Caller, resource_type: str, spoken: Speech) -> bytes:
    """What a token is bound to, unambiguously."""
    professional = caller.professional.id if caller.professional else None
    organization = caller.organization.ura.value
    return msgspec.msgpack.encode(
        [_FORMS[spoken], tenant.id, organization, professional, caller.token_digest, resource_type]
    )
