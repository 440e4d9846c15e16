"""The question a policy gets: the policy input of spec decision-api 2, with placeholders for the patient (design D5).

Room: authorization. Trusts a parsed request and facts that the gateway derived. No BSN enters an engine: the patient of
the decision is `#patient` and `#bsn`, anybody else `#other`. A policy that compares the two sees what it should.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from ..exchange import Access
from ..fhir.capability import Capability
from ..fhir.parameters import Parameter
from ..fhir.request import FhirRequest
from ..identity import BSN_SYSTEM, Organization
from .capability import RESULT_PARAMETERS, unlisted

PATIENT, BSN, OTHER = "#patient", "#bsn", "#other"

_KNOWN_CLAIMS = frozenset(
    {
        "active",
        "client_id",
        "scope",
        "user_id",
        "user_role",
        "organization_ura",
        "organization_name",
        "organization_facility_type",
    }
)
_GROUPS = frozenset({"client", "organization", "user"})


@dataclass(frozen=True, slots=True)
class Subject:
    """Who asks, as the policy sees it. `others` are further claims of the token."""

    client: str
    scopes: tuple[str, ...]
    organization: Organization | Mapping[str, str]
    user: str
    role: str
    others: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Facts:
    """What the gateway found out: about whom (empty: not known), whether with consent, for what, at which holder."""

    patient_id: str = field(repr=False)
    bsn: str = field(repr=False)
    consent: bool
    purpose: str
    holder_ura: str
    holder_type: str


def asked(access: Access, capability: Capability | None, holder: Organization) -> bytes:
    """Return the policy input of an access whose consent is settled: canonical JSON bytes without any BSN."""
    caller, patient = access.caller, access.patient
    professional = caller.professional
    subject = Subject(
        caller.claims.get("client_id", ""),
        tuple(sorted(caller.scopes)),
        caller.organization,
        professional.id if professional else "",
        professional.role if professional else "",
        caller.claims,
    )
    facts = Facts(
        patient.logical_id or "", patient.bsn.value, True, caller.purpose.value, holder.ura.value, holder.type
    )
    return compose(subject, access.request, facts, capability)


def compose(subject: Subject, request: FhirRequest, facts: Facts, capability: Capability | None) -> bytes:
    """Return the policy input. Without a capability nothing is `capability_checked`."""
    post = request.via == "POST" and request.interaction == "search-type"
    path = f"/{request.resource_type}" + ("/_search" if post else "")
    document = {
        "subject": _subject(subject, facts),
        "resource": {
            "id": _id(request, facts),
            "type": request.resource_type or None,
            "version_id": "",
            "consents": None,
        },
        "action": {
            "name": request.interaction,
            "connection_type_code": "hl7-fhir-rest",
            # As received, less what could hold a BSN: what was asked stands in fhir_rest.
            "request": {
                "method": "POST" if post else "GET",
                "protocol": "HTTP/1.1",
                "path": path,
                "query": "",
                "header": {},
                "body": "",
            },
            "fhir_rest": {
                "capability_checked": capability is not None and not unlisted(capability, request),
                "include": [value for values in request.values("_include") for value in values],
                "revinclude": [value for values in request.values("_revinclude") for value in values],
                "interaction_type": request.interaction,
                "operation": None,
                "search_params": _search_params(request.params, facts),
            },
        },
        "context": {
            "data_holder_facility_type": facts.holder_type,
            "data_holder_organization_id": facts.holder_ura,
            "mitz_consent": facts.consent,
            "patient_bsn": BSN if facts.bsn else "",
            "patient_id": PATIENT if facts.patient_id else "",
            "purpose_of_use": facts.purpose,
        },
    }
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)


def agrees(request: FhirRequest, facts: Facts) -> bool:
    """True when everyone the request names is the patient of the facts. A request that names nobody agrees."""
    if request.resource_type == "Patient" and request.id is not None and request.id != facts.patient_id:
        return False
    for name, values in request.params:
        if _names_patient(name) and any(_placed(value, facts) != f"Patient/{PATIENT}" for value in values):
            return False
        if name == "identifier" and any(_identified(value, facts) != f"{BSN_SYSTEM}|{BSN}" for value in values):
            return False
    return True


def _subject(subject: Subject, facts: Facts) -> dict[str, Any]:
    organization = subject.organization
    if isinstance(organization, Organization):
        organization = {
            "ura": organization.ura.value,
            "name": organization.name,
            "facility_type": organization.type,
        }
    others = {
        name: value for name, value in subject.others.items() if name not in _KNOWN_CLAIMS and name not in _GROUPS
    }
    whole = {
        **others,
        "client": {"id": subject.client, "scopes": subject.scopes},
        "organization": organization,
        "user": {"id": subject.user, "role": subject.role},
    }
    if not facts.bsn or facts.bsn.encode() not in orjson.dumps(whole):
        return whole  # nearly always: where its digits stand nowhere, there is nothing to replace
    masked: dict[str, Any] = _without_bsn(whole, facts)
    return masked


def _without_bsn(value: Any, facts: Facts) -> Any:
    """Replace the patient's BSN wherever it stands in what is said of the subject."""
    if isinstance(value, str):
        return value.replace(facts.bsn, BSN) if facts.bsn else value
    if not facts.bsn:
        return value
    if isinstance(value, Mapping):
        return {_without_bsn(name, facts): _without_bsn(inner, facts) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_bsn(inner, facts) for inner in value]
    return BSN if str(value) == facts.bsn else value


def _id(request: FhirRequest, facts: Facts) -> str:
    if not request.id:
        return ""
    if request.resource_type == "Patient":
        return PATIENT if request.id == facts.patient_id else OTHER
    return _without_bsn(request.id, facts)  # type: ignore[no-any-return]  # a str stays a str


def _search_params(params: tuple[Parameter, ...], facts: Facts) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = {}
    for name, values in params:
        if name in RESULT_PARAMETERS:
            continue
        if _names_patient(name):
            group = [_placed(value, facts) for value in values]
        elif name.partition(":")[0] in ("identifier", "_id"):
            group = [_identified(value, facts) for value in values]
        else:
            group = [_without_bsn(value, facts) for value in values]
        found.setdefault(name, []).append(group)
    return found


def _names_patient(name: str) -> bool:
    """True for `patient` and `subject`, with whatever modifier or chain."""
    return name.replace(".", ":").partition(":")[0] in ("patient", "subject")


def _placed(reference: str, facts: Facts) -> str:
    prefix, slash, logical_id = reference.rpartition("/")
    known = prefix in ("Patient", "") and logical_id == facts.patient_id and bool(facts.patient_id)
    kept = "Patient" if prefix == "Patient" else ("" if not slash else OTHER)
    return f"{kept}{slash}{PATIENT if known else OTHER}"


def _identified(identifier: str, facts: Facts) -> str:
    system, bar, value = identifier.rpartition("|")
    known = system == BSN_SYSTEM and value == facts.bsn and bool(facts.bsn)
    return f"{_without_bsn(system, facts)}{bar}{BSN if known else OTHER}"
