"""Indicators: people once, test people never, few people not at all, and nothing that leads back to anybody."""

from __future__ import annotations

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.audit.indicators import Counting
from nuts_pzp.audit.seal import NONCE_BYTES, Seal
from nuts_pzp.identity import eleven_test

START = datetime(2026, 11, 10, 3, 0, tzinfo=UTC)
PEOPLE = [text for text in (f"{number:09}" for number in range(999_930_000, 999_931_000)) if eleven_test(text)]


class Log:
    """Records of a log, as the scribe writes them, of people who are not marked as test people."""

    def __init__(self, folder: Path) -> None:
        self.seal = Seal(folder, "kade")
        self.kid = self.seal.month(int(START.timestamp() * 1000))
        self.records: list[dict[str, Any]] = []

    def look(self, bsn: str, **how: Any) -> None:
        number, at = len(self.records), how.get("at", START)
        record = {"id": f"r{number}", "correlation": f"c{number}", "outcome": {"kind": "permit"}}
        patient = {"kid": self.kid, "enc": self.seal.close(self.kid, f"r{number}|bsn", bsn, os.urandom(NONCE_BYTES))}
        if how.get("test"):
            patient["test"] = True
        policy = {"context": how.get("context", "acute-admission")}
        gaps = [{"kind": "unavailable"}] if how.get("fails") else []
        seen = [] if how.get("fails") else [f"90000111:{how.get('type', 'Consent')}/1/_history/2"]
        ended = at + timedelta(seconds=how.get("seconds", 2))
        self.records += [
            record | {"event": {"code": "consult.intent"}, "ts": _ts(at), "patient": patient, "policy": policy},
            record | {"event": {"code": "consult.received"}, "org": {"responder": {"ura": "90000111"}}, "gaps": gaps},
            record | {"event": {"code": "consult.result"}, "ts": _ts(ended), "object": {"references": seen}},
        ]

    def told(self, month: str = "2026-11", **how: Any) -> dict[str, Any]:
        counting = Counting(month, how.get("seal", self.seal))
        counting.add(iter(self.records))
        return counting.told()


def _ts(moment: datetime) -> str:
    return moment.isoformat().replace("+00:00", "Z")


@pytest.fixture
def log(tmp_path: Path) -> Log:
    return Log(tmp_path)


def test_a_person_who_is_looked_up_often_is_one_person(log: Log) -> None:
    for bsn in PEOPLE[:12]:
        log.look(bsn)
        log.look(bsn)
    told = log.told()
    assert (told["consultations"], told["patients"]) == (24, 12)
    assert told["acute"] == {"consultations": 24, "patients": 12, "found_share": 1.0}


def test_found_means_an_answer_and_not_a_person(log: Log) -> None:
    for number, bsn in enumerate(PEOPLE[:40]):
        log.look(bsn, type="Consent" if number < 25 else "Patient")
    assert log.told()["acute"]["found_share"] == 0.625


def test_only_acute_admissions_count_as_such(log: Log) -> None:
    for bsn in PEOPLE[:15]:
        log.look(bsn, context="visit")
    told = log.told()
    assert (told["consultations"], told["acute"]["consultations"], told["acute"]["patients"]) == (15, None, None)


@pytest.mark.parametrize(
    ("acute", "shown", "unanswered"), [(30, 30, None), (21, None, None), (20, 20, 10), (10, 10, 20), (9, None, None)]
)
def test_no_few_are_left_when_a_part_is_taken_from_its_whole(
    log: Log, acute: int, shown: int | None, unanswered: int | None
) -> None:
    for number, bsn in enumerate(PEOPLE[:30]):
        log.look(bsn, context="acute-admission" if number < acute else "visit")
        if number >= acute:
            log.records.pop()
    told = log.told()
    assert (told["consultations"], told["patients"]) == (30, 30)
    assert (told["acute"]["consultations"], told["acute"]["patients"]) == (shown, shown)
    assert told["unanswered"] == unanswered


def test_test_people_are_left_out(log: Log) -> None:
    for bsn in PEOPLE[:30]:
        log.look(bsn, test=True)
    told = log.told()
    assert (told["consultations"], told["patients"], told["sources"]) == (None, None, [])


@pytest.mark.parametrize("few", [1, 9])
def test_no_figure_rests_on_few_people(log: Log, few: int) -> None:
    for number, bsn in enumerate(PEOPLE[:few]):
        log.look(bsn, fails=number == 0)
    told = json.dumps(log.told() | {"smallest": 0})
    assert json.loads(told)["sources"] == [{"ura": "90000111", "asked": None, "failed_share": None}]
    assert set(json.loads(told)["seconds"].values()) == {None}
    assert all(log.told()[key] is None for key in ("consultations", "patients", "unanswered"))


@pytest.mark.parametrize(("found", "share"), [(0, 0.0), (3, None), (10, 0.25), (31, None), (40, 1.0)])
def test_neither_side_of_a_share_is_a_few_people(log: Log, found: int, share: float | None) -> None:
    for number, bsn in enumerate(PEOPLE[:40]):
        log.look(bsn, fails=number >= found)
    told = log.told()
    assert told["acute"]["found_share"] == share
    assert told["sources"][0]["failed_share"] == (None if share is None else round(1 - share, 3))


def test_a_month_is_a_month_in_amsterdam(log: Log) -> None:
    for bsn in PEOPLE[:10]:
        log.look(bsn, at=datetime(2026, 10, 31, 23, 30, tzinfo=UTC))
    assert log.told("2026-11")["consultations"] == 10
    assert log.told("2026-10")["consultations"] is None


def test_time_to_answer_is_told_of_enough(log: Log) -> None:
    for number, bsn in enumerate(PEOPLE[:20]):
        log.look(bsn, seconds=number)
    assert log.told()["seconds"] == {"median": 9.5, "p90": 17.9}


def test_without_the_keys_people_are_not_counted_and_the_rest_is(log: Log, tmp_path: Path) -> None:
    for bsn in PEOPLE[:12]:
        log.look(bsn)
    told = log.told(seal=None)
    assert (told["consultations"], told["patients"], told["acute"]["found_share"]) == (12, None, None)
    other = log.told(seal=Seal(tmp_path / "other", "kade"))
    assert (other["patients"], other["unreadable"]) == (None, 12)


def test_nothing_that_is_told_or_kept_names_anybody(log: Log) -> None:
    for bsn in PEOPLE[:12]:
        log.look(bsn)
    counting = Counting("2026-11", log.seal)
    counting.add(log.records)
    shown = json.dumps(counting.told()) + repr(counting)
    assert not any(bsn in shown for bsn in PEOPLE[:12])
    again = Counting("2026-11", log.seal)
    again.add(log.records)
    keys = [{look.who for look in one._looks.values()} for one in (counting, again)]
    assert keys[0].isdisjoint(keys[1]), "another key each time: two counts cannot be joined by person"
