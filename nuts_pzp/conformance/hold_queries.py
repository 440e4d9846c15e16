"""Data holder: every PZP request, in both R4 dialects or in STU3, and what came along with the answers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from ..fhir.parameters import ID
from .bench import Bench, Check, Followed, check
from .rules import Said, idle, met, partly, unmet, untried
from .wire import Got
from .wording import BSN, FORM, INDIVIDUAL, WORDINGS, Wording

_READ = ("RelatedPerson", "Encounter", "Device", "Procedure", "PractitionerRole", "Practitioner")
_MOST_READ = 12
_CODED = frozenset({"code", "category", "scope"})
_SHARED = frozenset({"RelatedPerson", "Practitioner", "PractitionerRole", "Organization", "Location", "Device"})


def _asks(wording: Wording) -> Check:
    async def ask(bench: Bench) -> Said:
        if wording not in await bench.wordings():
            return idle("a request of another FHIR version than the target's")
        followed = await bench.answer(wording)
        if not followed.readable:
            return unmet(f"{followed.last}, a Bundle that cannot be read")
        if followed.first.searchset:
            strange = sum(
                one.type != wording.kind or not _asked_for(_read(one.raw), wording) for one in followed.matches
            )
            if strange:
                return unmet(f"{followed.first}, {strange} found that were not asked for, by type or code")
            return met(f"{followed.first}, {len(followed.matches)} found")
        listed = await bench.listed()
        if listed and wording.kind not in listed:
            return idle(f"{wording.kind} is not listed as offered")
        return unmet(str(followed.first))

    return ask


def _asked_for(content: dict[str, Any], wording: Wording) -> bool:
    """Say whether a match holds a code of each of the search's code parameters: one that is ignored finds too much."""
    for name, value in parse_qsl(wording.query):
        if name in _CODED:
            codes = {one.rpartition("|")[2] for one in value.split(",")}
            if codes.isdisjoint(_codes(content.get(name))):
                return False
    return True


def _codes(node: Any) -> set[str]:
    """The codes of a CodeableConcept, or of a list of them."""
    concepts = node if isinstance(node, list) else [node]
    listed = [one.get("coding") for one in concepts if isinstance(one, dict)]
    codings = [coding for one in listed if isinstance(one, list) for coding in one if isinstance(coding, dict)]
    return {str(one.get("code")) for one in codings}


for _wording in WORDINGS:
    check(_wording.rule)(_asks(_wording))


async def _one_of(bench: Bench, rules: tuple[str, ...]) -> Said:
    """At least one of several wordings of the same question is answered."""
    rows = [one for one in await bench.wordings() if one.rule in rules]
    listed = await bench.listed()
    if not rows or (listed and not any(one.kind in listed for one in rows)):
        return idle("not offered")
    answered = [one.rule for one in rows if (await bench.answer(one)).first.searchset]
    return met(f"answered as {', '.join(answered)}") if answered else unmet("no wording of it was answered")


@check("HOLD-120")
async def one_method(bench: Bench) -> Said:
    """Individual resources, or the form; at least one, for the test patient has them."""
    rows = [(one.kind, await bench.answer(one)) for one in await bench.wordings()]
    told = {kind for kind, followed in rows if followed.first.searchset}
    if told and not any(followed.matches for _, followed in rows):
        return unmet("answered, and nothing was found of the test patient")
    if told & set(INDIVIDUAL):
        return met(f"individual resources ({len(told & set(INDIVIDUAL))} types)" + (" and the form" * (FORM in told)))
    return met("the form") if FORM in told else unmet("neither individual resources nor the form were answered")


@check("HOLD-121")
async def goal(bench: Bench) -> Said:
    """The goal, in either dialect."""
    return await _one_of(bench, ("HOLD-105", "HOLD-106"))


@check("HOLD-122")
async def device(bench: Bench) -> Said:
    """The ICD, in either dialect."""
    return await _one_of(bench, ("HOLD-108", "HOLD-109"))


@check("HOLD-123")
async def informing(bench: Bench) -> Said:
    """Informing relatives, in either dialect."""
    return await _one_of(bench, ("HOLD-110", "HOLD-111"))


@check("HOLD-130")
async def included(bench: Bench) -> Said:
    """What was asked to come along came along."""
    came, lacking = 0, set()
    for wording in await bench.wordings():
        if "_include=" not in wording.query:
            continue
        followed = await bench.answer(wording)
        name = wording.query.rpartition(":")[2]
        pointed = {one for match in followed.matches for one in _pointed(_read(match.raw), name)}
        here = {f"{one.type}/{one.id}" for one in followed.resources}
        came += len(pointed & here)
        lacking |= {wording.kind} if pointed - here else set()
    if not came and not lacking:
        return untried("nothing pointed at anything")
    return unmet(f"not everything came along: {', '.join(sorted(lacking))}") if lacking else met(f"{came} came along")


@check("HOLD-131")
async def resolved(bench: Bench) -> Said:
    """What did not come along can be read by itself."""
    resources = await bench.everything()
    here = {f"{one.type}/{one.id}" for one in resources}
    pointed = {one for resource in resources for one in _references(_read(resource.raw))}
    absent = sorted(
        one for one in pointed - here if one.partition("/")[0] in _READ and ID.fullmatch(one.partition("/")[2])
    )
    if not pointed:
        return untried("nothing pointed at anything")
    dead: dict[str, int] = {}
    for one in absent[:_MOST_READ]:
        got = await bench.wire.ask(f"/{one}")
        if got.status != 200 or got.kind != one.partition("/")[0]:
            dead[one.partition("/")[0]] = got.status
    if dead:
        return unmet("cannot be read: " + ", ".join(f"{kind} ({status})" for kind, status in sorted(dead.items())))
    return met(f"{len(pointed)} references, all there or readable")


