"""FHIR server twin: the search parameters it knows, by type (FHIR R4, two that only the beta3 guide adds, and STU3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..organizations import Dialect

Speaks = Dialect | Literal["stu3"]
"""What a server speaks; no member of the simulated region speaks STU3."""

Kind = Literal["token", "reference", "uri", "id"]


@dataclass(frozen=True, slots=True)
class Parameter:
    """One search parameter: where it looks, and the types a reference may point at."""

    kind: Kind
    paths: tuple[str, ...]
    targets: tuple[str, ...] = ()


def _token(*paths: str) -> Parameter:
    return Parameter("token", paths)


def _reference(path: str, *targets: str) -> Parameter:
    return Parameter("reference", (path,), targets)


_PATIENT = _reference("patient", "Patient")
_SUBJECT = _reference("subject", "Patient")
_ENCOUNTER = _reference("encounter", "Encounter")
_IDENTIFIER = _token("identifier")
_STATUS = _token("status")
_ROLES = ("PractitionerRole", "Practitioner", "RelatedPerson", "Patient", "Organization")
_OF_SUBJECT = {"patient": _SUBJECT, "subject": _SUBJECT, "identifier": _IDENTIFIER}

_R4: dict[str, dict[str, Parameter]] = {
    "Patient": {"identifier": _IDENTIFIER},
    "Consent": {
        "patient": _PATIENT,
        "identifier": _IDENTIFIER,
        "status": _STATUS,
        "scope": _token("scope"),
        "category": _token("category"),
        "actor": _reference("provision.actor.reference", *_ROLES),
        "source-reference": _reference("sourceReference", "Consent", "DocumentReference"),
    },
    "Observation": _OF_SUBJECT
    | {
        "status": _STATUS,
        "code": _token("code"),
        "encounter": _ENCOUNTER,
        "performer": _reference("performer", *_ROLES),
    },
    "Goal": _OF_SUBJECT | {"lifecycle-status": _token("lifecycleStatus"), "category": _token("category")},
    "Procedure": _OF_SUBJECT
    | {
        "status": _STATUS,
        "code": _token("code"),
        "encounter": _ENCOUNTER,
        "performer": _reference("performer.actor", *_ROLES),
    },
    "Encounter": _OF_SUBJECT
    | {
        "status": _STATUS,
        "reason-reference": _reference("reasonReference", "Procedure", "Observation"),
        "participant": _reference("participant.individual", *_ROLES),
    },
    "DeviceUseStatement": _OF_SUBJECT | {"device": _reference("device", "Device")},
    "Device": {"identifier": _IDENTIFIER, "type": _token("type")},
    "Communication": _OF_SUBJECT | {"status": _STATUS, "category": _token("category"), "encounter": _ENCOUNTER},
    "CommunicationRequest": _OF_SUBJECT
    | {
        "status": _STATUS,
        "category": _token("category"),
        "encounter": _ENCOUNTER,
        "requester": _reference("requester", *_ROLES),
    },
    "QuestionnaireResponse": _OF_SUBJECT | {"status": _STATUS, "questionnaire": Parameter("uri", ("questionnaire",))},
    "RelatedPerson": {"patient": _PATIENT, "identifier": _IDENTIFIER},
    "PractitionerRole": {"identifier": _IDENTIFIER, "practitioner": _reference("practitioner", "Practitioner")},
    "Practitioner": {"identifier": _IDENTIFIER},
}

_CONTEXT = _reference("context", "Encounter")
_DONE = {"status": _STATUS, "code": _token("code"), "encounter": _CONTEXT, "context": _CONTEXT}
_STU3 = _R4 | {
    "Consent": {
        "patient": _PATIENT,
        "identifier": _IDENTIFIER,
        "status": _STATUS,
        "category": _token("category"),
        "actor": _reference("actor.reference", *_ROLES),
        "consentor": _reference("consentingParty", *_ROLES),
    },
    "Observation": _OF_SUBJECT
    | {"status": _STATUS, "code": _token("code"), "encounter": _CONTEXT, "context": _CONTEXT},
    "Goal": _OF_SUBJECT | {"status": _STATUS, "category": _token("category")},
    "Procedure": _OF_SUBJECT | _DONE,
    "Encounter": _OF_SUBJECT
    | {
        "status": _STATUS,
        "reason": _token("reason"),
        "diagnosis": _reference("diagnosis.condition", "Procedure", "Condition"),
        "participant": _reference("participant.individual", *_ROLES),
    },
    "CommunicationRequest": _OF_SUBJECT
    | {
        "status": _STATUS,
        "category": _token("category"),
        "context": _CONTEXT,
        "requester": _reference("requester.agent", *_ROLES),
    },
    # A Reference in STU3: compared whole, so a version after the address makes it another form.
    "QuestionnaireResponse": _OF_SUBJECT
    | {"status": _STATUS, "questionnaire": _reference("questionnaire", "Questionnaire")},
}

_BETA3 = {"Goal": {"description": _token("description")}, "Communication": {"reason-code": _token("reasonCode")}}

_ICD = ("72506001", "465460004", "468542000", "704707009", "1263462004", "1236894001")
VALUE_SETS = {
    f"{base}ValueSet/{name}": frozenset(codes)
    for base in ("https://fhir.iknl.nl/fhir/", "https://api.iknl.nl/docs/pzp/r4/")
    for name, codes in (
        ("ACP-MedicalPolicyGoal", ("385987000", "1351964001", "713148004", "UNK")),
        ("ACP-MedicalDeviceProductType-ICD", _ICD),
    )
}
"""What a server with terminology expands; one without answers 404 to `:in`."""


def known(dialect: Speaks) -> dict[str, dict[str, Parameter]]:
    """Return type -> name -> parameter of a server that speaks this dialect. Every type also has `_id`."""
    extra = _BETA3 if dialect == "r4-beta3" else {}
    return {
        kind: {"_id": Parameter("id", ("id",))} | parameters | extra.get(kind, {})
        for kind, parameters in (_STU3 if dialect == "stu3" else _R4).items()
    }
