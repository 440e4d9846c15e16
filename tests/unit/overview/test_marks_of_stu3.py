"""What makes a resource STU3, and what does not: each sign by itself (spec pzp-fhir 5)."""

from __future__ import annotations

import json
from typing import Any

import pytest
from stu3_pen import PERMITTED, TREATMENT, yes_but

from nuts_pzp.overview.stu3 import is_stu3

DATED = {"linkId": "385", "answer": [{"valueDateTime": "2025-01-01"}]}
DECIDED = {"linkId": "587", "answer": [{"valueCoding": {"code": "NEE"}}]}


def _form(**more: Any) -> dict[str, Any]:
    return {"resourceType": "QuestionnaireResponse", "id": "f", "status": "completed", **more}


@pytest.mark.parametrize(
    "content",
    [
        _form(item=[DATED]),
        _form(item=[DECIDED, DATED]),
        _form(questionnaire="https://x.example/Questionnaire/ACP-zib2017|1.0.0"),
        _form(questionnaire={"reference": "Questionnaire/1"}),
        _form(context={"reference": "Encounter/e"}),
        _form(parent=[{"reference": "Procedure/p"}]),
        {"resourceType": "Goal", "status": "in-progress"},
        {"resourceType": "CommunicationRequest", "requester": {"agent": {"reference": "Practitioner/a"}}},
        {"resourceType": "Consent", "modifierExtension": [{"url": PERMITTED}]},
        {"resourceType": "Consent", "extension": [{"url": TREATMENT}]},
        {"resourceType": "Consent", "consentingParty": [{"reference": "Patient/p"}]},
        {"resourceType": "Consent", "except": [{"type": "deny"}]},
        {"resourceType": "Consent", "category": [{"coding": [{"code": "11341000146107"}]}]},
    ],
)
def test_each_sign_of_stu3_is_enough(content: dict[str, Any]) -> None:
    assert is_stu3(content["resourceType"], json.dumps(content).encode())


@pytest.mark.parametrize(
    "content",
    [
        _form(item=[DECIDED]),
        _form(questionnaire="https://x.example/Questionnaire/ACP-zib2020", item=[DATED]),
        _form(),
        {"resourceType": "Goal", "lifecycleStatus": "active", "status": "x"},
        {"resourceType": "Goal", "status": 3},
        {"resourceType": "CommunicationRequest", "requester": {"reference": "Practitioner/a"}},
        {"resourceType": "Procedure", "requester": {"agent": {"reference": "Practitioner/a"}}},
        {"resourceType": "Consent", "modifierExtension": [{"url": "https://x.example/other"}]},
        {"resourceType": "Consent", "category": [{"coding": [{"code": "129125009"}]}]},
        {"resourceType": "Consent", "category": {"coding": [{"code": "129125009"}]}},
    ],
)
def test_what_r4_writes_is_no_sign_of_stu3(content: dict[str, Any]) -> None:
    assert not is_stu3(content["resourceType"], json.dumps(content).encode())


@pytest.mark.parametrize("raw", [b"{", b"\xff", b"[]", b"[" * 100_000])
def test_bytes_that_are_no_resource_are_not_stu3(raw: bytes) -> None:
    assert not is_stu3("Consent", raw)


@pytest.mark.parametrize(
    "content",
    [
        _form(item=[DATED, DECIDED]),
        _form(questionnaire="https://x.example/Questionnaire/ACP-zib2017|1.0.0", item=[DATED, DECIDED]),
        _form(context={"reference": "Encounter/e"}, item=[DATED, DECIDED]),
        _form(parent=[{"reference": "Procedure/p"}], item=[DATED, DECIDED]),
        {"resourceType": "Consent", "id": "c", "consentingParty": [{"reference": "Patient/p"}]},
        {"resourceType": "Consent", "id": "c", "except": [{"type": "deny"}]},
        {"resourceType": "Consent", "id": "c", "extension": [{"url": TREATMENT}]},
        {"resourceType": "Consent", "id": "c", "modifierExtension": [{"url": "urn:x"}, {"url": PERMITTED}]},
        {"resourceType": "Communication", "id": "m", "context": {"reference": "Encounter/e"}},
        {"resourceType": "Communication", "id": "m", "notDone": False},
    ],
)
def test_a_source_with_one_such_resource_is_read_as_stu3(look: Any, content: dict[str, Any]) -> None:
    assert look(a=[content]).source("a")["dialect"] == "stu3"


@pytest.mark.parametrize(
    "content",
    [
        _form(item=[DECIDED]),
        _form(questionnaire="https://x.example/Questionnaire/ACP-zib2020", item=[DATED]),
        {"resourceType": "Consent", "id": "c", "extension": [{"url": "urn:x"}]},
        {"resourceType": "Communication", "id": "m", "status": "completed"},
    ],
)
def test_a_source_without_is_read_as_r4(look: Any, content: dict[str, Any]) -> None:
    assert look(a=[content]).source("a")["dialect"] == "r4"


def test_the_date_and_decision_of_a_form_that_does_not_say_which_it_is_are_read(look: Any) -> None:
    item = look(a=[_form(item=[DATED, DECIDED])])["treatment:89666000"]
    assert (item["value"]["kind"], item["date"]) == ("deny", "2025-01-01")


def test_a_yes_but_is_shown_as_such_beside_a_form_that_is_not_marked(look: Any) -> None:
    item = look(a=[yes_but(dateTime="2026-01-01"), _form(item=[DATED, DECIDED])])["treatment:89666000"]
    assert item["value"]["kind"] == "conditional"
