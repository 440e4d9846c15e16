"""Mitz twin: subscriptions of holders, as strict as the guide describes them (spec consent 3.1).

Accepting is not processing: what was accepted is queued, and worked off at once unless the twin is told to be slow.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import date
from typing import Any, Literal
from urllib.parse import parse_qs
from xml.etree.ElementTree import Element, ParseError, fromstring

from ...identity import eleven_test
from . import codes

PATH = "/abonnementen/fhir/Subscription"
PAYLOADS = {"application/fhir+json": "json", "application/fhir+xml": "xml"}
_FHIR = "{http://hl7.org/fhir}"
_EXTENSION = "http://fhir.nl/StructureDefinition/"
_OID = re.compile(r"urn:oid:[0-2](\.[0-9]+)+", re.ASCII)


class Wrong(Exception):
    """Not a subscription: the HTTP status, and what is wrong with it."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


@dataclass(frozen=True, slots=True)
class Subscribed:
    """One subscription: whose changes are told where, and how."""

    id: str
    bsn: str = field(repr=False)
    provider: str
    type: str
    endpoint: str
    payload: Literal["json", "xml"]
    gateway_system: str
    source_system: str
    birth_date: str = field(default="", repr=False)


@dataclass(slots=True)
class Book:
    """All subscriptions by id, how many requests are not worked off, and how many there ever were."""

    held: dict[str, Subscribed] = field(default_factory=dict)
    queued: int = 0
    lazy: bool = False
    received: int = 0
    """Well-formed requests to subscribe, also those for what was there already."""

    def add(self, one: Subscribed) -> Subscribed:
        """Take a subscription; the same one again keeps its id."""
        self.received += 1
        self.queued += self.lazy
        same = (one.bsn, one.provider, one.type)
        for known in self.held.values():
            if (known.bsn, known.provider, known.type) == same:
                one = replace(one, id=known.id)
        self.held[one.id] = one
        return one

    def matching(self, bsn: str, holder: str) -> list[Subscribed]:
        """Return those that a choice of this citizen about this holder (URA or category) concerns."""
        return [
            one for one in self.held.values() if one.bsn == bsn and holder in (one.provider, codes.TYPES.get(one.type))
        ]


def read(body: bytes, media_type: str) -> Subscribed:
    """Return the subscription that is asked for, or raise Wrong."""
    if media_type == "application/fhir+json":
        found = _from_json(body)
    elif media_type == "application/fhir+xml":
        found = _from_xml(body)
    else:
        raise Wrong(400, "application/fhir+json or application/fhir+xml is expected")
    if (found["status"], found["reason"], found["type"]) != ("requested", "OTV", "rest-hook"):
        raise Wrong(400, "status requested, reason OTV and a rest-hook are expected")
    if not found["endpoint"].startswith("https://") or found["payload"] not in PAYLOADS:
        raise Wrong(400, "the channel has an https endpoint and a FHIR payload")
    if not all(_OID.fullmatch(found["extensions"].get(name, "")) for name in ("GatewaySystem", "SourceSystem")):
        raise Wrong(400, "GatewaySystem and SourceSystem are OIDs")
    birth_date = found["extensions"].get("Patient.birthDate", "")
    try:
        if birth_date:
            date.fromisoformat(birth_date)
    except ValueError:
        raise Wrong(400, "Patient.birthDate is no date") from None
    bsn, provider, kind = _criteria(found["criteria"])
    extensions = found["extensions"]
    return Subscribed(
        str(uuid.uuid4()), bsn, provider, kind, found["endpoint"],
        "json" if PAYLOADS[found["payload"]] == "json" else "xml",
        extensions["GatewaySystem"], extensions["SourceSystem"], birth_date,
    )  # fmt: skip


def _criteria(criteria: str) -> tuple[str, str, str]:
    resource, _, query = criteria.partition("?")
    given = parse_qs(query, strict_parsing=False)
    if resource != "Consent" or {key: len(value) for key, value in given.items()} != dict.fromkeys(
        ("_query", "patientid", "providerid", "providertype"), 1
    ):
        raise Wrong(400, "the criteria are not those of an OTV subscription")
    bsn, provider, kind = (given[name][0] for name in ("patientid", "providerid", "providertype"))
    if given["_query"] != ["otv"] or not re.fullmatch("[0-9]{8}", provider):
        raise Wrong(400, "the criteria are not those of an OTV subscription")
    if not eleven_test(bsn) or kind not in codes.TYPES:
        raise Wrong(422, "no such citizen or type of provider")
    return bsn, provider, kind


def _from_json(body: bytes) -> dict[str, Any]:
    try:
        told = json.loads(body)
        if told["resourceType"] != "Subscription":
            raise Wrong(400, "a Subscription is expected")
        channel = told["channel"]
        return {
            "extensions": {
                one["url"].removeprefix(_EXTENSION): str(one.get("valueOid") or one.get("valueDate"))
                for one in told["extension"]
            },
            **{name: str(told[name]) for name in ("status", "reason", "criteria")},
            **{name: str(channel[name]) for name in ("type", "endpoint", "payload")},
        }
    except (ValueError, KeyError, TypeError, AttributeError):
        raise Wrong(400, "a Subscription with all its elements is expected") from None


def _from_xml(body: bytes) -> dict[str, Any]:
    if b"<!" in body:
        raise Wrong(400, "document type declarations are not accepted")
    try:
        root = fromstring(body)  # noqa: S314 (what it warns of needs a declaration, refused above)
    except ParseError:
        raise Wrong(400, "the message is not well-formed") from None
    if root.tag != f"{_FHIR}Subscription":
        raise Wrong(400, "a Subscription is expected")
    extensions = {
        one.get("url", "").removeprefix(_EXTENSION): one[0].get("value", "") if len(one) == 1 else ""
        for one in root.findall(f"{_FHIR}extension")
    }
    channel = root.find(f"{_FHIR}channel")
    return {
        "extensions": extensions,
        **{name: _value(root, name) for name in ("status", "reason", "criteria")},
        **{name: _value(channel, name) for name in ("type", "endpoint", "payload")},
    }


def _value(element: Element | None, name: str) -> str:
    found = element.findall(f"{_FHIR}{name}") if element is not None else []
    if len(found) != 1:
        raise Wrong(400, f"exactly one {name} is expected")
    return found[0].get("value", "")


def parameters(queued: int) -> Mapping[str, Any]:
    """Return what `$processingStatus` says."""
    return {"resourceType": "Parameters", "parameter": [{"name": "queued", "valueInteger": queued}]}
