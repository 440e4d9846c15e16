"""When a conversation was: one to come leads nothing, and a form may take its encounter's date (spec 3.4)."""

from __future__ import annotations

from typing import Any

DOCTOR = [{"individual": {"reference": "Practitioner/dr", "display": "Dr. Kok"}}]


def test_a_conversation_in_the_future_never_leads(pen: Any, look: Any) -> None:
    coming = [pen.encounter("2027-01-01", id="late", participant=DOCTOR), pen.procedure("l", encounter=_at("late"))]
    seen = look(vvt=coming)
    for key in ("conversation.by", "conversation.present"):
        assert (seen[key]["state"], seen.codes(key)) == ("not-recorded", ["FUTURE_DATE"])
        assert [one["date"] for one in seen[key]["history"]] == ["2027-01-01"]
    [conversation] = seen.json["conversations"]
    assert [mark["code"] for mark in conversation["attention"]] == ["FUTURE_DATE"]


def test_the_latest_conversation_that_was_held_leads_beside_one_to_come(pen: Any, look: Any) -> None:
    coming = [pen.encounter("2027-01-01", id="late", participant=DOCTOR), pen.procedure("l", encounter=_at("late"))]
    held = [pen.encounter("2026-01-01", participant=DOCTOR), pen.procedure(encounter=_at("e"))]
    seen = look(vvt=[*coming, *held, pen.patient(capable=True)])
    assert (seen["conversation.by"]["date"], seen.codes("conversation.by")) == ("2026-01-01", ["FUTURE_DATE"])
    assert seen["capacity"]["latestConversation"] == "2026-01-01"


def test_a_form_without_date_belongs_to_the_conversation_of_its_encounter(pen: Any, look: Any) -> None:
    talk = [pen.encounter("2025-03-03", participant=DOCTOR), pen.procedure(encounter=_at("e"))]
    form = pen.form(None, pen.choice("1386", "0"), encounter=_at("e"))
    seen = look(vvt=[*talk, form])
    assert (seen["treatment:89666000"]["date"], seen["treatment:89666000"]["dateFrom"]) == ("2025-03-03", "encounter")
    [conversation] = seen.json["conversations"]
    assert (conversation["date"], conversation["by"]) == ("2025-03-03", "Dr. Kok")
    assert conversation["forms"] == ["https://vvt.example/fhir/QuestionnaireResponse/f"]
    assert conversation["inferred"] == 0


def _at(encounter: str) -> dict[str, str]:
    return {"reference": f"Encounter/{encounter}"}
