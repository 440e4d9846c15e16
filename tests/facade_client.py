"""A FHIR client that knows the queries of the IKNL guide and one base URL, and nothing of sources."""

from __future__ import annotations

import uuid
from dataclasses import dataclass, field
from typing import Any

import httpx
from staging import Visitor

SCT = "http://snomed.info/sct"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
ACD = "http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd"
RC2, BETA3 = "https://api.iknl.nl/docs/pzp/r4", "https://fhir.iknl.nl/fhir"
OBSERVATIONS = "153851000146100", "395091006", "340171000146104", "247751003", "570801000146104"

QUERIES: dict[str, tuple[str, dict[str, str]]] = {
    "procedure": ("Procedure", {"code": f"{SCT}|713603004", "_include": "Procedure:encounter"}),
    "encounter": (
        "Encounter",
        {"reason-reference:Procedure.code": f"{SCT}|713603004", "_include": "Encounter:reason-reference"},
    ),
    "treatment": (
        "Consent",
        {"scope": f"{SCOPE}|treatment", "category": f"{SCT}|129125009", "_include": "Consent:actor"},
    ),
    "advance": ("Consent", {"scope": f"{SCOPE}|adr", "category": ACD, "_include": "Consent:actor"}),
    "goal": ("Goal", {"category": f"{SCT}|713603004"}),
    "goal, beta3": ("Goal", {"description:in": f"{BETA3}/ValueSet/ACP-MedicalPolicyGoal"}),
    "observation": ("Observation", {"code": ",".join(f"{SCT}|{code}" for code in OBSERVATIONS)}),
    "device": (
        "DeviceUseStatement",
        {
            "device.type:in": f"{RC2}/ValueSet/ACP-MedicalDeviceProductType-ICD",
            "_include": "DeviceUseStatement:device",
        },
    ),
    "request": ("CommunicationRequest", {"category": f"{SCT}|223449006"}),
    "communication": ("Communication", {"reason-code": f"{SCT}|713603004"}),
    "form": ("QuestionnaireResponse", {"questionnaire": f"{RC2}/Questionnaire/ACP-zib2020"}),
    "form, beta3": ("QuestionnaireResponse", {"questionnaire": f"{BETA3}/Questionnaire/ACP-zib2020"}),
}


@dataclass
class FacadeClient:
    """One professional at one tenant's facade. `urls` are those it asked."""

    visitor: Visitor
    tenant: str = "kade"
    person: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    urls: list[str] = field(default_factory=list)

    @property
    def base(self) -> str:
        url = self.visitor.stage.region.gateway_of(self.tenant).consultations(self.tenant)
        return url.partition("/pzp/")[0] + "/fhir"

    @property
    def headers(self) -> dict[str, str]:
        return {"x-professional-id": self.person, "x-professional-name": "P.%20Vos", "x-professional-role": "huisarts"}

    async def ask(self, path: str, **how: Any) -> httpx.Response:
        url = path if path.startswith("https://") else f"{self.base}/{path}"
        headers = self.headers | how.pop("headers", {})
        how.setdefault("method", "GET")
        answer = await self.visitor.consultation(self.tenant, url=url, headers=headers, **how)
        self.urls.append(str(answer.request.url))
        return answer

    async def search(self, slug: str, **how: Any) -> httpx.Response:
        patient = self.visitor.stage.patient(slug)
        return await self.search_as(patient.bsn.value, patient.birth_date.isoformat(), **how)

    async def search_as(self, bsn: str, born: str, **how: Any) -> httpx.Response:
        form = {"identifier": f"http://fhir.nl/fhir/NamingSystem/bsn|{bsn}", "birthdate": born}
        return await self.ask("Patient/_search", method="POST", data=form, **how)

    async def query(self, name: str, id: str, *, subject: str = "patient") -> httpx.Response:
        kind, params = QUERIES[name]
        return await self.ask(kind, params={subject: f"Patient/{id}", **params})


def entries(answer: httpx.Response, mode: str) -> list[dict[str, Any]]:
    """The resources of one mode."""
    assert answer.status_code == 200, answer.text
    return [one["resource"] for one in answer.json().get("entry", ()) if one["search"]["mode"] == mode]


def patient_id(answer: httpx.Response) -> str:
    """The logical id of the one Patient."""
    [patient] = entries(answer, "match")
    return str(patient["id"])


def tag(resource: dict[str, Any]) -> str:
    """The URA of a resource's source."""
    return str(resource["meta"]["tag"][-1]["code"])
