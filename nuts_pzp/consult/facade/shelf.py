"""All that the sources of one consultation gave, each resource once, under this facade's ids. Unmerged. Pure.

Left out, and said so in an issue: a source that speaks of another patient or another FHIR version, a resource that
belongs to somebody else, one that cannot be read as FHIR, and what does not fit. Of a resource only its id, its
references, `meta.source` and one tag are this facade's; decimals stay as they were written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from ...exchange import Answer
from ...fhir.bundle import Resource
from ...identity import BSN_SYSTEM
from ...overview.fhir_answer import (
    DECODER,
    ENCODER,
    conflict_issues,
    issue,
    old_issues,
    source_issues,
    tagged,
)
from ...overview.returned import once
from ...overview.shape import Overview, SourceRow
from .capability import SERVED
from .ids import PATIENT, Bound, Ids, Whose, place_of

BYTES = 8 * 1024 * 1024
"""Of all resources of one consultation together; sources that do not fit are left out whole."""

_LOCAL = re.compile(r"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Piece(msgspec.Struct, array_like=True, frozen=True):
    """One resource: its type, its id here, its source's URA, its address there, and what it holds."""

    type: str
    id: str
    source: str
    url: str
    content: bytes

    @property
    def key(self) -> tuple[str, str, str]:
        """Where it stands among the others."""
        return self.source, self.url, self.id


class Issue(msgspec.Struct, array_like=True, frozen=True):
    """Something to be said with an answer; with `about`, only with one that shows one of these addresses."""

    content: bytes
    about: tuple[str, ...] = ()


class Shelf(msgspec.Struct, array_like=True, frozen=True):
    """One consultation as FHIR: the patient of this facade, what the sources gave, what is to be said."""

    base: str
    made: str
    patient: Piece
    pieces: tuple[Piece, ...]
    issues: tuple[Issue, ...]

    def __repr__(self) -> str:
        return f"Shelf({len(self.pieces)})"

    def find(self, resource_type: str, id: str) -> Piece | None:
        """Return the resource of that type and id."""
        if (resource_type, id) == ("Patient", self.patient.id):
            return self.patient
        return next((one for one in self.pieces if (one.type, one.id) == (resource_type, id)), None)

    def address(self, piece: Piece) -> str:
        """Return its absolute URL at this facade."""
        return f"{self.base}/{piece.type}/{piece.id}"


SHELF = msgspec.msgpack.Decoder(Shelf)


class _Source:
    """One source's resources, on their way to the shelf."""

    def __init__(self, answer: Answer, strangers: set[str], broken: set[str]) -> None:
        self.answer, self.base = answer, answer.source.base
        self.ura = answer.source.holder.ura.value
        self.kept: list[tuple[Resource, dict[str, Any]]] = []
        self.foreign = self.unread = 0
        contents = [(one, _content(one)) for one in once(answer.got.items) if one.mode != "outcome"]
        self.own = {one.id for one, _ in contents if one.type == "Patient" and one.url not in strangers}
        for one, content in contents:
            if content is None or one.url in broken or one.type not in SERVED:
                self.unread += 1
            elif one.url in strangers or self._foreign(content):
                self.foreign += 1
            else:
                self.kept.append((one, content))

    def local(self, reference: str) -> tuple[str, str] | None:
        """Return (type, id) of a reference to this source, whichever way it is written."""
        found = _LOCAL.fullmatch(reference.removeprefix(f"{self.base}/") if self.base else reference)
        return (found[1], found[2]) if found else None

    def _foreign(self, content: dict[str, Any]) -> bool:
        """Whether it says to be about a Patient at this source that is not the one that was asked for."""
        for name in ("subject", "patient", "for", "individual"):
            said = content.get(name)
            reference = said.get("reference") if isinstance(said, dict) else None
            local = self.local(reference) if isinstance(reference, str) else None
            if local is not None and local[0] == "Patient" and local[1] not in self.own:
                return True
        return False

    def issues(self) -> Iterator[dict[str, Any]]:
        """What was left out, as a clinician reads it."""
        name = self.answer.source.holder.name
        if self.foreign:
            yield _left_out(f"{name}: {self.foreign} gegevens van een ander zijn weggelaten", "suppressed", self.ura)
        if self.unread:
            yield _left_out(f"{name}: {self.unread} gegevens konden niet worden gelezen", "incomplete", self.ura)


def _left_out(text: str, code: str, ura: str) -> dict[str, Any]:
    return issue(code, text, f"source {ura}")


class _Names:
    """The ids of this facade for what the sources gave."""

    def __init__(self, base: str, ids: Ids, whose: Whose, bound: Bound) -> None:
        self.base, self._ids, self._whose, self._bound = base, ids, whose, bound
        self.patient = ids.seal(whose, bound, PATIENT)
        self._counted: dict[str, int] = {}

    def take(self, url: str) -> str:
        """Return the id of one more resource with that address."""
        nth = self._counted[url] = self._counted.get(url, -1) + 1
        return self._ids.seal(self._whose, self._bound, place_of(url, nth))


