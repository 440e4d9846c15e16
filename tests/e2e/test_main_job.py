"""The main job, whole: at night a GP asks what Geertje Postma wants, and one of four sources is silent.

The overview is that of docs/reference/test-people.md, written out by hand. The trail is read from the ledgers of both
sides, and verified with nothing but public keys and anchors once the gateways have stopped.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import pytest_asyncio
from staging import SOURCE_SECONDS, Visitor, items_of, told, trace_of

from nuts_pzp.audit.verify import Verdict
from nuts_pzp.cli.asking import Person
from nuts_pzp.overview.merge import RULES

pytestmark = pytest.mark.asyncio(loop_scope="session")

SYMPTOMS = "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is"
BOTH = "Palliatief met als doel levensverlenging én symptoomverlichting"
HOSPITAL = "Anders, namelijk: Alleen als de klachten thuis niet te verlichten zijn, en dan zo kort als het kan."
WISHES = "Niet meer heen en weer met de ambulance. | Vaste gezichten aan bed, en de deur naar de tuin open."
EARLIER = "Wil graag zelf de tuin blijven doen, met hulp waar dat nodig is."
EUTHANASIA = "Geen euthanasieverklaring, zou wel verzoek kunnen doen in bepaalde situaties"
SON = "Rein Postma (zoon), 0612000101"
TALK, NEWEST, OLD = "2026-10-21", "2026-11-10", "2023-05-09"
NOT_KNOWN = {"state": "not-recorded", "display": "Onbekend (niet alle bronnen bereikbaar)"}
NO, YES = "Niet uitvoeren", "Wel uitvoeren"

SILENT: dict[str, dict[str, Any]] = {
    "capacity": {"state": "current", "display": "Ja", "date": TALK, "from": "L", "with": "MW"},
    "representative": {"state": "current", "display": SON, "date": TALK, "from": "L", "with": "MW"},
    "first-contact": {"state": "current", "display": SON, "date": TALK, "from": "L", "with": "MW"},
    "goal:medical-policy": {
        "state": "current", "display": SYMPTOMS, "date": TALK, "from": "M", "with": "L", "before": [(OLD, "W", BOTH)],
    },
    "treatment:89666000": {
        "state": "current", "display": NO, "date": TALK, "from": "M", "with": "L", "before": [(OLD, "W", YES)],
        "comment": "Besproken na de tweede longontsteking.",
    },
    "treatment:40617009": {
        "state": "current", "display": NO, "date": TALK, "from": "M", "with": "L", "before": [(OLD, "W", YES)],
    },
    "treatment:305351004": {
        "state": "current", "display": NO, "date": TALK, "from": "M", "with": "L", "before": [(OLD, "W", YES)],
    },
    "treatment:32485007": {
        "state": "current", "display": HOSPITAL, "date": TALK, "from": "M", "with": "L", "before": [(OLD, "W", YES)],
    },
    "treatment:281789004": {
        "state": "conflict", "display": "Tegenstrijdig, geen keuze gemaakt: zie beide", "severity": "high",
        "rivals": [
            (TALK, "M", YES, "Tabletten, geen infuus."),
            (TALK, "L", NO, "Mevrouw zegt dat ze geen kuren meer wil."),
        ],
        "before": [(OLD, "W", YES)],
    },
    "treatment:116762002": {"state": "current", "display": YES, "date": OLD, "from": "W"},
    "treatment:other": NOT_KNOWN,
    "icd:present": {"state": "current", "display": "Nee", "date": TALK, "from": "L"},
    "treatment:400231000146108": NOT_KNOWN,
    "obs:153851000146100": {
        "state": "current", "display": WISHES, "date": TALK, "from": "M", "beside": "ML",
        "before": [(OLD, "W", EARLIER)],
    },
    "obs:395091006": {
        "state": "current", "display": "Thuis", "date": TALK, "from": "M", "with": "L",
        "before": [(OLD, "W", "Nog onbekend")], "comment": "In de serre, bij het raam.",
    },
    "obs:340171000146104": {"state": "current", "display": EUTHANASIA, "date": OLD, "from": "W"},
    "obs:570801000146104": {"state": "current", "display": "Ja", "date": OLD, "from": "W"},
    "obs:247751003": {
        "state": "current", "display": "Haar zus in Zwolle elke week kunnen bellen.", "date": OLD, "from": "W",
    },
    "directive": {
        "state": "current", "display": "Ja", "date": TALK, "from": "L", "comment": "Bij de huisarts, voorjaar 2023.",
    },
    "inform-relatives": {
        "state": "current", "display": "Ja", "date": TALK, "from": "M", "with": "L", "before": [(OLD, "W", "Ja")],
    },
    "prior-differs": {"state": "current", "display": "Ja", "date": TALK, "from": "L"},
    "share-agreement": {"state": "current", "display": "Akkoord", "date": TALK, "from": "L"},
    "conversation.by": {
        "state": "current", "display": "Hamid Ouali, klinisch geriater", "date": TALK, "from": "M",
        "before": [(TALK, "L", "Elzinga"), (OLD, "W", "Annelies Terpstra, huisarts")],
    },
    "conversation.present": {
        "state": "current", "display": "patiënt; Rein Postma", "date": TALK, "from": "M",
        "before": [(TALK, "L", "patiënt; Zoon"), (OLD, "W", "patiënt; Rein Postma")],
    },
}  # fmt: skip
SOURCES = ["Huisartsenpraktijk De Wilgenhof", "Ziekenhuis Meerwijck", "Thuiszorg Lindezicht", "Hospice Avondrood"]
DEADLINE = 5.0
GP = Person("k-17", "M. Okker", "waarnemend huisarts")


@dataclass(frozen=True)
class Night:
    """One consultation with the hospice silent: the overview, its seconds, and the questions that Mitz got."""

    overview: dict[str, Any]
    seconds: float
    mitz: list[Any]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def night(visitor: Visitor) -> AsyncIterator[Night]:
    region = visitor.stage.region
    region.fault("avondrood", "hang", True)
    before, began = len(region.mitz.questions), time.monotonic()
    status, overview = await visitor.consult(
        "postma", professional=GP, relation={"kind": "out-of-hours"}, deadline_ms=int(DEADLINE * 1000)
    )
    took = time.monotonic() - began
    region.fault("avondrood", "hang", False)
    assert status == 200
    yield Night(
        overview, took, [one for one in list(region.mitz.questions)[before:] if one.asked.professional == GP.id]
    )


async def test_every_item_says_what_was_written_by_hand(night: Night) -> None:
    assert {key: told(item) for key, item in items_of(night.overview).items()} == SILENT
    assert list(items_of(night.overview)) == list(SILENT), "in the order of the form"
    assert night.overview["crossChecks"] == night.overview["excluded"] == night.overview["unmapped"] == []


async def test_the_silent_source_is_named_with_its_number(night: Night) -> None:
    overview = night.overview
    assert overview["complete"] is False
    assert [source["name"] for source in overview["sources"]] == SOURCES
    assert [(source["status"], source["notice"]) for source in overview["sources"]] == [
        ("ok", "Volledig"),
        ("ok", "Volledig"),
        ("ok", "Volledig"),
        ("failed", "Niet volledig: Hospice Avondrood antwoordde niet, bel 0570-555555"),
    ]
    assert overview["banner"] == ["Niet volledig: Hospice Avondrood antwoordde niet, bel 0570-555555"]
    assert (overview["sources"][3]["phone"], overview["sources"][3]["reason"]) == ("0570-555555", "timeout")
    assert overview["patient"] == {
        "bsn": "999930412", "name": "Geertje Postma", "birthDate": "1941-04-17", "test": True,
    }  # fmt: skip


async def test_a_silent_source_costs_its_own_deadline_and_no_more(night: Night) -> None:
    assert DEADLINE - 0.1 <= night.seconds < SOURCE_SECONDS
    slow = {row["ura"]: row["seconds"] for row in night.overview["timings"]}
    silent = slow.pop("90000555")
    assert DEADLINE / 2 < silent <= night.seconds, "what was left when it was asked"
    assert max(slow.values()) < silent


async def test_mitz_is_asked_once_by_each_holder_and_not_by_the_silent_one(night: Night) -> None:
    assert sorted(
        (one.asked.holder, one.asked.holder_type, one.asked.user, one.asked.user_type) for one in night.mitz
    ) == [
        ("90000111", "Z3", "90000444", "N6"),
        ("90000222", "V6", "90000444", "N6"),
        ("90000333", "T2", "90000444", "N6"),
    ]
    assert {(one.asked.bsn, one.asked.role, one.asked.professional, one.asked.purpose) for one in night.mitz} == {
        ("999930412", "01.015", "k-17", "TREAT")
    }
    assert {one.became for one in night.mitz} == {"GGC002=Permit"}


async def test_the_user_records_intent_sources_each_source_and_what_was_shown(night: Night, visitor: Visitor) -> None:
    trail = visitor.records("kade", "kade", night.overview["meldcode"])
    assert [one.code for one in trail] == [
        "consult.intent",
        "consult.sources",
        *["consult.received"] * 4,
        "consult.result",
    ]
    intent, sources, *received, result = trail
    assert (intent.user, intent.role, intent.assurance, intent.test) == (
        "k-17", "waarnemend huisarts", "self-attested", True,
    )  # fmt: skip
    assert intent.record["policy"] == {"relation": "declared", "relation_kind": "out-of-hours"}
    assert sources.record["object"]["sources"] == ["90000111", "90000222", "90000333", "90000555"]
    assert sorted(one.responder for one in received) == sorted(SOURCES)
    silent = next(one for one in received if one.responder == "Hospice Avondrood")
    assert (silent.word, silent.reason, silent.references) == ("Niet te bepalen", "PZP-SOURCE-005", ())
    shown = result.record["object"]
    assert (shown["complete"], shown["missing"], shown["rules"]) == (False, ["90000555"], RULES)
    overview = {key: value for key, value in night.overview.items() if key not in ("meldcode", "timings", "hints")}
    digest = hashlib.sha256(orjson.dumps(overview, option=orjson.OPT_SORT_KEYS)).hexdigest()
    assert shown["sha256"] == digest, "what was shown can be proved without storing it"
    assert len({trace_of(one) for one in trail}) == 1


ASKED = {
    "wilgenhof": {
        "Patient": 1, "Procedure": 1, "Consent": 2, "Goal": 3, "Observation": 1, "DeviceUseStatement": 3,
        "CommunicationRequest": 1, "Communication": 1, "QuestionnaireResponse": 2, "RelatedPerson": 1,
    },
    "meerwijck": {
        "Patient": 1, "Procedure": 1, "Consent": 2, "Goal": 1, "Observation": 1, "DeviceUseStatement": 3,
        "CommunicationRequest": 1, "QuestionnaireResponse": 2,
    },
    "lindezicht": {
        "Patient": 1, "Procedure": 1, "Encounter": 1, "Consent": 2, "Goal": 3, "Observation": 1,
        "DeviceUseStatement": 3, "CommunicationRequest": 1, "Communication": 1, "QuestionnaireResponse": 2,
    },
}  # fmt: skip


@pytest.mark.parametrize("holder", ASKED)
async def test_each_holder_records_a_decision_and_a_result_for_each_request(
    holder: str, night: Night, visitor: Visitor
) -> None:
    own = visitor.records("kade", "kade", night.overview["meldcode"])
    theirs = visitor.joined(own, holder)
    by_request: dict[str, list[Any]] = {}
    for one in theirs:
        by_request.setdefault(one.correlation, []).append(one)
    for decision, result in by_request.values():
        assert (decision.code, decision.word) == ("disclosure.decision", "Toegestaan")
        assert result.code == "disclosure.result"
        assert decision.index < result.index
        assert decision.record["consent"]["basis"] == ["explicit-consent:mitz"]
        assert decision.record["object"]["query"] == result.record["object"]["query"]
    assert Counter(pair[0].record["object"]["type"] for pair in by_request.values()) == ASKED[holder]
    assert {(one.user, one.role, one.requester) for one in theirs} == {
        ("k-17", "waarnemend huisarts", "Huisartsenpost De Kade")
    }
    name = {"wilgenhof": SOURCES[0], "meerwijck": SOURCES[1], "lindezicht": SOURCES[2]}[holder]
    received = next(one for one in own if one.code == "consult.received" and one.responder == name)
    given = {reference for pair in by_request.values() for reference in pair[1].references}
    assert set(received.references) == given, "what one side gave is what the other side got"


async def test_with_the_hospice_answering_its_newest_leads(visitor: Visitor) -> None:
    _, overview = await visitor.consult("postma")
    items = items_of(overview)
    assert overview["complete"] is True
    assert overview["banner"] == []
    assert told(items["treatment:89666000"]) == {
        "state": "current", "display": NO, "date": NEWEST, "from": "A",
        "before": [(TALK, "M", NO), (TALK, "L", NO), (OLD, "W", YES)],
    }  # fmt: skip
    assert told(items["obs:395091006"]) == {
        "state": "current", "display": "Hospice", "date": NEWEST, "from": "A",
        "before": [(TALK, "M", "Thuis"), (TALK, "L", "Thuis"), (OLD, "W", "Nog onbekend")],
    }  # fmt: skip
    assert items["treatment:other"]["display"] == "Niet vastgelegd in de geraadpleegde bronnen"


async def test_the_silent_holder_recorded_that_it_could_not_tell(night: Night, visitor: Visitor) -> None:
    own = visitor.records("kade", "kade", night.overview["meldcode"])
    for _ in range(250):
        if theirs := visitor.joined(own, "avondrood"):
            break
        await asyncio.sleep(0.1)
    [one] = theirs
    assert (one.code, one.word, one.reason) == ("disclosure.decision", "Niet te bepalen", "PZP-SOURCE-005")


async def test_every_log_verifies_when_the_gateways_have_stopped_and_they_start_again(
    night: Night, visitor: Visitor
) -> None:
    """The last of this file: without keys of the gateways but the public ones, against anchors on another path."""
    stage = visitor.stage
    await stage.stop_gateways()
    verdicts = {
        (gateway, log.tenant): (log.verdict, log.anchored > 0)
        for gateway in stage.region.gateways
        for log in visitor.verified(gateway).logs
    }
    assert verdicts == {
        (gateway, tenant): (Verdict.OK, True)
        for gateway, tenants in (
            ("kade", ("kade", "system")),
            ("meerwijck", ("meerwijck", "system")),
            ("providers", ("avondrood", "lindezicht", "wilgenhof", "system")),
        )
        for tenant in tenants
    }
    await stage.start_gateways("kade", "meerwijck")
    _, alone = await visitor.consult("postma")
    assert [(one["id"], one["status"], one["reason"]) for one in alone["sources"]] == [
        ("90000111", "failed", "unreachable"),
        ("90000222", "ok", None),
        ("90000333", "failed", "unreachable"),
        ("90000555", "failed", "unreachable"),
    ]
    assert alone["complete"] is False
    await stage.start_gateways("providers")
    reopened = [one for one in visitor.records("kade", "kade") if one.code == "audit.opened"][-1]
    assert reopened.record["detail"]["without_result"] == "0"
    assert (await visitor.consult("visser"))[1]["complete"] is True
