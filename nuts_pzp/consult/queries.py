"""The PZP queries of the IKNL guide, both R4 dialects, as canonical requests (spec pzp-fhir 2). Pure.

A `Query` is one thing we want to know. Sources speak different dialects, so a query is tried in turn: the next try is
made when the one before found nothing, or when the source does not know that query. The strings are exact: published
policies compare them.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..fhir.parameters import Parameter
from ..fhir.request import FhirRequest
from ..identity import BSN_SYSTEM, Bsn

_SCT = "http://snomed.info/sct"
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_BETA3 = "https://fhir.iknl.nl/fhir"
_RC2 = "https://api.iknl.nl/docs/pzp/r4"
_OBSERVATIONS = ("153851000146100", "395091006", "340171000146104", "247751003", "570801000146104")


@dataclass(frozen=True, slots=True)
class Try:
    """One wording of a query. `after_empty`: also made when the try before was answered but found nothing.

    `beyond`: not a wording of the guide, so who refuses it holds nothing back of what the guide asks.
    """

    resource_type: str
    params: tuple[Parameter, ...]
    subject: str = "patient"
    after_empty: bool = True
    beyond: bool = False

    def about(self, patient_id: str) -> FhirRequest:
        """Return the request for the patient with this logical id at the source."""
        patient: Parameter = (self.subject, (f"Patient/{patient_id}",))
        return FhirRequest("search-type", self.resource_type, params=(patient, *self.params))


@dataclass(frozen=True, slots=True)
class Query:
    """One thing to know, by name (as it appears in gaps), with its tries in order."""

    name: str
    tries: tuple[Try, ...]


def _one(resource_type: str, *params: Parameter, **how: str | bool) -> Try:
    return Try(resource_type, params, **how)  # type: ignore[arg-type]


def _include(what: str) -> Parameter:
    return ("_include", (what,))


def _form(canonical: str, name: str) -> Query:
    questionnaire: Parameter = ("questionnaire", (f"{canonical}/Questionnaire/ACP-zib2020",))
    return Query(
        name,
        (
            _one("QuestionnaireResponse", questionnaire, subject="subject"),
            _one("QuestionnaireResponse", questionnaire, after_empty=False),
        ),
    )


PZP: tuple[Query, ...] = (
    Query(
        "Encounter",
        (
            _one("Procedure", ("code", (f"{_SCT}|713603004",)), _include("Procedure:encounter")),
            _one(
                "Encounter",
                ("reason-reference:Procedure.code", (f"{_SCT}|713603004",)),
                _include("Encounter:reason-reference"),
            ),
        ),
    ),
    Query(
        "TreatmentDirective",
        (
            _one(
                "Consent",
                ("scope", (f"{_SCOPE}|treatment",)),
                ("category", (f"{_SCT}|129125009",)),
                _include("Consent:actor"),
            ),
        ),
    ),
    Query(
        "AdvanceDirective",
        (
            _one(
                "Consent",
                ("scope", (f"{_SCOPE}|adr",)),
                ("category", ("http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd",)),
                _include("Consent:actor"),
            ),
        ),
    ),
    Query(
        "Goal",
        (
            _one("Goal", ("category", (f"{_SCT}|713603004",))),
            _one("Goal", ("description:in", (f"{_BETA3}/ValueSet/ACP-MedicalPolicyGoal",))),
            _one("Goal", after_empty=False),
        ),
    ),
    Query("Observation", (_one("Observation", ("code", tuple(f"{_SCT}|{code}" for code in _OBSERVATIONS))),)),
    Query(
        "DeviceUseStatement",
        (
            _one(
                "DeviceUseStatement",
                ("device.type:in", (f"{_RC2}/ValueSet/ACP-MedicalDeviceProductType-ICD",)),
                _include("DeviceUseStatement:device"),
            ),
            _one(
                "DeviceUseStatement",
                ("device.type:in", (f"{_BETA3}/ValueSet/ACP-MedicalDeviceProductType-ICD",)),
                _include("DeviceUseStatement:device"),
            ),
            _one("DeviceUseStatement", _include("DeviceUseStatement:device"), after_empty=False),
        ),
    ),
    Query(
        "Communication",
        (
            _one("CommunicationRequest", ("category", (f"{_SCT}|223449006",))),
            _one("Communication", ("reason-code", (f"{_SCT}|713603004",))),
        ),
    ),
    _form(_RC2, "QuestionnaireResponse"),
    _form(_BETA3, "QuestionnaireResponse-beta3"),
)

RESOLVED = frozenset({"RelatedPerson", "Encounter", "Device"})
"""Types read one by one when a source did not include what its resources point at."""


def patient_by_bsn(bsn: Bsn) -> FhirRequest:
    """Return the Patient search on BSN: by POST, so that the BSN is in no URL (PDQm ITI-78)."""
    identifier: Parameter = ("identifier", (f"{BSN_SYSTEM}|{bsn.value}",))
    return FhirRequest("search-type", "Patient", params=(identifier,), via="POST")


def read(resource_type: str, logical_id: str) -> FhirRequest:
    """Return the read of one resource."""
    return FhirRequest("read", resource_type, logical_id)
