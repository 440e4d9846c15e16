"""Nothing of another patient is shown in a consultation, however it got into the answer (spec X8, design D8)."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from nuts_pzp.identity import Bsn
from nuts_pzp.overview.datatypes import Identifier
from nuts_pzp.overview.merge import PatientsDisagree, merge
from nuts_pzp.overview.whose import Who, numbers

CPR, PLACE = "treatment:89666000", "obs:395091006"
ASKED = (Bsn("900010009"), date(1941, 5, 9))
SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn"
OTHER = {"identifier": {"system": SYSTEM, "value": "900140021"}}


def _excluded(seen: Any) -> list[tuple[str, str]]:
    return [(one["ref"].rpartition("/fhir/")[2], one["reason"]) for one in seen.json["excluded"]]


@pytest.mark.parametrize(
    "subject",
    [
        {"reference": "Patient/q"},
        {"reference": "https://elsewhere.example/fhir/Patient/q"},
        {"reference": "Group/p"},
        {"reference": "Patient/"},
        {"reference": "urn:uuid:0d3c2b9e-0000-4000-8000-000000000000"},
        {"reference": "#p"},
        OTHER,
        {"reference": "Patient/p", **OTHER},
    ],
)
def test_a_record_of_another_patient_is_put_aside(pen: Any, look: Any, subject: dict[str, Any]) -> None:
    stranger = pen.patient("p", identifier=[OTHER["identifier"]])
    seen = look(
        a=[
            pen.patient(),
            pen.observation("395091006", pen.coded("264362003"), "2025-01-01", subject=subject, contained=[stranger]),
            pen.treatment("deny", "2025-01-01", patient=subject, contained=[stranger]),
        ],
        asked=ASKED,
    )
    assert seen[PLACE]["state"] == seen[CPR]["state"] == "not-recorded"
    assert (seen[PLACE]["history"], seen[CPR]["history"]) == ([], [])
    assert _excluded(seen) == [("Consent/c", "other-patient"), ("Observation/o", "other-patient")]


@pytest.mark.parametrize("contained", [[], [{"resourceType": "Patient", "id": "p", "birthDate": "1941"}], [7], ["x"]])
def test_a_contained_patient_that_is_not_another_is_no_reason_to_hide(pen: Any, look: Any, contained: Any) -> None:
    consent = pen.treatment("deny", "2025-01-01", patient={"reference": "#p"}, contained=contained)
    assert look(a=[pen.patient(), consent], asked=ASKED).said(CPR) == ("current", "deny", "a")


def test_a_contained_patient_of_another_birth_date_is_another(pen: Any, look: Any) -> None:
    contained = [{"resourceType": "Patient", "id": "p", "birthDate": "1941-05-10"}]
    consent = pen.treatment("deny", "2025-01-01", patient={"reference": "#p"}, contained=contained)
    assert look(a=[pen.patient(), consent], asked=ASKED).said(CPR)[0] == "not-recorded"


def test_the_patients_own_number_is_as_good_as_a_reference(pen: Any, look: Any) -> None:
    own = {"identifier": {"system": SYSTEM, "value": "900010009"}}
    seen = look(a=[pen.patient(), pen.treatment("deny", "2025-01-01", patient=own)], asked=ASKED)
    assert seen.said(CPR) == ("current", "deny", "a")


def test_conversations_and_forms_of_another_patient_are_put_aside(pen: Any, look: Any) -> None:
    other = {"subject": {"reference": "Patient/q"}}
    seen = look(
        a=[
            pen.patient(),
            pen.encounter("2025-01-01", reasonReference=[{"reference": "Procedure/pr"}], **other),
            pen.procedure(performedPeriod={"start": "2025-02-02"}, **other),
            pen.form("2025-03-03", pen.choice("1386", "2"), pen.words("970", "Vreemd"), **other),
            pen.treatment(None, None, encounter="Encounter/e", comment="Los"),
        ],
        asked=ASKED,
    )
    assert seen.json["conversations"] == []
    assert seen[CPR]["date"] is None
    assert [one for one, _ in _excluded(seen)] == ["Encounter/e", "Procedure/pr", "QuestionnaireResponse/f"]


def test_a_second_patient_without_the_number_owns_nothing(pen: Any, look: Any) -> None:
    stranger = pen.patient("q", identifier=[], birthDate="1941-05-09", capable=False, name=[{"text": "Vreemde"}])
    stranger["contact"] = [{"name": {"text": "Ook Vreemd"}, "relationship": [pen.coded("24", pen.ROLE)]}]
    about = {"reference": "Patient/q"}
    seen = look(a=[pen.patient(), stranger, pen.treatment("permit", "2025-01-01", patient=about)], asked=ASKED)
    assert seen.said(CPR)[0] == seen.said("capacity")[0] == seen.said("representative")[0] == "not-recorded"
    assert _excluded(seen) == [("Consent/c", "other-patient"), ("Patient/q", "other-patient")]
    assert [one["type"] for one in seen.json["excluded"]] == ["Consent", "Patient"]
    assert "Vreemd" not in str(seen.json)


@pytest.mark.parametrize(
    "broken",
    [
        {"identifier": [{"system": SYSTEM, "value": 900140021}]},
        {"identifier": {"system": SYSTEM, "value": "900140021"}},
        {"identifier": [7, None, {"system": SYSTEM, "value": "900140021"}], "name": "x"},
        {"identifier": [{"system": SYSTEM, "value": "900010009"}, {"system": SYSTEM, "value": "900140021"}]},
        {"birthDate": "1941-05-10", "name": 7},
    ],
)
def test_a_patient_that_can_hardly_be_read_is_still_known_for_another(pen: Any, look: Any, broken: Any) -> None:
    seen = look(a=[pen.patient(**broken), pen.treatment("deny", "2025-01-01")], asked=ASKED)
    assert seen.source("a")["status"] == "rejected"
    assert seen[CPR]["state"] == "not-recorded"
    assert seen.checks() == [] or seen.checks() == ["X8"]


def test_a_patient_in_a_wrong_shape_still_says_who_is_who(pen: Any, look: Any) -> None:
    about = {"reference": "Patient/q"}
    seen = look(
        a=[
            pen.patient(contact="nee"),
            pen.treatment("deny", "2025-01-01", patient=about),
            pen.goal("385987000", "2025"),
        ],
        asked=ASKED,
    )
    assert seen.said(CPR)[0] == "not-recorded"
    assert seen.said("goal:medical-policy")[0] == "current"
    assert [(one["type"], one["reason"]) for one in seen.json["unmapped"]] == [("Patient", "malformed")]


def test_the_name_is_that_of_the_patient_who_has_the_number(pen: Any, look: Any) -> None:
    stranger = pen.patient("q", identifier=[], name=[{"text": "Aafje Vreemd"}])
    seen = look(a=[stranger, pen.patient()], asked=ASKED)
    assert seen.json["patient"]["name"] == "Toos van den Akker"
    assert "Vreemd" not in str(seen.json)


def test_patients_without_any_number_cannot_be_told_apart_and_hide_nothing(pen: Any, look: Any) -> None:
    both = [pen.patient(identifier=[]), pen.patient("q", identifier=[])]
    seen = look(a=[*both, pen.treatment("deny", "2025-01-01")], asked=ASKED)
    assert seen.said(CPR) == ("current", "deny", "a")
    assert _excluded(seen) == []


@pytest.mark.parametrize(
    "identifier",
    [
        {"system": "urn:oid:2.999.7", "value": "900140021"},
        {"value": "900140021"},
        {"system": SYSTEM, "value": "000000000"},
        {"system": SYSTEM, "value": "0"},
        {"system": SYSTEM},
        {"system": SYSTEM, "value": " 900010009 "},
        {"system": "urn:oid:2.16.840.1.113883.2.4.6.3", "value": "900010009"},
    ],
)
def test_what_is_no_other_number_is_no_reason_to_reject(pen: Any, look: Any, identifier: dict[str, str]) -> None:
    patient = pen.patient()
    patient["identifier"] = [identifier, *patient["identifier"]]
    seen = look(a=[patient, pen.treatment("deny", "2025-01-01")], asked=ASKED)
    assert (seen.source("a")["status"], seen.said(CPR)) == ("ok", ("current", "deny", "a"))


def test_a_number_that_lost_its_leading_zeros_gets_them_back() -> None:
    assert numbers([Identifier(SYSTEM, " 90001 ")]) == {"90001".zfill(9)}


def test_whoever_was_asked_for_is_shown_as_asked(pen: Any, look: Any) -> None:
    seen = look(a=[pen.patient(birthDate="1941")], asked=ASKED)
    assert seen.json["patient"] == {
        "bsn": "900010009",
        "name": "Toos van den Akker",
        "birthDate": "1941-05-09",
        "test": True,
    }
    assert look(a=[pen.treatment("deny", "2025")], asked=ASKED).json["patient"]["name"] is None
    assert look(a=[pen.patient(name=None)]).json["patient"]["name"] is None


def test_a_number_that_is_none_is_no_test_number(pen: Any, look: Any) -> None:
    shown = look(a=[pen.patient(identifier=[{"system": SYSTEM, "value": "900010008"}])]).json["patient"]
    assert (shown["bsn"], shown["test"]) == ("900010008", False)


DISAGREE: dict[str, tuple[dict[str, Any], str]] = {
    "number": ({"identifier": [OTHER["identifier"]]}, "BSN"),
    "birth date": ({"birthDate": "1942-05-09"}, "geboortedatum"),
}


@pytest.mark.parametrize("what", DISAGREE)
def test_offline_it_is_said_what_disagrees_and_where(pen: Any, tell: Any, what: str) -> None:
    change, words = DISAGREE[what]
    one, other = pen.patient(), pen.patient("q", **change)
    two = merge([tell("huis", [one]), tell("zorg", [other])], (), now=pen.NOW, asked=None)
    within = merge([tell("zorg", [one, other])], (), now=pen.NOW, asked=None)
    assert isinstance(two, PatientsDisagree)
    assert isinstance(within, PatientsDisagree)
    assert two.text == f"Persoonsgegevens komen niet overeen: {words} in de bronnen huis en zorg"
    assert within.text == f"Persoonsgegevens komen niet overeen: {words} in bron zorg"
    assert (two.sources, within.sources) == (("huis", "zorg"), ("zorg",))


def test_who_it_is_is_never_printed() -> None:
    assert repr(Who(frozenset({"900010009"}), frozenset({"1941-05-09"}), "Toos van den Akker")) == "Who(*)"


@pytest.mark.parametrize("display", [None, "Vriendin"])
def test_a_person_of_another_patient_who_agreed_is_named_by_this_record_only(
    pen: Any, look: Any, display: str | None
) -> None:
    pointed = {"reference": "RelatedPerson/jo-smit", **({"display": display} if display else {})}
    actor = {"role": pen.coded("CONSENTER"), "reference": pointed}
    consent = pen.treatment("deny", "2025-01-01")
    consent["provision"]["actor"] = [actor]
    stranger = pen.person("Jo Smit", "24", patient={"reference": "Patient/q"})
    seen = look(a=[pen.patient(), consent, stranger], asked=ASKED)
    assert seen[CPR]["agreedWith"] == [display or "onbekend"]
    assert "Jo Smit" not in str(seen.json)
