"""Hostile and malformed requests over real sockets: what each door says, and that it is on record before it says so."""

from __future__ import annotations

import json
from typing import Any

import httpx
import pytest
from staging import BSN, Visitor, issue_of

from nuts_pzp.sandbox.nuts_node.internal import create_subject

pytestmark = pytest.mark.asyncio(loop_scope="session")

POSTMA, VERMEER, TALSMA, STRANGER = "999930412", "900011233", "900101222", "999990019"
FORM = {"content-type": "application/x-www-form-urlencoded"}


def stands(answer: httpx.Response, visitor: Visitor, status: int, reason: str, *, log: str = "wilgenhof") -> None:
    """The answer has this status and shape, carries no BSN, and one record says the reason."""
    assert answer.status_code == status
    for bsn in (POSTMA, VERMEER, TALSMA, STRANGER):
        assert bsn not in answer.text
    if answer.headers["content-type"] == "application/problem+json":
        gateway, code = "kade", answer.json()["meldcode"]
        assert (answer.json()["code"], answer.json()["status"]) == (reason, status)
    else:
        gateway, code = "providers", answer.headers["x-meldcode"]
        if answer.request.method != "HEAD":
            assert issue_of(answer)["severity"] == "error"
            assert code in issue_of(answer)["diagnostics"]
    assert [one.reason for one in visitor.records(gateway, log, code)] == [reason]
    assert answer.headers["cache-control"] == "no-store"


# The network door: tokens


@pytest.mark.parametrize(
    ("authorization", "reason"),
    [
        (None, "PZP-AUTHN-001"),
        ("Bearer " + "x" * 40, "PZP-AUTHN-002"),
        ("DPoP " + "x" * 40, "PZP-AUTHN-002"),
        ("Basic a2FkZTprYWRl", "PZP-AUTHN-002"),
        ("Bearer", "PZP-AUTHN-002"),
        ("Bearer " + "x" * 5000, "PZP-AUTHN-002"),
    ],
)
async def test_no_token_or_garbage_is_401(authorization: str | None, reason: str, visitor: Visitor) -> None:
    headers = {"authorization": authorization} if authorization else {}
    answer = await visitor.patient("wilgenhof", POSTMA, None, headers=headers)
    stands(answer, visitor, 401, reason)
    assert answer.headers["www-authenticate"] == 'DPoP algs="ES256", Bearer'


async def test_a_token_for_one_tenant_does_not_open_another(visitor: Visitor) -> None:
    token = await visitor.token("wilgenhof")
    assert (await visitor.patient("wilgenhof", POSTMA, token)).status_code == 200
    stands(await visitor.patient("lindezicht", POSTMA, token), visitor, 401, "PZP-AUTHN-002", log="lindezicht")


async def test_a_token_of_another_tenants_issuer_at_the_same_node_is_refused(visitor: Visitor) -> None:
    node = visitor.stage.region.nodes["lindezicht"].twin
    if "wilgenhof" not in node.state.subjects:
        create_subject(node.state, "wilgenhof")
    token = await visitor.token("lindezicht", issuer=node.state.issuer("wilgenhof"))
    stands(await visitor.patient("lindezicht", POSTMA, token), visitor, 401, "PZP-AUTHN-003", log="lindezicht")


async def test_a_token_that_the_node_forgot_is_401(visitor: Visitor) -> None:
    token = await visitor.token("wilgenhof")
    visitor.stage.region.nodes["wilgenhof"].twin.state.grants.clear()
    stands(await visitor.patient("wilgenhof", POSTMA, token), visitor, 401, "PZP-AUTHN-002")


async def test_an_expired_token_is_401(visitor: Visitor) -> None:
    token, clock = await visitor.token("wilgenhof"), visitor.stage.region.nodes["wilgenhof"].twin.state.clock
    clock.shift = 901
    try:
        stands(await visitor.patient("wilgenhof", POSTMA, token), visitor, 401, "PZP-AUTHN-002")
    finally:
        clock.shift = 0


async def test_a_role_that_may_not_see_this_is_refused(visitor: Visitor) -> None:
    token = await visitor.token("wilgenhof", role="baliemedewerker")
    answer = await visitor.patient("wilgenhof", POSTMA, token)
    assert answer.status_code == 403
    assert [one.word for one in visitor.recorded("wilgenhof", answer)] == ["Geweigerd"]


# The network door: requests

