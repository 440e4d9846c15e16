"""What holds for every kind of record: whose it is, who wrote it, when, under which name (spec 3.2 - 3.5)."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any

import pytest

from nuts_pzp.identity import Bsn

ASKED = (Bsn("900010009"), date(1941, 5, 9))
DAY, TALK = "2025-03-01", {"reference": "Encounter/e"}
ANNE = {"display": "Anne Postel"}
LINK = {"url": "https://fhir.iknl.nl/fhir/StructureDefinition/ext-EncounterReference", "valueReference": TALK}
BY = {
    "url": "http://nictiz.nl/fhir/StructureDefinition/ext-MedicalDevice.HealthProfessional",
    "valueReference": {"reference": "Practitioner/anne", **ANNE},
}
Written = Callable[[Any, str | None], dict[str, Any]]


def _device_use(pen: Any, day: str | None) -> dict[str, Any]:
    device = {"reference": "Device/gone", "display": "ICD"}
    dated = {"recordedOn": day} if day else {}
    return {"resourceType": "DeviceUseStatement", "id": "u", "status": "active", "device": device, **dated}


def _told(pen: Any, day: str | None) -> dict[str, Any]:
    dated = {"sent": day} if day else {}
    return {
        "resourceType": "Communication", "id": "m", "status": "completed", "topic": pen.coded("223449006"), **dated,
    }  # fmt: skip


def _asked(pen: Any, day: str | None) -> dict[str, Any]:
    dated = {"authoredOn": day} if day else {}
    category = [pen.coded("223449006")]
    return {"resourceType": "CommunicationRequest", "id": "q", "status": "active", "category": category, **dated}


def _agreed(pen: Any, **more: Any) -> dict[str, Any]:
    actor = {"role": pen.coded("CONSENTER", pen.KIN), "reference": {"reference": "Practitioner/anne", **ANNE}}
    return {"provision": {"code": [pen.coded("89666000")], "type": "deny", "actor": [actor]}, **more}


KINDS: dict[str, tuple[Written, str, str, Callable[[Any], dict[str, Any]], dict[str, Any]]] = {
    # how it is written, its item, whose it is, by whom, at which conversation
    "treatment": (
        lambda pen, day: pen.treatment("deny", day), "treatment:89666000", "patient", _agreed, {"extension": [LINK]},
    ),
    "wilsverklaring": (
        lambda pen, day: pen.directive("LW", day), "directive:LW", "patient",
        lambda pen: {"provision": _agreed(pen)["provision"] | pen.directive("LW", None)["provision"]},
        {"extension": [LINK]},
    ),
    "wish": (
        lambda pen, day: pen.observation("247751003", "De kat mag blijven.", day), "obs:247751003", "subject",
        lambda pen: {"performer": [ANNE]}, {"encounter": TALK},
    ),
    "goal": (
        lambda pen, day: pen.goal("385987000", day), "goal:medical-policy", "subject",
        lambda pen: {"expressedBy": ANNE}, {"extension": [LINK]},
    ),
    "device": (_device_use, "icd:present", "subject", lambda pen: {"extension": [BY]}, {"extension": [LINK]}),
    "communication": (
        _told, "inform-relatives", "subject",
        lambda pen: {"sender": ANNE, "requester": {"display": "een ander"}}, {"encounter": TALK},
    ),
    "request": (
        _asked, "inform-relatives", "subject",
        lambda pen: {"requester": ANNE, "sender": {"display": "een ander"}}, {"encounter": TALK},
    ),
    "form": (
        lambda pen, day: pen.form(day, pen.choice("1386", "2")), "treatment:89666000", "subject",
        lambda pen: {"item": [*pen.form(DAY, pen.words("968", "Anne"), pen.words("970", "Postel"))["item"],
                              pen.choice("1386", "2")]},
        {"encounter": TALK},
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
def test_a_record_of_another_patient_is_dropped_in_a_consultation_and_marked_in_a_file(
    pen: Any, look: Any, kind: str
) -> None:
    write, key, whose, _, _ = KINDS[kind]
    record = {**write(pen, DAY), whose: {"reference": "Patient/q"}}
    live = look(a=[pen.patient(), record], asked=ASKED)
    item = live.items.get(key, {"state": "not-recorded", "history": []})
    assert (item["state"], item["history"]) == ("not-recorded", [])
    assert [(one["type"], one["reason"]) for one in live.json["excluded"]] == [
        (record["resourceType"], "other-patient")
    ]
    assert look(a=[pen.patient(), record]).codes(key) == ["SUBJECT_DIFFERS"]
    own = {**record, whose: {"reference": "Patient/p"}}
    assert look(a=[pen.patient(), own], asked=ASKED)[key]["state"] == "current"


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_identifier_with_another_date_is_said(pen: Any, look: Any, kind: str) -> None:
    write, key, _, _, _ = KINDS[kind]
    one = {"system": "urn:oid:2.999.1", "value": "bericht-8"}
    named = {"identifier": one if kind == "form" else [one]}
    told = {"a": [{**write(pen, DAY), **named}], "b": [{**write(pen, "2024-03-01"), **named}]}
    assert "DUPLICATE_ID_DIFFERS" in look(**told).codes(key)
    assert "DUPLICATE_ID_DIFFERS" not in look(a=[write(pen, DAY)], b=[write(pen, "2024-03-01")]).codes(key)


@pytest.mark.parametrize("kind", KINDS)
def test_who_wrote_it_is_named(pen: Any, look: Any, kind: str) -> None:
    write, key, _, by, _ = KINDS[kind]
    assert look(a=[{**write(pen, DAY), **by(pen)}])[key]["author"] == "Anne Postel"
    assert look(a=[write(pen, DAY)])[key]["author"] == "onbekend"


@pytest.mark.parametrize("kind", KINDS)
def test_without_a_date_of_its_own_it_has_that_of_its_conversation(pen: Any, look: Any, kind: str) -> None:
    write, key, _, _, at = KINDS[kind]
    talk = pen.encounter("2024-11-05")
    item = look(a=[talk, {**write(pen, None), **at}])[key]
    assert (item["date"], item["dateFrom"]) == ("2024-11-05", "encounter")
    assert look(a=[talk, write(pen, None)])[key]["date"] is None


@pytest.mark.parametrize("kind", KINDS)
def test_any_unknown_modifier_leaves_it_uninterpreted(pen: Any, look: Any, kind: str) -> None:
    write, key, _, _, _ = KINDS[kind]
    seen = look(a=[{**write(pen, DAY), "modifierExtension": [{"url": "https://x.example/niet"}]}])
    assert (seen[key]["value"]["code"], seen[key]["display"]) == ("uninterpretable", "Niet te interpreteren")
    assert seen.codes(key) == ["UNKNOWN_MODIFIER"]


@pytest.mark.parametrize("kind", KINDS)
def test_a_date_that_cannot_be_read_is_said(pen: Any, look: Any, kind: str) -> None:
    write, key, _, _, _ = KINDS[kind]
    seen = look(a=[write(pen, "in de lente")])
    assert (seen[key]["date"], seen.codes(key)) == (None, ["DATE_UNREADABLE"])


def test_a_form_tells_its_own_author_also_where_another_held_the_talk_of_that_day(pen: Any, look: Any) -> None:
    """The conversation is the encounter's; the form names who filled it in."""
    talk = pen.encounter(DAY, participant=[{"individual": {"display": "Bert Visch"}}])
    talk |= {"reasonReference": [{"reference": "Procedure/pr"}]}
    form = pen.form(DAY, pen.words("970", "Postel"), pen.choice("1386", "2"))
    seen = look(a=[talk, pen.procedure(), form, pen.treatment("deny", DAY, code=pen.IC)])
    assert seen["treatment:89666000"]["author"] == "Postel"
    assert seen["treatment:305351004"]["author"] == "Bert Visch"