@check("HOLD-132")
async def one_patient(bench: Bench) -> Said:
    """Whatever came is of the patient who was asked about."""
    own, homes = f"Patient/{await bench.patient_id()}", await _homes(bench)
    others, elsewhere, forms = 0, 0, 0
    for resource in await bench.everything():
        content = _read(resource.raw)
        owners = [content.get("patient"), content.get("subject")]
        full = {one for one in _literals(owners) if _short(one).startswith("Patient/")}
        about = {_short(one) for one in full}
        other = bool(about - {own}) or bool(_numbers(owners) - {bench.subject.bsn.value})
        others += other or (resource.type == "Patient" and f"Patient/{resource.id}" != own)
        elsewhere += any("://" in one and one.partition("/Patient/")[0] not in homes for one in full)
        forms += not about and resource.type not in ("Patient", *_SHARED)
    if others:
        return unmet(f"{others} resources of another patient")
    if elsewhere:
        return partly(f"{elsewhere} resources whose patient is at another address")
    return partly(f"{forms} resources that name no patient") if forms else met("every resource names the patient")


async def _homes(bench: Bench) -> set[str]:
    """Where the patient may live: at the base, or where the answer says that it stands."""
    entries = _entries(await bench.patient())
    stands = {str(one.get("fullUrl")).partition("/Patient/")[0] for one in entries}
    return {bench.wire.base, *stands}


def _numbers(owners: list[Any]) -> set[str]:
    """The BSNs by which an owner is named."""
    named = [one.get("identifier") for one in owners if isinstance(one, dict)]
    return {str(one.get("value")) for one in named if isinstance(one, dict) and one.get("system") == BSN}


@check("HOLD-133")
async def searchsets(bench: Bench) -> Said:
    """A searchset's entries say where they live and why they are there. An outcome lives nowhere."""
    rows = [row for row in await _answered(bench) if row.resources]
    if not rows:
        return untried("no answer held anything")
    for page in (page for row in rows for page in row.pages):
        for entry in _entries(page):
            mode = entry.get("search")
            why = mode.get("mode") if isinstance(mode, dict) else None
            if why not in ("match", "include", "outcome"):
                return unmet(f"{page.label}: an entry without search.mode")
            if why != "outcome" and not isinstance(entry.get("fullUrl"), str):
                return unmet(f"{page.label}: an entry without fullUrl")
    return met(f"{len(rows)} answers with fullUrl and search.mode")


@check("HOLD-134")
async def no_outcome_as_answer(bench: Bench) -> Said:
    """An error is told by its status, never as 200 with an OperationOutcome; in a searchset are hints only."""
    rows = [await bench.answer(one) for one in await bench.wordings()]
    pages = [page for row in rows for page in row.pages if page.status == 200]
    if wrong := [page.label for page in pages if not page.searchset]:
        return unmet(f"200 without a searchset: {wrong[0]}")
    wrong = [page.label for page in pages if any(_error(entry.get("resource")) for entry in _entries(page))]
    return unmet(f"an error in a searchset: {wrong[0]}") if wrong else met("200 always is a searchset")


@check("HOLD-135")
async def posted(bench: Bench) -> Said:
    """The other searches may be posted too, which keeps ids out of URLs."""
    wording, _ = await bench.some_answer()
    got = await bench.wire.search(wording.kind, wording.about(await bench.patient_id()))
    return met(str(got)) if got.searchset else unmet(str(got))


def _entries(page: Got) -> list[dict[str, Any]]:
    given = page.content.get("entry")
    return [one if isinstance(one, dict) else {} for one in given] if isinstance(given, list) else []


def _error(resource: Any) -> bool:
    """Whether this is an OperationOutcome that tells of an error."""
    if not isinstance(resource, dict) or resource.get("resourceType") != "OperationOutcome":
        return False
    issues = resource.get("issue")
    rows = issues if isinstance(issues, list) else []
    return any(isinstance(one, dict) and one.get("severity") in ("error", "fatal") for one in rows)


async def _answered(bench: Bench) -> list[Followed]:
    rows = [await bench.answer(one) for one in await bench.wordings()]
    return [row for row in rows if row.first.searchset]


def _read(raw: bytes) -> dict[str, Any]:
    try:
        read = msgspec.json.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return read if isinstance(read, dict) else {}


def _pointed(content: dict[str, Any], name: str) -> Iterator[str]:
    """What an included search parameter points at; Consent.actor lies below its provision, or beside it in STU3."""
    place: Any = content.get({"reason-reference": "reasonReference"}.get(name, name))
    if name == "actor":
        place = [content.get("provision"), content.get("actor")]
    yield from (one for one in _references(place) if not one.startswith("Patient/"))


def _references(value: Any) -> Iterator[str]:
    """Every relative or absolute literal reference, as `Type/id`."""
    yield from map(_short, _literals(value))


def _short(reference: str) -> str:
    return "/".join(reference.partition("/_history/")[0].rsplit("/", 2)[-2:])


def _literals(value: Any) -> Iterator[str]:
    """Every literal reference as it stands, contained ones left out."""
    if isinstance(value, list):
        for one in value:
            yield from _literals(one)
    elif isinstance(value, dict):
        given = value.get("reference")
        if isinstance(given, str) and "/" in given:
            yield given
        for one in value.values():
            yield from _literals(one)
