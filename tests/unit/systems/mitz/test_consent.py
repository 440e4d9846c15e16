"""From access to question, and from answer to verdict (spec consent 4, 6.1; 8: 8, 10, 14, 15, 77 to 85)."""

from __future__ import annotations

import ipaddress
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from structlog.testing import capture_logs

from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import (
    Assurance,
    Bsn,
    Organization,
    Patient,
    Professional,
    Purpose,
    Standing,
    Tenant,
    Ura,
)
from nuts_pzp.outcome import Deny, Evidence, Permit, Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.mitz.answer import Decision
from nuts_pzp.systems.mitz.client import Answered
from nuts_pzp.systems.mitz.consent import MitzConsent, MitzSettings, build
from nuts_pzp.systems.mitz.question import Question
from nuts_pzp.values import replace

HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
PROOF = Evidence("mitz", "urn:uuid:1", "ab" * 32)
ROOT = "2.16.840.1.113883.2.4.3.11.999.7"


class FakeClient:
    """Remembers what it was asked; says what it was told to."""

    def __init__(self, found: Answered | Unavailable) -> None:
        self.found = found
        self.asked: list[Question] = []

    async def ask(self, question: Question) -> Answered | Unavailable:
        self.asked.append(question)
        return self.found

    def resting(self) -> Unavailable | None:
        return self.found if isinstance(self.found, Unavailable) else None


def decided(*words: str) -> Answered:
    return Answered(tuple((f"GGC{number}", Decision(word)) for number, word in enumerate(words)), PROOF)


def mitz(found: Answered | Unavailable | None = None, **own: Any) -> tuple[MitzConsent, FakeClient]:
    settings = MitzSettings(
        url="http://127.0.0.1:1",
        **{"roles": {"Huisarts": "01.015"}, "professional_id_root": ROOT, **own},
    )
    fake = FakeClient(found or decided("Permit"))
    return MitzConsent(HOLDER, settings, fake, None, Outbound()), fake


CALLER = Caller(
    Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"),
    Professional("medewerker-17", "huisarts"),
    frozenset({"pzp-gf"}),
    Purpose.TREATMENT,
    None,
    {},
    "nuts-bearer",
    token_digest=b"t" * 32,
)


def access(change: Callable[[Caller], Caller] = lambda caller: caller) -> Access:
    return Access(
        change(CALLER),
        FhirRequest("search-type", "Consent", params=(("patient", ("Patient/1",)),)),
        Patient(Bsn("999912008"), "1", Standing.KNOWN),
    )


def of_type(kind: str) -> Callable[[Caller], Caller]:
    return lambda caller: replace(caller, organization=replace(caller.organization, type=kind))


def by(professional: Professional | None) -> Callable[[Caller], Caller]:
    return lambda caller: replace(caller, professional=professional)


async def test_permit_is_explicit_general_and_serves_a_minute() -> None:
    source, _ = mitz()
    verdict = await source.ask(access())
    assert verdict.outcome == Permit("explicit-consent:mitz", (PROOF,))
    assert (verdict.explicit, verdict.specificity, verdict.cacheable_for) == (True, 0, 60.0)


@pytest.mark.parametrize(
    ("words", "reason", "seconds"),
    [
        (("Deny",), Reason.MITZ_DENY, 30.0),
        (("Permit", "Deny"), Reason.MITZ_PARTIAL, 30.0),
        (("Indeterminate",), Reason.MITZ_INDETERMINATE, 0.0),
        (("NotApplicable",), Reason.MITZ_NOT_APPLICABLE, 0.0),
    ],
)
async def test_anything_else_denies_with_the_highest_weight(
    words: tuple[str, ...], reason: Reason, seconds: float
) -> None:
    source, _ = mitz(decided(*words))
    verdict = await source.ask(access())
    assert verdict.outcome == Deny(reason, (PROOF,))
    assert (verdict.explicit, verdict.specificity, verdict.cacheable_for) == (False, 4, seconds)


async def test_no_answer_is_unavailable_never_reused_and_told_to_operations() -> None:
    source, _ = mitz(Unavailable(Reason.MITZ_MALFORMED, (PROOF,), "doctype"))
    with capture_logs() as lines:
        verdict = await source.ask(access())
    assert verdict.outcome == Unavailable(Reason.MITZ_MALFORMED, (PROOF,), "doctype")
    assert verdict.cacheable_for == 0.0
    assert lines == [
        {
            "event": "mitz.no_answer",
            "log_level": "error",
            "reason": "PZP-CONSENT-016",
            "error_class": "doctype",
            "message_id": "urn:uuid:1",
            "alarm": "operations",
        }
    ]


async def test_another_patients_answer_alarms_security() -> None:
    source, _ = mitz(Unavailable(Reason.MITZ_MALFORMED, (PROOF,), "other-patient"))
    with capture_logs() as lines:
        await source.ask(access())
    assert lines[0]["alarm"] == "security"


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


