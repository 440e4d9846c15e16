"""Who a patient is may serve one token for ten seconds, and nobody else."""

from __future__ import annotations

from dataclasses import replace

import pytest

from nuts_pzp.forwarding.recent import RecentPatients
from nuts_pzp.identity import Bsn, Patient, Standing

ONE = Patient(Bsn("900012341"), "p1", Standing.KNOWN)
TOKEN, OTHER = b"a" * 32, b"b" * 32


@pytest.fixture
def now() -> list[float]:
    return [100.0]


@pytest.fixture
def recent(now: list[float]) -> RecentPatients:
    return RecentPatients(size=2, clock=lambda: now[0])


def test_it_serves_the_same_token_and_patient(recent: RecentPatients) -> None:
    recent.keep(TOKEN, ONE)
    assert recent.get(TOKEN, "p1") is ONE
    assert recent.get(TOKEN, "p2") is None
    assert recent.get(OTHER, "p1") is None


def test_ten_seconds_after_the_look_up_it_serves_no_more_however_often_it_was_used(
    recent: RecentPatients, now: list[float]
) -> None:
    recent.keep(TOKEN, ONE)
    for second in (103.0, 106.0, 109.9):
        now[0] = second
        assert recent.get(TOKEN, "p1") is ONE
    now[0] = 110.0
    assert recent.get(TOKEN, "p1") is None


@pytest.mark.parametrize("standing", [Standing.DECEASED, Standing.UNKNOWN])
def test_any_other_standing_is_not_kept_and_clears_what_was(recent: RecentPatients, standing: Standing) -> None:
    recent.keep(TOKEN, ONE)
    recent.keep(TOKEN, replace(ONE, standing=standing))
    assert recent.get(TOKEN, "p1") is None


def test_without_a_token_nothing_is_kept(recent: RecentPatients) -> None:
    recent.keep(b"", ONE)
    assert recent.get(b"", "p1") is None


def test_the_oldest_makes_room(recent: RecentPatients) -> None:
    for token in (TOKEN, OTHER, b"c" * 32):
        recent.keep(token, ONE)
    assert recent.get(TOKEN, "p1") is None
    assert recent.get(OTHER, "p1") is ONE


def test_it_does_not_show_whom_it_knows(recent: RecentPatients) -> None:
    recent.keep(TOKEN, ONE)
    assert "900012341" not in repr(recent)
    assert "p1" not in repr(recent)
