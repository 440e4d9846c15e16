"""A client of the FHIR facade and a holder's resources, for the tests of that door."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

from fhir.resources.R4B.bundle import Bundle
from fhir.resources.R4B.operationoutcome import OperationOutcome

from nuts_pzp.identity import BSN_SYSTEM
from nuts_pzp.web.ehr import EhrDoor

BSN, BORN = "999900006", "1941-03-09"


SCT = "http://snomed.info/sct"


SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"


ME = {"x-professional-id": "k-17", "x-professional-name": "M. Okker", "x-professional-role": "huisarts"}


BASE = "https://gw/kade/fhir"


W, M = "90000111", "90000222"


def coded(system: str, code: str) -> dict[str, Any]:
    return {"coding": [{"system": system, "code": code}]}


def directive(id: str, kind: str, when: str, **more: Any) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": id,
        "status": "active",
        "scope": coded(SCOPE, "treatment"),
        "category": [coded(SCT, "129125009")],
        "patient": {"reference": "Patient/1"},
        "dateTime": when,
        "policy": [{"uri": "https://wetten.overheid.nl/"}],
        "provision": {
            "type": kind,
            "code": [coded(SCT, "89666000")],
            "actor": [
                {
                    "role": coded("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "CONSENTER"),
                    "reference": {"reference": "RelatedPerson/r1"},
                }
            ],
        },
        **more,
    }


PATIENT = {
    "resourceType": "Patient",
    "id": "1",
    "identifier": [{"system": BSN_SYSTEM, "value": BSN}],
    "name": [{"text": "Trijntje Veld"}],
    "birthDate": BORN,
}


RELATED = {"resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/1"}}


GOAL = {
    "resourceType": "Goal",
    "id": "g1",
    "lifecycleStatus": "active",
    "description": coded(SCT, "713148004"),
    "subject": {"reference": "Patient/1"},
    "startDate": "2025-05-05",
}


def holds(*resources: dict[str, Any], patient: dict[str, Any] = PATIENT) -> Callable[[Any], Any]:
    def answering(request: Any) -> Any:
        kind = request.resource_type
        found = [patient] if kind == "Patient" else [one for one in resources if one["resourceType"] == kind]
        if kind == "Consent":
            wanted = request.values("scope")[0][0]
            found = [one for one in found if f"{SCOPE}|{one['scope']['coding'][0]['code']}" == wanted]
            found += [one for one in resources if one["resourceType"] == "RelatedPerson"]
        if request.interaction == "read":
            found = [one for one in found if one["id"] == request.id][:1]
        return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}

    return answering


class Client:
    """Speaks the queries of the guide to one server."""

    def __init__(self, called: Any, door: EhrDoor) -> None:
        self._called, self.door = called, door

    async def __call__(self, path: str, *, slug: str = "kade", **how: Any) -> Any:
        path, _, query = path.partition("?")
        how = {"method": "GET", "body": b"", "headers": ME} | how
        how["headers"] = {"content-type": ""} | how["headers"] if how["method"] == "GET" else how["headers"]
        return await self._called(door=self.door, path=f"/{slug}/fhir/{path}", query=query.encode(), **how).run()

    async def post(self, path: str, form: dict[str, str], **how: Any) -> Any:
        headers = {"content-type": "application/x-www-form-urlencoded"} | how.pop("headers", ME)
        return await self(path, method="POST", body=urlencode(form).encode(), headers=headers, **how)

    async def patient(self, **how: Any) -> Any:
        return await self.post("Patient/_search", {"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": BORN}, **how)

    async def id(self, **how: Any) -> str:
        found = await self.patient(**how)
        assert found.status == 200, found.content
        return str(matches(found)[0]["id"])


def entries(answer: Any, mode: str) -> list[dict[str, Any]]:
    assert answer.status == 200, answer.content
    Bundle.model_validate(answer.json)
    return [one for one in answer.json.get("entry", ()) if one["search"]["mode"] == mode]


def matches(answer: Any) -> list[dict[str, Any]]:
    return [one["resource"] for one in entries(answer, "match")]


def issues(answer: Any) -> list[tuple[str, str]]:
    found = [one["resource"]["issue"] for one in entries(answer, "outcome")]
    return [(one["code"], one["diagnostics"]) for one in (found[0] if found else ())]


def refusal(answer: Any) -> tuple[int, str]:
    OperationOutcome.model_validate(answer.json)
    return answer.status, answer.json["issue"][0]["details"]["coding"][0]["code"]


CONSENTS = f"Consent?patient=Patient/{{}}&scope={SCOPE}%7Ctreatment&category={SCT}%7C129125009&_include=Consent:actor"
