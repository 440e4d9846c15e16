"""Which Consent says what (spec consent 7.1, 3.3; 8: 87, 90 to 95). Every consent here is made for this test."""

from __future__ import annotations

import copy
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from nuts_pzp.consent.choice import verdict
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.systems.fhir_consent.criteria import Asked, Unreadable
from nuts_pzp.systems.fhir_consent.reading import AnotherPatient, finding

BSN_SYSTEM, URA_SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn", "http://fhir.nl/fhir/NamingSystem/ura"
TYPES = "http://nictiz.nl/fhir/NamingSystem/organization-type"
TYPE_EXTENSION = "https://regio.example/StructureDefinition/organization-type"
SCOPES = "http://terminology.hl7.org/CodeSystem/consentscope"
PARTICIPATION = "http://terminology.hl7.org/CodeSystem/v3-ParticipationType"
POST = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
ASKED = Asked(
    Bsn("999912008"),
    "p1",
    Ura("90000222"),
    POST,
    datetime(2026, 11, 22, 3, tzinfo=UTC),
    "https://fhir.example/r4",
    frozenset({"Organization/ons"}),
    TYPE_EXTENSION,
)


def concept(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def ura(value: str) -> dict[str, Any]:
    return {"identifier": {"system": URA_SYSTEM, "value": value}}


def actor(reference: dict[str, Any], role: str = "IRCP") -> dict[str, Any]:
    return {"role": concept(PARTICIPATION, role), "reference": reference}


def of_type(code: str) -> dict[str, Any]:
    extension = {"url": TYPE_EXTENSION, "valueCoding": {"system": TYPES, "code": code}}
    return {"extension": [extension], "display": "een soort zorgaanbieder"}


def consent(kind: str = "permit", **provision: Any) -> dict[str, Any]:
    """A sharing consent about the post, unless its provision says otherwise; None leaves an element out."""
    rule = {"type": kind, "actor": [actor(ura("90000444"))], **provision}
    return {
        "resourceType": "Consent",
        "id": "c1",
        "meta": {"versionId": "3"},
        "status": "active",
        "scope": concept(SCOPES, "patient-privacy"),
        "category": [concept("http://loinc.org", "59284-0")],
        "patient": {"reference": "Patient/p1"},
        "organization": [ura("90000222")],
        "provision": {name: value for name, value in rule.items() if value is not None},
    }


def says(one: dict[str, Any], asked: Asked = ASKED) -> tuple[str, int] | None:
    """`permit` or `deny`, and how specific; None when it says nothing."""
    found = finding(one, asked)
    return found and ("permit" if found.permits else "deny", found.specificity)


def test_a_permit_for_the_user_itself_comes_with_evidence() -> None:
    found = finding(consent(), ASKED)
    assert found is not None
    assert (found.permits, found.specificity) == (True, 3)
    assert (found.evidence.source, found.evidence.reference) == ("fhir_consent", "Consent/c1/_history/3")
    assert len(found.evidence.digest) == 64


def test_an_objection_to_the_user_itself() -> None:
    assert says(consent("deny")) == ("deny", 3)


@pytest.mark.parametrize("role", ["IRCP", "PRCP"])
def test_recipients_are_named_by_either_role(role: str) -> None:
    assert says(consent(actor=[actor(ura("90000444"), role)])) == ("permit", 3)


def test_a_choice_about_another_says_nothing() -> None:
    assert says(consent(actor=[actor(ura("90000999"))])) is None
    assert says(consent("deny", actor=[actor(ura("90000999"))])) is None
    assert says(consent(actor=[actor(of_type("V6"))])) is None
    assert says(consent("deny", actor=[actor(of_type("V6"))])) is None


def test_a_type_is_less_specific_than_the_organization_itself() -> None:
    assert says(consent(actor=[actor(of_type("N6"))])) == ("permit", 2)
    assert says(consent("deny", actor=[actor(of_type("N6"))])) == ("deny", 2)
    assert says(consent(actor=[actor(of_type("N6"))]), replace(ASKED, type_extension="")) is None
    assert says(consent("deny", actor=[actor(of_type("N6"))]), replace(ASKED, type_extension="")) == (
        "deny",
        3,
    ), "whoever it is may be the user"


def test_a_purpose_makes_it_more_specific() -> None:
    treatment = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "TREAT"}
    assert says(consent(purpose=[treatment])) == ("permit", 4)


def test_a_permit_that_names_nobody_permits_nobody_and_an_objection_to_nobody_is_to_all() -> None:
    assert says(consent(actor=None)) is None
    assert says(consent("deny", actor=None)) == ("deny", 1)


