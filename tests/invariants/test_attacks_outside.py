"""Attacks from beyond the decision: proofs, addresses, links, the EHR's own body, settings that promise too much."""

from __future__ import annotations

import asyncio
import base64
import ipaddress
import json
import ssl
from hashlib import sha256
from pathlib import Path
from typing import Any

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm
from yarl import URL

from nuts_pzp.exchange import Presented
from nuts_pzp.fhir.request import stays_below
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.outside import Bounds, Line, Outbound, Trouble
from nuts_pzp.settings import SettingsError, read_deployment
from nuts_pzp.systems.ehr_mtls.gatekeeper import EhrGatekeeper
from nuts_pzp.systems.fhir_server.answer import relative
from nuts_pzp.systems.nuts_node.flights import Flights
from nuts_pzp.systems.nuts_node.proof import Call, judged
from nuts_pzp.web import asked

# --- proofs of possession

NOW = 1_790_000_000.0
TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
URL_ASKED = "https://pep.example/wilgenhof/fhir/Goal"
KEY = ec.generate_private_key(ec.SECP256R1())
JWK = {
    name: value
    for name, value in ECAlgorithm.to_jwk(KEY.public_key(), as_dict=True).items()
    if name in ("kty", "crv", "x", "y")
}


def coded(value: bytes) -> str:
    return base64.urlsafe_b64encode(value).decode().rstrip("=")


THUMBPRINT = coded(sha256(json.dumps(dict(sorted(JWK.items())), separators=(",", ":")).encode()).digest())
CALL = Call("GET", URL_ASKED, TOKEN, NOW, 60.0, THUMBPRINT)


def objection(text: str, call: Call) -> str | None:
    """What is said against a proof; None for one that holds."""
    found = judged(text, call)
    return found if isinstance(found, str) else None


def proof(header: dict[str, Any] | None = None, raw: str = "", **claims: Any) -> str:
    """A proof of `CALL`, signed with its own key; a member of the header that is None is left out."""
    head = {"typ": "dpop+jwt", "alg": "ES256", "jwk": JWK} | (header or {})
    head = {name: value for name, value in head.items() if value is not None}
    ath = coded(sha256(TOKEN.encode()).digest())
    body = {"htm": "GET", "htu": URL_ASKED, "jti": "j-1", "iat": int(NOW), "ath": ath} | claims
    signed = f"{coded(json.dumps(head).encode())}.{coded(raw.encode() or json.dumps(body).encode())}"
    return f"{signed}.{coded(ECAlgorithm(ECAlgorithm.SHA256).sign(signed.encode(), KEY))}"


def test_the_proof_that_is_changed_below_is_good() -> None:
    assert objection(proof(), CALL) is None


