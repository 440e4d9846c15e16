"""Localization through the national services: what is asked, what is found, and what a failure looks like."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from pydantic import ValidationError

from nuts_pzp.accounted import Intended, Receipt
from nuts_pzp.exchange import Holder
from nuts_pzp.identity import Bsn, Ura
from nuts_pzp.outcome import Deny, Gathered, Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.national import NationalServices
from nuts_pzp.sandbox.nvi import Quirks
from nuts_pzp.systems import nvi
from nuts_pzp.values import replace

FOUND = Gathered((Holder(Ura("90000111"), "nvi"),))


def only_gap(found: Gathered[Holder]) -> tuple[str, type, Reason]:
    assert found.items == ()
    (gap,) = found.gaps
    return gap.where, type(gap.stop), gap.stop.reason


async def test_two_independent_oprf_halves_find_the_same_patient(locator: nvi.Nvi, intended: Receipt[Intended]) -> None:
    assert await locator.locate(intended) == FOUND


async def test_another_patient_is_not_found(locator: nvi.Nvi, intended: Receipt[Intended]) -> None:
    inquiry = replace(intended.event.inquiry, bsn=Bsn("999990020"))
    other = replace(intended, event=replace(intended.event, inquiry=inquiry))
    assert await locator.locate(other) == Gathered()


async def test_every_question_has_a_new_pseudonym_and_both_tokens_are_kept(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended]
) -> None:
    assert [await locator.locate(intended) for _ in range(3)] == [FOUND] * 3
    assert national.prs.register.count("POST", "/oprf/eval") == 3
    assert national.oauth.register.count("POST", "/oauth/token") == 2


async def test_the_dialect_of_the_guide_works_against_a_service_of_the_guide(
    authority: Authority, around: Surroundings, patient: Bsn, intended: Receipt[Intended]
) -> None:
    listed = [ListedOrganization("90000444", "N6", "Huisartsenpost De Kade")]
    services = NationalServices(authority, listed, dialect="ig_0_10", quirks=Quirks(refuse_other_parameters=False))
    await services.nvi.seed(patient, Ura("90000111"), "ehr-1")
    await services.start()
    settings = services.nvi_settings() | {"send_code_in_search": True}
    locator = nvi.build(settings, around)
    assert await locator.locate(intended) == FOUND
    assert services.prs.register.count("POST", "/evaluate") == 1
    assert services.nvi.register.questions[-1].parameters == ("subject:identifier", "code")
    await locator.stop()
    await services.stop()


@pytest.mark.parametrize("service", ["nvi", "oauth"])
async def test_a_service_that_is_down_is_a_gap(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended], service: str
) -> None:
    getattr(national, service).faults.down = True
    gap = only_gap(await locator.locate(intended))
    assert gap == ("localization", Unavailable, Reason.LOCALIZATION_DOWN)


@pytest.mark.parametrize(("fault", "value"), [("down", True), ("throttled", True), ("lying", "not-a-jwe")])
async def test_a_pseudonym_service_that_fails_is_a_gap_and_the_register_is_not_asked(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended], fault: str, value: Any
) -> None:
    setattr(national.prs.faults, fault, value)
    assert only_gap(await locator.locate(intended)) == ("localization", Unavailable, Reason.PSEUDONYM_FAILED)
    assert national.nvi.register.count() == 0


async def test_a_throttled_register_is_a_gap(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended]
) -> None:
    national.nvi.faults.throttled = True
    assert only_gap(await locator.locate(intended)) == ("localization", Unavailable, Reason.LOCALIZATION_DOWN)


async def test_a_slow_register_is_a_gap_when_the_inquiry_has_no_more_time(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended]
) -> None:
    national.nvi.faults.delay = 1.0
    inquiry = replace(intended.event.inquiry, deadline=0.15)
    hurried = replace(intended, event=replace(intended.event, inquiry=inquiry))
    assert only_gap(await locator.locate(hurried)) == ("localization", Unavailable, Reason.LOCALIZATION_DOWN)


@pytest.mark.parametrize("lie", ["no-custodian", "not-a-bundle"])
async def test_an_answer_that_cannot_be_read_is_a_gap(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended], lie: str
) -> None:
    national.nvi.faults.lying = lie
    assert only_gap(await locator.locate(intended)) == ("localization", Unavailable, Reason.LOCALIZATION_BROKEN)


async def test_without_a_mandate_it_is_a_refusal(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended]
) -> None:
    national.oauth.mandates = [m for m in national.oauth.mandates if m.organization_id != "90000444"]
    assert only_gap(await locator.locate(intended)) == ("localization", Deny, Reason.LOCALIZATION_REFUSED)


async def test_a_scope_that_does_not_allow_searching_is_a_refusal(
    national: NationalServices, around: Surroundings, intended: Receipt[Intended]
) -> None:
    locator = nvi.build(national.nvi_settings() | {"scope": "nvi:read"}, around)
    assert only_gap(await locator.locate(intended)) == ("localization", Deny, Reason.LOCALIZATION_REFUSED)
    await locator.stop()


async def test_five_failures_open_the_breaker_and_no_pseudonym_is_made_any_more(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended]
) -> None:
    national.nvi.faults.down = True
    for _ in range(6):
        assert only_gap(await locator.locate(intended))[2] is Reason.LOCALIZATION_DOWN
    assert national.nvi.register.count("GET", "/fhir/List") == 5
    assert national.prs.register.count("POST", "/oprf/eval") == 5
    assert isinstance(await locator.health(), Unavailable)


async def test_a_register_nobody_listens_at_is_a_gap(
    locator: nvi.Nvi, national: NationalServices, intended: Receipt[Intended]
) -> None:
    await national.stop()
    assert only_gap(await locator.locate(intended)) == ("localization", Unavailable, Reason.LOCALIZATION_DOWN)


async def test_health_asks_for_tokens_and_sends_no_pseudonym(locator: nvi.Nvi, national: NationalServices) -> None:
    assert await locator.health() == "ok"
    assert national.oauth.register.count("POST") == 2
    assert national.prs.register.count() == national.nvi.register.count() == 0


async def test_nothing_that_is_logged_at_any_level_holds_bsn_pseudonym_or_token(
    locator: nvi.Nvi, intended: Receipt[Intended], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    assert await locator.locate(intended) == FOUND
    # The twins' own listeners live in this process too; what they log is not the gateway's.
    ours = [record for record in caplog.records if not record.name.startswith("uvicorn")]
    text = "\n".join(record.getMessage() for record in ours)
    for secret in ("999990019", "Bearer", "subject%3Aidentifier", "subject:identifier"):
        assert secret not in text


def test_unknown_settings_are_refused(around: Surroundings) -> None:
    with pytest.raises(ValidationError):
        nvi.build({"url": "https://127.0.0.1", "uzi_assertion": True}, around)


async def test_an_address_outside_the_allowed_networks_is_refused_at_the_start(
    national: NationalServices, around: Surroundings
) -> None:
    with pytest.raises(ValueError, match="allowed_networks"):
        nvi.build(national.nvi_settings() | {"url": "https://192.0.2.1/fhir"}, around)
