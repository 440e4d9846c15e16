"""Sandbox: builders of PZP resources in both R4 dialects (spec pzp-fhir 0.1 and 1.1). Structure and codes are facts.

A `Chart` is one patient's dossier at one organisation. Ids are numbered per patient, so two organisations hold the same
ids for different things, as real sources do. Whatever departs from the plain form is a `Change`: a named function that
is applied to the resource, so that a test person reads as a list of what is odd about it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any, Literal

from .organizations import Dialect

Json = dict[str, Any]
Change = Callable[[Json], None]
Decision = Literal["permit", "deny"] | None

SNOMED = "http://snomed.info/sct"
NULL = "http://terminology.hl7.org/CodeSystem/v3-NullFlavor"
ROLE = "http://terminology.hl7.org/CodeSystem/v3-RoleCode"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
CONTACT_ROLE = "urn:oid:2.16.840.1.113883.2.4.3.11.22.472"
DIRECTIVE = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.1"
SPECIALTY = "urn:oid:2.16.840.1.113883.2.4.6.7"
BUSINESS = "https://sandbox.example/fhir/NamingSystem/verklaring"
NICTIZ = "http://nictiz.nl/fhir/StructureDefinition/"
BASES = {
    "r4-beta3": "https://fhir.iknl.nl/fhir/",
    "r4-rc2": "https://api.iknl.nl/docs/pzp/r4/",
    "form": "https://fhir.iknl.nl/fhir/",
}
ENCOUNTER_EXTENSION = "https://fhir.iknl.nl/fhir/StructureDefinition/ext-EncounterReference"
CAPACITY = "StructureDefinition/ext-LegallyCapable-MedicalTreatmentDecisions"
ACP = {"coding": [{"system": SNOMED, "code": "713603004", "display": "Advance care planning"}]}

TREATMENTS = {
    "89666000": "cardiopulmonale resuscitatie",
    "40617009": "kunstmatige beademing",
    "305351004": "opname op intensive care",
    "32485007": "opname in ziekenhuis",
    "281789004": "antibiotische therapie",
    "116762002": "toediening van bloedproduct",
}
ICD_OFF = "Uitzetten van cardioverter-defibrillator in laatste levensfase (SNOMED CT - 400231000146108)"


def concept(system: str, code: str, display: str = "") -> Json:
    """A CodeableConcept with one coding."""
    coding: Json = {"system": system, "code": code}
    if display:
        coding["display"] = display
    return {"coding": [coding]}


@dataclass(frozen=True, slots=True)
class Ref:
    """A reference with what people see of it."""

    reference: str
    display: str

    def json(self) -> Json:
        """As FHIR writes it."""
        return {"reference": self.reference, "type": self.reference.partition("/")[0], "display": self.display}


_SAME_PERSON = "http://hl7.org/fhir/StructureDefinition/patient-relatedPerson"


@dataclass(slots=True)
class Chart:
    """One patient's dossier at one organisation; `resources` is what its FHIR server holds."""

    dialect: Dialect
    patient_id: str
    patient_name: str
    resources: list[Json] = field(default_factory=list)
    unlinked: list[str] = field(default_factory=list)
    """References of resources that belong to this patient without saying so themselves."""
    _numbers: Counter[str] = field(default_factory=Counter)

    @property
    def patient(self) -> Ref:
        """The patient of this chart."""
        return Ref(f"Patient/{self.patient_id}", f"Patiënt, {self.patient_name}")

    def add(self, kind: str, profile: str, body: Json, changes: Iterable[Change] = ()) -> Ref:
        """Number, keep and return one resource; `profile` is the last part of its canonical, empty for none."""
        self._numbers[kind] += 1
        resource: Json = {"resourceType": kind, "id": f"{self.patient_id}-{self._numbers[kind]}"}
        if profile:
            resource["meta"] = {"profile": [f"{BASES[self.dialect]}StructureDefinition/{profile}"]}
        resource.update(body)
        for change in changes:
            change(resource)
        self.resources.append(resource)
        return Ref(f"{kind}/{resource['id']}", kind)

    def person(self, bsn: str, birth_date: str, gender: str, *changes: Change) -> None:
        """Write the Patient: the only resource that carries the BSN."""
        resource: Json = {
            "resourceType": "Patient",
            "id": self.patient_id,
            "meta": {"profile": [f"{BASES[self.dialect]}StructureDefinition/ACP-Patient"]},
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": bsn}],
            "name": [{"use": "official", "text": self.patient_name, "family": self.patient_name.split(" ", 1)[-1]}],
            "gender": gender,
            "birthDate": birth_date,
        }
        for change in changes:
            change(resource)
        self.resources.append(resource)

    def clinician(self, name: str, specialty: str, label: str) -> Ref:
        """Write a Practitioner and its PractitionerRole (without organization, as in the wild); return the role."""
        person = self.add("Practitioner", "ACP-HealthProfessional-Practitioner", {"name": [{"text": name}]})
        body = {
            "practitioner": {"reference": person.reference, "display": name},
            "specialty": [concept(SPECIALTY, specialty, label)],
        }
        role = self.add("PractitionerRole", "ACP-HealthProfessional-PractitionerRole", body)
        return Ref(role.reference, f"{name}, {label}")

    def relative(self, name: str, roles: tuple[str, ...], relation: str, phone: str, *changes: Change) -> Ref:
        """Write a contact person: roles of RolCodelijst (or the SNOMED code of a written proxy), v3 relation, phone.

        Patient.contact repeats it, as the profiles ask: without that, nothing need point at it, and no query finds it.
        """
        coded = [concept(SNOMED if len(role) > 2 else CONTACT_ROLE, role) for role in roles]
        body: Json = {
            "patient": self.patient.json(),
            "relationship": [*coded, concept(ROLE, relation)],
            "name": [{"use": "official", "text": name, "family": name.split(" ", 1)[-1]}],
            "telecom": [{"system": "phone", "value": phone, "use": "home"}],
        }
        ref = Ref(self.add("RelatedPerson", "ACP-ContactPerson", body, changes).reference, name)
        repeated = {key: body[key] for key in ("relationship", "telecom")} | {"name": body["name"][0]}
        linked = {"url": _SAME_PERSON, "valueReference": ref.json()}
        for patient in (one for one in self.resources if one["resourceType"] == "Patient"):
            patient.setdefault("contact", []).append({"extension": [linked], **repeated})
        return ref

    def talk(self, date: str, by: Ref, *present: Ref, join: Literal["both", "procedure", "encounter"] = "both") -> Ref:
        """Write a conversation: Encounter and Procedure, joined from the side or sides that `join` names."""
        encounter_id = f"{self.patient_id}-{self._numbers['Encounter'] + 1}"
        procedure: Json = {
            "status": "completed",
            "code": ACP,
            "subject": self.patient.json(),
            "performer": [{"actor": by.json()}],
            "performedPeriod": {"start": date, "end": date},
        }
        if join != "encounter":
            procedure["encounter"] = {"reference": f"Encounter/{encounter_id}"}
        done = self.add("Procedure", "ACP-Procedure", procedure)
        encounter: Json = {
            "status": "finished",
            "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
            "subject": self.patient.json(),
            "participant": [{"individual": one.json()} for one in (by, *present)],
            "period": {"start": date, "end": date},
        }
        if join != "procedure":
            encounter["reasonReference"] = [{"reference": done.reference, "display": "PZP-gesprek"}]
        return Ref(self.add("Encounter", "ACP-Encounter", encounter).reference, f"Gesprek {date}")

    def treatment(self, what: str, decision: Decision, date: str | None, *changes: Change) -> Ref:
        """Write a treatment directive: `what` is one of the six SNOMED codes, otherwise a free text (code OTH)."""
        code = concept(SNOMED, what, TREATMENTS[what]) if what in TREATMENTS else {**concept(NULL, "OTH"), "text": what}
        provision: Json = {"actor": [_actor("CONSENTER", self.patient)], "code": [code]}
        if decision:
            provision["type"] = decision
        return self.add("Consent", "ACP-TreatmentDirective", self._consent(provision, date, "treatment"), changes)

    def directive(self, kind: str, date: str | None, *changes: Change) -> Ref:
        """Write a wilsverklaring; `kind` is a code of the directive list (NR, VOL, EU); the document is a tiny PDF."""
        provision: Json = {"code": [concept(DIRECTIVE, kind)]}
        body = self._consent(provision, date, "adr")
        body["sourceAttachment"] = {"contentType": "application/pdf", "title": f"wilsverklaring {kind}", "data": _PDF}
        return self.add("Consent", "ACP-AdvanceDirective", body, changes)

    def goal(self, code: str, date: str | None, *changes: Change, started: bool = False) -> Ref:
        """Write the medical policy goal; `started` fills startDate instead of statusDate."""
        system = NULL if code == "UNK" else SNOMED
        body: Json = {"lifecycleStatus": "active", "description": concept(system, code), "subject": self.patient.json()}
        if date:
            body["startDate" if started else "statusDate"] = date
        beta = self.dialect == "r4-beta3"
        if not beta:
            body["category"] = [ACP]
        return self.add("Goal", "ACP-Medical-Policy-Goal" if beta else "ACP-MedicalPolicyGoal", body, changes)

    def observation(self, code: str, value: str | Json | None, date: str | None, *changes: Change) -> Ref:
        """Write an observation; a value is a text or a CodeableConcept, None means asked but unknown."""
        names = dict(_OBSERVATIONS)
        if self.dialect == "r4-beta3":
            names["247751003"] = "OtherImportantInformation"
        body: Json = {"status": "final", "code": concept(SNOMED, code), "subject": self.patient.json()}
        if date:
            body["effectiveDateTime"] = date
        if isinstance(value, str):
            body["valueString"] = value
        elif value is not None:
            body["valueCodeableConcept"] = value
        else:
            reason = "http://terminology.hl7.org/CodeSystem/data-absent-reason"
            body["dataAbsentReason"] = concept(reason, "asked-unknown")
        if method := _METHODS.get(code):
            body["method"] = concept(SNOMED, method)
        return self.add("Observation", f"ACP-{names[code]}", body, changes)

    def icd(self, implanted: str, recorded: str | None, *changes: Change, type_code: str = "72506001") -> Ref:
        """Write an implanted defibrillator: Device and DeviceUseStatement; `implanted` decides nothing, on purpose."""
        device = self.add("Device", "ACP-MedicalDevice.Product-ICD", {"type": concept(SNOMED, type_code)})
        body: Json = {
            "status": "active",
            "subject": self.patient.json(),
            "device": {"reference": device.reference},
            "timingPeriod": {"start": implanted},
        }
        if recorded:
            body["recordedOn"] = recorded
        return self.add("DeviceUseStatement", "ACP-MedicalDevice", body, changes)

    def informed(self, date: str, by: Ref, *changes: Change) -> Ref:
        """Write that the patient was told to inform relatives: Communication (beta3) or CommunicationRequest (rc2)."""
        topic = concept(SNOMED, "223449006")
        body: Json = {"status": "completed", "subject": self.patient.json(), "reasonCode": [ACP]}
        if self.dialect == "r4-beta3":
            body |= {"topic": topic, "sent": date, "recipient": [self.patient.json()], "sender": by.json()}
            return self.add("Communication", "ACP-Communication", body, changes)
        body |= {"category": [topic], "authoredOn": date, "requester": by.json()}
        return self.add("CommunicationRequest", "ACP-InformRelativesRequest", body, changes)

    def _consent(self, provision: Json, date: str | None, scope: str) -> Json:
        acd = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
        body: Json = {
            "status": "active",
            "scope": concept(SCOPE, scope),
            "category": [concept(acd, "acd") if scope == "adr" else concept(SNOMED, "129125009")],
            "patient": self.patient.json(),
            "policy": [{"uri": "https://wetten.overheid.nl/"}],
            "provision": provision,
        }
        return body | ({"dateTime": date} if date else {})


_OBSERVATIONS = {
    "153851000146100": "SpecificCareWishes",
    "395091006": "PreferredPlaceOfDeath",
    "340171000146104": "PositionRegardingEuthanasia",
    "570801000146104": "OrganDonationChoiceRegistration",
    "247751003": "SenseOfPurpose",
}
_METHODS = {"153851000146100": "370819000", "570801000146104": "1156040003"}
_PDF = "JVBERi0xLjQKJSVFT0YK"


def _actor(role: str, who: Ref) -> Json:
    return {"role": concept(ROLE, role), "reference": who.json()}
