"""Mitz twin: what a holder is told when a citizen's choice changes: a transaction Bundle, in JSON or in XML.

The shape follows the published example; the entries' methods and URLs are there to be left alone (spec consent 3.3).
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, SubElement, tostring

from . import codes
from .choices import Choice
from .subscribed import Subscribed

_PROFILE = "http://vzvz.nl/fhir/StructureDefinition/Consent-Mitz-Notify|3.8.0"
_USERS = "http://fhir.nl/StructureDefinition/OTV-ProviderCategory"
_USER_SYSTEM = "http://fhir.nl/otv/CodeSystem/raadplegende-zorgaanbiedercategorie"
_DATA_SYSTEM = "http://fhir.nl/otv/CodeSystem/gegevenscategorie"
_BSN = "http://fhir.nl/fhir/NamingSystem/bsn"
_URA = "http://fhir.nl/fhir/NamingSystem/ura"
_TYPE = "http://nictiz.nl/fhir/NamingSystem/organization-type"
_FHIR = "http://hl7.org/fhir"


@dataclass(frozen=True, slots=True)
class Told:
    """What one notification tells: choices of one citizen, and perhaps a death (a date, or `yes`)."""

    choices: Sequence[Choice]
    deceased: str = ""


def bundle(told: Told, to: Subscribed, now: str) -> dict[str, Any]:
    """Return the Bundle as FHIR JSON. `now` is the moment of choices that carry none."""
    patient_url, holder_url = (f"urn:uuid:{uuid.uuid4()}" for _ in range(2))
    patient: dict[str, Any] = {"resourceType": "Patient", "identifier": [{"system": _BSN, "value": to.bsn}]}
    if told.deceased:
        patient |= {"deceasedBoolean": True} if told.deceased == "yes" else {"deceasedDateTime": told.deceased}
    holder = {
        "resourceType": "Organization",
        "identifier": [{"system": _URA, "value": to.provider}],
        "type": [{"coding": [{"system": _TYPE, "code": to.type}]}],
    }
    consents = [_consent(one, patient_url, holder_url, one.since or now) for one in told.choices]
    entries = [(f"urn:uuid:{uuid.uuid4()}", one) for one in consents] + [(patient_url, patient), (holder_url, holder)]
    return {
        "resourceType": "Bundle",
        "id": str(uuid.uuid4()),
        "type": "transaction",
        "entry": [
            {"fullUrl": url, "resource": one, "request": {"method": "POST", "url": one["resourceType"]}}
            for url, one in entries
        ],
    }


def _consent(choice: Choice, patient: str, holder: str, at: str) -> dict[str, Any]:
    permits = choice.effect == "permit"
    system = _USER_SYSTEM if choice.user in codes.CATEGORIES else _URA
    provision: dict[str, Any] = {
        "actor": [
            {
                "role": {
                    "coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "CST"}]
                },
                "reference": {"reference": holder},
            }
        ],
        "purpose": [{"system": "http://hl7.org/fhir/v3/ActReason", "code": "TREAT"}],
    }
    return {
        "resourceType": "Consent",
        "meta": {"profile": [_PROFILE]},
        "extension": [{"url": _USERS, "valueCodeableConcept": {"coding": [{"system": system, "code": choice.user}]}}],
        "status": "active" if permits else "inactive",
        "scope": {
            "coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]
        },
        "category": [{"coding": [{"system": _DATA_SYSTEM, "code": choice.ggc}]}],
        "patient": {"reference": patient},
        "dateTime": at,
        "provision": ({"type": "permit"} if permits else {}) | provision,
    }


def as_json(content: dict[str, Any]) -> bytes:
    """Return the Bundle's bytes in JSON."""
    return json.dumps(content).encode()


def as_xml(content: dict[str, Any]) -> bytes:
    """Return the Bundle's bytes in XML."""
    root = Element(content["resourceType"], {"xmlns": _FHIR})
    _write(root, content)
    written: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


def _write(element: Element, content: dict[str, Any]) -> None:
    for name, value in content.items():
        for one in value if isinstance(value, list) else [value]:
            if name == "resourceType":
                continue
            if element.tag == "extension" and name == "url":
                element.set("url", one)
                continue
            child = SubElement(element, name)
            if isinstance(one, dict):
                held = SubElement(child, one["resourceType"]) if "resourceType" in one else child
                _write(held, one)
            else:
                child.set("value", str(one).lower() if isinstance(one, bool) else str(one))