WRONG: dict[str, tuple[str, str, dict[str, Any], int, str]] = {
    "BSN in a query": ("GET", f"/Patient?identifier={BSN}|{POSTMA}", {}, 405, "PZP-REQUEST-004"),
    "bare BSN in a query": ("GET", f"/Patient?identifier={POSTMA}", {}, 405, "PZP-REQUEST-004"),
    "BSN as a parameter": ("GET", f"/Consent?patient=Patient/1&{POSTMA}=1", {}, 400, "PZP-REQUEST-002"),
    "BSN as a type": ("GET", f"/{POSTMA}/1", {}, 400, "PZP-REQUEST-003"),
    "two BSNs": (
        "POST", "/Patient/_search", {"data": {"identifier": f"{BSN}|{POSTMA},{BSN}|{VERMEER}"}}, 400, "PZP-REQUEST-008",
    ),
    "no BSN": ("POST", "/Patient/_search", {"data": {"name": "Postma"}}, 400, "PZP-REQUEST-008"),
    "query and body": (
        "POST", "/Patient/_search?a=b", {"data": {"identifier": f"{BSN}|{POSTMA}"}}, 400, "PZP-REQUEST-001",
    ),
    "two patients": ("GET", "/Consent?patient=Patient/1&patient=Patient/2", {}, 400, "PZP-REQUEST-001"),
    "PUT": ("PUT", "/Patient/1", {"json": {}}, 405, "PZP-REQUEST-004"),
    "DELETE": ("DELETE", "/Consent/1-1", {}, 405, "PZP-REQUEST-004"),
    "TRACE": ("TRACE", "/Consent/1-1", {}, 405, "PZP-REQUEST-004"),
    "JSON in a search": ("POST", "/Patient/_search", {"json": {"identifier": POSTMA}}, 415, "PZP-REQUEST-005"),
    "Turtle wanted": ("GET", "/Patient/1", {"headers": {"accept": "text/turtle"}}, 406, "PZP-REQUEST-015"),
    "a body of 70 kB": (
        "POST", "/Patient/_search", {"content": b"identifier=" + b"9" * 70_000, "headers": FORM}, 413,
        "PZP-REQUEST-006",
    ),
    "a type without a patient": ("GET", "/Practitioner/1-1", {}, 403, "PZP-REQUEST-012"),
    "a document": ("GET", "/Composition?patient=Patient/1", {}, 403, "PZP-REQUEST-012"),
    "a resource that is not there": ("GET", "/Consent/99-99", {}, 403, "PZP-PATIENT-001"),
}  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG)
async def test_a_wrong_request_is_refused_by_its_own_reason(wrong: str, visitor: Visitor) -> None:
    method, path, how, status, reason = WRONG[wrong]
    token = await visitor.token("wilgenhof", person="doors")
    stands(await visitor.fhir("wilgenhof", path, token, method=method, **how), visitor, status, reason)


async def test_a_refused_patient_and_an_unknown_one_look_the_same(visitor: Visitor) -> None:
    """Byte for byte, apart from the meldcode and the clock: who is a patient here is nobody's business."""
    token = await visitor.token("wilgenhof")
    seen = []
    for bsn, reason in ((STRANGER, "PZP-PATIENT-001"), (VERMEER, "PZP-CONSENT-010"), (TALSMA, "PZP-PATIENT-002")):
        answer = await visitor.patient("wilgenhof", bsn, token)
        stands(answer, visitor, 403, reason)
        code = answer.headers["x-meldcode"]
        headers = [(name, value) for name, value in answer.headers.raw if name.lower() not in (b"x-meldcode", b"date")]
        seen.append((answer.content.replace(code.encode(), b"*"), headers))
    assert seen[0] == seen[1] == seen[2]
    assert seen[0][0] == (
        b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden",'
        b'"details":{"text":"Toegang niet toegestaan"},"diagnostics":"meldcode *"}]}'
    )


async def test_an_unknown_tenant_or_path_is_on_record_in_the_systems_own_log(visitor: Visitor) -> None:
    gateway = visitor.stage.region.gateways["providers"]
    client = visitor.client(visitor.stage.region.gateways["kade"].client)
    for path in (
        "/nobody/fhir/Patient/1", "/", "/meerwijck/fhir/Patient/1", "/wilgenhof/pzp/v1/consultations", "/metrics",
        "/ready", "/health", "/wilgen%68of/fhir/Patient/1", "/WILGENHOF/fhir/Patient/1", f"/{POSTMA}/fhir/Patient/1",
    ):  # fmt: skip
        stands(await client.get(gateway.network_url + path), visitor, 404, "PZP-AUTHN-015", log="system")


async def test_capabilities_are_public_and_say_no_more_than_that(visitor: Visitor) -> None:
    answer = await visitor.fhir("wilgenhof", "/metadata", None)
    assert (answer.status_code, answer.json()["resourceType"]) == (200, "CapabilityStatement")
    asked = await visitor.fhir("wilgenhof", "/metadata?_format=json", None)
    assert (asked.status_code, asked.content) == (200, answer.content)
    stands(await visitor.fhir("wilgenhof", "/metadata?_format=ttl", None), visitor, 406, "PZP-REQUEST-015")


# The network door: page tokens


