"""The decision API of running gateways: a real token, the node's own introspection, Mitz, and the log."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from staging import BSN, CATEGORY, SCOPE, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

POSTMA, VERMEER = "999930412", "900011233"
URA = {"wilgenhof": "90000111", "meerwijck": "90000222", "lindezicht": "90000333"}


async def said_of(visitor: Visitor, holder: str, **how: Any) -> dict[str, Any]:
    """What the holder's node says of a fresh token."""
    node = visitor.stage.region.nodes[holder]
    url = f"{node.internal_url}/internal/auth/v2/accesstoken/introspect"
    answer = await visitor.client(None).post(url, data={"token": await visitor.token(holder, **how)})
    found: dict[str, Any] = answer.json()
    assert found["active"] is True
    return found


async def asked(visitor: Visitor, path: str, content: Any, gateway: str = "providers", **how: Any) -> httpx.Response:
    url = visitor.stage.region.gateways[gateway].operations_url + path
    return await visitor.client(None).post(url, json=content, **how)


def directives(patient_id: str) -> dict[str, Any]:
    query = httpx.QueryParams({"patient": f"Patient/{patient_id}", "scope": SCOPE, "category": CATEGORY})
    return {"method": "GET", "protocol": "HTTP/1.1", "path": "/Consent", "query": str(query), "header": {}, "body": ""}


def call(subject: dict[str, Any], request: dict[str, Any], holder: str = "wilgenhof", **context: Any) -> dict[str, Any]:
    about = {"connection_type_code": "hl7-fhir-rest", "data_holder_organization_id": URA[holder]}
    return {"input": {"subject": subject, "request": request, "context": about | context}}


def recorded(visitor: Visitor, answer: httpx.Response, tenant: str = "wilgenhof") -> list[Any]:
    return visitor.records("providers", tenant, answer.headers["x-meldcode"])


async def test_a_permit_is_one_record_that_names_the_enforcement_point(visitor: Visitor) -> None:
    answer = await asked(visitor, "/pdp", call(await said_of(visitor, "wilgenhof"), directives("1")))
    assert answer.json() == {"allow": True, "policies": {"pzp": {"allow": True, "reasons": []}}}
    [entry] = recorded(visitor, answer)
    assert (entry.code, entry.record["outcome"]["kind"]) == ("disclosure.decision", "permit")
    assert (entry.record["enforced_by"], entry.record["net"]["means"]) == ("loopback", "introspection")
    assert entry.record["policy"]["bundle_sha256"]
    assert entry.record["consent"]["decision"] == "permit"


async def test_who_objected_to_sharing_is_refused(visitor: Visitor) -> None:
    answer = await asked(visitor, "/pdp", call(await said_of(visitor, "wilgenhof"), directives("6")))
    assert answer.json()["allow"] is False
    assert answer.json()["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-CONSENT-010"
    [entry] = recorded(visitor, answer)
    assert entry.reason == "PZP-CONSENT-010"


async def test_the_patient_of_another_is_not_believed(visitor: Visitor) -> None:
    subject = await said_of(visitor, "wilgenhof")
    answer = await asked(visitor, "/pdp", call(subject, directives("6"), patient_bsn=POSTMA, mitz_consent=True))
    assert answer.json()["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-PATIENT-004"
    assert POSTMA not in answer.text
    assert VERMEER not in answer.text


async def test_a_role_that_nobody_knows_is_refused(visitor: Visitor) -> None:
    subject = await said_of(visitor, "wilgenhof", role="tuinman")
    answer = await asked(visitor, "/pdp", call(subject, directives("1")))
    assert answer.json()["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-CONSENT-002"


async def test_a_token_of_another_tenant_decides_nothing_here(visitor: Visitor) -> None:
    subject = await said_of(visitor, "lindezicht")
    answer = await asked(visitor, "/wilgenhof/pdp", call(subject, directives("1")))
    assert answer.json()["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-AUTHN-003"
    answer = await asked(visitor, "/lindezicht/pdp", call(subject, directives("1"), "wilgenhof"))
    assert answer.json()["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-REQUEST-020"


async def test_the_token_itself_is_asked_about_at_the_node(visitor: Visitor) -> None:
    question = {"request": directives("1"), "token": {"authorization": f"Bearer {await visitor.token('wilgenhof')}"}}
    answer = await asked(visitor, "/wilgenhof/decision/v1/evaluate", question)
    assert answer.json()["allow"] is True
    assert answer.json()["obligations"][0]["path"] == "/Consent"
    question["token"] = {"authorization": "Bearer " + "x" * 40}
    answer = await asked(visitor, "/wilgenhof/decision/v1/evaluate", question)
    assert answer.json()["outward"]["status"] == 401


async def test_authzen_searches_a_patient_by_bsn_in_the_body(visitor: Visitor) -> None:
    subject = await said_of(visitor, "wilgenhof")
    form = str(httpx.QueryParams({"identifier": f"{BSN}|{POSTMA}"}))
    request = {
        "method": "POST",
        "path": "/Patient/_search",
        "header": {"Content-Type": ["application/x-www-form-urlencoded"]},
        "body": form,
    }
    evaluation = {
        "subject": {"type": "user", "id": subject["employee_identifier"], "properties": subject},
        "action": {"name": "search-type", "properties": {"request": request}},
        "resource": {"type": "Patient", "id": "*"},
        "context": {"data_holder_organization_id": URA["wilgenhof"]},
    }
    answer = await asked(visitor, "/access/v1/evaluation", evaluation)
    assert answer.json()["decision"] is True, answer.text
    [entry] = recorded(visitor, answer)
    assert POSTMA not in str(entry.record)


async def test_the_api_is_nowhere_but_at_operations(visitor: Visitor) -> None:
    region = visitor.stage.region
    client = visitor.client(region.gateways["kade"].client)
    for origin in (region.gateways["providers"].network_url, region.gateways["kade"].ehr_url):
        for path in ("/pdp", "/wilgenhof/pdp", "/access/v1/evaluation", "/wilgenhof/decision/v1/authorize"):
            answer = await client.post(origin + path, json={"input": {}})
            assert answer.status_code == 404, (origin, path)


async def test_a_tenant_without_a_holding_decides_nothing(visitor: Visitor) -> None:
    answer = await asked(visitor, "/kade/pdp", call({"scope": "pzp-gf"}, directives("1")), gateway="kade")
    assert answer.json()["allow"] is False
