"""The rest of a node's face: subjects, wallets, documents, errors, faults and its lock."""

from __future__ import annotations

import time
import uuid
from typing import Any

import httpx
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from nuts_pzp.sandbox.nuts_node import Fault
from nuts_pzp.sandbox.nuts_node.control import control_app
from nuts_pzp.sandbox.nuts_node.guard import ApiGuard
from nuts_pzp.sandbox.nuts_node.jose import public_jwk, thumbprint

FORM = "application/x-www-form-urlencoded"
INTROSPECT = "/internal/auth/v2/accesstoken/introspect"


async def test_an_unknown_route_is_a_problem(bench: Any) -> None:
    answer = await bench.inside.get("/internal/nothing")
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {"title": "Operation failed", "status": 404, "detail": "Not Found"}


@pytest.mark.parametrize("content_type", [f"{FORM}; charset=utf-8", "application/json", FORM.upper()])
async def test_introspection_takes_one_content_type_only(bench: Any, content_type: str) -> None:
    answer = await bench.inside.post(INTROSPECT, content="token=x", headers={"content-type": content_type})
    assert answer.status_code == 415
    assert answer.json()["title"] == "IntrospectAccessToken failed"


async def test_subjects_are_made_once_and_only_with_plain_names(bench: Any) -> None:
    async def make(name: str) -> int:
        answer = await bench.inside.post("/internal/vdr/v2/subject", json={"subject": name})
        return int(answer.status_code)

    assert [await make("extra"), await make("extra"), await make("a/b")] == [200, 409, 400]
    assert sorted((await bench.inside.get("/internal/vdr/v2/subject")).json()) == ["extra", "holder", "user"]
    assert (await bench.inside.get("/internal/vdr/v2/subject/nobody")).status_code == 404


async def test_a_document_is_public_and_resolved_by_its_raw_did(bench: Any) -> None:
    did = bench.user.did
    public = await bench.outside.get(f"/iam/{did.rpartition(':')[2]}/did.json")
    inside = await bench.inside.get(f"/internal/vdr/v2/did/{did}")
    assert public.json() == inside.json()["document"]
    assert public.headers["cache-control"] == "max-age=300"
    assert (await bench.outside.get(f"/iam/{uuid.uuid4()}/did.json")).status_code == 404


async def test_metadata_is_given_for_any_name_and_definitions_for_known_scopes(bench: Any) -> None:
    metadata = (await bench.outside.get("/.well-known/oauth-authorization-server/oauth2/whoever")).json()
    assert metadata["token_endpoint"] == "https://localhost:18443/oauth2/whoever/token"
    path = "/oauth2/holder/presentation_definition"
    assert (await bench.outside.get(path, params={"scope": "pzp-gf"})).json()["id"] == "pd"
    assert (await bench.outside.get(path, params={"scope": ""})).json() == {}
    assert (await bench.outside.get(path)).status_code == 400
    refused = await bench.outside.get(path, params={"scope": "x"}, headers={"accept": "application/json"})
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_scope")
    user = {"scope": "pzp-gf", "wallet_owner_type": "user"}
    refused = await bench.outside.get(path, params=user, headers={"accept": "application/json"})
    assert refused.json()["error"] == "invalid_request"


async def test_a_wallet_takes_only_credentials_of_its_subject(bench: Any) -> None:
    issued = await bench.inside.post(
        "/internal/vcr/v2/issuer/vc",
        json={
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential", "HealthcareProviderRoleTypeCredential"],
            "issuer": bench.user.did,
            "format": "jwt_vc",
            "expirationDate": "2095-01-01T00:00:00Z",
            "credentialSubject": {"id": bench.user.did, "roleCodeNL": "Z3"},
        },
    )
    assert issued.status_code == 200
    load = "/internal/vcr/v2/holder/{}/vc"
    assert (await bench.inside.post(load.format("user"), json=issued.json())).status_code == 204
    assert (await bench.inside.post(load.format("holder"), json=issued.json())).status_code == 400
    assert (await bench.inside.post(load.format("nobody"), json=issued.json())).status_code == 404
    wallet = (await bench.inside.get(load.format("user"))).json()
    assert len(wallet) == 3
    name = jwt.decode(wallet[-1], options={"verify_signature": False})["jti"]
    path = f"{load.format('user')}/{name.replace('#', '%23')}"
    assert [(await bench.inside.delete(path)).status_code for _ in range(2)] == [204, 404]


