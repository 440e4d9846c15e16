"""The canonical FHIR request: parsed once, re-encoded from here (design D1, spec decision-api 3). Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Literal

from ..identity import BSN_SYSTEM, eleven_test
from ..outcome import Outcome
from ..reasons import Reason
from ..values import Value, replace
from . import envelope
from .capability import Capability, ResourceCapability
from .envelope import RawRequest
from .form import Form
from .parameters import ID, Parameter, drop_format, patient_bound_search, patient_search
from .version import foreign, foreign_values
from .wire import Refused, decode, written

Interaction = Literal["search-type", "read", "capabilities"]
Via = Literal["GET", "POST"]


class FhirRequest(Value, frozen=True):
    """One request, one meaning. `repr` shows no id and no parameter values: they can hold a BSN."""

    hidden = frozenset({"id", "params", "continuation"})

    interaction: Interaction
    resource_type: str
    id: str | None = None
    params: tuple[Parameter, ...] = ()
    via: Via = "GET"
    """How a search travels: POST `_search` keeps parameters out of URLs; Patient searches are POST only."""
    continuation: str | None = None
    """A further page: the upstream's own next link, relative to its base. Only a gateway or server room sets it."""
    form: Form = "json"
    """In which the answer is written: no part of what is asked, decided about and forwarded."""
    form_stated: bool = False
    """Another form than JSON was asked for by `_format`, which a further page then repeats."""

    def values(self, name: str) -> tuple[tuple[str, ...], ...]:
        """All OR-lists given for that parameter name (outer = AND)."""
        return tuple([values for key, values in self.params if key == name])


_TYPE = re.compile(r"[A-Z][A-Za-z]{1,63}")
_CONTINUATION = re.compile(r"(?:/[A-Za-z0-9._~!$'()*,:@=+-]+)*/?(?:\?[A-Za-z0-9._~!$'()*,;:@/?%&=+|-]*)?")

_POSTED = (("content-type", envelope.FORM),)
_CODES = frozenset({"code", "category", "scope", "reason-code", "reason", "questionnaire", "_include"})
"""What every query asks in the same words, about nobody."""
_coded = lru_cache(maxsize=256)(written)
_MASKED = frozenset({"identifier", "birthdate", "patient", "subject", "_id"})

_NINE = re.compile(r"(?<![0-9])[0-9]{9}(?![0-9])")

_NEVER = frozenset({"List", "Composition", "Bundle"})
_WITHOUT_PATIENT = frozenset(
    {"Practitioner", "PractitionerRole", "Organization", "Location", "HealthcareService", "Endpoint", "Substance"}
)


def headless(raw: RawRequest) -> RawRequest:
    """Return the request that is decided: a HEAD is the GET that it stands for, without the body (ADR 0034)."""
    return replace(raw, method="GET") if raw.method == "HEAD" else raw


def parse(raw: RawRequest, capability: Capability, base: str) -> Outcome[FhirRequest]:
    """Return the one meaning of a request, or Deny. `base` is the tenant's own external FHIR base, no trailing slash.

    Refused: whatever the capability does not list, names no patient or more than one, or can be read in two ways.
    The Deny's detail names the rule and never a value. Source: spec decision-api 3.
    """
    try:
        envelope.check(raw)
        return _parse(raw, capability, base)
    except Refused as refused:
        return refused.stop


def _parse(raw: RawRequest, capability: Capability, base: str) -> FhirRequest:
    search = raw.method == "POST"
    if search != raw.path.endswith("/_search"):
        raise Refused(Reason.REQUEST_METHOD, "POST is for _search, and _search for POST")
    steps = _steps(raw.path)
    given, said = drop_format(envelope.given_parameters(raw))
    form = envelope.asked_form(raw, said, capability.version)
    request = _understood(steps, given, capability, base, search=search)
    return request if form == "json" else replace(request, form=form, form_stated=said is not None)


def _understood(
    steps: list[str], given: list[tuple[str, str]], capability: Capability, base: str, *, search: bool
) -> FhirRequest:
    if steps == ["metadata"]:
        _expect_none(given)
        return FhirRequest("capabilities", "CapabilityStatement")
    try:
        request = _request(steps, given, capability, base, search=search)
    except Refused as refused:
        if refused.stop.reason is Reason.REQUEST_UNSUPPORTED and foreign(capability.version, steps[0], given):
            raise Refused(Reason.REQUEST_VERSION, "a question in another FHIR version than is spoken here") from None
        raise
    if not capability.mixed and foreign_values(capability.version, request.resource_type, request.params):
        raise Refused(Reason.REQUEST_VERSION, "a code or form of another FHIR version than is spoken here")
    return request


def _request(
    steps: list[str], given: list[tuple[str, str]], capability: Capability, base: str, *, search: bool
) -> FhirRequest:
    listed = _listed(steps, capability)
    if len(steps) == 2 and not search:
        return _read(steps, given, listed)
    if steps[0] == "Patient":
        return _patient(given, listed, "POST" if search else "GET", born=capability.sealed_ids)
    return _search(steps[0], given, listed, base, "POST" if search else "GET")


def _steps(path: str) -> list[str]:
    if not path.startswith("/") or ";" in path or len(path) > 512:
        raise Refused(Reason.REQUEST_MALFORMED, "not a path below the FHIR base")
    steps = [decode(step) for step in path[1:].split("/")]
    if any(not step or "/" in step or "\\" in step for step in steps):
        raise Refused(Reason.REQUEST_MALFORMED, "an empty step, or a step that holds a separator")
    return steps


