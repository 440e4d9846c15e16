"""What the node checks of a proof, in which words, and what it overlooks (spec nuts-node 1.4)."""

from __future__ import annotations

import time
from typing import Any

import pytest

from nuts_pzp.sandbox.nuts_node import dpop
from nuts_pzp.sandbox.nuts_node.jose import thumbprint

TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
URL = "https://pep.example/fhir/Goal"


def proof(bench: Any, url: str = URL, *, age: float = 0.0) -> str:
    return dpop.make(bench.user.key, method="GET", url=url, token=TOKEN, now=time.time() - age)


async def validate(bench: Any, text: str, **change: str) -> dict[str, Any]:
    jkt = thumbprint(bench.user.key.jwk)
    asked = {"dpop_proof": text, "method": "GET", "url": URL, "token": TOKEN, "thumbprint": jkt, **change}
    answer = await bench.inside.post("/internal/auth/v2/dpop/validate", json=asked)
    assert answer.status_code == 200
    body: dict[str, Any] = answer.json()
    return body


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"thumbprint": "x"}, "jkt mismatch"),
        ({"method": "get"}, "method mismatch, token: GET, given: get"),
        ({"url": f"{URL}/"}, f"url mismatch, token: {URL}, given: {URL}/"),
        ({"token": "other"}, "ath/token claim mismatch"),
        ({"dpop_proof": "x"}, "failed to parse DPoP header: invalid DPoP token"),
    ],
)
async def test_a_proof_that_does_not_fit_is_refused_with_a_reason(
    bench: Any, change: dict[str, str], reason: str
) -> None:
    assert await validate(bench, proof(bench), **change) == {"valid": False, "reason": reason}


async def test_asking_uses_the_proof_up_but_a_mismatch_does_not(bench: Any) -> None:
    one = proof(bench)
    assert (await validate(bench, one, method="POST"))["valid"] is False
    assert await validate(bench, one) == {"valid": True}
    assert await validate(bench, one) == {"valid": False, "reason": "jti already used"}


@pytest.mark.parametrize("url", [f"{URL}?patient=1", "http://pep.example:8080/fhir/Goal", f"{URL}#x"])
async def test_scheme_port_query_and_fragment_are_overlooked(bench: Any, url: str) -> None:
    assert await validate(bench, proof(bench, url)) == {"valid": True}


async def test_age_is_overlooked_the_future_is_not(bench: Any) -> None:
    assert await validate(bench, proof(bench, age=100_000)) == {"valid": True}
    said = await validate(bench, proof(bench, age=-100))
    assert said["reason"] == 'failed to parse DPoP header: invalid DPoP token\n"iat" not satisfied'


@pytest.mark.parametrize(
    ("claims", "header", "reason"),
    [
        ({"htu": ""}, {}, "missing htu claim"),
        ({"htm": ""}, {}, "missing htm claim"),
        ({"jti": ""}, {}, "missing jti claim"),
        ({"jti": "j" * 257}, {}, "jti claim too long"),
        ({"iat": 0}, {}, "missing iat claim"),
        ({}, {"typ": "JWT"}, "invalid type: JWT"),
    ],
)
async def test_an_incomplete_proof_is_named(
    bench: Any, claims: dict[str, Any], header: dict[str, Any], reason: str
) -> None:
    body = {"htm": "GET", "htu": URL, "jti": "j", "iat": int(time.time()), **claims}
    text = bench.user.key.sign(body, **{"typ": "dpop+jwt", "jwk": bench.user.key.jwk, **header})
    said = await validate(bench, text)
    assert said["reason"] == f"failed to parse DPoP header: invalid DPoP token: {reason}"


async def test_a_proof_without_ath_is_for_a_token_endpoint_only(bench: Any) -> None:
    text = dpop.make(bench.user.key, method="GET", url=URL, token=None, now=time.time())
    assert (await validate(bench, text))["reason"] == "missing ath claim"


def test_a_malformed_url_is_a_crash_and_not_an_answer(bench: Any) -> None:
    read = dpop.read(proof(bench, "http://[::1"), time.time())
    asked = {"thumbprint": thumbprint(bench.user.key.jwk), "method": "GET", "url": URL, "token": TOKEN}
    with pytest.raises(dpop.Panic):
        dpop.objection(read, asked)


async def test_the_node_signs_with_its_own_keys_only(bench: Any) -> None:
    path = "/internal/auth/v2/dpop/did%3Aweb%3Alocalhost%253A18443%3Aiam%3AX%23K"
    asked = {"htm": "GET", "htu": URL, "token": TOKEN}
    answer = await bench.inside.post(path, json=asked)
    assert (answer.status_code, answer.json()["title"]) == (500, "CreateDPoPProof failed")
    for name, word in (("htm", "method"), ("htu", "url"), ("token", "token")):
        answer = await bench.inside.post(path, json={**asked, name: ""})
        assert (answer.status_code, answer.json()["detail"]) == (400, f"missing {word}")
