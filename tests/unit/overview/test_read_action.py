"""The ICD and "relatives informed" (spec pzp-fhir 1.1, 3.5)."""

from __future__ import annotations

from typing import Any

import pytest

ICD, INFORM = "icd:present", "inform-relatives"


def _use(**more: Any) -> dict[str, Any]:
    return {
        "resourceType": "DeviceUseStatement",
        "id": "u",
        "status": "active",
        "subject": {"reference": "Patient/p"},
        "device": {"reference": "Device/icd"},
        "recordedOn": "2025-02-01",
        **more,
    }


def _device(pen: Any, code: str = "72506001") -> dict[str, Any]:
    return {"resourceType": "Device", "id": "icd", "type": pen.coded(code)}


@pytest.mark.parametrize(
    ("code", "words"),
    [
        ("72506001", "implanteerbare cardioverter-defibrillator"),
        ("465460004", "univentriculair"),
        ("468542000", "tweekamer"),
        ("704707009", "biventriculair"),
        ("1263462004", "pulsgenerator CRT-D"),
        ("1236894001", "subcutaan"),
    ],
)
def test_an_icd_is_present_with_its_type(pen: Any, look: Any, code: str, words: str) -> None:
    item = look(a=[_device(pen, code), _use(note=[{"text": "Sinds vorig jaar"}])])[ICD]
    assert item["value"]["display"] == "Ja"
    assert item["comment"] == f"{words}; Sinds vorig jaar"


def test_the_implant_date_is_never_the_date_of_the_statement(pen: Any, look: Any) -> None:
    implanted = {"timingPeriod": {"start": "2018"}}
    item = look(a=[_device(pen), _use(recordedOn=None, **implanted)])[ICD]
    assert item["date"] is None
    linked = {
        "extension": [
            {
                "url": "https://fhir.iknl.nl/fhir/StructureDefinition/ext-EncounterReference",
                "valueReference": {"reference": "Encounter/e"},
            }
        ]
    }
    by_talk = look(a=[_device(pen), pen.encounter("2024-09-01"), _use(recordedOn=None, **implanted, **linked)])[ICD]
    assert (by_talk["date"], by_talk["dateFrom"]) == ("2024-09-01", "encounter")


def test_a_contained_icd_is_found(pen: Any, look: Any) -> None:
    inside = {**_device(pen), "id": "inside"}
    assert look(a=[_use(contained=[inside], device={"reference": "#inside"})])[ICD]["value"]["display"] == "Ja"


def test_a_device_that_did_not_come_along_counts_when_it_is_named_as_icd(pen: Any, look: Any) -> None:
    named = look(a=[_use(device={"reference": "Device/gone", "display": "ICD (links)"})])
    unnamed = look(a=[_use(device={"reference": "Device/gone", "display": "Heupprothese"})])
    assert named[ICD]["value"]["display"] == "Ja"
    assert unnamed[ICD]["state"] == "not-recorded"
    assert [one["type"] for one in unnamed.json["unmapped"]] == ["DeviceUseStatement"]


def test_a_device_in_error_is_no_icd(pen: Any, look: Any) -> None:
    seen = look(a=[{**_device(pen), "status": "entered-in-error"}, _use()])
    assert seen[ICD]["state"] == "not-recorded"
    assert [one["type"] for one in seen.json["unmapped"]] == ["DeviceUseStatement"]


def test_a_use_in_error_is_excluded_also_when_its_device_is_not_there(pen: Any, look: Any) -> None:
    seen = look(a=[_use(status="entered-in-error", device={"reference": "Device/gone"})])
    assert [(one["type"], one["reason"]) for one in seen.json["excluded"]] == [
        ("DeviceUseStatement", "entered-in-error")
    ]
    assert seen.json["unmapped"] == []


def test_another_device_is_no_icd(pen: Any, look: Any) -> None:
    seen = look(a=[_device(pen, "14106009"), _use()])
    assert seen[ICD]["state"] == "not-recorded"


@pytest.mark.parametrize(
    ("status", "state"), [("completed", "ended"), ("stopped", "ended"), ("intended", "not-recorded")]
)
def test_the_status_of_the_device_use(pen: Any, look: Any, status: str, state: str) -> None:
    assert look(a=[_device(pen), _use(status=status)])[ICD]["state"] == state


def _told(kind: str, pen: Any, **more: Any) -> dict[str, Any]:
    own = {"topic": pen.coded("223449006"), "sent": "2025-03-01"}
    if kind == "CommunicationRequest":
        own = {"category": [pen.coded("223449006")], "authoredOn": "2025-03-01"}
    return {
        "resourceType": kind,
        "id": "i",
        "status": "completed",
        "subject": {"reference": "Patient/p"},
        **own,
        **more,
    }


