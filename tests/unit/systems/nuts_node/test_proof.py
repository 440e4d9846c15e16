"""What a node overlooks in a proof is looked at here: age, port, scheme, and a URL that would break it."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from nuts_pzp.systems.nuts_node.proof import Call, objection

NOW = 1_790_000_000.0
TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
ATH = "eQEh7u3SD9htc9irsRfsN5AbFP1HJih9w7w6A6Cj6yM"  # base64url of SHA-256 of TOKEN, by openssl
URL = "https://pep.example/wilgenhof/fhir/Goal"
CALL = Call("GET", URL, TOKEN, NOW, 60.0)


def part(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def proof(header: dict[str, Any] | None = None, **claims: Any) -> str:
    """A proof as a node makes it; a claim of `...` is left out."""
    jwk = {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ", "alg": "ES256"}
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk, **(header or {})}
    body = {"htm": "GET", "htu": URL, "jti": "j", "iat": int(NOW), "ath": ATH, **claims}
    return f"{part(head)}.{part({k: v for k, v in body.items() if v is not ...})}.c2ln"


def test_a_proof_of_this_call_is_left_to_the_node() -> None:
    assert objection(proof(), CALL) is None


@pytest.mark.parametrize("url", [f"{URL}?patient=1", f"{URL}#x", URL.replace("pep.example", "PEP.example:443")])
def test_query_fragment_case_of_host_and_the_default_port_do_not_count(url: str) -> None:
    assert objection(proof(htu=url), CALL) is None


@pytest.mark.parametrize(
    "url",
    [
        URL.replace("https", "http"),
        URL.replace("pep.example", "pep.example:8443"),
        URL.replace("pep.example", "pep2.example"),
        URL.replace("Goal", "goal"),
        f"{URL}/",
        URL.replace("/Goal", "/%47oal"),
        "http://[::1",
        "https://pep.example:99999/wilgenhof/fhir/Goal",
        "/wilgenhof/fhir/Goal",
        URL.replace("https://", "https://user@"),
        URL + " ",
        "",
        None,
        [URL],
    ],
)
def test_another_or_a_malformed_url_is_refused(url: object) -> None:
    assert objection(proof(htu=url), CALL) == "the proof is for another URL"


@pytest.mark.parametrize("method", ["get", "POST", None, ...])
def test_another_method_is_refused(method: object) -> None:
    assert objection(proof(htm=method), CALL) == "the proof is for another method"


@pytest.mark.parametrize("ath", [..., None, ATH + "=", "x"])
def test_another_token_is_refused(ath: object) -> None:
    assert objection(proof(ath=ath), CALL) == "the proof is for another token"


@pytest.mark.parametrize("iat", [int(NOW) - 61, int(NOW) + 61, ..., None, "1790000000", True])
def test_a_proof_not_made_just_now_is_refused(iat: object) -> None:
    assert objection(proof(iat=iat), CALL) == "the proof was not made just now"


@pytest.mark.parametrize("iat", [int(NOW) - 60, int(NOW) + 60])
def test_a_minute_of_difference_is_allowed(iat: int) -> None:
    assert objection(proof(iat=iat), CALL) is None


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"jwk": None},
        {"jwk": 5},
        {"jwk": {"kty": "EC", "d": "geheim"}},
    ],
)
def test_another_type_algorithm_or_a_private_key_is_refused(header: dict[str, Any]) -> None:
    assert objection(proof(header), CALL) == "the proof has a wrong type, algorithm or key"


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c.d", f"{proof()},{proof()}", proof() + " ", "e30.!!.c2ln", "W10.W10.c2ln", "a" * 9000]
)
def test_what_is_not_one_jwt_is_refused(text: str) -> None:
    assert objection(text, CALL) == "the proof is not one compact JWT"


def test_a_proof_without_jti_cannot_be_used_once() -> None:
    assert objection(proof(jti=...), CALL) == "the proof has no jti"
