"""OAuth server, PRS and LRZa twins: the answers and quirks that a client meets (spec 1.4, 2.2, 3.4)."""

from __future__ import annotations

import asyncio
import base64
import json
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.national import OIN
from nuts_pzp.sandbox.oauth import Mandate, OAuthTwin

NVI, PRS = "https://nvi.sandbox", "https://prs.sandbox"
FORM = {
    "grant_type": "client_credentials",
    "scope": "nvi:localize",
    "target_audience": NVI,
    "organization_id": "90000111",
}


async def test_a_token_names_whom_it_represents_and_who_acts(region: Any) -> None:
    answer = (await region.client("oauth").post("/oauth/token", data=FORM)).json()
    keys = (await region.client("oauth").get("/oauth/jwks.json")).json()
    key = jwt.PyJWKSet.from_dict(keys).keys[0]
    claims = jwt.decode(answer["access_token"], key, algorithms=["ES256"], audience=NVI)
    assert (claims["sub"], claims["act"]) == ("90000111", {"sub": OIN, "cn": "gateway.sandbox"})
    assert (claims["scope"], claims["exp"] - claims["iat"]) == ("nvi:localize", 600)
    assert (answer["token_type"], answer["expires_in"]) == ("Bearer", 600)


def test_a_server_may_sign_with_rsa_as_well() -> None:
    mandate = Mandate(OIN, "cn", "90000111", ("nvi:read",), "De Wilgenhof")
    server = OAuthTwin("https://oauth.sandbox", [mandate], algorithm="RS256")
    token = server.issue(mandate, "nvi:read", NVI)
    key = jwt.PyJWKSet.from_dict(server.jwks()).keys[0]
    assert jwt.decode(token, key, algorithms=["RS256"], audience=NVI)["sub"] == "90000111"


@pytest.mark.parametrize(
    ("change", "status", "error"),
    [
        ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"target_audience": ""}, 400, "invalid_target"),
        ({"organization_id": "90000999"}, 401, "unauthorized_client"),
        ({"source_id": "another"}, 401, "unauthorized_client"),
        ({"scope": "prs:read"}, 400, "invalid_scope"),
    ],
)
async def test_a_request_outside_the_mandate_gets_no_token(
    region: Any, change: dict[str, str], status: int, error: str
) -> None:
    answer = await region.client("oauth").post("/oauth/token", data=FORM | change)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_no_certificate_or_another_organizations_certificate_gets_no_token(
    region: Any, authority: Authority
) -> None:
    other = authority.client("other", common_name="gateway.sandbox", serial_number="00000009900000002000")
    for certificate in (None, other.certificate.public_bytes(Encoding.DER)):
        answer = await region.client("oauth", certificate).post("/oauth/token", data=FORM)
        assert answer.status_code == 401


async def test_a_stolen_token_is_of_no_use_without_the_certificate_it_names(region: Any, authority: Authority) -> None:
    header = await region.token("90000111", "nvi:localize", NVI)
    thief = authority.client("thief", common_name="gateway.sandbox", serial_number="00000009900000002000")
    certificate = thief.certificate.public_bytes(Encoding.DER)
    answer = await region.client("nvi", certificate).get("/fhir/List", headers=header)
    assert answer.status_code == 400


async def test_a_token_for_another_audience_is_not_admitted(region: Any) -> None:
    header = await region.token("90000111", "nvi:localize", PRS)
    assert (await region.client("nvi").get("/fhir/List", headers=header)).status_code == 400
    assert (await region.client("nvi").get("/fhir/List")).status_code == 401


VALID = base64.urlsafe_b64encode(bytes.fromhex("609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c"))


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"recipientOrganization": "ura:90000901"}, 422, "Invalid recipient organization. Format: oin:<oin_number>"),
        ({"recipientOrganization": "oin:00000009900000008000"}, 404, "No organization found for this OIN"),
        ({"recipientScope": "other"}, 404, "No public key found for this organization and/or scope"),
        ({"encryptedPersonalId": VALID.decode().rstrip("=")}, 400, "Unable to evaluate blind"),
        ({"encryptedPersonalId": "AAAA"}, 400, "Unable to evaluate blind"),
        ({"encryptedPersonalId": None}, 400, "Unable to evaluate blind"),
    ],
)
async def test_the_pseudonym_service_says_what_is_wrong(
    region: Any, change: dict[str, Any], status: int, says: str
) -> None:
    header = await region.token(OIN, "prs:read", PRS)
    body = {
        "encryptedPersonalId": VALID.decode(),
        "recipientOrganization": "oin:00000009900000009000",
        "recipientScope": "nvi",
    }
    assert (await region.client("prs").post("/oprf/eval", json=body, headers=header)).status_code == 200
    answer = await region.client("prs").post("/oprf/eval", json=body | change, headers=header)
    assert answer.status_code == status
    assert says in answer.text


