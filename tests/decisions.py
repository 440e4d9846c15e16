"""What enforcement points ask the decision API, and about whom."""

from __future__ import annotations

from typing import Any

ISSUER = "https://node.meerwijck.example/oauth2/meerwijck"
BASE = "https://fhir.meerwijck.example/meerwijck/fhir"
OWN, SOMEONE_ELSE = "900012341", "999911120"
HERE = ("127.0.0.1", 5)
KNOOPPUNT = "/pdp/v1/data/knooppunt/authz"


def subject(**changes: Any) -> dict[str, Any]:
    return {
        "active": True, "iss": ISSUER, "client_id": "x", "scope": "pzp-gf", "iat": 1_789_999_900, "exp": 1_790_000_800,
        "organization_ura": "90000444", "organization_name": "Huisartsenpost De Kade",
        "organization_facility_type": "N6", "employee_identifier": "h-12", "employee_role": "01.015",
        "employee_name": "A. de Wit",
    } | changes  # fmt: skip


def request(path: str = "/Consent", query: str = "patient=Patient/p1", **changes: Any) -> dict[str, Any]:
    return {"method": "GET", "protocol": "HTTP/1.1", "path": path, "query": query, "header": {}, "body": ""} | changes


def call(who: Any = None, what: Any = None, **context: Any) -> dict[str, Any]:
    about = {
        "connection_type_code": "hl7-fhir-rest",
        "data_holder_organization_id": "90000222",
        "data_holder_facility_type": "V6",
        "patient_bsn": "",
    }
    given = {"subject": who or subject(), "request": what or request(), "context": about | context}
    return {"input": given}


def evaluation(**changes: Any) -> dict[str, Any]:
    return {
        "subject": {"type": "user", "id": "h-12", "properties": subject()},
        "action": {"name": "search-type", "properties": {"request": request()}},
        "resource": {"type": "Consent", "id": "*"},
        "context": {"data_holder_organization_id": "90000222"},
    } | changes


def by_search(bsn: str) -> dict[str, Any]:
    form = {"content-type": ["application/x-www-form-urlencoded"]}
    body = f"identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C{bsn}"
    return request("/Patient/_search", "", method="POST", header=form, body=body)


def own(**changes: Any) -> dict[str, Any]:
    whole = {
        "subject": subject(),
        "request": request(query="patient=p1&_count=10"),
        "context": {"data_holder_organization_id": "90000222"},
    } | changes
    return {name: value for name, value in whole.items() if value is not ...}
