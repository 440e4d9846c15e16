"""Data user: the requests that reached the prepared sources. Pure: what arrived in, a verdict out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote

from .rules import Said, idle, met, named, unmet, untried
from .use_sources import PERSON, PREPARED, Arrived
from .wording import BSN, FORM, INDIVIDUAL, WORDINGS

_R4 = tuple(one.name for one in PREPARED if one.speaks != "stu3")
_CHARTS = {one.name: one.chart for one in PREPARED}
_BESIDE = frozenset(
    {"Patient", "RelatedPerson", "Device", "Practitioner", "PractitionerRole", "Organization", "Location"}
)
"""What PZP resources refer to. A type beside these and the guide's is another question."""
_FORMAT = "_format"
"""Says how an answer is written, not what is asked."""
_EXCLUDED = ("List", "Composition", "Bundle")
_SELF = f"{BSN}|{PERSON.bsn.value}"
_ANYWHERE = frozenset({"patient", "_include", _FORMAT})
_ALLOWED: dict[str, frozenset[str]] = {
    kind: _ANYWHERE | {part.partition("=")[0] for one in WORDINGS if one.kind == kind for part in one.query.split("&")}
    for kind in (*INDIVIDUAL, FORM)
}


@dataclass(frozen=True, slots=True)
class Watched:
    """One consultation as the prepared sources and, where it can be asked, the target showed it."""

    arrived: tuple[Arrived, ...]
    trapped: int = 0
    held: int = 0
    """Requests that were still open at a source some seconds after the answer."""
    overview: dict[str, Any] | None = field(default=None, repr=False)
    seconds: float = 0.0
    deadline: float = 0.0
    servers: dict[str, str] = field(default_factory=dict, repr=False)
    """The authorization server of each source, where that is known."""

    def at(self, *sources: str) -> tuple[Arrived, ...]:
        """What reached these sources."""
        return tuple(one for one in self.arrived if one.source in sources)


UseCheck = Callable[[Watched], Said]
USE_CHECKS: dict[str, UseCheck] = {}


def use(rule: str) -> Callable[[UseCheck], UseCheck]:
    """Register the check of one data-user rule."""

    def register(function: UseCheck) -> UseCheck:
        assert rule not in USE_CHECKS, rule
        USE_CHECKS[rule] = function
        return function

    return register


def given(one: Arrived) -> list[tuple[str, str]]:
    """The parameters of a search, wherever they are."""
    body = one.body.decode("latin-1") if one.method == "POST" else ""
    return parse_qsl(one.query, keep_blank_values=True) + parse_qsl(body, keep_blank_values=True)


def searches(watched: Watched, *sources: str) -> list[Arrived]:
    """Searches with a patient in view: no Patient search, no read, no further page."""
    rows = watched.at(*sources) if sources else watched.arrived
    return [
        one for one in rows if one.kind in (*INDIVIDUAL, FORM) and "_getpages" not in one.query and not _read_by_id(one)
    ]


def _posted(one: Arrived) -> bool:
    return one.method == "POST" and one.path.endswith("/_search")


def _read_by_id(one: Arrived) -> bool:
    return one.method == "GET" and one.path.strip("/").count("/") == 1 and not one.path.endswith("/_search")


def _in_url(one: Arrived) -> bool:
    """Whether the URL says more than how the answer is written."""
    return any(name != _FORMAT for name, _ in parse_qsl(one.query, keep_blank_values=True))


def _asked(one: Arrived) -> list[tuple[str, str]]:
    """The parameters of a search but for the form of its answer."""
    return [(name, value) for name, value in given(one) if name != _FORMAT]


@use("USER-001")
def all_asked(watched: Watched) -> Said:
    """Each prepared source was asked."""
    silent = [one.name for one in PREPARED if not watched.at(one.name)]
    return unmet(f"not asked: {', '.join(silent)}") if silent else met(f"{len(PREPARED)} sources asked")


@use("USER-002")
def patient_posted(watched: Watched) -> Said:
    """The Patient is searched by POST, as a form, on one BSN. To read a Patient by its id is no search."""
    rows = [one for one in watched.arrived if one.kind == "Patient" and not _read_by_id(one)]
    if not rows:
        return unmet("no Patient search arrived")
    wrong = [one for one in rows if not _posted(one) or _in_url(one) or _asked(one) != [("identifier", _SELF)]]
    return unmet(f"{len(wrong)} of {len(rows)} otherwise") if wrong else met(f"{len(rows)} Patient searches")


@use("USER-003")
def no_number_in_urls(watched: Watched) -> Said:
    """A BSN is in no URL and in no header."""
    number = PERSON.bsn.value
    wrong = [one.kind for one in watched.arrived if number in _outside(one)]
    if not watched.arrived:
        return untried("nothing arrived")
    if wrong:
        return unmet(f"a BSN in a URL or header: {wrong[0] or 'base'}")
    return met(f"{len(watched.arrived)} requests")


def _outside(one: Arrived) -> str:
    """What of a request ends up in logs on the way: its URL and its headers."""
    return unquote(f"{one.path}?{one.query} {' '.join(one.headers.values())}")


@use("USER-004")
def with_token(watched: Watched) -> Said:
    """Every request carries a token, but for what a server says of itself."""
    rows = [one for one in watched.arrived if one.kind != "metadata" and not one.path.startswith("/.well-known/")]
    bare = [one.kind for one in rows if " " not in one.headers.get("authorization", "")]
    if not rows:
        return untried("nothing arrived")
    return unmet(f"{len(bare)} without a token, such as {bare[0]}") if bare else met(f"{len(rows)} with a token")