async def test_an_evaluation_is_sealed_and_its_header_is_the_services(region: Any) -> None:
    header = await region.token(OIN, "prs:read", PRS)
    body = {
        "encryptedPersonalId": VALID.decode(),
        "recipientOrganization": "oin:00000009900000009000",
        "recipientScope": "NVI",
    }
    jwe = (await region.client("prs").post("/oprf/eval", json=body, headers=header)).json()["jwe"]
    protected = json.loads(base64.urlsafe_b64decode(jwe.split(".")[0] + "=="))
    assert {name: protected[name] for name in ("alg", "enc", "cty")} == {
        "alg": "RSA-OAEP",
        "enc": "A256GCM",
        "cty": "application/json",
    }


async def test_the_directory_pages_a_search_and_gives_history_newest_first(region: Any) -> None:
    region.services.lrza.put({"resourceType": "Organization", "id": "org-90000111", "name": "nieuwe naam"})
    region.services.lrza.put({"resourceType": "Organization", "id": "org-3", "name": "derde"})
    client = region.client("lrza")
    first = (await client.get("/fhir/Organization")).json()
    assert (first["type"], first["total"], len(first["entry"])) == ("searchset", 3, 2)
    following = next(link["url"] for link in first["link"] if link["relation"] == "next")
    second = (await client.get(following)).json()
    assert [entry["resource"]["id"] for entry in second["entry"]] == ["org-3"]
    assert all(link["relation"] != "next" for link in second["link"])
    history = (await client.get("/fhir/Organization/_history")).json()
    moments = [entry["resource"]["meta"]["lastUpdated"] for entry in history["entry"]]
    assert history["total"] == 4
    assert moments == sorted(moments, reverse=True)


async def test_the_directory_reads_one_resource_with_its_etag_and_finds_one_by_identifier(region: Any) -> None:
    client = region.client("lrza")
    one = await client.get("/fhir/Organization/org-90000111")
    assert (one.json()["name"], one.headers["etag"]) == ("De Wilgenhof", 'W/"1"')
    system = "http://fhir.nl/fhir/NamingSystem/ura"
    found = (await client.get("/fhir/Organization", params={"identifier": f"{system}|90000222"})).json()
    assert [entry["resource"]["id"] for entry in found["entry"]] == ["org-90000222"]
    assert (await client.get("/fhir/Organization/none")).status_code == 404
    assert (await client.get("/fhir/Patient")).status_code == 404
    assert (await client.get("/fhir/Organization/_history?_since=soon")).status_code == 400
    assert (await region.client("lrza", None).get("/fhir/Organization")).status_code == 401


@pytest.mark.parametrize("service", ["oauth", "prs", "nvi", "lrza"])
async def test_each_twin_can_be_broken_and_mended_on_its_control_face(region: Any, service: str) -> None:
    control = region.client(service, face="control")
    assert (await control.post("/faults", json={"down": True})).json()["down"] is True
    assert (await region.client(service).get("/health")).status_code == 503
    assert (await control.post("/faults", json={"throttled": True, "retry_after": 7})).status_code == 200
    throttled = await region.client(service).get("/health")
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "7")
    await control.post("/faults", json={})
    assert (await region.client(service).get("/health")).status_code in (200, 404)
    assert [question["status"] for question in (await control.get("/questions")).json()][:2] == [503, 429]
    await control.post("/faults", json={"hangs": True})
    waiting = asyncio.create_task(region.client(service).get("/health"))
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(asyncio.shield(waiting), 0.1)
    await control.post("/faults", json={})
    assert (await waiting).status_code in (200, 404)
    for wrong in ({"lying": "politely"}, {"down": "yes"}, {"hangs": 1}, {"up": True}, []):
        assert (await control.post("/faults", json=wrong)).status_code == 400