def test_clinical_consent_trap_not_permit() -> None:
    """A treatment directive and an advance directive of PZP, which say permit and deny about treatment."""
    for scope, category in (
        (concept(SCOPES, "treatment"), concept("http://snomed.info/sct", "129125009")),
        (concept(SCOPES, "adr"), concept("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "acd")),
        (concept(SCOPES, "patient-privacy"), concept("http://snomed.info/sct", "129125009")),
        (concept(SCOPES, "research"), concept("http://loinc.org", "59284-0")),
        ({}, concept("http://loinc.org", "59284-0")),
    ):
        for kind in ("permit", "deny"):
            assert says({**consent(kind), "scope": scope, "category": [category]}) is None


def test_a_consent_of_two_natures_never_permits() -> None:
    both = [concept("http://loinc.org", "59284-0"), concept("http://snomed.info/sct", "129125009")]
    assert says({**consent(), "category": both}) is None
    assert says({**consent("deny"), "category": both}) == ("deny", 4)
    scopes = {"coding": [*concept(SCOPES, "patient-privacy")["coding"], *concept(SCOPES, "treatment")["coding"]]}
    assert says({**consent(), "scope": scopes}) is None
    assert says({**consent("deny"), "scope": scopes}) == ("deny", 4)


@pytest.mark.parametrize("status", ["inactive", "draft", "proposed", "rejected", "entered-in-error"])
def test_plain_fhir_inactive_ignored(status: str) -> None:
    assert says({**consent(), "status": status}) is None
    assert says({**consent("deny"), "status": status}) is None


def test_a_status_that_is_unknown_never_permits() -> None:
    assert says({**consent(), "status": "on"}) is None
    assert says({**consent("deny"), "status": "on"}) == ("deny", 3)


def notified(status: str, kind: str | None, category: str = "RPZAC001", holder: str = "90000222") -> dict[str, Any]:
    """A Consent as Mitz notifies it."""
    one = consent(actor=[actor(ura(holder), "CST")], type=kind)
    coding = {"system": "http://fhir.nl/otv/CodeSystem/raadplegende-zorgaanbiedercategorie", "code": category}
    extension = {
        "url": "http://fhir.nl/StructureDefinition/OTV-ProviderCategory",
        "valueCodeableConcept": {"coding": [coding]},
    }
    profile = "http://vzvz.nl/fhir/StructureDefinition/Consent-Mitz-Notify|3.8.0"
    return {**one, "meta": {"profile": [profile]}, "status": status, "extension": [extension]}


def test_notify_inactive_is_objection() -> None:
    assert says(notified("inactive", None)) == ("deny", 2)


def test_a_notified_permit_never_permits() -> None:
    assert says(notified("active", "permit")) is None


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        ("inactive", "permit"),
        ("inactive", "deny"),
        ("active", "deny"),
        ("active", None),
        ("active", "Permit"),
        ("on", "permit"),
    ],
)
def test_whatever_is_notified_and_not_plainly_a_permission_is_an_objection(status: str, kind: str | None) -> None:
    assert says(notified(status, kind)) == ("deny", 2)


def test_a_notified_permission_with_an_exception_or_a_condition_is_an_objection() -> None:
    one = notified("active", "permit")
    assert says({**one, "modifierExtension": [{"url": "x"}]}) == ("deny", 2)
    assert says({**one, "provision": {**one["provision"], "provision": [{"type": "deny"}]}}) == ("deny", 2)
    assert says({**one, "provision": {**one["provision"], "modifierExtension": [{"url": "x"}]}}) == ("deny", 2)


@pytest.mark.parametrize("status", ["draft", "proposed", "rejected", "entered-in-error"])
def test_a_notification_that_never_was_in_force_says_nothing(status: str) -> None:
    assert says(notified(status, "deny")) is None


def test_an_objection_whose_period_ends_before_it_begins_holds() -> None:
    turned = {"start": "2026-12-31", "end": "2026-01-01"}
    assert says(consent("deny", period=turned)) == ("deny", 3)
    assert says(consent(period=turned)) is None


def test_a_notified_objection_is_about_the_users_and_the_holder_it_names() -> None:
    hospital = replace(ASKED, user=Organization(Ura("90000222"), "V6", "x"))
    assert says(notified("inactive", None, "RPZAC104")) is None
    assert says(notified("inactive", None, "RPZAC104"), hospital) == ("deny", 2)
    assert says(notified("inactive", None, "RPZAC999")) == ("deny", 2), "a category that is not known may be ours"
    hospice = replace(ASKED, user=Organization(Ura("90000555"), "H2", "x"))
    assert says(notified("inactive", None, "RPZAC104"), hospice) == ("deny", 2), "a type without a clear category"
    assert says(notified("inactive", None, holder="90000333")) is None


