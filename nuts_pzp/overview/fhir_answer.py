"""The overview as a FHIR searchset (spec pzp-fhir 4): the resources behind what leads, each at its own source. Pure.

The gateway adds `meta.source` and a tag with the source's URA, and makes relative references absolute, because ids of
two sources collide. Of several versions the newest is given, as in the overview. A resource that its source names by a
`urn:` only, or by the name of another, gets one of our own, made of the source and that name. Nothing else of a
resource changes; decimals stay as they were written. Resources are not merged.
A source that speaks STU3 cannot be part of an R4 Bundle: an issue says that what it told is in the overview only.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from decimal import Decimal
from typing import Any
from uuid import NAMESPACE_URL, uuid5

import msgspec

from ..exchange import Answer, Source
from ..fhir.bundle import Resource
from ..identity import eleven_test
from .dossier import reference_of
from .returned import once
from .shape import Item, Overview, SourceRow, Value

TAG = "urn:nuts-pzp:source"
HISTORY = {"system": "urn:nuts-pzp:standing", "code": "history", "display": "Eerder vastgelegd"}
"""The tag of a resource that no longer says what counts."""

_LOCAL = re.compile(r"([A-Z][A-Za-z]{1,40})/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_NINE_DIGITS = re.compile(r"(?<![0-9])[0-9](?:[ .-]?[0-9]){8}(?![0-9])")
_PEOPLE = ("Patient", "RelatedPerson", "Practitioner", "PractitionerRole", "Organization")
_INCLUDED = frozenset((*_PEOPLE, "Encounter", "Procedure", "Device"))
_CODES = {"timeout": "timeout", "not-released": "forbidden", "incomplete": "incomplete"}
"""Issue code by reason; any other is an `exception` (spec pzp-fhir 4 names these four)."""
NOTHING_CAME = "Onbekend: geen enkele bron gaf gegevens"
"""Never that there are no agreements: nobody told."""
DECODER = msgspec.json.Decoder(float_hook=Decimal)
ENCODER = msgspec.json.Encoder(decimal_format="number")
"""Decimals stay as they were written."""


def searchset(answers: Sequence[Answer], overview: Overview, *, history: bool = False) -> bytes:
    """Return the Bundle: a match per leading or conflicting resource, what it points at, one OperationOutcome.

    `history`: a match, with a tag, for each resource that only stands in the history of an item. `total` counts the
    matches. What the overview excludes is not included either. The same answers in another order give the same bytes.
    """
    old = {one.id for one in overview.sources if one.dialect == "stu3"}
    answers = [answer for answer in answers if answer.source.holder.ura.value not in old]
    contents: dict[str, dict[str, Any]] = {}
    addresses: dict[tuple[str, str], set[str]] = defaultdict(set)
    for answer in sorted(answers, key=lambda one: one.source.holder.ura.value):
        named, ura = _named(answer), answer.source.holder.ura.value
        for one in once(answer.got.items):
            url = named.get(one.url, one.url)
            url = url if url not in contents else _ours(f"{ura} {url} {one.raw!r}")
            contents[url] = _at_source(answer, one, named)
            addresses[ura, reference_of(one)].add(url)
    shown = {url for one in _shown(overview) for url in addresses[one]}
    earlier = {url for one in _earlier(overview) for url in addresses[one]} if history else set()
    aside = {url for one in overview.excluded for url in addresses[one.source.id, one.ref]}
    for url in aside - shown - earlier:
        contents.pop(url, None)
    matches = sorted((shown | earlier).intersection(contents))
    for url in (earlier - shown).intersection(contents):
        contents[url]["meta"]["tag"].append(HISTORY)
    included = sorted(_reached(matches, contents) - set(matches))
    entries = [_entry(url, contents[url], "match") for url in matches]
    entries += [_entry(url, contents[url], "include") for url in included]
    issues = [
        *source_issues(overview.sources),
        *old_issues(overview.sources),
        *(one for one, _ in conflict_issues(overview)),
    ]
    if issues:
        entries.append(outcome_entry(issues))
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(matches), "entry": entries}
    return ENCODER.encode(bundle if entries else {key: value for key, value in bundle.items() if key != "entry"})


def outcome_entry(issues: Sequence[Any]) -> dict[str, Any]:
    """Return the entry that says what is missing. It is nowhere to be read: its address is a name of what it says."""
    name = uuid5(NAMESPACE_URL, ENCODER.encode(issues).decode())
    outcome = {"resourceType": "OperationOutcome", "issue": issues}
    return {"fullUrl": f"urn:uuid:{name}", "resource": outcome, "search": {"mode": "outcome"}}


def failure(overview: Overview) -> bytes:
    """Return the OperationOutcome of a consultation in which every source failed: that it did, and an issue of each.

    Those alone are warnings, as beside an answer; a reader that heeds errors only would take that for success.
    """
    whole = {**issue("incomplete", NOTHING_CAME, "all sources"), "severity": "error"}
    return ENCODER.encode({"resourceType": "OperationOutcome", "issue": [whole, *source_issues(overview.sources)]})


def all_failed(overview: Overview) -> bool:
    """True when there were sources and not one of them told anything usable."""
    return bool(overview.sources) and all(one.status not in ("ok", "partial") for one in overview.sources)


def _shown(overview: Overview) -> set[tuple[str, str]]:
    """Source and reference of each resource that leads, stands beside, or contradicts."""
    return {(source, ref.partition("#")[0]) for item in overview.items() for source, ref in _refs(item) if ref}


def _earlier(overview: Overview) -> set[tuple[str, str]]:
    """Source and reference of each resource that stands in the history of an item."""
    entries = [entry for item in overview.items() for entry in item.history]
    found = {(entry.source.id, ref) for entry in entries for ref in (entry.ref, *_people_in(entry.value))}
    return {(source, ref.partition("#")[0]) for source, ref in found}


def _refs(item: Item) -> Iterator[tuple[str, str]]:
    if item.state in ("current", "ended") and item.ref:
        source = item.source.id if item.source else ""
        yield from ((source, ref) for ref in (item.ref, *_people_in(item.value)))
    beside = item.parallel if item.conflict is None else item.conflict.candidates
    for entry in beside:
        yield from ((entry.source.id, ref) for ref in (entry.ref, *_people_in(entry.value)))
    documents = item.value.documents if item.value is not None else msgspec.UNSET
    if documents is not msgspec.UNSET:
        for one in documents:
            yield one.source.id, one.ref


def _people_in(value: Value | None) -> Iterator[str]:
    """Where each person of a value is written down: a representative may be several persons of one source."""
    persons = value.persons if value is not None else msgspec.UNSET
    if persons is not msgspec.UNSET:
        for one in persons:
            yield from one.refs


def _named(answer: Answer) -> dict[str, str]:
    """Return, for each resource of a source that has no address there, what it is called here, by all its names."""
    named: dict[str, str] = {}
    for one in answer.got.items:
        if not one.url.startswith(("http://", "https://")):
            ours = _ours(f"{answer.source.holder.ura.value} {one.url} {reference_of(one)}")
            named[one.url] = ours
            named.setdefault(f"{answer.source.base}/{one.type}/{one.id}", ours)
    return named


def _ours(text: str) -> str:
    """Return a name of our own for what has none, or no other than another resource has."""
    return uuid5(NAMESPACE_URL, text).urn


def _at_source(answer: Answer, resource: Resource, called: Mapping[str, str]) -> dict[str, Any]:
    """The resource with absolute references, its origin in `meta.source` and the source's URA as a tag."""
    content = _absolute(DECODER.decode(resource.raw), answer.source.base, called)
    return tagged(content, answer.source, resource.url or answer.source.base)


