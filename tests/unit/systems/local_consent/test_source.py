"""Local permission (spec consent 5, 6.3, 7; 8: 86, 87, 94; design D3)."""

from __future__ import annotations

import dataclasses
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.consent.choice import Users
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.store.patients import CHOICES
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.local_consent.registry import Refused, Registry
from nuts_pzp.systems.local_consent.source import LocalConsent

POST_ITSELF, GP_POSTS, EVERYONE = Users(frozenset({"90000444"})), Users(types=frozenset({"N6"})), Users()
HOSPITAL = Organization(Ura("90000999"), "V6", "Een ander ziekenhuis")


async def test_local_permit_no_mitz(desk: Any) -> None:
    id = await desk.record(True, POST_ITSELF)
    verdict = await desk.ask()
    assert isinstance(verdict.outcome, Permit)
    assert verdict.outcome.basis == "explicit-consent:local"
    assert verdict.outcome.evidence[0].reference == id
    assert len(verdict.outcome.evidence[0].digest) == 64
    assert (verdict.explicit, verdict.specificity, verdict.cacheable_for) == (True, 3, 0.0)


async def test_nothing_recorded_is_no_opinion(desk: Any) -> None:
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)


async def test_a_permission_covers_those_it_names_only(desk: Any) -> None:
    await desk.record(True, GP_POSTS)
    assert (await desk.ask()).specificity == 2
    assert (await desk.ask(HOSPITAL)).outcome == Unknown(Reason.CONSENT_NONE)
    assert (await desk.ask(bsn=Bsn("999912033"))).outcome == Unknown(Reason.CONSENT_NONE)


async def test_a_permission_for_nobody_in_particular_permits_nobody(desk: Any) -> None:
    await desk.record(True, EVERYONE)
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)


async def test_a_permission_without_its_record_in_the_ledger_does_not_count(desk: Any) -> None:
    await desk.record(True, POST_ITSELF, accounted=False)
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)
    await desk.account()
    assert isinstance((await desk.ask()).outcome, Permit)


async def test_an_objection_counts_before_it_is_in_the_ledger(desk: Any) -> None:
    await desk.record(True, POST_ITSELF)
    await desk.record(False, EVERYONE, accounted=False)
    verdict = await desk.ask()
    assert isinstance(verdict.outcome, Deny)
    assert (verdict.outcome.reason, verdict.explicit) == (Reason.CONSENT_OBJECTION, True)


async def test_an_objection_to_everybody_is_outranked_by_no_permission_elsewhere(desk: Any) -> None:
    await desk.record(False, GP_POSTS)
    assert (await desk.ask()).specificity == 2, "one to a type is as specific as that"
    await desk.record(False, EVERYONE)
    assert (await desk.ask()).specificity == 4


async def test_the_end_of_a_permission_counts_before_it_is_in_the_ledger(desk: Any) -> None:
    await desk.withdraw(await desk.record(True, POST_ITSELF), accounted=False)
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)


async def test_the_end_of_an_objection_counts_only_when_it_is_in_the_ledger(desk: Any) -> None:
    await desk.withdraw(await desk.record(False, EVERYONE), accounted=False)
    assert isinstance((await desk.ask()).outcome, Deny)
    await desk.account()
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)


async def test_a_specific_permission_is_an_exception_to_an_earlier_general_objection(desk: Any) -> None:
    await desk.record(False, EVERYONE)
    await desk.record(True, POST_ITSELF)
    assert isinstance((await desk.ask()).outcome, Permit)
    assert isinstance((await desk.ask(HOSPITAL)).outcome, Deny)


async def test_who_objects_takes_back_what_was_permitted_before_however_specific(desk: Any) -> None:
    await desk.record(True, POST_ITSELF)
    objection = await desk.record(False, GP_POSTS)
    assert isinstance((await desk.ask()).outcome, Deny)
    await desk.withdraw(objection)
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE), "ending an objection permits nothing"
    await desk.record(True, POST_ITSELF)
    assert isinstance((await desk.ask()).outcome, Permit)


async def test_an_objection_that_has_not_begun_leaves_the_permission(desk: Any) -> None:
    await desk.record(True, POST_ITSELF)
    await desk.record(False, EVERYONE, since="2026-12-24")
    assert isinstance((await desk.ask()).outcome, Permit)
    desk.now = datetime(2026, 12, 24, 12, tzinfo=UTC)
    assert isinstance((await desk.ask()).outcome, Deny)


async def test_a_specific_objection_counts_beside_a_later_general_permission(desk: Any) -> None:
    await desk.record(False, POST_ITSELF)
    await desk.record(True, GP_POSTS)
    assert isinstance((await desk.ask()).outcome, Deny)


