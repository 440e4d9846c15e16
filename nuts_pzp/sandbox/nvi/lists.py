"""Sandbox: Lists as the NVI takes and gives them. Its checks, its order of checks, its words (spec 1.2, 1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ...identity import URA_SYSTEM, NotAnIdentifier, Ura

TOKEN_SYSTEM = "http://minvws.github.io/generiekefuncties-docs/NamingSystem/nvi-identifier"  # noqa: S105 (a name)
CUSTODIAN = "http://minvws.github.io/generiekefuncties-docs/StructureDefinition/nl-gf-localization-custodian"
SOURCE_SYSTEM_IN = "urn:ietf:rfc:3986"
SOURCE_SYSTEM_OUT = "https://cp1-test.example.org/device-identifiers"


class Refused(Exception):
    """The service refuses: status, issue code, text."""

    def __init__(self, status: int, code: str, text: str) -> None:
        super().__init__(text)
        self.status, self.code, self.text = status, code, text


@dataclass(frozen=True, slots=True)
class Row:
    """A referral. There is no column for a data category any more."""

    id: str
    pseudonym: bytes
    ura: str
    source_id: str


@dataclass(frozen=True, slots=True)
class Submitted:
    """A List that passed the body checks."""

    ura: str
    token: str
    source_id: str


def read_list(body: object) -> Submitted:
    """Check a List as the service does; raises Refused. `code` is not looked at."""
    if not isinstance(body, dict) or body.get("resourceType") != "List":
        raise Refused(422, "invalid", "resourceType: must be List")
    for name, allowed in (
        ("status", ("current", "retired", "entered-in-error")),
        ("mode", ("working", "snapshot", "changes")),
    ):
        if body.get(name) not in allowed:
            raise Refused(422, "invalid" if name in body else "required", name)
    if not body.get("emptyReason"):
        raise Refused(422, "required", "emptyReason")
    subject, source = _identifier(body.get("subject")), _identifier(body.get("source"))
    if subject.get("system") != TOKEN_SYSTEM:
        raise Refused(422, "invalid", "subject.identifier.system")
    if source.get("system") != SOURCE_SYSTEM_IN:
        raise Refused(422, "invalid", "source.identifier.system")
    return Submitted(_custodian(body), str(subject.get("value", "")), str(source.get("value", "")))


def shown(row: Row, *, source_system: str) -> dict[str, Any]:
    """Return a List as the service shows it: no subject, no code, and its own constant for the source's system."""
    reason = {"system": "http://terminology.hl7.org/CodeSystem/list-empty-reason", "code": "withheld"}
    return {
        "resourceType": "List",
        "id": row.id,
        "extension": [
            {"url": CUSTODIAN, "valueReference": {"identifier": {"system": URA_SYSTEM, "value": row.ura}}},
        ],
        "status": "current",
        "mode": "working",
        "source": {"identifier": {"system": source_system, "value": row.source_id}, "type": "Device"},
        "emptyReason": {"coding": [reason]},
    }


def _identifier(reference: object) -> dict[str, Any]:
    identifier = reference.get("identifier") if isinstance(reference, dict) else None
    return identifier if isinstance(identifier, dict) else {}


def _custodian(body: dict[str, Any]) -> str:
    extensions = body.get("extension")
    for extension in extensions if isinstance(extensions, list) else []:
        identifier = _identifier(extension.get("valueReference")) if isinstance(extension, dict) else {}
        if identifier.get("system") == URA_SYSTEM:
            try:
                return Ura.parse(str(identifier.get("value", ""))).value
            except NotAnIdentifier:
                break
    raise Refused(422, "required", "extension: a custodian with a URA")