async def test_a_page_token_serves_the_caller_and_tenant_it_was_made_for(visitor: Visitor) -> None:
    token = await visitor.token("wilgenhof")
    first = (await visitor.directives("wilgenhof", "10", token)).json()
    link = next(link["url"] for link in first["link"] if link["relation"] == "next")
    base = visitor.stage.region.gateway_of("wilgenhof").fhir_base("wilgenhof")
    assert link.startswith(f"{base}/Consent?_page=")
    page = link.removeprefix(f"{base}/Consent")
    second = await visitor.fhir("wilgenhof", f"/Consent{page}", token)
    assert (second.status_code, len(second.json()["entry"]) >= 20) == (200, True)

    other = await visitor.token("wilgenhof")
    stands(await visitor.fhir("wilgenhof", f"/Consent{page}", other), visitor, 403, "PZP-REQUEST-009")
    stands(await visitor.fhir("wilgenhof", f"/Goal{page}", token), visitor, 403, "PZP-REQUEST-009")
    stands(await visitor.fhir("wilgenhof", f"/Consent{page[:-3]}AAA", token), visitor, 403, "PZP-REQUEST-009")
    stands(await visitor.fhir("wilgenhof", f"/Consent{page}&patient=Patient/1", token), visitor, 400, "PZP-REQUEST-002")
    elsewhere = await visitor.token("lindezicht")
    answer = await visitor.fhir("lindezicht", f"/Consent{page}", elsewhere)
    stands(answer, visitor, 403, "PZP-REQUEST-009", log="lindezicht")


# The wire

HOST = b"host: gateway.example\r\n"
MALFORMED = {
    "two Hosts": b"GET /wilgenhof/fhir/metadata HTTP/1.1\r\nhost: a\r\nhost: b\r\n\r\n",
    "no Host": b"GET /wilgenhof/fhir/metadata HTTP/1.1\r\n\r\n",
    "a header of 40 kB": b"GET /wilgenhof/fhir/metadata HTTP/1.1\r\n" + HOST + b"x: " + b"y" * 40_000 + b"\r\n\r\n",
    "200 headers": b"GET /wilgenhof/fhir/metadata HTTP/1.1\r\n" + HOST + b"x: y\r\n" * 200 + b"\r\n",
    "a target of 9 kB": b"GET /wilgenhof/fhir/metadata?" + b"y" * 9_000 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
    "an absolute target": b"GET https://a/wilgenhof/fhir/metadata HTTP/1.1\r\n" + HOST + b"\r\n",
    "an authority in the path": b"GET //a/fhir/metadata HTTP/1.1\r\n" + HOST + b"\r\n",
    "length and chunks": b"POST /wilgenhof/fhir/Patient/_search HTTP/1.1\r\n" + HOST
    + b"content-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST /wilgenhof/fhir/Patient/_search HTTP/1.1\r\n" + HOST
    + b"content-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
    "another protocol": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no HTTP at all": b"\x00\x01\x02\x03\r\n\r\n",
}  # fmt: skip


@pytest.mark.parametrize("malformed", MALFORMED)
@pytest.mark.parametrize("door", ["network", "ehr"])
async def test_what_is_no_single_clear_request_is_400_and_closed(door: str, malformed: str, visitor: Visitor) -> None:
    region = visitor.stage.region
    port = region.gateways["providers"].network if door == "network" else region.gateways["providers"].ehr
    answer = await visitor.raw(port, MALFORMED[malformed], issued=region.ehr_clients["wilgenhof"])
    assert answer is not None
    assert (answer.status, answer.headers["connection"]) == (400, "close")
    assert b"wilgenhof" not in answer.body
    [record] = visitor.records("providers", "system", answer.headers["x-meldcode"])
    assert record.reason == "PZP-REQUEST-002"


@pytest.mark.parametrize("door", ["network", "ehr"])
async def test_without_a_client_certificate_or_without_tls_nothing_is_answered(door: str, visitor: Visitor) -> None:
    gateway = visitor.stage.region.gateways["providers"]
    port = gateway.network if door == "network" else gateway.ehr
    sent = b"GET /wilgenhof/fhir/metadata HTTP/1.1\r\n" + HOST + b"\r\n"
    assert await visitor.raw(port, sent, issued=None) is None
    assert await visitor.raw(port, sent, tls=False) is None


# The EHR door


async def test_a_certificate_that_is_not_listed_for_the_tenant_is_refused(visitor: Visitor) -> None:
    region, question = visitor.stage.region, visitor.question("postma")
    for stranger in (region.ehr_clients["meerwijck"], region.gateways["meerwijck"].client, region.national.client):
        answer = await visitor.consultation("kade", by=stranger, json=question)
        stands(answer, visitor, 401, "PZP-AUTHN-013", log="kade")
    assert not [
        one for one in visitor.records("kade", "kade", answer.json()["meldcode"]) if one.code == "consult.intent"
    ]


