"""Fuzz target: the check of the own server's answer. `make fuzz` runs it; `test_nobody_else.py` runs its seeds.

Whatever the server says: what leaves holds nothing outside the decision's patient, by a reading of its own that keeps
repeated keys; otherwise it is one of two stops that are documented. In XML it is the same, or nothing.
"""

from __future__ import annotations

import json
from collections.abc import Container, Iterator
from typing import Any
from xml.etree import ElementTree

from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.fhir.xml import Unwritable, to_xml
from nuts_pzp.fhir.xml.elements import definitions
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Deny, Stop, Unavailable
from nuts_pzp.reasons import Reason

BASE, INSIDE = "https://gateway.example/wilgenhof/fhir", "http://10.1.2.3:8080/fhir"
BSN, OTHER = "900012341", "999911120"
PATIENT = Patient(Bsn(BSN), "p1", Standing.KNOWN)
CALLER = Caller(
    Organization(Ura("90000444"), "N6", "De Kade"), Professional("k1", "01.015", "P. Vos"), frozenset({"pzp-gf"}),
    Purpose.TREATMENT, None, {}, "nuts-bearer", b"", 0.0,
)  # fmt: skip
ABOUT = ("patient", ("Patient/p1",))
REQUESTS = (
    FhirRequest("search-type", "Consent", params=(ABOUT, ("_include", ("Consent:actor",)))),
    FhirRequest("search-type", "Procedure", params=(ABOUT, ("_include", ("Procedure:encounter",)))),
    FhirRequest("search-type", "DeviceUseStatement", params=(ABOUT, ("_include", ("DeviceUseStatement:device",)))),
    FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST"),
    FhirRequest("read", "Consent", "c1"),
    FhirRequest("read", "Patient", "p1"),
)
STOPS = {Reason.SOURCE_OTHER_PATIENT: Deny, Reason.SOURCE_BROKEN: Unavailable}
_OURS = {f"{base}Patient/p1" for base in ("", f"{BASE}/", f"{INSIDE}/")}
_FHIR = "{http://hl7.org/fhir}"
Pairs = list[tuple[str, Any]]


class Leak(AssertionError):
    """Something of another patient would have left."""


def one_input(data: bytes) -> None:
    """The first byte chooses the request, the rest is what the server answers."""
    if not data:
        return
    request = REQUESTS[data[0] % len(REQUESTS)]
    found = minimize(FhirAnswer(200, data[1:], None, INSIDE), Access(CALLER, request, PATIENT), Outside(BASE))
    if isinstance(found, Stop):
        assert isinstance(found, STOPS[found.reason])
        return
    assert isinstance(found, Minimized)
    holds_nobody_else(found.body, request)
    says_the_same_in_xml(found.body)


def holds_nobody_else(body: bytes, request: FhirRequest) -> None:
    """Read what leaves with every repeated key kept, so that no reader finds more in it than this one."""
    whole = json.loads(body, object_pairs_hook=lambda pairs: pairs)
    if request.interaction == "read":
        _ours(whole, request, match=True)
        return
    for entries in _all(whole, "entry"):
        for entry in entries:
            modes = [mode for search in _all(entry, "search") for mode in _all(search or [], "mode")]
            for resource in _all(entry, "resource"):
                _ours(resource, request, match=modes == ["match"])


def says_the_same_in_xml(body: bytes) -> None:
    """What leaves in XML is a document with the resources that JSON has, in their order; or nothing leaves."""
    try:
        document = to_xml(body, "r4")
    except Unwritable:
        return
    names = [element.tag.removeprefix(_FHIR) for element in ElementTree.fromstring(document).iter()]
    known = definitions("r4").resources
    assert [name for name in names if name in known] == list(_types(json.loads(body), known))


def _types(value: Any, known: Container[str]) -> Iterator[str]:
    """The types of the resources in JSON, in the order of XML: a resource's own type, what it contains, the rest."""
    if isinstance(value, list):
        for one in value:
            yield from _types(one, known)
    elif isinstance(value, dict):
        if value.get("resourceType") in known:
            yield value["resourceType"]
        for name in sorted(value, key=lambda name: name != "contained"):
            yield from _types(value[name], known)


def _all(pairs: Pairs, name: str) -> list[Any]:
    return [value for key, value in pairs if key == name]


def _ours(resource: Pairs, request: FhirRequest, *, match: bool) -> None:
    kinds = _all(resource, "resourceType")
    if len(kinds) != 1:
        raise Leak("a resource of two types")
    if match and kinds != [request.resource_type]:
        raise Leak("a match of another type")
    if kinds == ["Patient"]:
        _is_person(resource, inside=False)
    owners = [_owner(value) for name in ("patient", "subject") for value in _all(resource, name) if value is not None]
    if match and kinds != ["Patient"] and not any(owners):
        raise Leak("a match of nobody")
    for contained in _all(resource, "contained"):
        for inner in contained or ():
            _inner(inner)


def _inner(inner: Pairs) -> None:
    kinds = _all(inner, "resourceType")
    if kinds == ["Patient"]:
        _is_person(inner, inside=True)
    elif set(kinds) & {"Bundle", "List", "Composition", "Parameters", "Person", "Group", "Patient"} or len(kinds) != 1:
        raise Leak("a contained resource that holds others")
    for name in ("patient", "subject"):
        for value in _all(inner, name):
            if value is not None:
                _owner(value)


def _is_person(resource: Pairs, *, inside: bool) -> None:
    bsns = {
        value
        for identifiers in _all(resource, "identifier")
        for one in identifiers or ()
        if _is_bsn(one)
        for value in _all(one, "value")
    }
    if bsns != {BSN} or (not inside and _all(resource, "id") != ["p1"]):
        raise Leak("another Patient")


def _is_bsn(identifier: Pairs) -> bool:
    systems = [str(one).lower().replace("https:", "http:") for one in _all(identifier, "system")]
    return BSN_SYSTEM.lower() in systems or "urn:oid:2.16.840.1.113883.2.4.6.3" in systems


def _owner(reference: Pairs) -> bool:
    """True when an owner is the patient; Leak when it is, or may be, another."""
    for identifier in _all(reference, "identifier"):
        if identifier is not None and _is_bsn(identifier) and set(_all(identifier, "value")) != {BSN}:
            raise Leak("an owner by another BSN")
    named = [str(one).partition("/_history/")[0] for one in _all(reference, "reference") if one is not None]
    for one in named:
        if "Patient/" in one and one not in _OURS:
            raise Leak("an owner that is another Patient")
    return any(one in _OURS for one in named) or any(
        _is_bsn(one) for one in _all(reference, "identifier") if one is not None
    )
