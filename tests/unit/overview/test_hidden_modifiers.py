"""An unknown modifier anywhere in a record: it is not interpreted, wherever the modifier stands (spec pzp-fhir 3.2)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.overview.hidden_modifiers import hides_modifier

CPR, PLACE, GOAL, ICD = "treatment:89666000", "obs:395091006", "goal:medical-policy", "icd:present"
MODIFIER = [{"url": "https://leverancier.example/niet-bekend", "valueBoolean": True}]
DAY = "2026-01-01"


def _consent(pen: Any, **provision: Any) -> dict[str, Any]:
    consent: dict[str, Any] = pen.treatment("permit", DAY)
    consent["provision"].update(provision)
    return consent


def _refused(seen: Any, key: str) -> None:
    assert (seen[key]["display"], seen[key]["value"]["code"]) == ("Niet te interpreteren", "uninterpretable")
    assert seen.codes(key) == ["UNKNOWN_MODIFIER"]


def test_an_answer_of_a_form_that_bears_a_modifier_is_not_read_as_a_permit(pen: Any, look: Any) -> None:
    question = pen.choice("1386", "0")
    question["answer"][0]["modifierExtension"] = MODIFIER
    _refused(look(vvt=[pen.form(DAY, question)]), CPR)


@pytest.mark.parametrize(
    "part",
    [
        {"data": [{"meaning": "instance", "reference": {"display": "x"}, "modifierExtension": MODIFIER}]},
        {"actor": [{"role": {"text": "x"}, "reference": {"display": "x"}, "modifierExtension": MODIFIER}]},
    ],
)
def test_a_modifier_inside_a_provision(pen: Any, look: Any, part: dict[str, Any]) -> None:
    _refused(look(vvt=[_consent(pen, **part)]), CPR)


@pytest.mark.parametrize("part", ["policy", "verification"])
def test_a_modifier_in_a_part_of_a_consent_that_is_not_read(pen: Any, look: Any, part: str) -> None:
    _refused(look(vvt=[{**_consent(pen), part: [{"modifierExtension": MODIFIER}]}]), CPR)


def test_a_modifier_in_a_component_or_a_target(pen: Any, look: Any) -> None:
    part = [{"modifierExtension": MODIFIER}]
    wish = pen.observation("395091006", pen.coded("264362003"), DAY, component=part)
    seen = look(vvt=[wish, pen.goal("385987000", DAY, target=part)])
    _refused(seen, PLACE)
    _refused(seen, GOAL)


def test_a_modifier_inside_a_device(pen: Any, look: Any) -> None:
    device = {"resourceType": "Device", "id": "d", "type": pen.coded("72506001")}
    device["property"] = [{"modifierExtension": MODIFIER}]
    use = {"resourceType": "DeviceUseStatement", "id": "u", "status": "active", "device": {"reference": "Device/d"}}
    _refused(look(vvt=[device, {**use, "recordedOn": DAY}]), ICD)


def test_a_contact_that_bears_a_modifier_is_shown_with_attention(pen: Any, look: Any) -> None:
    contact = {"relationship": [pen.coded("24", pen.ROLE)], "name": {"text": "Wim Bos"}, "modifierExtension": MODIFIER}
    seen = look(vvt=[pen.patient(contact=[contact])])
    assert (seen["representative"]["display"], seen.codes("representative")) == ("Wim Bos", ["UNKNOWN_MODIFIER"])


def test_a_modifier_inside_a_related_person_asks_for_attention(pen: Any, look: Any) -> None:
    person = pen.person("Wim Bos", "24", communication=[{"modifierExtension": MODIFIER}])
    assert look(vvt=[person]).codes("representative") == ["UNKNOWN_MODIFIER"]


def test_a_conversation_with_a_participant_that_bears_a_modifier(pen: Any, look: Any) -> None:
    talk = pen.encounter(DAY, participant=[{"individual": {"display": "Dr. Kok"}, "modifierExtension": MODIFIER}])
    seen = look(vvt=[talk, pen.procedure(encounter={"reference": "Encounter/e"})])
    [conversation] = seen.json["conversations"]
    assert [mark["code"] for mark in conversation["attention"]] == ["UNKNOWN_MODIFIER"]


@pytest.mark.parametrize("part", [{"modifierExtension": []}, {"comment": "modifierExtension"}])
def test_a_modifier_that_is_not_there_hides_nothing(pen: Any, look: Any, part: dict[str, Any]) -> None:
    seen = look(vvt=[{**_consent(pen), "policy": [part]}])
    assert (seen[CPR]["value"]["kind"], seen.codes(CPR)) == ("permit", [])


def test_a_modifier_of_a_contained_resource_is_that_resource_s_own(pen: Any, look: Any) -> None:
    doctor = {"resourceType": "Practitioner", "id": "dr", "modifierExtension": MODIFIER}
    seen = look(vvt=[{**_consent(pen), "contained": [doctor]}])
    assert (seen[CPR]["value"]["kind"], seen.codes(CPR)) == ("permit", [])


def test_the_specification_is_no_hidden_modifier(pen: Any, look: Any) -> None:
    specification = [{"url": pen.SPECIFICATION, "valueString": "Alleen thuis"}]
    seen = look(vvt=[_consent(pen, modifierExtension=specification)])
    assert seen[CPR]["display"] == "Anders, namelijk: Alleen thuis"


@pytest.mark.parametrize(
    ("raw", "hides"),
    [
        (b'{"modifierExtension": [{"url": "u"}], "policy": [{"modifierExtension": [{"url": "u"}]}]}', True),
        (b'{"item": {"provision": {"modifierExtension": [{"url": "u"}]}}}', True),
        (b'{"provision": {"modifierExtension": [{"url": "u"}]}}', False),
        (b'["modifierExtension"]', False),
        (b'{"modifierExtension": ', True),
        (b"{", False),
    ],
)
def test_a_modifier_is_looked_for_behind_those_that_are_judged_elsewhere(raw: bytes, hides: bool) -> None:
    assert hides_modifier("Consent", raw) is hides