JSON = {"content-type": "application/json"}
BAD_QUESTIONS: dict[str, tuple[dict[str, Any], int, str]] = {
    "half a JSON": ({"content": b'{"patient":', "headers": JSON}, 400, "PZP-REQUEST-010"),
    "no UTF-8": ({"content": b"\xff\xfe", "headers": JSON}, 400, "PZP-REQUEST-010"),
    "60 000 brackets": ({"content": b"[" * 60_000, "headers": JSON}, 400, "PZP-REQUEST-010"),
    "a BSN as a key": ({"json": {POSTMA: 1}}, 400, "PZP-REQUEST-010"),
    "plain text": ({"content": b"{}", "headers": {"content-type": "text/plain"}}, 415, "PZP-REQUEST-005"),
    "no type": ({"content": b"{}"}, 415, "PZP-REQUEST-005"),
    "70 kB": ({"json": {"reason": "x" * 70_000}}, 413, "PZP-REQUEST-006"),
    "the question in the URL": ({"params": {"bsn": POSTMA}, "json": {}}, 400, "PZP-REQUEST-001"),
    "GET": ({"method": "GET"}, 405, "PZP-REQUEST-004"),
    "PUT": ({"method": "PUT", "json": {}}, 405, "PZP-REQUEST-004"),
    "DELETE": ({"method": "DELETE"}, 405, "PZP-REQUEST-004"),
}  # fmt: skip


@pytest.mark.parametrize("bad", BAD_QUESTIONS)
async def test_a_question_that_is_none_is_refused_by_its_own_reason(bad: str, visitor: Visitor) -> None:
    how, status, reason = BAD_QUESTIONS[bad]
    stands(await visitor.consultation("kade", **how), visitor, status, reason, log="kade")


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        ({"patient": {"bsn": "999930413", "birthDate": "1941-04-17"}}, 400, "PZP-REQUEST-008"),
        ({"patient": {"bsn": POSTMA, "birthDate": "17-04-1941"}}, 400, "PZP-REQUEST-010"),
        ({"purpose": "emergency", "reason": "spoed"}, 400, "PZP-REQUEST-010"),
        ({"deadline_ms": 1}, 400, "PZP-REQUEST-010"),
        ({"sources": [POSTMA]}, 400, "PZP-REQUEST-010"),
    ],
)
async def test_a_wrong_value_is_named_by_key_and_not_repeated(
    change: dict[str, Any], status: int, reason: str, visitor: Visitor
) -> None:
    answer = await visitor.consultation("kade", json=visitor.question("postma") | change)
    stands(answer, visitor, status, reason, log="kade")
    assert "999930413" not in answer.text


async def test_nothing_of_another_listener_is_at_the_ehr_door(visitor: Visitor) -> None:
    gateway, question = visitor.stage.region.gateways["providers"], visitor.question("postma")
    for path in (
        "/metrics", "/ready", "/health", "/pdp", "/wilgenhof/mitz/notifications", "/nobody/pzp/v1/consultations",
        "/lindezicht/pzp/v1/consultations", "/wilgenhof/pzp/v1/consultations/", "/wilgenhof",
    ):  # fmt: skip
        answer = await visitor.consultation("wilgenhof", url=gateway.ehr_url + path, json=question)
        assert (path, answer.status_code, answer.json()["code"]) == (path, 404, "PZP-AUTHN-015")
        [one] = visitor.records("providers", "system", answer.json()["meldcode"])
        assert one.reason == "PZP-AUTHN-015"


# The operations door


async def test_operations_has_health_readiness_and_metrics_and_nothing_else(visitor: Visitor) -> None:
    for path, status in {
        "/health": 200, "/ready": 200, "/metrics": 200, "/": 404, "/wilgenhof/fhir/metadata": 404,
        "/wilgenhof/fhir/Patient/1": 404, "/wilgenhof/pzp/v1/consultations": 404, "/docs": 404,
    }.items():  # fmt: skip
        assert (path, (await visitor.operations("providers", path)).status_code) == (path, status)
    url = visitor.stage.region.gateways["providers"].operations_url
    for method in ("POST", "PUT", "DELETE", "PATCH"):
        assert (await visitor.client(None).request(method, f"{url}/ready")).status_code == 405


async def test_metrics_count_by_tenant_and_status_and_callers_make_up_no_labels(visitor: Visitor) -> None:
    client = visitor.client(visitor.stage.region.gateways["kade"].client)
    await client.get(f"{visitor.stage.region.gateways['providers'].network_url}/{POSTMA}/fhir/Patient/1")
    text = (await visitor.operations("providers", "/metrics")).text
    assert 'nuts_pzp_answers_total{door="network",status="404",tenant=""}' in text
    assert POSTMA not in text
    assert json.dumps(POSTMA) not in text