def tagged(content: dict[str, Any], source: Source, url: str) -> dict[str, Any]:
    """Return the resource with its address in `meta.source` and its source's URA as a tag."""
    meta = content.get("meta")
    meta = dict(meta) if isinstance(meta, dict) else {}
    tags = meta.get("tag")
    tag = {"system": TAG, "code": source.holder.ura.value, "display": source.holder.name}
    meta["source"] = url
    meta["tag"] = [*(tags if isinstance(tags, list) else []), tag]
    named: dict[str, Any] = {key: content[key] for key in ("resourceType", "id") if key in content}
    rest = {key: value for key, value in content.items() if key not in ("resourceType", "id", "meta")}
    return {**named, "meta": meta, **rest}


def _absolute(node: Any, base: str, called: Mapping[str, str]) -> Any:
    if isinstance(node, dict):
        return {
            key: _pointing(value, base, called)
            if key == "reference" and isinstance(value, str)
            else _absolute(value, base, called)
            for key, value in node.items()
        }
    return [_absolute(one, base, called) for one in node] if isinstance(node, list) else node


def _pointing(reference: str, base: str, called: Mapping[str, str]) -> str:
    absolute = f"{base}/{reference}" if _LOCAL.fullmatch(reference) else reference
    return called.get(absolute.partition("/_history/")[0], absolute)


