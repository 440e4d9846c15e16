"""Dossiers of 60 resources, as a hospital that held three PZP conversations has them, one per source."""

from __future__ import annotations

import json
from typing import Any

from stand import PATIENT

from nuts_pzp.consult.queries import PZP, patient_by_bsn
from nuts_pzp.consult.queries_stu3 import capabilities
from nuts_pzp.fhir.request import FhirRequest, encode
from nuts_pzp.sandbox.resources import SNOMED, TREATMENTS, Chart, concept

PATIENT_ID = "7"
DAYS = ("2022-05-11", "2024-03-07", "2026-06-19")


def dossier(number: int) -> list[dict[str, Any]]:
    """Return the 60 resources of source `number`; sources agree on half of the directives and differ on the rest."""
    chart = Chart("r4-rc2", PATIENT_ID, PATIENT.name)
    chart.person(PATIENT.bsn.value, PATIENT.birth_date.isoformat(), "female")
    doctor = chart.clinician(f"Arts {number}", "0335", "klinisch geriater")
    son = chart.relative("Rein Postma", ("24", "01"), "SONC", "0612000101")
    for turn, day in enumerate(DAYS):
        chart.talk(day, doctor, son)
        for place, code in enumerate(TREATMENTS):
            chart.treatment(code, "permit" if place < 3 or (number + turn + place) % 3 else "deny", day)
        chart.goal("713148004", day)
        chart.observation("153851000146100", f"Wens {turn} bij bron {number}.", day)
        chart.observation("395091006", concept(SNOMED, "264362003"), day)
        chart.observation("340171000146104", concept(SNOMED, "340201000146103"), day)
        chart.observation("247751003", f"Belangrijk {turn}, opgeschreven door bron {number}.", day)
        chart.observation("570801000146104", concept(SNOMED, "373066001"), day)
        chart.informed(day, doctor)
        chart.treatment(f"Wens in eigen woorden {turn}", "permit", day)
    chart.icd("2019-02-03", DAYS[0])
    while len(chart.resources) < 60:
        chart.directive("VOL" if len(chart.resources) % 2 else "NR", DAYS[len(chart.resources) % 3])
    for resource in chart.resources:
        resource["meta"] = {**resource.get("meta", {}), "versionId": "1", "lastUpdated": f"{DAYS[2]}T09:00:00+02:00"}
    return chart.resources


def bundle(resources: list[dict[str, Any]], matches: str) -> str:
    """Return a searchset; resources of another type than `matches` came along."""
    entries = [
        {
            "fullUrl": f"{{base}}/{one['resourceType']}/{one['id']}",
            "resource": one,
            "search": {"mode": "match" if one["resourceType"] == matches else "include"},
        }
        for one in resources
    ]
    content = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    return json.dumps(content, ensure_ascii=False, separators=(",", ":"))


def answers(number: int) -> dict[str, str]:
    """Return what the source answers: its version, the patient search, and the first wording of every PZP query."""
    held = dossier(number)
    capability = json.dumps({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
    found = {
        _asked(capabilities()): capability,
        _asked(patient_by_bsn(PATIENT.bsn)): bundle(_of(held, "Patient"), "Patient"),
    }
    for query in PZP:
        attempt = query.tries[0]
        found[_asked(attempt.about(PATIENT_ID))] = bundle(_answer(query.name, held), attempt.resource_type)
    return found


def _asked(request: FhirRequest) -> str:
    raw = encode(request)
    target = f"{raw.path}?{raw.query}" if raw.query else raw.path
    return f"{raw.method} {target} {raw.body.decode()}" if raw.body else f"{raw.method} {target}"


def _of(held: list[dict[str, Any]], *kinds: str) -> list[dict[str, Any]]:
    return [one for one in held if one["resourceType"] in kinds]


def _answer(query: str, held: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What a hospital that speaks the newer dialect gives; it has no forms."""
    people = _of(held, "RelatedPerson", "PractitionerRole")
    scopes = {"TreatmentDirective": "treatment", "AdvanceDirective": "adr"}
    if query in scopes:
        own = [one for one in _of(held, "Consent") if one["scope"]["coding"][0]["code"] == scopes[query]]
        return own + people if own else []
    kinds = {
        "Encounter": ("Procedure", "Encounter"),
        "DeviceUseStatement": ("DeviceUseStatement", "Device"),
        "Communication": ("CommunicationRequest",),
    }
    return _of(held, *kinds.get(query, (query,)))