async def test_of_equals_the_objection_counts_also_when_the_permission_is_newer(desk: Any) -> None:
    await desk.record(False, POST_ITSELF)
    await desk.record(True, POST_ITSELF)
    assert isinstance((await desk.ask()).outcome, Deny)


async def test_expired_period(desk: Any) -> None:
    await desk.record(True, POST_ITSELF, since="2026-01-01", until="2026-11-21")
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)
    await desk.record(True, POST_ITSELF, since="2026-11-23")
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)


async def test_another_birth_date_than_the_holder_knows_does_not_permit(desk: Any) -> None:
    await desk.record(True, POST_ITSELF)
    assert isinstance((await desk.ask(birth_date=date(1950, 3, 4))).outcome, Permit)
    assert (await desk.ask(birth_date=date(1950, 4, 3))).outcome == Unknown(Reason.CONSENT_NONE)
    await desk.record(False, EVERYONE)
    assert isinstance((await desk.ask(birth_date=date(1950, 4, 3))).outcome, Deny)


async def test_another_birth_date_than_before_is_not_recorded(desk: Any) -> None:
    await desk.record(True, POST_ITSELF)
    dossier = await desk.registry.dossier(Bsn("999912008"))
    again = dataclasses.replace(dossier.choices[0], id="another")
    with pytest.raises(Refused, match="birth date"):
        await desk.registry.record(Bsn("999912008"), "1951-03-04", again, None)


async def test_what_was_ended_or_is_not_there_cannot_be_ended(desk: Any) -> None:
    id = await desk.record(True, POST_ITSELF)
    await desk.withdraw(id)
    with pytest.raises(Refused):
        await desk.withdraw(id)
    with pytest.raises(Refused):
        await desk.withdraw("unknown")


async def test_what_was_ended_stays_with_who_ended_it(desk: Any) -> None:
    await desk.withdraw(await desk.record(True, POST_ITSELF))
    dossier = await desk.registry.dossier(Bsn("999912008"))
    assert dossier.choices[0].withdrawn.word.operator == "m-3 doktersassistent"


@pytest.mark.parametrize(("since", "until"), [("0001-01-01", ""), ("2026-11-01", "soon")])
async def test_days_that_cannot_be_read_make_no_permission_and_an_objection_all_the_same(
    desk: Any, since: str, until: str
) -> None:
    old = await desk.record(True, POST_ITSELF, since=since, until=until)
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE)
    await desk.record(True, POST_ITSELF)
    assert isinstance((await desk.ask()).outcome, Permit), "one that is unreadable does not stand in the way"
    await desk.withdraw(old)
    objection = await desk.record(False, POST_ITSELF, since=since, until=until)
    assert isinstance((await desk.ask()).outcome, Deny)
    await desk.withdraw(objection)
    assert (await desk.ask()).outcome == Unknown(Reason.CONSENT_NONE), "who objected took back what was permitted"


async def test_an_unreadable_store_is_no_answer_and_not_no_choice(desk: Any, store: SqliteStore) -> None:
    await desk.record(True, POST_ITSELF)
    other_key = LocalConsent(Registry(Vault(store.of(_tenant()), b"x" * 32, "meerwijck")), lambda: desk.now)
    assert (await other_key.ask(desk.access)).outcome == Unknown(Reason.CONSENT_NONE), "another key, another patient"
    raw = await store.of(_tenant()).get(CHOICES, desk.vault.pseudonym(Bsn("999912008")))
    await store.of(_tenant()).put(CHOICES, desk.vault.pseudonym(Bsn("999912008")), raw[0][:-1], raw[1])
    verdict = await desk.ask()
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.reason is Reason.CONSENT_LOCAL_UNREADABLE
    assert not verdict.explicit


async def test_a_closed_store_is_no_answer(desk: Any, store: SqliteStore) -> None:
    store.close()
    assert isinstance((await desk.ask()).outcome, Unavailable)
    assert isinstance(await desk.source.health(), Unavailable)


async def test_no_bsn_stands_in_the_state(desk: Any, tmp_path: Path) -> None:
    await desk.withdraw(await desk.record(True, POST_ITSELF, accounted=False), accounted=False)
    await desk.ask()
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"999912008" not in file.read_bytes()


async def test_health_counts_what_waits(desk: Any) -> None:
    assert await desk.source.health() == "readable"
    await desk.record(True, POST_ITSELF, accounted=False)
    assert await desk.source.health() == "1 to be accounted for"


def _tenant() -> Any:
    from nuts_pzp.identity import Tenant

    return Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