def _reached(matches: Iterable[str], contents: dict[str, dict[str, Any]]) -> set[str]:
    """What the matches point at, and what that points at, as far as it came along."""
    reached: set[str] = set()
    waiting = list(matches)
    while waiting:
        for reference in _references(contents[waiting.pop()]):
            url = reference.partition("/_history/")[0]
            if url in contents and url not in reached and contents[url].get("resourceType") in _INCLUDED:
                reached.add(url)
                waiting.append(url)
    return reached


def _references(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(reference := node.get("reference"), str):
            yield reference
        for value in node.values():
            yield from _references(value)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value)


def _entry(url: str, content: dict[str, Any], mode: str) -> dict[str, Any]:
    return {"fullUrl": url, "resource": content, "search": {"mode": mode}}


def issue(code: str, text: str, diagnostics: str) -> dict[str, Any]:
    """Return a warning: what is missing or contradicts, as a clinician reads it."""
    return {"severity": "warning", "code": code, "details": {"text": text}, "diagnostics": diagnostics}


def source_issues(rows: Iterable[SourceRow]) -> Iterator[dict[str, Any]]:
    """Yield an issue per source that did not tell everything."""
    for one in rows:
        if one.status != "ok":
            code = "incomplete" if one.status == "partial" else _CODES.get(one.reason or "", "exception")
            yield issue(code, one.notice, f"source {one.id}")


def old_issues(rows: Iterable[SourceRow]) -> Iterator[dict[str, Any]]:
    """Yield an issue per source whose STU3 cannot stand in an R4 Bundle."""
    for one in rows:
        if one.dialect == "stu3" and one.statements:
            text = f"{one.name} levert FHIR STU3: staat in het overzicht, niet in dit antwoord"
            yield issue("not-supported", text, f"source {one.id}")


def conflict_issues(overview: Overview) -> Iterator[tuple[dict[str, Any], tuple[str, ...]]]:
    """Yield an issue per conflict, with the addresses of what contradicts."""
    for item in overview.items():
        if item.conflict is not None:
            about = tuple(sorted({one.ref.partition("#")[0] for one in item.conflict.candidates}))
            text, key = (_NINE_DIGITS.sub(_masked, words) for words in (f"{item.label}: {item.display}", item.key))
            yield issue("conflict", text, key), about


def _masked(digits: re.Match[str]) -> str:
    """A treatment in own words is part of its item's name, and may hold a number that an issue must not."""
    return "*" * 9 if eleven_test(re.sub(r"[ .-]", "", digits[0])) else digits[0]