@use("USER-005")
def own_token(watched: Watched) -> Said:
    """A token of one authorization server is shown to no source of another."""
    if len(set(watched.servers.values())) < 2:
        return idle("the sources have one authorization server, or it is not known")
    shown: dict[str, set[str]] = {}
    for one in watched.arrived:
        token = one.headers.get("authorization", "").partition(" ")[2]
        if token:
            shown.setdefault(token, set()).add(watched.servers.get(one.source, ""))
    if not shown:
        return untried("no token arrived")
    wrong = [servers for servers in shown.values() if len(servers) > 1]
    return unmet(f"{len(wrong)} tokens at more than one") if wrong else met(f"{len(shown)} tokens, each at its own")


def _words(*rules: str) -> UseCheck:
    """At an R4 source one of these wordings arrived, about the patient as that source knows it."""
    wordings = [one for one in WORDINGS if one.rule in rules]

    def check(watched: Watched) -> Said:
        rows = searches(watched, *_R4)
        for one in rows:
            patient = PERSON.patient_ids[_CHARTS[one.source]]
            if _meant(_asked(one)) in [_meant(parse_qsl(wording.about(patient))) for wording in wordings]:
                return met("arrived as the guide words it")
        return unmet("in other words" if wordings[0].kind in {one.kind for one in rows} else "not asked")

    return check


def _meant(pairs: list[tuple[str, str]]) -> list[tuple[str, frozenset[str]]]:
    """Parameters in any order, and codes in any order, of which only the first may name the system, as in the guide."""
    return sorted(((name, _codes(value)) for name, value in pairs), key=lambda pair: (pair[0], sorted(pair[1])))


def _codes(value: str) -> frozenset[str]:
    first, *more = value.split(",")
    system = first.rpartition("|")[0]
    return frozenset([first, *(code if "|" in code or not system else f"{system}|{code}" for code in more)])


for _number, _rules in {
    "010": ("HOLD-101", "HOLD-102"),
    "011": ("HOLD-103",),
    "012": ("HOLD-104",),
    "013": ("HOLD-105",),
    "014": ("HOLD-106",),
    "015": ("HOLD-107",),
    "016": ("HOLD-108", "HOLD-109"),
    "017": ("HOLD-110",),
    "018": ("HOLD-111",),
    "019": ("HOLD-112", "HOLD-113", "HOLD-114"),
}.items():
    use(f"USER-{_number}")(_words(*_rules))


@use("USER-020")
def one_patient(watched: Watched) -> Said:
    """Each search names one patient, once, as Patient/id."""
    rows = searches(watched)
    wrong = []
    for one in rows:
        named = [value for name, value in given(one) if name in ("patient", "subject")]
        if len(named) != 1 or "," in named[0] or not named[0].startswith("Patient/"):
            wrong.append(one.kind)
    if not rows:
        return untried("no search arrived")
    return unmet(f"{len(wrong)} otherwise, such as {wrong[0]}") if wrong else met(f"{len(rows)} searches")


@use("USER-021")
def nothing_more(watched: Watched) -> Said:
    """No parameter that the guide does not have, and no type."""
    rows = searches(watched)
    more = sorted(
        {
            f"{one.kind} {named(name.strip('_'))}"
            for one in rows
            for name, _ in given(one)
            if name not in _ALLOWED[one.kind]
        }
    )
    more += sorted({one.kind for one in watched.arrived if _another_question(one)})
    if not rows:
        return untried("no search arrived")
    return unmet(f"beside the guide: {', '.join(more[:3])}") if more else met(f"{len(rows)} searches")


def _another_question(one: Arrived) -> bool:
    return one.kind not in (*_ALLOWED, *_BESIDE, *_EXCLUDED, "metadata", "") and not one.path.startswith(
        "/.well-known/"
    )


@use("USER-022")
def nothing_excluded(watched: Watched) -> Said:
    """No List, Composition or Bundle, and nothing but GET and posted searches."""
    kinds = {one.kind for one in watched.arrived if one.kind in _EXCLUDED}
    methods = {named(one.method) for one in watched.arrived if one.method != "GET" and not _posted(one)}
    wrong = sorted(kinds | methods)
    if not watched.arrived:
        return untried("nothing arrived")
    return unmet(f"arrived: {', '.join(wrong)}") if wrong else met("neither")


@use("USER-030")
def pages_followed(watched: Watched) -> Said:
    """The paging source is read to its end."""
    pages = [one for one in watched.at("paging") if "_getpages" in one.query]
    if not searches(watched, "paging"):
        return untried("the paging source was not searched")
    last = [one for one in pages if "_getpagesoffset=4" in one.query]
    return met(f"{len(pages)} further pages") if last else unmet(f"{len(pages)} further pages, not to the end")


@use("USER-031")
def trap_avoided(watched: Watched) -> Said:
    """A next link to another origin is not followed."""
    if not watched.at("lying"):
        return untried("the lying source was not asked")
    return unmet(f"followed {watched.trapped} times") if watched.trapped else met("not followed")


@use("USER-032")
def let_go(watched: Watched) -> Said:
    """A source that hangs is let go of."""
    if not watched.at("hanging"):
        return untried("the hanging source was not asked")
    return unmet(f"{watched.held} requests still open") if watched.held else met("no request was left open")