def test_a_notified_objection_of_users_that_nobody_knows_is_one_of_all() -> None:
    """Also beside those it names: they are not the user's, and the unknown may be."""
    one = notified("inactive", None, "RPZAC104")
    url = one["extension"][0]["url"]
    elsewhere = {"url": url, "valueCodeableConcept": concept("https://example.org", "RPZAC003")}
    for other in ({"url": url}, {"url": url, "valueCodeableConcept": {"text": "huisartsen"}}, elsewhere):
        assert says({**one, "extension": [*one["extension"], other]}) == ("deny", 2)


def test_nested_exception_deny() -> None:
    no = {"type": "deny", "actor": [actor(ura("90000444"))]}
    assert says(consent(actor=[actor(of_type("N6"))], provision=[no])) == ("deny", 3)
    other = {"type": "deny", "actor": [actor(ura("90000999"))]}
    assert says(consent(actor=[actor(of_type("N6"))], provision=[other])) == ("permit", 2)


def test_nested_exception_permit() -> None:
    yes = {"type": "permit", "actor": [actor(ura("90000444"))]}
    assert says(consent("deny", actor=None, provision=[yes])) == ("permit", 3)
    assert says(consent("deny", actor=None, provision=[{**yes, "modifierExtension": [{"url": "x"}]}])) == ("deny", 1)
    assert says(consent("deny", actor=None, provision=[{"type": "permit"}])) == ("deny", 1), "an exception for nobody"


def test_exceptions_of_exceptions_turn_over_again() -> None:
    back = {"type": "permit", "actor": [actor(ura("90000444"))]}
    no = {"type": "deny", "actor": [actor(of_type("N6"))], "provision": [back]}
    assert says(consent(actor=[actor(of_type("N6"))], provision=[no])) == ("permit", 3)
    assert says(consent(actor=[actor(of_type("V6"))], provision=[no])) is None, "the outermost does not apply"


def test_an_exception_without_a_word_turns_its_parent_over() -> None:
    assert says(consent(provision=[{"actor": [actor(ura("90000444"))]}])) == ("deny", 3)


def test_a_rule_without_a_word_permits_nothing_but_may_hold_an_objection() -> None:
    yes, no = ({"type": kind, "actor": [actor(ura("90000444"))]} for kind in ("permit", "deny"))
    assert says(consent(type=None)) is None
    assert says(consent(type=None, actor=None, provision=[yes])) is None
    assert says(consent(type=None, actor=None, provision=[no])) == ("deny", 3)
    assert says({**consent(), "provision": {}}) is None


@pytest.mark.parametrize(
    ("period", "permit", "deny"),
    [
        ({"start": "2026-01-01", "end": "2026-12-31"}, True, True),
        ({"start": "2026-01-01", "end": "2026-11-21"}, False, False),
        ({"end": "2026-11-22T02:59:58Z"}, False, False),
        ({"start": "2026-11-23"}, False, False),
        ({"start": "2027"}, False, False),
        ({"start": "gisteren"}, False, True),
        ({"end": "2026-11-22", "until": "x"}, False, True),
    ],
)
def test_expired_period(period: dict[str, str], permit: bool, deny: bool) -> None:
    assert (says(consent(period=period)) is not None) is permit
    assert (says(consent("deny", period=period)) is not None) is deny


UNKNOWN: dict[str, dict[str, Any]] = {
    "modifier on the consent": {"modifierExtension": [{"url": "https://example.org/x"}]},
    "implicit rules": {"implicitRules": "https://example.org/rules"},
    "no organization": {"organization": []},
    "an organization nobody knows": {"organization": [{"reference": "Organization/7"}]},
    "a patient nobody knows": {"patient": {"display": "iemand"}},
}
UNKNOWN_RULES: dict[str, dict[str, Any]] = {
    "modifier on the provision": {"modifierExtension": [{"url": "https://example.org/x"}]},
    "modifier on the actor": {"actor": [{**actor(ura("90000444")), "modifierExtension": [{"url": "x"}]}]},
    "an unknown role": {"actor": [actor(ura("90000444"), "AUT")]},
    "no role": {"actor": [{"reference": ura("90000444")}]},
    "an actor by reference only": {"actor": [actor({"reference": "Organization/9"})]},
    "a URA that is none": {"actor": [actor(ura("x"))]},
    "a security label": {"securityLabel": [{"code": "R"}]},
    "a period of the data": {"dataPeriod": {"start": "2020"}},
    "some data only": {"data": [{"meaning": "instance", "reference": {"reference": "Goal/1"}}]},
    "a kind of data": {"class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Goal"}]},
    "a code of data": {"code": [concept("http://snomed.info/sct", "395067002")]},
    "an unknown purpose": {"purpose": [{"system": "https://example.org", "code": "X"}]},
    "an unknown action": {"action": [concept("https://example.org", "x")]},
    "disclosure": {"action": [concept("http://terminology.hl7.org/CodeSystem/consentaction", "disclose")]},
    "an element of tomorrow": {"documentType": []},
}