@pytest.mark.parametrize(
    ("credential", "text"),
    [
        ({"issuer": "did:web:x"}, "self-asserted credentials MUST NOT contain an 'issuer'"),
        ({"credentialSubject": {"id": "x"}}, "self-asserted credentials MUST NOT contain a 'credentialSubject.id'"),
    ],
)
async def test_self_attested_credentials_name_no_issuer_and_no_subject(
    bench: Any, credential: dict[str, Any], text: str
) -> None:
    asked = {"authorization_server": bench.server, "scope": "pzp-gf", "credentials": [credential]}
    answer = await bench.inside.post("/internal/auth/v2/user/request-service-access-token", json=asked)
    assert (answer.status_code, answer.json()["detail"]) == (400, text)


async def test_an_unknown_subject_is_400_and_not_404(bench: Any) -> None:
    answer = await bench.inside.post("/internal/auth/v2/nobody/request-service-access-token", json={})
    assert answer.json() == {
        "title": "RequestServiceAccessToken failed",
        "status": 400,
        "detail": "invalid_request - subject not found",
    }


async def test_faults_hit_their_operation_as_often_as_told(bench: Any) -> None:
    bench.twin.faults.set("introspect", Fault("status", 503, times=1))
    headers = {"content-type": FORM}
    first, second = [await bench.inside.post(INTROSPECT, content="token=x", headers=headers) for _ in range(2)]
    assert (first.status_code, second.status_code) == (503, 200)
    assert (await bench.inside.get("/status")).text == "OK"


async def test_control_shows_questions_without_their_content_and_sets_faults(bench: Any) -> None:
    await bench.inside.post(INTROSPECT, content="token=geheim", headers={"content-type": FORM})
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(control_app(bench.twin)), base_url="http://c"
    ) as control:
        listed = (await control.get("/questions")).json()
        assert [(one["operation"], one["status"]) for one in listed][-1] == ("introspect", 200)
        assert "geheim" not in str(listed)
        assert (await control.get("/state")).json()["subjects"]["user"] == bench.user.did
        fault = {"operation": "*", "kind": "status", "status": 502}
        assert (await control.post("/faults", json=fault)).status_code == 204
        assert (await bench.inside.get("/status")).status_code == 502
        assert (await control.post("/faults", json={"color": "red"})).status_code == 400
        await control.delete("/faults")
        assert (await bench.inside.get("/status")).status_code == 200
        await control.post("/clock", json={"shift": 60})
        assert bench.twin.state.clock() - time.time() == pytest.approx(60, abs=1)
        token = (await bench.token()).json()
        assert token["error"] == "invalid_request"  # five seconds of life are long past
        await control.post("/restart")


async def test_a_locked_node_opens_to_a_listed_key_only(bench: Any) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    locked = ApiGuard("node", key.public_key()).around(bench.twin.internal, bench.twin.state.clock)

    def bearer(signer: Any = key, **change: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": "gw",
            "sub": "gw",
            "aud": "node",
            "jti": str(uuid.uuid4()),
            "iat": now,
            "nbf": now,
            "exp": now + 60,
        }
        kid = thumbprint(public_jwk(key.public_key()))
        return "Bearer " + jwt.encode({**claims, **change}, signer, algorithm="ES256", headers={"kid": kid})

    async with httpx.AsyncClient(transport=httpx.ASGITransport(locked), base_url="http://n") as client:

        async def status(authorization: str) -> int:
            answer = await client.get("/internal/vdr/v2/subject", headers={"authorization": authorization})
            return answer.status_code

        assert await status(bearer()) == 200
        other = ec.generate_private_key(ec.SECP256R1())
        wrong = [
            "",
            "Bearer x",
            bearer(other),
            bearer(aud="elders"),
            bearer(jti="1"),
            bearer(sub=""),
            bearer(exp=int(time.time()) - 1),
            bearer(exp=int(time.time()) + 90_000),
        ]
        assert [await status(header) for header in wrong] == [401] * len(wrong)
        assert (await client.get("/status")).status_code == 200
