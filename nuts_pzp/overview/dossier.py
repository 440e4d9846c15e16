"""The dossier of one source: its resources decoded once, findable by reference, and what could not be read.

Trusts nothing in the bytes: what has another shape than R4 is put aside under its reference, never raised.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, TypeVar

import msgspec

from ..fhir.bundle import Resource
from ..fhir.issues import trouble
from ..outcome import Gap, Stop
from .contained import open_up
from .datatypes import Identifier, Reference
from .dates import When
from .hidden_modifiers import hides_modifier
from .returned import once
from .structures import DECODE, Patient, Resourced
from .stu3 import SUSPECTS, in_old_words, is_stu3
from .stu3_structures import DECODE_STU3

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_BETA3, _RC2 = b"//fhir.iknl.nl/fhir/", b"//api.iknl.nl/docs/"
_NAMED = frozenset({"Patient", "RelatedPerson", "Practitioner", "PractitionerRole"})
_SUPPORTING = frozenset({"Organization", "Location"})

T = TypeVar("T", bound=Resourced)
Decode = dict[str, Callable[[bytes], Any]]


@dataclass(frozen=True, slots=True)
class Told:
    """What one source told. `id` is its URA in the live flow; `phone` is where to call at night."""

    id: str
    name: str
    resources: tuple[Resource, ...] = field(repr=False)
    gaps: tuple[Gap, ...] = ()
    ura: str = ""
    phone: str = ""


class Held(msgspec.Struct, frozen=True, gc=False):
    """One resource and what it decoded to. `ref` is its absolute URL, or `Type/id` when the source gives none.

    `hides` says that a modifier stands somewhere inside it where no reader looks.
    """

    resource: Resource
    content: Resourced
    ref: str
    hides: bool = False


class PutAside(msgspec.Struct, frozen=True):
    """A resource that gives no statement, and why."""

    ref: str
    type: str
    reason: str


class Dossier:
    """One source's resources by reference. Filled while it is made, read once, and then only asked for names."""

    __slots__ = (
        "by_reference",
        "by_shape",
        "dialect",
        "encounters",
        "excluded",
        "held",
        "id",
        "names",
        "own_patient",
        "patients",
        "strangers",
        "stu3",
        "told",
        "trouble",
        "unmapped",
    )

    def __init__(self, told: Told) -> None:
        self.told = told
        self.id = told.id
        self.held: list[Held] = []
        self.by_shape: dict[type[Resourced], list[tuple[Held, Any]]] = {}
        self.patients: list[tuple[Held, Patient]] = []
        self.by_reference: dict[str, Held] = {}
        self.names: dict[tuple[str | None, str | None, bool], str] = {}
        """Names found so far, by reference, display and whether the specialty is wanted."""
        self.own_patient: set[str] = set()
        """References seen to point at this source's Patient."""
        self.strangers: set[str] = set()
        """Records of another patient, by reference."""
        self.encounters: dict[str, tuple[Held, When | None] | None] = {}
        """Encounters looked up so far, by reference, with their date."""
        self.unmapped: list[PutAside] = []
        self.excluded: list[PutAside] = []
        self.dialect = ""
        self.stu3 = False
        resources = once(told.resources)
        self.trouble: Stop | None = trouble(one.raw for one in resources if one.mode == "outcome")
        """What the source itself says that its answer lacks."""
        self._take_all(resources, DECODE)
        if self.stu3:
            self.held, self.by_shape, self.patients, self.by_reference, self.unmapped = [], {}, [], {}, []
            self._take_all(resources, DECODE_STU3)
            self.dialect = "stu3"

    def find(self, reference: Reference | None) -> Held | None:
        """Return the resource a reference points at, in this source only; None when it did not come along."""
        target = reference.reference if reference else None
        if not target:
            return None
        known = self.by_reference.get(target)
        if known is None:
            target = target.partition("/_history/")[0]
            known = self.by_reference.get(target) or self.by_reference.get("/".join(target.rsplit("/", 2)[-2:]))
        return known

    def of(self, shape: type[T]) -> Iterable[tuple[Held, T]]:
        """Return the resources of one shape."""
        return self.by_shape.get(shape, ())

    def settle(self) -> None:
        """Let go of all that has been read and keep who people are: many sources may wait for the last one."""
        self.held, kept = [], self.by_shape
        self.by_shape = {shape: found for shape, found in kept.items() if found[0][0].resource.type in _NAMED}
        self.by_reference = {name: held for name, held in self.by_reference.items() if held.resource.type in _NAMED}
        self.encounters = {}

    def _take_all(self, resources: list[Resource], decode: Decode) -> None:
        old = in_old_words(b"\n".join([resource.raw for resource in resources]))
        for resource in resources:
            kind, raw = resource.type, resource.raw
            read = decode.get(kind)
            if read is None:
                if resource.mode == "match" and kind not in _SUPPORTING:
                    self._aside(resource, "not-pzp" if kind else "malformed")
                continue
            try:
                content: Resourced = read(raw)
            except _BROKEN:
                self.stu3 = self.stu3 or is_stu3(kind, raw)
                self._aside(resource, "malformed")
                if kind != "Patient":
                    continue
                content = identity_of(raw)
            if not self.stu3:
                judge = SUSPECTS.get(type(content))
                if (old and in_old_words(raw)) or (judge is not None and judge(content)):
                    self.stu3 = is_stu3(kind, raw)
            if not self.dialect:
                self.dialect = "r4-beta3" if _BETA3 in raw else "r4-rc2" if _RC2 in raw else ""
            self._keep(resource, content, decode)

    def _keep(self, resource: Resource, content: Resourced, decode: Decode) -> None:
        kind, url, logical_id = resource.type, resource.url, resource.id
        ref = reference_of(resource)
        held = Held(resource, content, ref, hides_modifier(kind, resource.raw))
        self.held.append(held)
        shape = type(content)
        if shape in self.by_shape:
            self.by_shape[shape].append((held, content))
        else:
            self.by_shape[shape] = [(held, content)]
        if content.contained:
            for place, one, inner in open_up(content, ref, decode):
                self.by_reference[place] = Held(one, inner, place, hides_modifier(one.type, one.raw))
        if isinstance(content, Patient):
            self.patients.append((held, content))
        if url:
            self.by_reference[url.partition("/_history/")[0] if "/_history/" in ref else url] = held
        if logical_id:
            self.by_reference[f"{kind}/{logical_id}"] = held

    def _aside(self, resource: Resource, why: str) -> None:
        self.unmapped.append(PutAside(reference_of(resource), resource.type, why))


def identity_of(raw: bytes) -> Patient:
    """Return who a Patient is that cannot be read as a whole: its numbers and birth date, of any shape they have."""
    try:
        content = msgspec.json.decode(raw)
    except _BROKEN:
        content = None
    if not isinstance(content, dict):
        return Patient()
    given = content.get("identifier")
    found = [one for one in (given if isinstance(given, list) else [given]) if isinstance(one, dict)]
    numbers = [Identifier(str(one.get("system")), str(one.get("value"))) for one in found if one.get("value")]
    born = content.get("birthDate")
    return Patient(identifier=numbers, birth_date=born if isinstance(born, str) else None)


def reference_of(resource: Resource) -> str:
    """Return how people and machines find the resource again: its absolute URL, else `Type/id`."""
    url = resource.url
    if url.startswith(("https://", "http://")):
        return url
    if resource.id:
        return f"{resource.type}/{resource.id}"
    return resource.url or f"{resource.type or 'resource'} zonder id"
