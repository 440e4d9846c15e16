"""What notifications told: refusals object at once, permissions grant nothing, order and repetition do not matter."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp.consent.notice import Change, Notice
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.store.patients import Patients
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.mitz.codes import CATEGORY_OF, ORGANIZATION_TYPES
from nuts_pzp.systems.mitz.told import Objection, Told

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
BSN = Bsn("999912008")
NOW = datetime(2026, 11, 24, 14, 5, tzinfo=UTC)
HOSPITALS, GPS, ABROAD = "RPZAC104", "RPZAC001", "RPZAC200"


def at(minutes: int) -> str:
    return (NOW + timedelta(minutes=minutes)).isoformat(timespec="microseconds")


def notice(*changes: Change, deceased: str = "", digest: str = "d1") -> Notice:
    return Notice(BSN, changes, deceased, digest)


def refusal(users: str = HOSPITALS, minutes: int = -1, data: str = "GGC002") -> Notice:
    return notice(Change(users, data, True, at(minutes)))


def permission(users: str = HOSPITALS, minutes: int = -1, data: str = "GGC002") -> Notice:
    return notice(Change(users, data, False, at(minutes)), digest="d2")


def access(type: str = "V6") -> Access:
    caller = Caller(
        Organization(Ura("90000444"), type, ""), Professional("k-1", "huisarts"), frozenset(), Purpose.TREATMENT,
        None, {}, "nuts-bearer",
    )  # fmt: skip
    return Access(caller, FhirRequest("search-type", "Consent"), Patient(BSN, "1", Standing.KNOWN))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    whole = SqliteStore(tmp_path / "store.sqlite")
    yield whole
    whole.close()


@pytest.fixture
def told(store: SqliteStore) -> Told:
    return Told(Patients(Vault(store.of(OURS), b"k" * 32, OURS.id)), {}, lambda: NOW)


async def take(told: Told, *notices: Notice) -> None:
    """As the door does: what restricts, then (after the record) what relaxes."""
    for one in notices:
        assert isinstance(await told.restrict(one), int)
        assert isinstance(await told.relax(one), int)


async def refuses(told: Told, type: str = "V6") -> bool:
    return isinstance((await told.ask(access(type))).outcome, Deny)


async def test_a_refusal_is_an_explicit_objection_that_nothing_outranks(told: Told) -> None:
    await take(told, refusal())
    verdict = await told.ask(access())
    assert isinstance(verdict.outcome, Deny)
    assert verdict.outcome.reason is Reason.CONSENT_OBJECTION
    assert (verdict.explicit, verdict.specificity) == (True, 4)
    assert verdict.outcome.evidence[0].digest == "d1"
    assert not await refuses(told, "N6")


async def test_a_permission_says_nothing(told: Told) -> None:
    await take(told, permission())
    assert (await told.ask(access())).outcome == Unknown(Reason.CONSENT_NONE)


async def test_a_later_permission_ends_the_objection_and_an_earlier_one_does_not(told: Told) -> None:
    await take(told, refusal(minutes=-5), permission(minutes=-6))
    assert await refuses(told)
    await take(told, permission(minutes=-4))
    assert not await refuses(told)
    await take(told, refusal(minutes=-5))
    assert not await refuses(told), "the refusal of before is a repetition"
    await take(told, refusal(minutes=-3))
    assert await refuses(told)


async def test_of_one_moment_the_refusal_counts(told: Told) -> None:
    for pair in itertools.permutations((refusal(), permission())):
        await take(told, *pair)
        assert await refuses(told)


async def test_any_order_and_any_repetition_end_in_the_same(store: SqliteStore) -> None:
    history = (refusal(minutes=-9), permission(minutes=-7), refusal(GPS, -6), refusal(minutes=-5), permission(GPS, -4))
    for number, order in enumerate(itertools.permutations(history)):
        patients = Patients(Vault(store.of(replace(OURS, id=f"t{number}")), b"k" * 32, f"t{number}"))
        one = Told(patients, {}, lambda: NOW)
        await take(one, *order, *order[:2])
        assert (await refuses(one), await refuses(one, "N6")) == (True, False)


async def test_a_moment_in_the_future_does_not_outrank_what_comes_after_it(told: Told) -> None:
    await take(told, notice(Change(HOSPITALS, "GGC002", False, at(60 * 24 * 365))))
    told._clock = lambda: NOW + timedelta(minutes=1)
    await take(told, refusal(minutes=1))
    assert await refuses(told)


async def test_a_refusal_without_a_moment_counts_from_now_and_a_permission_without_one_ends_nothing(
    told: Told,
) -> None:
    await take(told, notice(Change(HOSPITALS, "GGC002", True, "")))
    await take(told, notice(Change(HOSPITALS, "GGC002", False, "")))
    assert await refuses(told)


async def test_before_the_notice_is_recorded_only_what_restricts_counts(told: Told) -> None:
    await take(told, refusal(minutes=-5))
    both = notice(Change(HOSPITALS, "GGC002", False, at(-1)), Change(GPS, "GGC002", True, at(-1)))
    await told.restrict(both)
    assert await refuses(told)
    assert await refuses(told, "N6")
    await told.relax(both)
    assert not await refuses(told)


async def test_every_notice_begins_a_new_generation(told: Told) -> None:
    seen = [await told._patients.generation(BSN)]
    for one in (permission(), permission(), refusal(), refusal()):
        number = await told.restrict(one)
        seen.append(await told._patients.generation(BSN))
        assert seen[-1] == (number, 0)
    assert len(set(map(str, seen))) == 5


@pytest.mark.parametrize("type", sorted(ORGANIZATION_TYPES | {"3600"}))
async def test_a_refusal_covers_its_own_types_and_those_of_which_nobody_is_sure(type: str, told: Told) -> None:
    hospitals = Objection(HOSPITALS, "GGC002", at(0), "")
    assert told.covers(hospitals, type) is (CATEGORY_OF.get(type, HOSPITALS) == HOSPITALS)
    assert told.covers(Objection(ABROAD, "GGC002", at(0), ""), type) is False
    assert told.covers(Objection("*", "*", at(0), ""), type) is True
    assert told.covers(Objection("RPZAC999", "GGC002", at(0), ""), type) is True


async def test_a_region_that_is_sure_of_a_type_says_so(store: SqliteStore) -> None:
    sure = Told(Patients(Vault(store.of(OURS), b"k" * 32, OURS.id)), {"H2": "RPZAC103"})
    hospitals = Objection(HOSPITALS, "GGC002", at(0), "")
    assert not sure.covers(hospitals, "H2")
    assert sure.covers(replace(hospitals, users="RPZAC103"), "H2")


@pytest.mark.parametrize(
    ("data", "covered"), [("GGC002", True), ("*", True), ("GGC012", False), ("GGC013", False), ("GGC999", True)]
)
async def test_narrower_data_than_pzp_is_no_objection_to_pzp(data: str, covered: bool, told: Told) -> None:
    await take(told, refusal(data=data))
    assert await refuses(told) is covered


async def test_a_death_denies_with_an_alarm_and_is_undone_by_hand(told: Told) -> None:
    with capture_logs() as lines:
        await take(told, notice(deceased="2026-11-20"))
    assert [line["alarm"] for line in lines] == ["operations"]
    assert BSN.value not in repr(lines)
    verdict = await told.ask(access("N6"))
    assert isinstance(verdict.outcome, Deny)
    assert verdict.outcome.reason is Reason.PATIENT_DECEASED
    assert verdict.explicit
    assert await told.undo_death(BSN) is True
    assert not await refuses(told)
    await take(told, notice(deceased="2026-11-20"))
    assert not await refuses(told), "the same news again"
    await take(told, notice(deceased="2026-11-22"))
    assert await refuses(told), "other news"
    assert await told.undo_death(Bsn("999912033")) is False


async def test_objections_can_be_undone_by_hand_and_a_repetition_does_not_bring_them_back(told: Told) -> None:
    await take(told, refusal(), refusal(GPS))
    assert await told.undo_objections(BSN) == 2
    await take(told, refusal())
    assert not await refuses(told)
    assert await told.undo_objections(BSN) == 0


async def test_state_that_cannot_be_read_or_written_permits_nothing_and_takes_nothing(
    told: Told, store: SqliteStore
) -> None:
    store.close()
    verdict = await told.ask(access())
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.reason is Reason.CONSENT_STATE_UNREADABLE
    assert isinstance(await told.restrict(refusal()), Unavailable)
    assert isinstance(await told.relax(permission()), Unavailable)


async def test_what_is_kept_shows_nobody(told: Told, tmp_path: Path) -> None:
    await take(told, refusal(), notice(deceased="yes"))
    written = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert BSN.value.encode() not in written
    assert HOSPITALS.encode() not in written


def test_every_organization_type_of_the_table_is_one_that_may_ask() -> None:
    assert set(CATEGORY_OF) <= ORGANIZATION_TYPES


async def test_a_bundle_as_mitz_sends_it_becomes_an_objection(told: Told, bundle: Any) -> None:
    from nuts_pzp.sandbox.mitz.notices import as_xml
    from nuts_pzp.systems.mitz.notice import Read, read

    found = read("application/fhir+xml", as_xml(bundle((HOSPITALS, "deny"), ("RPZAC004", "permit"))))
    assert isinstance(found, Read)
    await take(told, found.notice)
    assert [await refuses(told, type) for type in ("V6", "T2", "N6")] == [True, False, False]