@pytest.mark.parametrize(
    ("kind", "place"),
    [("Communication", "Communication.sent"), ("CommunicationRequest", "CommunicationRequest.authoredOn")],
)
def test_relatives_informed_in_both_dialects(pen: Any, look: Any, kind: str, place: str) -> None:
    item = look(a=[_told(kind, pen)])[INFORM]
    assert (item["value"]["display"], item["date"], item["dateFrom"]) == ("Ja", "2025-03-01", place)


def test_a_request_without_date_takes_that_of_its_encounter(pen: Any, look: Any) -> None:
    request = _told("CommunicationRequest", pen, authoredOn=None, encounter={"reference": "Encounter/e"})
    assert look(a=[pen.encounter("2024-01-02"), request])[INFORM]["date"] == "2024-01-02"


def test_not_done_is_shown_as_no_and_never_leads(pen: Any, look: Any) -> None:
    item = look(a=[_told("Communication", pen, status="not-done")])[INFORM]
    assert item["state"] == "not-recorded"
    assert [entry["value"]["display"] for entry in item["history"]] == ["Nee"]


def test_revoked_leads_as_ended(pen: Any, look: Any) -> None:
    assert look(a=[_told("CommunicationRequest", pen, status="revoked")])[INFORM]["state"] == "ended"


def test_a_request_not_to_inform_is_not_read_as_one_to_inform(pen: Any, look: Any) -> None:
    seen = look(a=[_told("CommunicationRequest", pen, doNotPerform=True)])
    assert seen[INFORM]["value"]["display"] == "Niet te interpreteren"


def test_a_communication_about_something_else_is_unmapped(pen: Any, look: Any) -> None:
    other = _told("Communication", pen, topic=pen.coded("371530004"), reasonCode=[pen.coded("713603004")])
    seen = look(a=[other])
    assert seen[INFORM]["state"] == "not-recorded"
    assert len(seen.json["unmapped"]) == 1


def test_a_device_that_is_only_named_is_told_in_those_words(look: Any) -> None:
    seen = look(
        a=[_use(device={"reference": "Device/gone", "display": " ICD (links) "}, note=[{"text": "Kwartaalcontrole"}])]
    )
    assert seen[ICD]["comment"] == '"ICD (links)"; Kwartaalcontrole'


@pytest.mark.parametrize(
    ("display", "known"),
    [
        ("Implanteerbare  Cardioverter-Defibrillator", True),
        ("pacemaker(ICD)rechts", True),
        ("icd", True),
        ("LCD-scherm", False),
        ("ICDx", False),
        (None, False),
    ],
)
def test_which_names_are_those_of_an_icd(look: Any, display: str | None, known: bool) -> None:
    device = {"reference": "Device/gone", **({"display": display} if display else {})}
    assert look(a=[_use(device=device)])[ICD]["state"] == ("current" if known else "not-recorded")


def test_a_use_without_a_device_is_unmapped(look: Any) -> None:
    seen = look(a=[_use(device=None)])
    assert [(one["type"], one["reason"]) for one in seen.json["unmapped"]] == [("DeviceUseStatement", "not-recognized")]


@pytest.mark.parametrize("where", ["device", "both"])
def test_an_unknown_modifier_of_the_device_counts_for_its_use(pen: Any, look: Any, where: str) -> None:
    odd = {"modifierExtension": [{"url": "https://x.example/uitgezet"}]}
    seen = look(a=[{**_device(pen), **odd}, _use(**(odd if where == "both" else {}))])
    assert seen[ICD]["display"] == "Niet te interpreteren"
    assert seen.codes(ICD) == ["UNKNOWN_MODIFIER"]


@pytest.mark.parametrize(
    ("change", "known"),
    [
        ({"topic": None, "reasonCode": "713603004"}, True),
        ({"topic": None, "reasonCode": "371530004"}, False),
        ({"topic": None, "reasonCode": None}, False),
        ({"topic": None, "category": "223449006"}, True),
        ({"topic": "371530004", "reasonCode": "713603004"}, False),
    ],
)
def test_what_makes_a_communication_one_of_ours(
    pen: Any, look: Any, change: dict[str, str | None], known: bool
) -> None:
    more = {name: pen.coded(code) if code else None for name, code in change.items()}
    more |= {name: [more[name]] for name in ("reasonCode", "category") if more.get(name)}
    seen = look(a=[_told("Communication", pen, **more)])
    assert seen[INFORM]["state"] == ("current" if known else "not-recorded")
    assert len(seen.json["unmapped"]) == (0 if known else 1)


def test_what_is_noted_with_a_communication_is_shown(pen: Any, look: Any) -> None:
    assert look(a=[_told("Communication", pen, note=[{"text": "Aan de keukentafel"}])])[INFORM]["comment"] == (
        "Aan de keukentafel"
    )