@pytest.mark.parametrize(
    "change",
    [
        of_type("Z3"),
        by(Professional("medewerker-18", "huisarts")),
        by(Professional("medewerker-17", "specialist")),
        by(Professional("medewerker-17", "huisarts", assurance=Assurance.UZI)),
        by(Professional("9", "x", mandated_by=Professional("medewerker-17", "huisarts"))),
        lambda caller: replace(caller, organization=replace(caller.organization, ura=Ura("90000555"))),
    ],
    ids=["type", "professional", "role", "register", "mandate", "organization"],
)
def test_sameness_separates_every_field_of_the_question(change: Callable[[Caller], Caller]) -> None:
    source, _ = mitz(roles={"Huisarts": "01.015", "Specialist": "01.016"})
    assert source.sameness(access()) == source.sameness(access())
    assert source.sameness(access(change)) not in (None, source.sameness(access()))


def test_there_is_nothing_to_repeat_without_a_professional() -> None:
    source, _ = mitz()
    assert source.sameness(access(by(None))) is None


def test_sameness_takes_any_text_a_token_may_hold() -> None:
    source, _ = mitz()
    assert source.sameness(access(by(Professional("1\ud800", "huisarts")))) is not None


def test_sameness_separates_patients() -> None:
    source, _ = mitz()
    other = replace(access(), patient=Patient(Bsn("999912033"), "1", Standing.KNOWN))
    assert source.sameness(other) != source.sameness(access())


def test_role_texts_match_whatever_their_case_and_spaces() -> None:
    source, _ = mitz(roles={"Specialist  Ouderengeneeskunde": "01.047"})
    asked = source.question(access(by(Professional("1", " specialist ouderengeneeskunde"))))
    assert isinstance(asked, Question)
    assert asked.professional.role == "01.047"


def around(tmp_path: Path, *networks: str) -> Surroundings:
    allowed = tuple(ipaddress.ip_network(network) for network in networks)
    return Surroundings(Tenant("meerwijck", HOLDER), Outbound(allowed), tmp_path, tmp_path)


@pytest.mark.parametrize(
    "own",
    [
        {"url": "https://mitz.test", "roles": {"Huisarts": "01.015"}},
        {"url": "https://mitz.test", "roles": {"Huisarts": "01.015"}, "roots_file": "r.pem"},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "key_file": "k.pem"},
        {"url": "http://127.0.0.1", "roles": {}},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "arts"}},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "professional_id_root": "uzi"},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "user_types": [""]},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "fail_open": True},
        {"url": "http://127.0.0.1", "roles": {"Huisarts": "01.015"}, "holder_ura": "90000111"},
        {"roles": {"Huisarts": "01.015"}},
    ],
    ids=[
        "client_cert_missing",
        "client_key_missing",
        "files_with_http",
        "no_roles",
        "role_is_no_code",
        "root_is_no_oid",
        "type_is_no_code",
        "fail_open_is_no_key",
        "holder_is_no_key",
        "no_url",
    ],
)
def test_settings_that_cannot_work_refuse_the_start(own: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(ValidationError):
        build(own, around(tmp_path, "127.0.0.0/8"))


def test_http_url_refused_in_production(tmp_path: Path) -> None:
    own = {"url": "http://mitz.test", "roles": {"Huisarts": "01.015"}}
    with pytest.raises(ValueError, match="plain http"):
        build(own, around(tmp_path))


def test_no_setting_is_named_or_acts_as_fail_open() -> None:
    assert set(MitzSettings.model_fields) == {
        "url",
        "roots_file",
        "certificate_file",
        "key_file",
        "roles",
        "professional_id_root",
        "user_types",
        "expect_action",
        "require_relates_to",
        "notifications",
        "subscriptions",
        "user_categories",
    }


async def test_coc_is_asked_only_on_the_holders_own_evidence_and_its_permit_is_not_explicit() -> None:
    source, fake = mitz(decided("Permit"))
    verdict = await source.ask(replace(access(), presumed=True))
    assert [one.purpose for one in fake.asked] == [Purpose.COORDINATION]
    assert verdict.outcome == Permit("presumed-consent:mitz", (PROOF,))
    assert not verdict.explicit


async def test_an_emergency_is_never_asked_as_presumed_consent() -> None:
    source, fake = mitz(decided("Deny"))
    emergency = access(lambda caller: replace(caller, purpose=Purpose.EMERGENCY, emergency_reason="unresponsive"))
    await source.ask(replace(emergency, presumed=True))
    assert [one.purpose for one in fake.asked] == [Purpose.TREATMENT]


def test_an_answer_about_presumed_consent_does_not_serve_for_explicit_consent() -> None:
    source, _ = mitz()
    assert source.sameness(access()) != source.sameness(replace(access(), presumed=True))
