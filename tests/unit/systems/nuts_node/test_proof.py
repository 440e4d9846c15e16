"""A proof is judged whole before the node sees it: key, signature, method, URL, token, age."""

from __future__ import annotations

import base64
import json
from dataclasses import replace
from hashlib import sha256
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt import PyJWS
from jwt.algorithms import ECAlgorithm, OKPAlgorithm, RSAAlgorithm

from nuts_pzp.systems.nuts_node.proof import Call, Proof, judged

NOW = 1_790_000_000.0
TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
ATH = "eQEh7u3SD9htc9irsRfsN5AbFP1HJih9w7w6A6Cj6yM"  # base64url of SHA-256 of TOKEN, by openssl
URL = "https://pep.example/wilgenhof/fhir/Goal"


def encoded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


def public(key: Any) -> dict[str, Any]:
    kinds = {rsa.RSAPrivateKey: RSAAlgorithm, ed25519.Ed25519PrivateKey: OKPAlgorithm}
    algorithm = next((found for kind, found in kinds.items() if isinstance(key, kind)), ECAlgorithm)
    jwk = algorithm.to_jwk(key.public_key(), as_dict=True)
    return {name: value for name, value in jwk.items() if name in ("kty", "crv", "x", "y", "n", "e")}


def thumbprint(jwk: dict[str, Any]) -> str:
    names = {"EC": ("crv", "kty", "x", "y"), "OKP": ("crv", "kty", "x"), "RSA": ("e", "kty", "n")}[jwk["kty"]]
    return encoded(sha256(json.dumps({n: jwk[n] for n in names}, separators=(",", ":")).encode()).digest())


KEY = ec.generate_private_key(ec.SECP256R1())
OTHER = ec.generate_private_key(ec.SECP256R1())
CALL = Call("GET", URL, TOKEN, NOW, 60.0, thumbprint(public(KEY)))


def proof(header: dict[str, Any] | None = None, key: Any = KEY, algorithm: str = "ES256", **claims: Any) -> str:
    """A proof as a node makes it; a claim of `...` is left out."""
    head = {"typ": "dpop+jwt", "jwk": {**public(KEY), "alg": "ES256"}, **(header or {})}
    body = {"htm": "GET", "htu": URL, "jti": "j", "iat": int(NOW), "ath": ATH, **claims}
    payload = json.dumps({k: v for k, v in body.items() if v is not ...}).encode()
    return PyJWS().encode(payload, key, algorithm=algorithm, headers=head)


def written(header: dict[str, Any]) -> str:
    """A proof with this very header, and a signature that does not matter."""
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": public(KEY), **header}
    return f"{encoded(json.dumps(head).encode())}.{proof().split('.')[1]}.c2ln"


def objection(text: str, call: Call) -> str | None:
    found = judged(text, call)
    return None if isinstance(found, Proof) else found


def test_a_proof_of_this_call_fits() -> None:
    assert isinstance(judged(proof(), CALL), Proof)


@pytest.mark.parametrize(
    ("make", "algorithm"),
    [
        (lambda: ec.generate_private_key(ec.SECP384R1()), "ES384"),
        (lambda: ec.generate_private_key(ec.SECP521R1()), "ES512"),
        (ed25519.Ed25519PrivateKey.generate, "EdDSA"),
        (lambda: rsa.generate_private_key(65537, 2048), "PS256"),
    ],
)
def test_every_algorithm_of_the_node_is_understood(make: Any, algorithm: str) -> None:
    key = make()
    jwk = public(key)
    made = proof({"jwk": jwk}, key, algorithm)
    assert isinstance(judged(made, replace(CALL, thumbprint=thumbprint(jwk))), Proof)


def test_the_key_of_the_proof_must_be_the_key_of_the_token() -> None:
    made = proof({"jwk": public(OTHER)}, OTHER)
    assert objection(made, CALL) == "the proof is of another key than the token is bound to"


def test_showing_the_right_key_is_not_having_it() -> None:
    assert objection(proof(key=OTHER), CALL) == "the proof was not signed with its own key"


def test_a_claim_that_was_changed_after_signing_is_noticed() -> None:
    head, _, signature = proof(htm="POST").split(".")
    changed = f"{head}.{proof().split('.')[1]}.{signature}"
    assert objection(changed, CALL) == "the proof was not signed with its own key"


def test_a_signature_of_another_form_is_none() -> None:
    assert objection(proof().rpartition(".")[0] + ".c2ln", CALL) == "the proof was not signed with its own key"


def test_a_use_is_named_by_key_and_jti_whatever_else_changes() -> None:
    first, again, other = (judged(proof(**claims), CALL) for claims in ({}, {"htu": f"{URL}?a=1"}, {"jti": "k"}))
    assert isinstance(first, Proof)
    assert isinstance(again, Proof)
    assert isinstance(other, Proof)
    assert first.id == again.id != other.id
    assert first.until == NOW + 60.0


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


@pytest.mark.parametrize(
    "iat", [int(NOW) - 61, int(NOW) + 61, ..., None, "1790000000", True, 10**400, -(10**400), 1e308]
)
def test_a_proof_not_made_just_now_is_refused(iat: object) -> None:
    assert objection(proof(iat=iat), CALL) == "the proof was not made just now"


@pytest.mark.parametrize("iat", [int(NOW) - 60, int(NOW) + 60])
def test_a_minute_of_difference_is_allowed(iat: int) -> None:
    assert objection(proof(iat=iat), CALL) is None


WEAK = {"kty": "RSA", "n": "eA", "e": "AQAB"}


@pytest.mark.parametrize(
    "header",
    [
        {"typ": "JWT"},
        {"alg": "none"},
        {"alg": "HS256"},
        {"alg": ["ES256"]},
        {"alg": "ES384"},
        {"alg": "EdDSA"},
        {"alg": "RS256"},
        {"alg": "RS256", "jwk": WEAK},
        {"alg": "RS256", "jwk": {**WEAK, "n": "e" * 900}},
        {"alg": "RS256", "jwk": {**WEAK, "n": "e" * 342, "e": "A" * 342}},
        {"crit": ["b64"]},
        {"jwk": None},
        {"jwk": 5},
        {"jwk": {"kty": ["EC"]}},
        {"jwk": {"kty": "EC", "crv": "P-256", "x": 1, "y": "eQ"}},
        {"jwk": {"kty": "oct", "k": "geheim"}},
        {"jwk": {**public(KEY), "d": "geheim"}},
    ],
)
def test_another_type_algorithm_or_key_is_refused(header: dict[str, Any]) -> None:
    assert objection(written(header), CALL) == "the proof has a wrong type, algorithm or key"


def test_a_key_that_is_no_point_of_its_curve_signs_nothing() -> None:
    bogus = {"kty": "EC", "crv": "P-256", "x": "eA", "y": "eQ"}
    call = replace(CALL, thumbprint=thumbprint(bogus))
    assert objection(written({"jwk": bogus}), call) == "the proof was not signed with its own key"


@pytest.mark.parametrize(
    "text", ["", "a.b", "a.b.c.d", f"{proof()},{proof()}", proof() + " ", "e30.!!.c2ln", "W10.W10.c2ln", "a" * 9000]
)
def test_what_is_not_one_jwt_is_refused(text: str) -> None:
    assert objection(text, CALL) == "the proof is not one compact JWT"


def test_a_proof_without_jti_cannot_be_used_once() -> None:
    assert objection(proof(jti=...), CALL) == "the proof has no jti"
