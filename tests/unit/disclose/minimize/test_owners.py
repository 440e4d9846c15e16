"""Only what the decision was about leaves: other patients and types stay inside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from minimizing import BASE, BSN, INSIDE, OTHER_BSN, entry, left, refused, search

from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.identity import BSN_SYSTEM
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace


def test_answer_that_needs_nothing_passes_byte_for_byte(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c2", "Patient/p1"), base=BASE)
    spaced = json.dumps(json.loads(body), indent=1).encode()
    for one in (body, spaced):
        found = left(one, search(), fakes)
        assert found.body is one
        assert found.references == ("Consent/c1/_history/3", "Consent/c2/_history/3")
        assert found.withheld == ()


def test_empty_answer_passes(fakes: Any) -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","total":0}'
    assert left(body, search(), fakes) == Minimized(200, body, (), ())


def test_another_patients_resource_is_withheld_and_total_follows(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"), total=12)
    found = left(body, search(), fakes)
    assert found.references == ("Consent/c1/_history/3",)
    assert found.withheld == ("Consent/c9/_history/3",)
    bundle = json.loads(found.body)
    assert bundle["total"] == 11
    assert [one["resource"]["id"] for one in bundle["entry"]] == ["c1"]
    assert b"p2" not in found.body


def test_numbers_of_a_rewritten_answer_keep_their_digits(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"))
    body = body.replace(b'"status":"active"', b'"status":"active","dose":1.50', 1)
    assert b'"dose":1.50' in left(body, search(), fakes).body


def test_every_match_of_another_patient_is_an_incident(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c9", "Patient/p2"), fakes.consent("c8", "Patient/p2"))
    stop = refused(body, search(), fakes)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.SOURCE_OTHER_PATIENT
    assert stop.reason.face.status == 502


def test_answer_whose_matches_name_nobody_is_not_turned_into_no_agreements(fakes: Any) -> None:
    form = {"resourceType": "QuestionnaireResponse", "id": "q1"}
    stop = refused(fakes.searchset(form), search("QuestionnaireResponse"), fakes)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.SOURCE_BROKEN


@pytest.mark.parametrize(
    "owner",
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/2"},
        {"reference": f"{INSIDE}/Patient/p1"},
        {"reference": f"{BASE}/Patient/p1"},
        {"identifier": {"system": BSN_SYSTEM, "value": BSN}},
        {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM, "value": BSN}},
    ],
)
def test_resource_names_its_patient_in_more_than_one_way(owner: dict[str, Any], fakes: Any) -> None:
    body = fakes.searchset({"resourceType": "Observation", "id": "o1", "subject": owner})
    assert left(body, search("Observation"), fakes).references == ("Observation/o1",)


@pytest.mark.parametrize(
    "owner",
    [
        {"reference": "Patient/p2"},
        {"reference": "Patient/p11"},
        {"reference": "https://elsewhere.example/fhir/Patient/p1"},
        {"reference": "http://10.1.2.3:8080/fhirevil/Patient/p1"},
        {"reference": "/Patient/p1"},
        {"reference": "urn:uuid:8b1f6a52-0000-4000-8000-000000000000"},
        {"identifier": {"system": BSN_SYSTEM, "value": OTHER_BSN}},
        {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM, "value": OTHER_BSN}},
    ],
)
def test_resource_of_somebody_else_is_recognized(owner: dict[str, Any], fakes: Any) -> None:
    body = fakes.searchset({"resourceType": "Observation", "id": "o1", "subject": owner})
    assert refused(body, search("Observation"), fakes).reason is Reason.SOURCE_OTHER_PATIENT


@pytest.mark.parametrize("owner", [{}, {"display": "p1"}, {"reference": "Group/g1"}, {"reference": "#p"}])
def test_resource_of_nobody_is_withheld(owner: dict[str, Any], fakes: Any) -> None:
    mine = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    body = fakes.searchset(mine, {"resourceType": "Observation", "id": "o2", "subject": owner})
    assert left(body, search("Observation"), fakes).withheld == ("Observation/o2",)


def test_two_owners_are_one_too_many(fakes: Any) -> None:
    both = fakes.consent("c1", "Patient/p1", subject={"reference": "Patient/p2"})
    assert refused(fakes.searchset(both), search(), fakes).reason is Reason.SOURCE_OTHER_PATIENT


def test_match_of_another_type_is_withheld(fakes: Any) -> None:
    goal = {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), entry(goal, "match"), entry(goal | {"id": "g2"}))
    assert left(body, search(), fakes).withheld == ("Goal/g1", "Goal/g2")


def test_match_of_another_type_is_withheld_under_whatever_address_it_stands(fakes: Any) -> None:
    goal = {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}}
    disguised = entry(goal, "match") | {"fullUrl": f"{INSIDE}/Consent/g1"}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), disguised)
    assert left(body, search(), fakes).withheld == ("Goal/g1",)


OURS = {
    "resource": {
        "resourceType": "OperationOutcome",
        "issue": [{"severity": "warning", "code": "incomplete", "details": {"text": "Dit antwoord is niet volledig"}}],
    },
    "search": {"mode": "outcome"},
}


@pytest.mark.parametrize("said", [("error", "exception"), ("warning", "incomplete"), ("information", "suppressed")])
@pytest.mark.parametrize("matches", [["c1"], []])
def test_what_the_own_server_lacks_is_told_in_our_words(said: tuple[str, str], matches: list[str], fakes: Any) -> None:
    issue = {"severity": said[0], "code": said[1], "diagnostics": f"{BSN} at 10.1.2.3"}
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": [issue]}, "search": {"mode": "outcome"}}
    entries = [fakes.consent(one, "Patient/p1") for one in matches]
    found = left(fakes.searchset(*entries, outcome, total=len(matches)), search(), fakes)
    bundle = json.loads(found.body)
    assert bundle["entry"][len(matches) :] == [OURS]
    assert (bundle["total"], len(found.references)) == (len(matches), len(matches))
    assert found.withheld == ("OperationOutcome",)


def test_of_several_pages_the_total_goes_when_something_goes(fakes: Any) -> None:
    ours, theirs = fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2")
    whole, cut = fakes.searchset(ours, total=12), fakes.searchset(ours, theirs, total=12)
    later = replace(search(), continuation="/Consent?page=2")
    assert json.loads(left(whole, search(), fakes, f"{BASE}/Consent?page=x").body)["total"] == 12
    assert "total" not in json.loads(left(cut, search(), fakes, f"{BASE}/Consent?page=x").body)
    assert json.loads(left(whole, later, fakes).body)["total"] == 12
    assert "total" not in json.loads(left(cut, later, fakes).body)


def test_outcomes_are_removed(fakes: Any) -> None:
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": []}, "search": {"mode": "outcome"}}
    found = left(fakes.searchset(fakes.consent("c1", "Patient/p1"), outcome, total=1), search(), fakes)
    assert found.withheld == ("OperationOutcome",)
    assert b"OperationOutcome" not in found.body
    assert json.loads(found.body)["total"] == 1