@pytest.mark.parametrize("change", UNKNOWN.values(), ids=UNKNOWN.keys())
def test_unknown_modifier_extension(change: dict[str, Any]) -> None:
    assert says({**consent(), **change}) is None
    found = says({**consent("deny"), **change})
    assert found is not None
    assert found[0] == "deny"


@pytest.mark.parametrize("change", UNKNOWN_RULES.values(), ids=UNKNOWN_RULES.keys())
def test_criterion_that_is_not_understood_never_permits_and_always_objects(change: dict[str, Any]) -> None:
    assert says(consent(**change)) is None
    found = says(consent("deny", **change))
    assert found is not None
    assert found[0] == "deny"


OTHER_RULES: dict[str, dict[str, Any]] = {
    "another purpose": {
        "purpose": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "HRESCH"}]
    },
    "another action": {"action": [concept("http://terminology.hl7.org/CodeSystem/consentaction", "collect")]},
    "another holder": {"actor": [actor(ura("90000444")), actor(ura("90000333"), "CST")]},
}


@pytest.mark.parametrize("change", OTHER_RULES.values(), ids=OTHER_RULES.keys())
def test_criterion_that_is_understood_and_is_not_ours_says_nothing(change: dict[str, Any]) -> None:
    assert says(consent(**change)) is None
    assert says(consent("deny", **change)) is None


def test_what_covers_all_of_pzp_permits() -> None:
    ggc = {"system": "http://fhir.nl/otv/CodeSystem/gegevenscategorie", "code": "GGC002"}
    access = concept("http://terminology.hl7.org/CodeSystem/consentaction", "access")
    assert says(consent(**{"class": [ggc], "action": [access]})) == ("permit", 4)


def test_whose_consent_it_is() -> None:
    assert says({**consent(), "organization": [{"reference": "Organization/ons"}]}) == ("permit", 3)
    assert says({**consent(), "organization": [{"reference": f"{ASKED.base}/Organization/ons"}]}) == ("permit", 3)
    assert says({**consent(), "organization": [ura("90000333")]}) is None
    assert says({**consent("deny"), "organization": [ura("90000333")]}) is None
    assert says(consent(actor=[actor(ura("90000444")), actor(ura("222"), "CST")])) is None
    assert says(consent(actor=[actor(ura("90000444")), actor(ura("90000222"), "CST")])) == ("permit", 3)


@pytest.mark.parametrize(
    "patient",
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/4"},
        {"reference": "https://fhir.example/r4/Patient/p1"},
        {"identifier": {"system": BSN_SYSTEM, "value": "999912008"}},
    ],
)
def test_whose_choice_it_is(patient: dict[str, Any]) -> None:
    assert says({**consent(), "patient": patient}) == ("permit", 3)


@pytest.mark.parametrize(
    "patient",
    [
        {"reference": "Patient/p2"},
        {"identifier": {"system": BSN_SYSTEM, "value": "999912033"}},
        {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM, "value": "999912033"}},
        {"reference": "Patient/p2", "identifier": {"system": BSN_SYSTEM, "value": "999912008"}},
    ],
)
def test_another_patient_s_choice_is_a_trouble_and_not_an_answer(patient: dict[str, Any]) -> None:
    with pytest.raises(AnotherPatient):
        finding({**consent(), "patient": patient}, ASKED)


@pytest.mark.parametrize(
    "change",
    [
        {"resourceType": "Goal"},
        {"scope": []},
        {"category": {}},
        {"patient": "Patient/p1"},
        {"provision": []},
        {"provision": {"type": 1}},
        {"provision": {"type": "deny", "actor": {}}},
        {"provision": {"type": "deny", "period": "2026"}},
        {"organization": {}},
        {"meta": {"profile": "x"}},
    ],
)
def test_what_is_no_consent_of_r4_is_unreadable(change: dict[str, Any]) -> None:
    with pytest.raises(Unreadable):
        finding({**consent(), **change}, ASKED)


def test_nothing_is_changed_while_reading() -> None:
    one = consent(provision=[{"type": "deny", "actor": [actor(ura("90000999"))]}])
    before = copy.deepcopy(one)
    finding(one, ASKED)
    assert one == before


def test_local_specific_deny_beats_general_permit_in_any_order() -> None:
    found = [finding(consent(actor=[actor(of_type("N6"))]), ASKED), finding(consent("deny"), ASKED)]
    for order in (found, found[::-1]):
        assert verdict(one for one in order if one).specificity == 3
        assert verdict(one for one in order if one).outcome.__class__.__name__ == "Deny"
