"""From access to question: what is said of whom, what cannot be asked truthfully (spec consent 6.1; 8: 77 to 85)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from mitz_asked import CALLER, HOLDER, ROOT, access, by, decided, mitz, of_type

from nuts_pzp.exchange import Caller
from nuts_pzp.identity import (
    Assurance,
    Professional,
    Purpose,
)
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace


async def test_question_is_made_of_holder_settings_and_verified_caller() -> None:
    source, fake = mitz()
    await source.ask(access())
    asked = fake.asked[0]
    assert (asked.holder.ura.value, asked.holder.type) == ("90000222", "V6")
    assert (asked.user.ura.value, asked.user.type) == ("90000444", "N6")
    assert (asked.professional.id, asked.professional.role) == ("medewerker-17", "01.015")
    assert (asked.professional.root, asked.professional.authority) == (ROOT, "")
    assert (asked.purpose, asked.categories) == (Purpose.TREATMENT, ("GGC002",))


async def test_holder_attrs_ignore_request_supplied_values() -> None:
    source, fake = mitz()
    claims = {"organization_ura": "90000111", "facility_type": "Z3", "purpose_of_use": "COC", "category": "GGC013"}
    await source.ask(access(lambda caller: replace(caller, claims=claims)))
    asked = fake.asked[0]
    assert (asked.holder.ura.value, asked.holder.type, asked.user.type) == ("90000222", "V6", "N6")
    assert (asked.purpose, asked.categories) == (Purpose.TREATMENT, ("GGC002",))


async def test_uzi_number_goes_under_the_uzi_root() -> None:
    source, fake = mitz()
    await source.ask(access(by(Professional("000012345", "huisarts", assurance=Assurance.UZI))))
    assert (fake.asked[0].professional.root, fake.asked[0].professional.authority) == ("2.16.528.1.1007.3.1", "CIBG")


async def test_every_question_has_a_message_id_of_its_own() -> None:
    source, fake = mitz()
    await source.ask(access())
    await source.ask(access())
    assert fake.asked[0].message_id != fake.asked[1].message_id


async def test_mandate_names_the_responsible_and_the_acting_professional() -> None:
    source, fake = mitz(roles={"Huisarts": "01.015"})
    doctor = Professional("medewerker-1", "huisarts")
    await source.ask(access(by(Professional("medewerker-9", "doktersassistent", mandated_by=doctor))))
    who = fake.asked[0].professional
    assert (who.id, who.role, who.mandated) == ("medewerker-1", "01.015", "medewerker-9")


REFUSED: dict[str, tuple[Callable[[Caller], Caller], dict[str, Any], Reason]] = {
    "two_types_no_selection": (of_type(""), {}, Reason.CONSENT_ATTRIBUTES),
    "ambulance_type_unconfigured": (of_type("3600"), {}, Reason.CONSENT_CATEGORY),
    "insurer_category": (of_type("ZV"), {}, Reason.CONSENT_CATEGORY),
    "missing_rolcode_mapping": (by(Professional("1", "beheerder")), {}, Reason.CONSENT_ROLE_UNMAPPED),
    "no_professional": (by(None), {}, Reason.CONSENT_ATTRIBUTES),
    "no_professional_id": (by(Professional("", "huisarts")), {}, Reason.CONSENT_ATTRIBUTES),
    "no_role": (by(Professional("1", "")), {}, Reason.CONSENT_ATTRIBUTES),
    "no_root_for_local_ids": (lambda caller: caller, {"professional_id_root": None}, Reason.CONSENT_ATTRIBUTES),
    "mandate_without_role": (
        by(Professional("9", "assistent", mandated_by=Professional("1", ""))),
        {},
        Reason.CONSENT_ATTRIBUTES,
    ),
    "mandate_without_id": (
        by(Professional("9", "assistent", mandated_by=Professional("", "huisarts"))),
        {},
        Reason.CONSENT_ATTRIBUTES,
    ),
    "mandate_of_unmapped_role": (
        by(Professional("9", "huisarts", mandated_by=Professional("1", "manager"))),
        {},
        Reason.CONSENT_ROLE_UNMAPPED,
    ),
    "mandate_of_a_mandate": (
        by(
            Professional("9", "a", mandated_by=Professional("8", "huisarts", mandated_by=Professional("1", "huisarts")))
        ),
        {},
        Reason.CONSENT_ATTRIBUTES,
    ),
    "mandate_between_two_registers": (
        by(Professional("9", "a", mandated_by=Professional("1", "huisarts", assurance=Assurance.UZI))),
        {},
        Reason.CONSENT_ATTRIBUTES,
    ),
    "id_that_cannot_be_written": (by(Professional("1\x00", "huisarts")), {}, Reason.CONSENT_ATTRIBUTES),
    "id_of_half_a_character": (by(Professional("1\ud800", "huisarts")), {}, Reason.CONSENT_ATTRIBUTES),
    "coc_without_relation_claim": (
        lambda caller: replace(caller, purpose=Purpose.COORDINATION),
        {},
        Reason.PURPOSE_NOT_ALLOWED,
    ),
    "own_organization": (lambda caller: replace(caller, organization=HOLDER), {}, Reason.OWN_ORGANIZATION),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_cannot_be_asked_truthfully_is_denied_and_mitz_is_not_asked(name: str) -> None:
    change, own, reason = REFUSED[name]
    source, fake = mitz(**own)
    verdict = await source.ask(access(change))
    assert isinstance(verdict.outcome, Deny)
    assert verdict.outcome.reason is reason
    assert verdict.cacheable_for == 0.0
    assert fake.asked == []


async def test_regional_type_may_ask_once_it_is_configured() -> None:
    source, fake = mitz(user_types=["3600"])
    verdict = await source.ask(access(of_type("3600")))
    assert isinstance(verdict.outcome, Permit)
    assert fake.asked[0].user.type == "3600"


async def test_z3_is_gp_not_hospital() -> None:
    source, fake = mitz()
    await source.ask(access(of_type("Z3")))
    assert fake.asked[0].user.type == "Z3"


async def test_no_second_question_after_deny() -> None:
    source, fake = mitz(decided("Deny"))
    other = replace(CALLER.organization, other_types=("Z3", "V6"))
    await source.ask(access(lambda caller: replace(caller, organization=other)))
    assert [asked.user.type for asked in fake.asked] == ["N6"]


async def test_emergency_is_asked_as_treatment() -> None:
    source, fake = mitz(decided("Deny"))
    verdict = await source.ask(access(lambda caller: replace(caller, purpose=Purpose.EMERGENCY, emergency_reason="x")))
    assert fake.asked[0].purpose is Purpose.TREATMENT
    assert isinstance(verdict.outcome, Deny)