def shelve(answers: Sequence[Answer], overview: Overview, base: str, ids: Ids, whose: Whose, bound: Bound) -> Shelf:
    """Return the shelf of one consultation. The same answers in another order give the same shelf."""
    names = _Names(base, ids, whose, bound)
    rows = {one.id: one for one in overview.sources}
    pieces: list[Piece] = []
    said: list[dict[str, Any]] = [*source_issues(overview.sources), *old_issues(overview.sources)]
    room = BYTES
    for answer in sorted(answers, key=lambda one: one.source.holder.ura.value):
        if not _speaks(rows.get(answer.source.holder.ura.value)):
            continue
        source = _Source(answer, *_put_aside(overview, answer))
        mine = _pieces(source, names)
        room -= (size := sum(len(one.content) for one in mine))
        if room < 0:
            room += size
            name = answer.source.holder.name
            said.append(_left_out(f"{name}: te veel gegevens, weggelaten uit dit antwoord", "too-costly", source.ura))
            continue
        pieces += mine
        said += source.issues()
    issues = [Issue(ENCODER.encode(one)) for one in said]
    issues += [Issue(ENCODER.encode(one), about) for one, about in conflict_issues(overview)]
    ordered = tuple(sorted(pieces, key=lambda one: one.key))
    patient = _patient(overview, whose, names, [one for one in ordered if one.type == "Patient"])
    return Shelf(base, overview.generated, patient, ordered, tuple(issues))


def _speaks(row: SourceRow | None) -> bool:
    """Nothing of a source that was rejected whole, or that speaks another version, is FHIR of this patient here."""
    return row is not None and row.status not in ("rejected", "unsupported-version") and row.dialect != "stu3"


def _put_aside(overview: Overview, answer: Answer) -> tuple[set[str], set[str]]:
    """The addresses of what is somebody else's, and of what could not be read."""
    ura = answer.source.holder.ura.value
    strangers = {one.ref for one in overview.excluded if one.source.id == ura and one.reason == "other-patient"}
    broken = {one.ref for one in overview.unmapped if one.source.id == ura and one.reason == "malformed"}
    return strangers, broken


def _pieces(source: _Source, names: _Names) -> list[Piece]:
    known: dict[tuple[str, str], str] = {}
    taken = []
    for resource, content in source.kept:
        id = names.take(resource.url)
        known.setdefault((resource.type, resource.id), f"{names.base}/{resource.type}/{id}")
        taken.append((resource, content, id))
    known |= {("Patient", own): f"{names.base}/Patient/{names.patient}" for own in source.own}
    pieces = []
    for resource, content, id in taken:
        try:
            whole = tagged(_rewritten(content, source, known), source.answer.source, resource.url) | {"id": id}
            pieces.append(Piece(resource.type, id, source.ura, resource.url, ENCODER.encode(whole)))
        except RecursionError:  # nested deeper than any FHIR is
            source.unread += 1
    return pieces


def _rewritten(node: Any, source: _Source, known: dict[tuple[str, str], str]) -> Any:
    """The same with its references leading where they can be followed; only what has parts is walked."""
    if isinstance(node, list):
        return [_rewritten(one, source, known) if isinstance(one, dict | list) else one for one in node]
    return {
        key: _rewritten(value, source, known)
        if isinstance(value, dict | list)
        else _pointed(value, source, known)
        if key == "reference" and isinstance(value, str)
        else value
        for key, value in node.items()
    }


def _pointed(reference: str, source: _Source, known: dict[tuple[str, str], str]) -> str:
    """To this facade what it has, the patient above all; to the source what it has not."""
    local = source.local(reference)
    if local is None:
        return reference
    if local in known:
        return known[local]
    return reference if "://" in reference or not source.base else f"{source.base}/{reference}"


def _patient(overview: Overview, whose: Whose, names: _Names, records: list[Piece]) -> Piece:
    """The question itself: number and birth date as asked, a name if a source gave one, links to what sources hold."""
    content: dict[str, Any] = {
        "resourceType": "Patient",
        "id": names.patient,
        "identifier": [{"system": BSN_SYSTEM, "value": whose.bsn.value}],
    }
    if overview.patient.name:
        content["name"] = [{"text": overview.patient.name}]
    content["birthDate"] = whose.born.isoformat()
    if records:
        content["link"] = [
            {"other": {"reference": f"{names.base}/Patient/{one.id}"}, "type": "seealso"} for one in records
        ]
    return Piece("Patient", names.patient, "", "", ENCODER.encode(content))


def _content(resource: Resource) -> dict[str, Any] | None:
    """The resource as JSON values; None when it is none."""
    if not resource.type or not resource.id:
        return None
    try:
        content = DECODER.decode(resource.raw)
    except _BROKEN:
        return None
    return content if isinstance(content, dict) else None