def test_relatives_encounters_and_procedures_of_another_patient_are_dropped_and_the_own_kept(
    pen: Any, look: Any
) -> None:
    def told(whose: str) -> list[dict[str, Any]]:
        about = {"reference": f"Patient/{whose}"}
        talk = pen.encounter(DAY, subject=about, reasonReference=[{"reference": "Procedure/pr"}])
        return [pen.person("Jo Smit", "24", patient=about), talk, pen.procedure(subject=about)]

    own, other = (look(a=[pen.patient(), *told(whose)], asked=ASKED) for whose in ("p", "q"))
    assert (own["representative"]["state"], len(own.json["conversations"])) == ("current", 1)
    assert own.json["excluded"] == []
    assert (other["representative"]["state"], other.json["conversations"]) == ("not-recorded", [])
    assert sorted(one["type"] for one in other.json["excluded"]) == ["Encounter", "Procedure", "RelatedPerson"]
    in_a_file = look(a=[pen.patient(), *told("q")])
    assert (in_a_file["representative"]["state"], in_a_file.json["excluded"]) == ("current", [])


@pytest.mark.parametrize("subject", [{"reference": "RelatedPerson/jo"}, {"reference": "Encounter/e"}])
def test_a_record_about_something_else_that_is_there_is_not_the_patients(
    pen: Any, look: Any, subject: dict[str, str]
) -> None:
    told = [pen.patient(), pen.person("Jo Smit", "23", id="jo"), pen.encounter(DAY)]
    seen = look(a=[*told, pen.treatment("deny", DAY, patient=subject)], asked=ASKED)
    assert [one["type"] for one in seen.json["excluded"]] == ["Consent"]


