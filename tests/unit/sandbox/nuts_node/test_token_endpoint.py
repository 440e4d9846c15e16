"""Each check of the token endpoint, in the node's order and with its words (spec nuts-node 2.5)."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from nuts_pzp.sandbox.nuts_node import dpop
from nuts_pzp.sandbox.nuts_node.credentials import issue, self_attest
from nuts_pzp.sandbox.nuts_node.jose import SigningKey


async def refusal(bench: Any, **form: Any) -> tuple[int, str, str]:
    answer = await bench.token(**form)
    body = answer.json()
    return answer.status_code, body["error"], body["error_description"]


async def test_a_good_request_gets_an_opaque_token_for_a_quarter_of_an_hour(bench: Any) -> None:
    answer = await bench.token()
    body = answer.json()
    assert answer.status_code == 200
    assert len(body.pop("access_token")) == 43
    assert body == {"token_type": "Bearer", "expires_in": 900, "scope": "pzp-gf"}
    assert (answer.headers["cache-control"], answer.headers["pragma"]) == ("no-cache", "no-store")


@pytest.mark.parametrize(
    ("form", "error", "text"),
    [
        ({"grant_type": "x"}, "unsupported_grant_type", "grant_type 'x' is not supported"),
        ({"scope": ...}, "invalid_request", "missing required parameters"),
        ({"client_id": ...}, "invalid_request", "missing required parameters"),
        ({"assertion": "x"}, "invalid_request", "assertion parameter is invalid: not a compact JWS"),
        ({"presentation_submission": "{"}, "invalid_request", "invalid presentation submission: malformed"),
        ({"presentation_submission": "{}"}, "invalid_request", "invalid presentation submission: malformed"),
        ({"scope": "nope"}, "invalid_scope", "unsupported scope (nope) for presentation exchange: not found"),
        ({"scope": "pzp-gf x"}, "invalid_scope", "unsupported scope (pzp-gf x) for presentation exchange: not found"),
    ],
)
async def test_a_request_with_a_wrong_parameter_is_refused(
    bench: Any, form: dict[str, Any], error: str, text: str
) -> None:
    assert await refusal(bench, **form) == (400, error, text)


@pytest.mark.parametrize(
    ("claims", "text"),
    [
        ({"nbf": ...}, "presentation is missing creation or expiration date"),
        ({"exp": ...}, "presentation is missing creation or expiration date"),
        ({"exp": 4_000_000_000}, "presentation is valid for too long (max 5s)"),
        (
            {"aud": "https://localhost:18443/oauth2/holder/"},
            "presentation audience/domain is missing or does not match",
        ),
        ({"nonce": ...}, "presentation has invalid/missing nonce"),
        (
            {"nbf": 1_700_000_000, "exp": 1_700_000_005},
            "presentation(s) or credential(s) verification failed: presentation not valid at given time",
        ),
    ],
)
async def test_a_presentation_with_a_wrong_claim_is_refused(bench: Any, claims: dict[str, Any], text: str) -> None:
    assert await refusal(bench, assertion=bench.assertion(**claims)) == (400, "invalid_request", text)


async def test_an_unknown_subject_comes_before_everything_else(bench: Any) -> None:
    answer = await bench.outside.post("/oauth2/nobody/token", data={}, headers={"accept": "application/json"})
    assert answer.json() == {"error": "invalid_request", "error_description": "subject not found"}


async def test_a_nonce_serves_once(bench: Any) -> None:
    assertion = bench.assertion()
    assert (await bench.token(assertion=assertion)).status_code == 200
    text = "presentation nonce has already been used"
    assert await refusal(bench, assertion=assertion) == (400, "invalid_request", text)


async def test_a_nonce_is_used_up_by_a_request_that_fails_later(bench: Any) -> None:
    assertion = bench.assertion()
    assert (await refusal(bench, assertion=assertion, dpop="x"))[1] == "invalid_dpop_proof"
    assert (await refusal(bench, assertion=assertion))[2] == "presentation nonce has already been used"


async def test_a_presentation_by_another_key_is_refused(bench: Any) -> None:
    good = bench.user.key
    bench.user.key = SigningKey.make(good.id)
    forged = bench.assertion()
    bench.user.key = good
    status, _, text = await refusal(bench, assertion=forged)
    assert (status, text) == (400, "presentation(s) or credential(s) verification failed: invalid signature")


async def test_credentials_of_another_subject_are_refused(bench: Any) -> None:
    certificate, role, employee = bench.wallet()
    other = {**employee, "credentialSubject": {**employee["credentialSubject"], "id": "did:web:elders"}}
    vp = {"verifiableCredential": [certificate, role, other]}
    text = "not all VCs have the same credentialSubject.id"
    assert (await refusal(bench, assertion=bench.assertion(vp=vp)))[2] == text
    vp = {"verifiableCredential": [other]}
    text = "presentation signer is not credential subject"
    assert (await refusal(bench, assertion=bench.assertion(vp=vp)))[2] == text


async def test_the_submission_must_say_what_matching_says(bench: Any) -> None:
    text = "presentation submission does not conform to presentation definition (id=pd)"
    swapped = bench.submission()
    first, second, _ = swapped["descriptor_map"]
    first["path"], second["path"] = second["path"], first["path"]
    assert (await refusal(bench, presentation_submission=json.dumps(swapped)))[2] == text
    vp = {"verifiableCredential": bench.wallet()[:2]}
    assert (await refusal(bench, assertion=bench.assertion(vp=vp)))[2] == text
    other = json.dumps({**bench.submission(), "definition_id": "q"})
    text = "presentation definition being fulfilled is not required: q"
    assert (await refusal(bench, presentation_submission=other))[2] == text


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"proof": {}}, "missing proof"),
        ({"issuer": "did:web:elders"}, "missing proof"),
        ({"issuanceDate": "2095-01-01T00:00:00Z"}, "credential not valid at given time"),
        (
            {"type": ["VerifiableCredential", "NutsEmployeeCredential", "Third"]},
            "verifiable credential must list at most 2 types",
        ),
    ],
)
async def test_an_unsigned_credential_must_be_the_presenters_own(bench: Any, change: dict[str, Any], text: str) -> None:
    certificate, role, employee = bench.wallet()
    vp = {"verifiableCredential": [certificate, role, {**employee, **change}]}
    status, _, said = await refusal(bench, assertion=bench.assertion(vp=vp))
    assert (status, said) == (400, f"presentation(s) or credential(s) verification failed: {text}")


async def test_the_signature_of_a_self_issued_credential_is_not_looked_at(bench: Any) -> None:
    """As measured on 6.2.10: the presenter vouches for it with the presentation anyway."""
    certificate, role, employee = bench.wallet()
    forged = issue(
        SigningKey.make(bench.user.key.id),
        {
            "@context": [],
            "type": ["VerifiableCredential", "HealthcareProviderRoleTypeCredential"],
            "credentialSubject": {"id": bench.user.did, "roleCodeNL": "V6"},
        },
        now=time.time(),
        until=time.time() + 60,
    )
    assert role != forged
    vp = {"verifiableCredential": [certificate, forged, employee]}
    assert (await bench.token(assertion=bench.assertion(vp=vp))).status_code == 200


async def test_an_unsigned_credential_may_stand_for_any_type(bench: Any) -> None:
    """Why a definition pins the issuer where it matters: the role type is a self-declaration."""
    certificate, _, employee = bench.wallet()
    body = {
        "type": ["VerifiableCredential", "HealthcareProviderRoleTypeCredential"],
        "credentialSubject": {"roleCodeNL": "V6"},
    }
    role = self_attest(body, bench.user.did, time.time())
    vp = {"verifiableCredential": [certificate, role, employee]}
    assert (await bench.token(assertion=bench.assertion(vp=vp))).status_code == 200


async def test_a_certificate_credential_is_verified_down_to_its_signature(bench: Any) -> None:
    certificate, role, employee = bench.wallet()
    head, body, signature = certificate.split(".")
    forged = f"{head}.{body}.{signature[:-8]}{'A' * 8}"
    vp = {"verifiableCredential": [forged, role, employee]}
    assert (await refusal(bench, assertion=bench.assertion(vp=vp)))[0] == 400


async def test_errors_are_a_page_for_those_who_do_not_ask_for_json(bench: Any) -> None:
    answer = await bench.token(accept="*/*", grant_type="x")
    assert answer.status_code == 400
    assert answer.headers["content-type"].startswith("text/html")


async def test_a_bound_token_says_so_and_leaves_the_key_id_to_the_client(bench: Any) -> None:
    proof = dpop.make(bench.user.key, method="POST", url="https://anywhere.example", token=None, now=time.time())
    body = (await bench.token(dpop=proof)).json()
    assert (body["token_type"], body["dpop_kid"]) == ("DPoP", "")
    said = await bench.introspect(body["access_token"])
    assert sorted(said) == [
        "active",
        "client_id",
        "cnf",
        "employee_identifier",
        "exp",
        "iat",
        "iss",
        "organization_ura",
        "scope",
    ]
    assert len(said["cnf"]["jkt"]) == 43


async def test_introspection_knows_a_token_until_it_ends_or_the_node_restarts(bench: Any) -> None:
    one, two = [(await bench.token()).json()["access_token"] for _ in range(2)]
    said = await bench.introspect(one)
    assert (said["active"], said["organization_ura"], said["iss"]) == (True, "90000111", bench.server)
    assert said["exp"] - said["iat"] == 900
    assert "cnf" not in said
    extended = await bench.introspect(one, "_extended")
    assert set(extended) - set(said) == {"presentation_definitions", "presentation_submissions", "vps"}
    bench.twin.state.clock.shift = 901
    assert await bench.introspect(one) == {"active": False}
    bench.twin.state.clock.shift = 0
    assert (await bench.introspect(two))["active"] is True
    bench.twin.restart()
    assert await bench.introspect(two) == {"active": False}


async def test_client_id_is_whatever_the_client_writes(bench: Any) -> None:
    token = (await bench.token(client_id="https://somebody-else.example")).json()["access_token"]
    assert (await bench.introspect(token))["client_id"] == "https://somebody-else.example"


async def test_a_reserved_claim_name_breaks_introspection(bench: Any) -> None:
    bench.definition["input_descriptors"][2]["constraints"]["fields"][1]["id"] = "scope"
    token = (await bench.token()).json()["access_token"]
    said = await bench.introspect(token)
    assert (said["status"], said["title"]) == (500, "IntrospectAccessToken failed")
