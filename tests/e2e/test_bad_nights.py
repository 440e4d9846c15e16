"""Bad nights: everything that can be away, slow, broken or lying, one at a time, seen from the GP's post.

What came is shown, what did not is named, nobody waits longer than was asked, and every other source is as it was.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import defaultdict
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import pytest
import pytest_asyncio
from staging import SOURCE_SECONDS, Visitor, items_of

from nuts_pzp.sandbox.mitz.faults import Fault as MitzFault
from nuts_pzp.sandbox.nuts_node.faults import Fault as NodeFault

pytestmark = pytest.mark.asyncio(loop_scope="session")

W, M, L, A = "90000111", "90000222", "90000333", "90000555"
PATIENCE = 8.0
"""What a busy machine may take beyond a deadline. Whoever is slow takes twenty, as the tenant allows."""


@dataclass(frozen=True)
class Told:
    """One consultation: what it said, how long it took, and what each source contributed."""

    status: int
    answer: dict[str, Any]
    seconds: float

    @property
    def sources(self) -> dict[str, dict[str, Any]]:
        return {source["id"]: source for source in self.answer["sources"]}

    @property
    def soon(self) -> float:
        """A deadline in which, on this machine as it is now, whoever answers has answered."""
        return max(1.5, 4 * self.seconds)

    def refs(self) -> dict[str, set[str]]:
        """Every statement shown, wherever it stands, by source."""
        found: dict[str, set[str]] = defaultdict(set)
        for item in items_of(self.answer).values():
            if item["source"]:
                found[item["source"]["id"]].add(item["ref"])
            rivals = item["conflict"]["candidates"] if item["conflict"] else []
            for one in (*item["history"], *item["corroboratedBy"], *item["parallel"], *rivals):
                found[one["source"]["id"]].add(one["ref"])
        return found


async def consult(visitor: Visitor, slug: str = "postma", **extra: Any) -> Told:
    began = time.monotonic()
    status, answer = await visitor.consult(slug, **extra)
    return Told(status, answer, time.monotonic() - began)


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def good(visitor: Visitor) -> Told:
    """The same question on a good night, by who asked before."""
    await consult(visitor)
    told = await consult(visitor)
    assert told.answer["complete"] is True
    return told


@pytest_asyncio.fixture(autouse=True, loop_scope="session")
async def mended(visitor: Visitor) -> AsyncIterator[None]:
    """After each night everything works again."""
    yield
    region = visitor.stage.region
    for twin in region.fhir.values():
        twin.faults.on.clear()
        twin.faults.slow_seconds = 3.0
    if region.mitz.faults.any:
        region.mitz.faults.clear()
        assert (await consult(visitor, "wit")).answer["complete"] is True, "no breaker stays open"
    for name in ("oauth", "prs", "nvi", "lrza"):
        getattr(region.national, name).faults.clear()
    for node in region.nodes.values():
        node.twin.faults.clear()


# The hospital's own FHIR server

NIGHTS: dict[str, tuple[str, str, set[str], int, set[str]]] = {
    # fault: status, reason, codes of what is missing, statements, reasons in the hospital's log
    "down": ("failed", "unreachable", {"PZP-SOURCE-006"}, 0, {"PZP-SOURCE-006"}),
    "slow": ("failed", "timeout", {"PZP-SOURCE-005"}, 0, set()),
    "hang": ("failed", "timeout", {"PZP-SOURCE-005"}, 0, set()),
    "wrong-patient": ("partial", "unreadable", {"PZP-SOURCE-007"}, 3, {"PZP-SOURCE-010", "PZP-SOURCE-013"}),
    "outcome-200": ("failed", "unreadable", {"PZP-SOURCE-007"}, 0, {"PZP-SOURCE-007"}),
    "big": ("failed", "unreadable", {"PZP-SOURCE-007"}, 0, {"PZP-SOURCE-008"}),
    "lying-next": ("failed", "unreadable", {"PZP-SOURCE-007"}, 0, {"PZP-SOURCE-009"}),
    "malformed": ("failed", "unreadable", {"PZP-SOURCE-007"}, 0, {"PZP-SOURCE-007"}),
    "unsupported": ("partial", "invalid", {"PZP-SOURCE-013"}, 3, {"PZP-SOURCE-013", "PZP-PATIENT-001"}),
    "consents-only": ("partial", "not-released", {"PZP-SOURCE-003"}, 8, {"PZP-SOURCE-003"}),
}


@pytest.mark.parametrize("fault", NIGHTS)
async def test_one_sick_server_is_named_and_costs_the_others_nothing(fault: str, visitor: Visitor, good: Told) -> None:
    status, reason, missing, statements, recorded = NIGHTS[fault]
    visitor.stage.region.fhir["meerwijck"].faults.slow_seconds = SOURCE_SECONDS
    visitor.stage.region.fault("meerwijck", fault, True)
    seconds = good.soon if reason == "timeout" else SOURCE_SECONDS
    told = await consult(visitor, deadline_ms=int(seconds * 1000))
    assert told.status == 200
    assert told.seconds < seconds + PATIENCE
    hospital = told.sources[M]
    assert (hospital["status"], hospital["reason"], hospital["statements"]) == (status, reason, statements)
    assert {gap["code"] for gap in hospital["gaps"]} == missing
    assert told.answer["complete"] is False
    assert told.answer["banner"] == [hospital["notice"]]
    assert hospital["notice"].startswith("Niet volledig: Ziekenhuis Meerwijck")
    assert hospital["notice"].endswith("bel 0570-555222")
    for other in (W, L, A):
        assert told.sources[other] == good.sources[other]
        assert told.refs()[other] == good.refs()[other]
    own = visitor.records("kade", "kade", told.answer["meldcode"])
    assert {one.reason for one in visitor.joined(own, "meerwijck")} - {""} == recorded
    assert own[-1].record["object"]["missing"] == [M]


async def test_resources_of_another_patient_leave_nobody_and_are_an_incident(visitor: Visitor, good: Told) -> None:
    visitor.stage.region.fault("meerwijck", "wrong-patient", True)
    told = await consult(visitor)
    shown = told.refs()[M]
    assert shown < good.refs()[M], "what the hospital does say is its own"
    own = visitor.records("kade", "kade", told.answer["meldcode"])
    incidents = [one for one in visitor.joined(own, "meerwijck") if one.reason == "PZP-SOURCE-010"]
    assert len(incidents) == 7
    assert {(one.code, one.references) for one in incidents} == {("disclosure.result", ())}


async def test_what_a_late_source_gave_before_its_deadline_is_kept(visitor: Visitor, good: Told) -> None:
    twin = visitor.stage.region.fhir["meerwijck"]
    twin.faults.slow_seconds = good.soon / 2.5
    visitor.stage.region.fault("meerwijck", "slow", True)
    seconds = 4 * twin.faults.slow_seconds
    told = await consult(visitor, deadline_ms=int(seconds * 1000))
    hospital = told.sources[M]
    assert hospital["status"] == "partial"
    assert hospital["statements"] > 0
    assert {gap["code"] for gap in hospital["gaps"]} == {"PZP-SOURCE-005"}
    assert told.seconds < seconds + PATIENCE


# Mitz, asked by the holders

MITZ: dict[str, tuple[MitzFault, str, str]] = {
    # name: fault, what the user's side sees, what the holder's log says
    "status 500": (MitzFault("status", status=500), "PZP-SOURCE-006", "PZP-CONSENT-014"),
    "a web page": (MitzFault("html"), "PZP-SOURCE-007", "PZP-CONSENT-016"),
    "connection drops": (MitzFault("drop"), "PZP-SOURCE-006", "PZP-CONSENT-014"),
    "redirect": (MitzFault("redirect", location="https://127.0.0.1:1/"), "PZP-SOURCE-007", "PZP-CONSENT-017"),
    "fault of theirs": (MitzFault("fault", name="Receiver", status=500), "PZP-SOURCE-006", "PZP-CONSENT-014"),
    "fault of ours": (MitzFault("fault", name="Sender", status=400), "PZP-SOURCE-007", "PZP-CONSENT-017"),
    "oversize": (MitzFault("oversize"), "PZP-SOURCE-007", "PZP-CONSENT-016"),
    "compressed": (MitzFault("gzip"), "PZP-SOURCE-006", "PZP-CONSENT-014"),
}


@pytest.mark.parametrize("night", MITZ)
async def test_without_an_answer_of_mitz_nothing_is_disclosed_and_the_source_is_named(
    night: str, visitor: Visitor
) -> None:
    fault, seen, recorded = MITZ[night]
    visitor.stage.region.mitz.faults.set(fault)
    told = await consult(visitor, "wit")
    assert told.status == 200
    assert {source["id"]: (source["status"], source["statements"]) for source in told.answer["sources"]} == {
        M: ("failed", 0),
        L: ("failed", 0),
    }
    assert [gap["code"] for gap in told.sources[M]["gaps"]] == [seen]
    assert told.refs() == {}
    assert told.answer["complete"] is False
    own = visitor.records("kade", "kade", told.answer["meldcode"])
    for holder in ("meerwijck", "lindezicht"):
        [one] = visitor.joined(own, holder)
        assert (one.code, one.word, one.reason) == ("disclosure.decision", "Niet te bepalen", recorded)


@pytest.mark.parametrize("fault", [MitzFault("delay", seconds=20), MitzFault("slow-body", seconds=0.4)])
async def test_a_slow_mitz_costs_the_deadline_and_no_more(fault: MitzFault, visitor: Visitor) -> None:
    visitor.stage.region.mitz.faults.set(fault)
    told = await consult(visitor, "wit", deadline_ms=1000)
    assert told.seconds < 1.0 + PATIENCE
    assert {source["reason"] for source in told.answer["sources"]} == {"timeout"}
    assert told.refs() == {}


async def test_a_throttling_mitz_is_left_alone_as_long_as_it_asked(visitor: Visitor, good: Told) -> None:
    mitz = visitor.stage.region.mitz
    seconds = math.ceil(good.soon)
    mitz.faults.set(MitzFault("status", status=429, retry_after=str(seconds), times=2))
    before = len(mitz.questions)
    told = await consult(visitor, "wit")
    assert {source["status"] for source in told.answer["sources"]} == {"failed"}
    again = await consult(visitor, "wit")
    assert {source["status"] for source in again.answer["sources"]} == {"failed"}
    assert len(mitz.questions) - before == 2, "one question each; the second time nobody was asked"
    own = visitor.records("kade", "kade", again.answer["meldcode"])
    assert [one.reason for one in visitor.joined(own, "meerwijck")] == ["PZP-CONSENT-018"]
    await asyncio.sleep(seconds + 0.1)


# Finding sources: NVI, PRS, OAuth, LRZa


@pytest.mark.parametrize(
    ("service", "fault", "code"),
    [
        ("nvi", {"down": True}, "PZP-LOCATE-001"),
        ("nvi", {"throttled": True}, "PZP-LOCATE-001"),
        ("nvi", {"lying": "not-a-bundle"}, "PZP-LOCATE-002"),
        ("prs", {"down": True}, "PZP-LOCATE-004"),
        ("prs", {"lying": "not-a-jwe"}, "PZP-LOCATE-004"),
        ("nvi", {"delay": 20.0}, "PZP-LOCATE-001"),
        ("prs", {"delay": 20.0}, "PZP-LOCATE-001"),
    ],
)
async def test_when_sources_cannot_be_found_the_answer_is_503_and_never_no_sources(
    service: str, fault: dict[str, Any], code: str, visitor: Visitor
) -> None:
    faults = getattr(visitor.stage.region.national, service).faults
    for name, value in fault.items():
        setattr(faults, name, value)
    told = await consult(visitor, **({"deadline_ms": 1000} if "delay" in fault else {}))
    assert told.seconds < 1.0 + PATIENCE
    assert (told.status, told.answer["status"], told.answer["code"]) == (503, 503, code)
    assert "sources" not in told.answer
    assert told.answer["clinician"]
    trail = visitor.records("kade", "kade", told.answer["meldcode"])
    assert [one.code for one in trail] == ["consult.intent", "consult.sources", "consult.result"]
    assert (trail[-1].word, trail[-1].reason) == ("Niet te bepalen", code)


@pytest.mark.parametrize(
    ("fault", "code"), [({"down": True}, "PZP-LOCATE-001"), ({"lying": "other-scope"}, "PZP-LOCATE-003")]
)
async def test_a_token_server_that_is_away_or_refuses_is_503_too(
    fault: dict[str, Any], code: str, visitor: Visitor
) -> None:
    faults = visitor.stage.region.national.oauth.faults
    for name, value in fault.items():
        setattr(faults, name, value)
    visitor.stage.reload("kade")  # the tokens it holds are good for minutes
    for _ in range(100):
        _, checks = await visitor.ready("kade")
        if not checks["kade: localization.nvi"]["ok"]:
            break
        await asyncio.sleep(0.1)
    told = await consult(visitor)
    assert (told.status, told.answer["code"]) == (503, code)


async def test_sources_that_the_ehr_names_itself_need_no_register(visitor: Visitor) -> None:
    visitor.stage.region.national.nvi.faults.down = True
    told = await consult(visitor, sources=[M, L])
    assert (told.status, told.answer["complete"]) == (200, True)
    assert set(told.sources) == {M, L}


@pytest.mark.parametrize("fault", [{"down": True}, {"delay": 20.0}])
async def test_without_the_directory_its_replica_serves(fault: dict[str, Any], visitor: Visitor, good: Told) -> None:
    for name, value in fault.items():
        setattr(visitor.stage.region.national.lrza.faults, name, value)
    told = await consult(visitor)
    assert told.answer["complete"] is True
    assert told.refs() == good.refs()


# Nuts nodes

NODES: dict[str, tuple[str, str, NodeFault, dict[str, str]]] = {
    "no token at the hospital": ("meerwijck", "token", NodeFault("status", 500), {M: "PZP-SOURCE-002"}),
    "the hospital's node refuses": ("meerwijck", "token", NodeFault("status", 400), {M: "PZP-SOURCE-001"}),
    "the hospital cannot introspect": ("meerwijck", "introspect", NodeFault("status", 500), {M: "PZP-SOURCE-007"}),
    "its node drops": ("meerwijck", "introspect", NodeFault("drop"), {M: "PZP-SOURCE-006"}),
    "its node hangs": ("meerwijck", "introspect", NodeFault("delay", seconds=20), {M: "PZP-SOURCE-005"}),
    "our own node fails": (
        "kade", "request-token", NodeFault("status", 500), dict.fromkeys((W, M, L, A), "PZP-SOURCE-002"),
    ),
    "our own node hangs": (
        "kade", "request-token", NodeFault("delay", seconds=20), dict.fromkeys((W, M, L, A), "PZP-SOURCE-005"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("night", NODES)
async def test_a_node_that_fails_costs_those_who_need_it(night: str, visitor: Visitor, good: Told) -> None:
    who, operation, fault, missing = NODES[night]
    visitor.stage.region.nodes[who].twin.faults.set(operation, fault)
    seconds = good.soon if fault.kind == "delay" else SOURCE_SECONDS
    told = await consult(visitor, deadline_ms=int(seconds * 1000))
    assert told.status == 200
    assert told.seconds < seconds + PATIENCE
    assert {ura: source["gaps"][0]["code"] for ura, source in told.sources.items() if source["gaps"]} == missing
    for other in {W, M, L, A} - set(missing):
        assert told.refs()[other] == good.refs()[other]
    assert all(told.sources[ura]["statements"] == 0 for ura in missing)


async def test_a_holders_node_that_lost_its_tokens_costs_one_fresh_token(visitor: Visitor, good: Told) -> None:
    nurse, node = visitor.person("night-nurse"), visitor.stage.region.nodes["meerwijck"].twin
    node.faults.set("introspect", NodeFault("status", 500))  # the token is given, and not yet known at the hospital
    assert (await consult(visitor, professional=nurse)).answer["complete"] is False
    node.faults.clear()
    node.restart()
    given = sum(1 for question in node.state.questions if question.operation == "token")
    told = await consult(visitor, professional=nurse)
    assert told.answer["complete"] is True
    assert told.refs() == good.refs()
    assert sum(1 for question in node.state.questions if question.operation == "token") == given + 1


async def test_the_night_after_is_as_good_as_the_night_before(visitor: Visitor, good: Told) -> None:
    told = await consult(visitor)
    assert told.refs() == good.refs()
    assert told.answer["complete"] is True
