"""Proofs and tokens as an attacker makes them: with the right key and wrong words, or with words and a wrong key."""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any

import jwt
from cryptography.hazmat.primitives import hashes, hmac
from cryptography.hazmat.primitives.asymmetric import ec

from nuts_pzp.sandbox.nuts_node.jose import SigningKey, digest

Words = dict[str, Any]


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Forger:
    """Makes proofs for one bound token; `key` is the one it is bound to, as whoever asked for it has it."""

    def __init__(self, key: SigningKey, token: str, url: str) -> None:
        self.key, self.token, self.url = key, token, url
        self.used = ""
        """A proof that has served once."""

    def claims(self, **other: Any) -> Words:
        """Return the claims of a good proof, changed; a claim of None is left out."""
        fine = {"htm": "GET", "htu": self.url, "jti": secrets.token_urlsafe(16), "iat": int(time.time()),
                "ath": digest(self.token.encode())}  # fmt: skip
        return {name: value for name, value in (fine | other).items() if value is not None}

    def made(self, claims: Words | None = None, key: SigningKey | None = None, **header: Any) -> str:
        """Sign with ES256 whatever the header says."""
        key = key or self.key
        named = {"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.jwk} | header
        return self.signed(json.dumps({k: v for k, v in named.items() if v is not None}), claims or self.claims(), key)

    def signed(self, header: str, claims: Words | str, key: SigningKey) -> str:
        """Return header, claims and an ES256 signature over both, whatever they are."""
        words = claims if isinstance(claims, str) else json.dumps(claims)
        text = f"{b64(header.encode())}.{b64(words.encode())}"
        es256 = jwt.algorithms.ECAlgorithm(jwt.algorithms.ECAlgorithm.SHA256)
        return f"{text}.{b64(es256.sign(text.encode(), key.private))}"

    def proof(self, name: str) -> str:
        """Make the proof of that name."""
        return PROOFS[name](self)

    def hs256(self) -> str:
        """The public key as the secret of an HMAC: what a careless verifier takes."""
        point = json.dumps(self.key.jwk).encode()
        header = json.dumps({"typ": "dpop+jwt", "alg": "HS256", "jwk": self.key.jwk})
        text = f"{b64(header.encode())}.{b64(json.dumps(self.claims()).encode())}"
        mac = hmac.HMAC(point, hashes.SHA256())
        mac.update(text.encode())
        return f"{text}.{b64(mac.finalize())}"

    def swapped(self) -> str:
        """Another key's proof that shows the token's key."""
        return self.made(key=SigningKey.make("other"))

    def twice(self) -> str:
        words = json.dumps(self.claims())[:-1] + ',"htu":"https://elsewhere.example/"}'
        return self.signed(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": self.key.jwk}), words, self.key)

    def der(self) -> str:
        text = self.made().rpartition(".")[0]
        return f"{text}.{b64(self.key.private.sign(text.encode(), ec.ECDSA(hashes.SHA256())))}"

    def private(self) -> str:
        number = self.key.private.private_numbers().private_value
        return self.made(jwk={**self.key.jwk, "d": b64(number.to_bytes(32, "big"))})

    def bent(self) -> str:
        head, _, tail = self.made().rpartition(".")
        return f"{head}.{'A' if tail[5] != 'A' else 'B'}{tail[1:]}"

    def another(self) -> str:
        other = SigningKey.make("other")
        return self.made(key=other, jwk=other.jwk)


PROOFS: dict[str, Callable[[Forger], str]] = {
    "fine": lambda f: f.made(),
    "head": lambda f: f.made(f.claims(htm="HEAD")),
    "used": lambda f: f.used,
    "method": lambda f: f.made(f.claims(htm="POST")),
    "lower": lambda f: f.made(f.claims(htm="get")),
    "methods": lambda f: f.made(f.claims(htm=["GET"])),
    "path": lambda f: f.made(f.claims(htu=f.url.replace("/Consent", "/Goal"))),
    "tenant": lambda f: f.made(f.claims(htu=f.url.replace("/wilgenhof/", "/lindezicht/"))),
    "port": lambda f: f.made(f.claims(htu="https://127.0.0.1:1/wilgenhof/fhir/Consent")),
    "http": lambda f: f.made(f.claims(htu=f.url.replace("https:", "http:"))),
    "host": lambda f: f.made(f.claims(htu="https://elsewhere.example/wilgenhof/fhir/Consent")),
    "user": lambda f: f.made(f.claims(htu=f.url.replace("127.", "elsewhere@127."))),
    "no-url": lambda f: f.made(f.claims(htu="::")),
    "urls": lambda f: f.made(f.claims(htu=[f.url])),
    "token": lambda f: f.made(f.claims(ath=digest(b"another"))),
    "no-token": lambda f: f.made(f.claims(ath=None)),
    "old": lambda f: f.made(f.claims(iat=int(time.time()) - 3600)),
    "future": lambda f: f.made(f.claims(iat=int(time.time()) + 3600)),
    "no-time": lambda f: f.made(f.claims(iat=None)),
    "words": lambda f: f.made(f.claims(iat="now")),
    "true": lambda f: f.made(f.claims(iat=True)),
    "huge": lambda f: f.made(f.claims(iat=1e308)),
    "digits": lambda f: f.made(f.claims(iat=10**400)),
    "no-jti": lambda f: f.made(f.claims(jti=None)),
    "empty-jti": lambda f: f.made(f.claims(jti="")),
    "long-jti": lambda f: f.made(f.claims(jti="x" * 300)),
    "number-jti": lambda f: f.made(f.claims(jti=7)),
    "key": Forger.another,
    "swapped": Forger.swapped,
    "private": Forger.private,
    "none": lambda f: f.made(alg="none").rpartition(".")[0] + ".",
    "hs256": Forger.hs256,
    "rs256": lambda f: f.made(alg="RS256"),
    "es384": lambda f: f.made(alg="ES384"),
    "no-alg": lambda f: f.made(alg=None),
    "type": lambda f: f.made(typ="JWT"),
    "no-type": lambda f: f.made(typ=None),
    "crit": lambda f: f.made(crit=["b64"]),
    "no-jwk": lambda f: f.made(jwk=None),
    "kid": lambda f: f.made(jwk=None, kid=f.key.id),
    "unsigned": lambda f: f.made().rpartition(".")[0] + ".",
    "bent": Forger.bent,
    "der": Forger.der,
    "twice": Forger.twice,
    "not-json": lambda f: f.signed("no", "json", f.key),
    "four": lambda f: f.made() + ".x",
    "long": lambda f: f.made(f.claims(pad="x" * 7000)),
    "deep": lambda f: f.signed(json.dumps({"typ": "dpop+jwt", "alg": "ES256", "jwk": f.key.jwk}), "[" * 1000, f.key),
}


def tokens_of_no_issuer(claims: Words, key: SigningKey) -> dict[str, str]:
    """JWTs that nobody's authorization server gave: unsigned, signed by the bearer, signed with a public key."""
    body = b64(json.dumps(claims).encode())
    none = f"{b64(json.dumps({'alg': 'none', 'typ': 'at+jwt'}).encode())}.{body}."
    text = f"{b64(json.dumps({'alg': 'HS256', 'typ': 'at+jwt'}).encode())}.{body}"
    mac = hmac.HMAC(sha256(json.dumps(key.jwk).encode()).digest(), hashes.SHA256())
    mac.update(text.encode())
    return {
        "none": none,
        "selfmade": SigningKey.make("own").sign(claims, typ="at+jwt"),
        "hs256": f"{text}.{b64(mac.finalize())}",
    }