def _listed(steps: list[str], capability: Capability) -> ResourceCapability:
    resource_type = steps[0]
    if len(steps) > 2 or not _TYPE.fullmatch(resource_type):
        raise Refused(Reason.REQUEST_UNSUPPORTED, "neither a search nor a read")
    if resource_type in _NEVER or (resource_type in _WITHOUT_PATIENT and not capability.sealed_ids):
        raise Refused(Reason.RESOURCE_REFUSED, "a type that is never released by itself")
    listed = capability.resources.get(resource_type)
    if listed is None:
        raise Refused(Reason.REQUEST_UNSUPPORTED, "a type that the capability does not list")
    return listed


def _read(steps: list[str], given: list[tuple[str, str]], listed: ResourceCapability) -> FhirRequest:
    resource_type, logical_id = steps
    if not ID.fullmatch(logical_id):
        raise Refused(Reason.REQUEST_MALFORMED, "neither a search nor a read")
    if "read" not in listed.interactions:
        raise Refused(Reason.RESOURCE_REFUSED, "a type that is not read by itself")
    _expect_none(given)
    return FhirRequest("read", resource_type, logical_id)


def _search(
    resource_type: str, given: list[tuple[str, str]], listed: ResourceCapability, base: str, via: Via
) -> FhirRequest:
    if "search-type" not in listed.interactions:
        raise Refused(Reason.RESOURCE_REFUSED, "a type that is not searched")
    if via == "GET" and listed.post_only:
        raise Refused(Reason.REQUEST_METHOD, "a search that is posted only")
    return FhirRequest("search-type", resource_type, params=patient_bound_search(given, listed, base), via=via)


def _patient(given: list[tuple[str, str]], listed: ResourceCapability, via: Via, *, born: bool) -> FhirRequest:
    if "search-type" not in listed.interactions:
        raise Refused(Reason.RESOURCE_REFUSED, "a type that is not searched")
    if via == "GET":
        raise Refused(Reason.REQUEST_METHOD, "a search that is posted only")
    return FhirRequest("search-type", "Patient", params=patient_search(given, born=born), via=via)


def _expect_none(given: list[tuple[str, str]]) -> None:
    if given:
        raise Refused(Reason.REQUEST_UNSUPPORTED, "a parameter where none is expected")


def encode(request: FhirRequest) -> RawRequest:
    """Write the request anew, relative to the FHIR base.

    `path` starts with `/`; only a further page at the base itself has an empty one. A Patient search is always posted.
    Raises ValueError on what `parse` could not have made: an id, a type, a value or a continuation that would change
    the target.
    """
    if request.continuation is not None:
        if not stays_below(request.continuation):
            raise ValueError("a continuation that leaves the base")
        path, _, query = request.continuation.partition("?")
        return RawRequest("GET", path, query, (), b"")
    if request.interaction == "capabilities":
        return RawRequest("GET", "/metadata", "", (), b"")
    if not _TYPE.fullmatch(request.resource_type):
        raise ValueError("not a resource type")
    if request.interaction == "read":
        if request.id is None or not ID.fullmatch(request.id):
            raise ValueError("not a resource id")
        return RawRequest("GET", f"/{request.resource_type}/{request.id}", "", (), b"")
    text = "&".join([(_coded if name in _CODES else written)(name, values) for name, values in request.params])
    if request.via == "GET" and request.resource_type != "Patient":
        return RawRequest("GET", f"/{request.resource_type}", text, (), b"")
    return RawRequest("POST", f"/{request.resource_type}/_search", "", _POSTED, text.encode("ascii"))


def stays_below(continuation: str) -> bool:
    """True when a further page's address, relative to the base, is plain path steps and a query and stays below it."""
    path = continuation.partition("?")[0]
    return (
        len(continuation) <= 8192
        and _CONTINUATION.fullmatch(continuation) is not None
        and not any(step in (".", "..") for step in path.split("/"))
    )


def template(request: FhirRequest) -> str:
    """The request for the audit and for logs: values of identifier, patient, subject, _id and ids become `#patient`.

    So does any other value that could be a BSN. A further page ends in `_page=#page`.
    """
    if request.interaction == "capabilities":
        return "GET metadata"
    if request.interaction == "read":
        return f"GET {request.resource_type}/#patient"
    posted = request.via == "POST" or request.resource_type == "Patient"
    where = f"POST {request.resource_type}/_search" if posted else f"GET {request.resource_type}"
    shown = [f"{name}={_shown(name, values)}" for name, values in request.params]
    if request.continuation is not None:
        shown.append("_page=#page")
    return f"{where}?{'&'.join(shown)}" if shown else where


def _shown(name: str, values: tuple[str, ...]) -> str:
    if name.partition(":")[0].partition(".")[0] in _MASKED:
        return "#patient"
    return ",".join(["#patient" if _could_be_bsn(value) else value for value in values])


def _could_be_bsn(value: str) -> bool:
    """True when nine digits in it could be one, but for a code of nine digits of another system."""
    system, _, code = value.rpartition("|")
    if system and BSN_SYSTEM not in system and code.isdigit():
        value = system
    return any(eleven_test(digits) for digits in _NINE.findall(value))