def test_each_record_has_the_date_of_its_own_conversation(pen: Any, look: Any) -> None:
    talks = [pen.encounter("2024-11-05"), pen.encounter("2023-02-03", id="f")]
    first = pen.treatment("deny", None, encounter="Encounter/e")
    second = pen.treatment("deny", None, code=pen.IC, id="c2", encounter="Encounter/f")
    seen = look(a=[*talks, first, second])
    assert [seen[f"treatment:{code}"]["date"] for code in (pen.CPR, pen.IC)] == ["2024-11-05", "2023-02-03"]


@pytest.mark.parametrize("change", [{"period": None}, {"period": {}}, {"implicitRules": "https://x.example/rules"}])
def test_a_conversation_without_a_date_or_with_a_modifier_dates_nothing(
    pen: Any, look: Any, change: dict[str, Any]
) -> None:
    told = [pen.encounter("2024-11-05", **change), pen.treatment("deny", None, encounter="Encounter/e")]
    seen = look(a=told)
    assert (seen["treatment:89666000"]["date"], seen.codes("treatment:89666000")) == (None, [])


def test_all_that_is_noted_is_shown_and_blanks_are_not(pen: Any, look: Any) -> None:
    noted = [{"text": " Kort besproken. "}, {}, {"text": "  "}, {"text": "Zoon was erbij."}]
    item = look(a=[pen.goal("385987000", DAY, note=noted)])["goal:medical-policy"]
    assert item["comment"] == "Kort besproken.; Zoon was erbij."
    comments = [{"url": pen.COMMENT, "valueString": text} for text in ("Eerst.", " ", "Toen.")]
    assert look(a=[pen.treatment("deny", DAY, extension=comments)])["treatment:89666000"]["comment"] == "Eerst.; Toen."


def test_two_records_that_cannot_be_interpreted_are_not_the_same(pen: Any, look: Any) -> None:
    odd = {"modifierExtension": [{"url": "https://x.example/niet"}]}
    seen = look(a=[pen.treatment("deny", DAY, **odd)], b=[pen.treatment("deny", DAY, **odd)])
    assert seen["treatment:89666000"]["state"] == "conflict"


def test_records_of_one_source_and_day_stand_in_the_order_of_type_and_id(pen: Any, look: Any) -> None:
    form = pen.form(DAY, pen.choice("1386", "1"), id="a")
    told = [form, pen.treatment("deny", DAY, id="b"), pen.treatment("permit", DAY, id="a")]
    for order in (told, told[::-1]):
        conflict = look(huisarts=order)["treatment:89666000"]["conflict"]
        refs = [one["ref"].partition("/fhir/")[2] for one in conflict["candidates"]]
        assert refs == ["Consent/a", "Consent/b", "QuestionnaireResponse/a"]


def test_a_record_without_status_has_none_to_show(pen: Any, look: Any) -> None:
    [line] = look(a=[pen.treatment("deny", DAY, status=None)])["treatment:89666000"]["history"]
    assert line["recordStatus"] is None


def test_an_end_that_cannot_be_read_is_said_and_ends_nothing(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", DAY, provision={"period": {"end": "ooit"}})])
    assert (seen["treatment:89666000"]["state"], seen.codes("treatment:89666000")) == ("current", ["DATE_UNREADABLE"])


def test_an_end_on_the_day_itself_leaves_the_date_where_it_was(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", DAY, provision={"period": {"end": DAY}})])["treatment:89666000"]
    assert (item["state"], item["date"], item["dateFrom"]) == ("ended", DAY, "Consent.dateTime")


def test_a_reason_for_an_end_that_says_nothing_is_left_out(pen: Any, look: Any) -> None:
    reason = {"url": "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.ReasonForEnding"}
    told = pen.treatment("deny", DAY, provision={"period": {"end": "2025-06-01"}, "extension": [reason]})
    assert look(a=[told])["treatment:89666000"]["display"] == "Beëindigd op 01-06-2025"


def test_the_form_of_an_agreement_that_ended_without_a_day_goes_with_it(pen: Any, look: Any) -> None:
    told = [pen.treatment("deny", DAY, status="inactive"), pen.form(DAY, pen.choice("1386", "2"))]
    item = look(a=told)["treatment:89666000"]
    assert (item["state"], item["history"]) == ("ended", [])
    assert [one["ref"].partition("/fhir/")[2] for one in item["corroboratedBy"]] == ["QuestionnaireResponse/f"]
