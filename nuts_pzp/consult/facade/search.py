"""Which resources of a shelf a search selects, and what comes along with them. Pure.

Every parameter counts. Where the two R4 dialects word one question differently (goals, devices, forms), either wording
selects what sources of both dialects hold: who speaks one of them must not lose the other's statements (ADR 0090).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

import msgspec

from ...fhir.request import FhirRequest
from ...outcome import Deny, Outcome
from ...overview.codes import ACP, GOAL_SYNONYMS, GOALS, ICD_TYPES, SNOMED
from ...reasons import Reason
from .shelf import Piece, Shelf

_BASES = ("https://api.iknl.nl/docs/pzp/r4", "https://fhir.iknl.nl/fhir")
_FORMS = frozenset(f"{base}/Questionnaire/ACP-zib2020" for base in _BASES)
_VALUE_SETS = {
    "description:in": frozenset(f"{base}/ValueSet/ACP-MedicalPolicyGoal" for base in _BASES),
    "device.type:in": frozenset(f"{base}/ValueSet/ACP-MedicalDeviceProductType-ICD" for base in _BASES),
}
_GOAL_CODES = frozenset(GOALS) | frozenset(GOAL_SYNONYMS)

Content = dict[str, Any]
Test = Callable[[Content], bool]


def selected(shelf: Shelf, request: FhirRequest) -> Outcome[list[Piece]]:
    """Return the matches of a search, in order; Deny REQUEST_UNSUPPORTED for a value set that is not known here."""
    if request.resource_type == "Patient":
        return [shelf.patient]
    for name, values in request.params:
        if name in _VALUE_SETS and not _VALUE_SETS[name].issuperset(values):
            return Deny(Reason.REQUEST_UNSUPPORTED, detail=f"{name}: a value set of the guide is expected")
    tests = [_test(shelf, request.resource_type, name, values) for name, values in request.params]
    return [
        one
        for one in shelf.pieces
        if one.type == request.resource_type and (content := _content(one)) and all(test(content) for test in tests)
    ]


def included(shelf: Shelf, request: FhirRequest, matches: Iterable[Piece]) -> list[Piece]:
    """Return what the search asks to come along with these matches, each once; of a Patient what sources hold."""
    if request.resource_type == "Patient":
        return [one for one in shelf.pieces if one.type == "Patient"]
    by_address = {shelf.address(one): one for one in (*shelf.pieces, shelf.patient)}
    shown = {one.id for one in matches}
    found: dict[str, Piece] = {}
    for asked in (value for (value,) in request.values("_include")):
        for match in matches:
            for address in _pointed(shelf, asked, match):
                piece = by_address.get(address)
                if piece is not None and piece.id not in shown:
                    found[piece.id] = piece
    return sorted(found.values(), key=lambda one: one.key)


def _test(shelf: Shelf, resource_type: str, name: str, values: tuple[str, ...]) -> Test:
    """The meaning of one parameter."""
    if name in ("patient", "subject", "_count", "_include"):
        return lambda content: True
    if resource_type == "Goal":
        return lambda content: _is_goal(content, values if name == "category" else ())
    if name == "device.type:in":
        return lambda content: _is_icd(shelf, content)
    if name == "questionnaire":
        return lambda content: _is_form(content.get("questionnaire"), values)
    if name == "reason-reference:Procedure.code":
        talks = _talks(shelf, values)
        return lambda content: shelf.base + f"/Encounter/{content['id']}" in talks
    element = {"reason-code": "reasonCode"}.get(name, name)
    return lambda content: _has_token(content.get(element), values)


def _is_goal(content: Content, categories: tuple[str, ...]) -> bool:
    """`category` of the newer guide and the value set of the older one are one question."""
    if categories and _has_token(content.get("category"), categories):
        return True
    whole = not categories or f"{SNOMED}|{ACP}" in categories
    described = {code for _, code in _codings(content.get("description"))}
    about = {code for _, code in _codings(content.get("category"))}
    return whole and (ACP in about or not described.isdisjoint(_GOAL_CODES))


def _is_icd(shelf: Shelf, content: Content) -> bool:
    """A device that did not come along may be one: it is shown rather than lost."""
    devices = {shelf.address(one): one for one in shelf.pieces if one.type == "Device"}
    device = devices.get(_reference(content.get("device")))
    if device is None:
        return True
    return any(code in ICD_TYPES for _, code in _codings((_content(device) or {}).get("type")))


def _is_form(canonical: object, values: tuple[str, ...]) -> bool:
    """A version behind the canonical is looked at only when it is asked for."""
    if not isinstance(canonical, str):
        return False
    bare = canonical.partition("|")[0]
    return any(
        one in (canonical, bare) or (one.partition("|")[0] == one and one in _FORMS and bare in _FORMS)
        for one in values
    )


def _talks(shelf: Shelf, codes: tuple[str, ...]) -> set[str]:
    """The addresses of encounters that a Procedure with such a code belongs to, whichever of the two says so."""
    procedures = [one for one in shelf.pieces if one.type == "Procedure"]
    mine = {
        shelf.address(one): content
        for one in procedures
        if (content := _content(one)) and _has_token(content.get("code"), codes)
    }
    found = {_reference(content.get("encounter")) for content in mine.values()}
    for one in shelf.pieces:
        if one.type == "Encounter" and not mine.keys().isdisjoint(_reasons(_content(one) or {})):
            found.add(shelf.address(one))
    return found


def _pointed(shelf: Shelf, include: str, match: Piece) -> Iterator[str]:
    """The addresses that an include of the guide names in one match."""
    content = _content(match) or {}
    if include == "Consent:actor":
        yield from _actors(content.get("provision"))
    elif include == "Encounter:reason-reference":
        yield from _reasons(content)
        for one in shelf.pieces:
            inner = _content(one) if one.type == "Procedure" else None
            if inner and _reference(inner.get("encounter")) == shelf.address(match):
                yield shelf.address(one)
    else:
        yield _reference(content.get(include.partition(":")[2]))


def _actors(provision: object) -> Iterator[str]:
    if not isinstance(provision, dict):
        return
    for one in _list(provision.get("actor")):
        if isinstance(one, dict):
            yield _reference(one.get("reference"))
    for inner in _list(provision.get("provision")):
        yield from _actors(inner)


def _reasons(content: Content) -> list[str]:
    return [_reference(one) for one in _list(content.get("reasonReference"))]


def _reference(node: object) -> str:
    found = node.get("reference") if isinstance(node, Mapping) else None
    return found if isinstance(found, str) else ""


def _has_token(node: object, values: tuple[str, ...]) -> bool:
    """`system|code`, `|code` (no system), `code` (any system) or `system|` (any code)."""
    return any(_is_token(system, code, value) for system, code in _codings(node) for value in values)


def _is_token(system: str, code: str, value: str) -> bool:
    wanted, bar, token = value.partition("|")
    if not bar:
        return code == wanted
    return system == wanted and (not token or code == token)


def _codings(node: object) -> Iterator[tuple[str, str]]:
    """Every (system, code) of a CodeableConcept, or of several."""
    for concept in _list(node):
        for one in _list(concept.get("coding")) if isinstance(concept, dict) else ():
            if isinstance(one, dict):
                yield str(one.get("system") or ""), str(one.get("code") or "")


def _list(node: object) -> list[Any]:
    return node if isinstance(node, list) else [] if node is None else [node]


def _content(piece: Piece) -> Content | None:
    content = msgspec.json.decode(piece.content)
    return content if isinstance(content, dict) else None