HEADERS: dict[str, dict[str, Any]] = {
    "no algorithm": {"alg": "none"},
    "no algorithm in capitals": {"alg": "NONE"},
    "secret shared": {"alg": "HS256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}},
    "public key as a shared secret": {"alg": "HS256"},
    "shared secret under another name": {"alg": "ES256", "jwk": {"kty": "oct", "k": "c2VjcmV0"}},
    "encryption": {"alg": "RSA-OAEP"},
    "ES256K": {"alg": "ES256K"},
    "private exponent": {"jwk": JWK | {"d": "eA"}},
    "private prime": {"alg": "RS256", "jwk": {"kty": "RSA", "n": "eA", "e": "AQAB", "p": "eA"}},
    "private primes of others": {"alg": "RS256", "jwk": {"kty": "RSA", "n": "eA", "e": "AQAB", "oth": []}},
    "key by url": {"jwk": None, "jku": "https://evil.example/keys"},
    "key by certificate url": {"jwk": None, "x5u": "https://evil.example/c"},
    "key by name": {"jwk": None, "kid": "1"},
    "list of keys": {"jwk": [JWK]},
    "critical extension": {"crit": ["b64"], "b64": False},
    "plain jwt": {"typ": "JWT"},
    "type with a prefix": {"typ": "application/dpop+jwt"},
}


@pytest.mark.parametrize("name", HEADERS)
def test_a_proof_with_a_strange_header_is_refused(name: str) -> None:
    assert objection(proof(HEADERS[name]), CALL)


PLACES = [
    "https://pep.example/avondrood/fhir/Goal",
    "https://pep.example./wilgenhof/fhir/Goal",
    "https://pep.example:444/wilgenhof/fhir/Goal",
    "https://pep.example:0/wilgenhof/fhir/Goal",
    "http://pep.example/wilgenhof/fhir/Goal",
    "https://evil.example@pep.example/wilgenhof/fhir/Goal",
    "https://pep.example@evil.example/wilgenhof/fhir/Goal",
    "https://pep.example\\@evil.example/wilgenhof/fhir/Goal",
    "https://pep.example/wilgenhof/fhir//Goal",
    "https://pep.example/wilgenhof/./fhir/Goal",
    "https://pep.example/x/../wilgenhof/fhir/Goal",
    "https://pep.example/wilgenhof%2ffhir/Goal",
    "https://pep.example/wilgenhof/fhir/Goal;x",
    "https://pep.example/wilgenhof/fhir/Goal%3fpatient=2",
    "https://pep.example/wilgenhof/fhir/Go\tal",
    "https://pep.example/wilgenhof/fhir/Goal\n",
    " https://pep.example/wilgenhof/fhir/Goal",
    "https://pep\u3002example/wilgenhof/fhir/Goal",
    "//pep.example/wilgenhof/fhir/Goal",
    "https:pep.example/wilgenhof/fhir/Goal",
    "https:///wilgenhof/fhir/Goal",
    "HTTPS",
]


@pytest.mark.parametrize("place", PLACES)
def test_a_proof_for_another_place_is_refused(place: str) -> None:
    assert objection(proof(htu=place), CALL) == "the proof is for another URL"


@pytest.mark.parametrize(
    "claims",
    [
        {"iat": NOW - 3600}, {"iat": NOW + 3600}, {"iat": -NOW}, {"iat": 0}, {"iat": str(int(NOW))}, {"iat": [NOW]},
        {"iat": None}, {"iat": True}, {"jti": ""}, {"jti": 7}, {"jti": None}, {"jti": ["j"]}, {"jti": "j" * 5000},
        {"ath": coded(sha256(b"another token").digest())}, {"ath": TOKEN}, {"ath": ""}, {"ath": None},
        {"htm": "get"}, {"htm": "POST"}, {"htm": ["GET"]}, {"htm": "GET "}, {"htm": None},
    ],
)  # fmt: skip
def test_a_proof_with_strange_claims_is_refused(claims: dict[str, Any]) -> None:
    assert objection(proof(**claims), CALL)


def test_a_proof_that_two_readers_read_differently_is_refused() -> None:
    good = json.loads(base64.urlsafe_b64decode(proof().split(".")[1] + "=="))
    for name, wrong in (("iat", 1), ("htu", "https://evil.example/"), ("ath", "x"), ("htm", "POST"), ("jti", "k")):
        rest = json.dumps(good)[1:]
        assert objection(proof(raw=f'{{"{name}":{json.dumps(wrong)},{rest}'), CALL)
        assert objection(proof(raw=f'{json.dumps(good)[:-1]},"{name}":{json.dumps(wrong)}}}'), CALL)
    for number in ("1e999", "NaN", "Infinity", "-1e999", "1" * 5000):
        assert objection(proof(raw=json.dumps(good).replace(str(int(NOW)), number)), CALL)


async def test_a_flight_that_is_ended_from_outside_is_an_error_and_no_cancelling() -> None:
    flights: Flights[str, int] = Flights()
    gate = asyncio.Event()

    async def ask() -> int:
        await gate.wait()
        return 1

    waiting = asyncio.create_task(flights.join("k", ask))
    await asyncio.sleep(0)
    await flights.close()
    with pytest.raises(Exception) as caught:  # noqa: PT011 (that it is an Exception is the claim)
        await waiting
    assert not isinstance(caught.value, asyncio.CancelledError)


# --- what is dialled

PUBLIC = Outbound()
HIDDEN = [
    "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1", "017700000001", "127.0.0.01", "0",
    "127.0.0.1.", "1.1", "%31%32%37.0.0.1", "\uff11\uff12\uff17.0.0.1", "[::ffff:7f00:1]", "[::127.0.0.1]",
    "[fe80::1%25lo]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "169.254.169.254", "[fd00:ec2::254]", "0.0.0.0", "[::]",
]  # fmt: skip


@pytest.mark.parametrize("host", HIDDEN)
def test_an_inner_address_in_disguise_is_no_address_of_a_source(host: str) -> None:
    assert PUBLIC.refuses(f"https://{host}/fhir") is not None


@pytest.mark.parametrize("host", HIDDEN)
async def test_an_inner_address_in_disguise_is_not_dialled(host: str) -> None:
    line = Line(PUBLIC, ssl.create_default_context(), Bounds(20.0, 20.0, 1000))
    try:
        assert await line.call("GET", URL(f"https://{host}/fhir", encoded=True)) is Trouble.ADDRESS
    finally:
        await line.close()


async def test_only_loopback_is_dialled_where_only_loopback_is_listed() -> None:
    line = Line(
        Outbound((ipaddress.ip_network("127.0.0.0/8"),)), ssl.create_default_context(), Bounds(20.0, 20.0, 1000)
    )
    assert await line.call("GET", URL("http://169.254.169.254/latest/meta-data")) is Trouble.ADDRESS
    await line.close()


BASE = "https://fhir.example:8443/r4"
LINKS = [
    "https://evil.example/r4/Consent?page=2", "https://fhir.example:8443@evil.example/r4/Consent?page=2",
    "https://fhir.example:8443.evil.example/r4/x", "https://fhir.example/r4/Consent?page=2",
    "http://fhir.example:8443/r4/Consent?page=2", "https://fhir.example:8443/r4evil/Consent?page=2",
    "https://fhir.example:8443/r4/../admin?x=1", "https://fhir.example:8443/r4/..%2fadmin?x=1",
    "https://fhir.example:8443/r4/%2e%2e/admin?x=1", "https://fhir.example:8443/admin",
    "https://user@fhir.example:8443/r4/Consent?page=2", "//evil.example/r4/Consent", "/r4/../admin", "/admin",
    "https:/\\evil.example/r4", "https://fhir.example:8443/r4/Consent?page=2#x", "javascript:alert(1)",
    "file:///etc/passwd", "https://fhir.example:8443/r4/Consent?x=\r\nHost: evil", "https://fhir.example:8443/r4/\u2025/x",
    "https://[::1/r4", "https://fhir.example:99999/r4/x", "..", "../Consent", "./../Consent", "?", "",
    "https://fhir.example:8443\\r4\\x", "\thttps://fhir.example:8443/r4/x",
]  # fmt: skip


@pytest.mark.parametrize("link", LINKS)
def test_a_next_link_that_leads_away_is_not_followed(link: str) -> None:
    below = relative(link, BASE)
    assert below is None


@pytest.mark.parametrize(
    "below", ["/../x", "/a/../x", "//evil/x", "/a\\x", "/a#x", "http://x", "/a b", "/%2e%2e/x?y=1"]
)
def test_a_continuation_that_leads_away_is_not_written(below: str) -> None:
    assert not stays_below(below)


# --- the EHR's own body

GOOD: dict[str, Any] = {
    "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
    "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
    "purpose": "treatment",
}


def test_a_key_that_is_a_bsn_is_not_repeated_as_the_name_of_a_mistake() -> None:
    for body in (
        GOOD | {"999911120": 1},
        GOOD | {"patient": {"999911120": "x", "bsn": "999900006", "birthDate": "1941-03-09"}},
        GOOD | {"relation": {"bsn-999911120": 1}},
    ):
        found = asked.parse(orjson.dumps(body))
        assert isinstance(found, Deny)
        assert "999911120" not in found.detail


def test_a_patient_named_twice_in_one_body_is_refused() -> None:
    text = orjson.dumps(GOOD)[:-1] + b',"patient":{"bsn":"999911120","birthDate":"1941-03-09"}}'
    assert isinstance(asked.parse(text), Deny)
    inner = orjson.dumps(GOOD).replace(b'"bsn":"999900006"', b'"bsn":"999911120","bsn":"999900006"')
    assert isinstance(asked.parse(inner), Deny)


@pytest.mark.parametrize("body", [b"[" * 60_000, b'{"patient":' * 10_000, b"\xef\xbb\xbf{}", b"\xff\xfe{\x00}\x00"])
def test_a_body_made_to_break_the_reader_is_refused(body: bytes) -> None:
    assert isinstance(asked.parse(body), Deny)


async def test_a_certificate_is_pinned_to_its_last_bit() -> None:
    der = b"0\x82 not even a certificate"
    keeper = EhrGatekeeper(Organization(Ura("90000444"), "N6", "De Kade"), frozenset({sha256(der).hexdigest()}))
    pem = b"-----BEGIN CERTIFICATE-----\n" + base64.b64encode(der) + b"\n-----END CERTIFICATE-----\n"
    for shown in (None, b"", der, der + b"\x00", der[:-1], pem, sha256(der).digest(), sha256(der).hexdigest().encode()):
        assert isinstance(await keeper.verify(Presented("c", "", None, shown, "POST", "https://x/")), Deny)


# --- settings that promise more than they hold

DEPLOYMENT = """
name: meerwijck.example
listeners:
  operations: {port: 9090}
  network: {port: 8443, url: "https://pzp.example", %s}
audit: {path: ledger.sqlite, keys: keys}
state: state
tenants: tenants
"""


@pytest.mark.parametrize(
    ("half", "named"),
    [
        ("certificate_file: a.pem", "key_file"),
        ("key_file: a.pem", "certificate_file"),
        ("client_required: true", "client_roots_file"),
        ("certificate_file: a.pem, key_file: b.pem, client_required: true", "client_roots_file"),
        ("client_roots_file: a.pem", "certificate_file"),
    ],
)
def test_tls_that_is_only_half_said_refuses_the_start(half: str, named: str, tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text(DEPLOYMENT % half, "utf-8")
    with pytest.raises(SettingsError, match=named):
        read_deployment(file)
