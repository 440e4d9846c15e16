"""The token for a locked internal API: short, complete, and only from a P-256 key."""

from __future__ import annotations

import uuid
from pathlib import Path

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from nuts_pzp.systems.nuts_node.api_access import ApiToken


def written(folder: Path, key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey) -> Path:
    file = folder / "api.key"
    file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return file


def test_a_token_has_every_claim_the_node_demands(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    token = ApiToken(written(tmp_path, key), issuer="nuts-pzp@host", audience="node-host")
    header = token.headers(1_790_000_000.9)["authorization"]
    assert header.startswith("Bearer ")
    claims = jwt.decode(
        header[7:],
        key.public_key(),
        algorithms=["ES256"],
        audience="node-host",
        options={"verify_exp": False, "verify_nbf": False, "verify_iat": False},
    )
    assert (claims["iss"], claims["sub"]) == ("nuts-pzp@host", "nuts-pzp")
    assert claims["iat"] == claims["nbf"] == 1_790_000_000
    assert claims["exp"] == 1_790_000_120
    assert str(uuid.UUID(claims["jti"])) == claims["jti"]
    assert sorted(jwt.get_unverified_header(header[7:])) == ["alg", "kid", "typ"]


def test_two_tokens_have_two_ids(tmp_path: Path) -> None:
    token = ApiToken(written(tmp_path, ec.generate_private_key(ec.SECP256R1())), issuer="i", audience="a")
    assert token.headers(1.0) != token.headers(1.0)


@pytest.mark.parametrize(
    "key", [ec.generate_private_key(ec.SECP384R1()), rsa.generate_private_key(65537, 2048)], ids=["p384", "rsa"]
)
def test_another_kind_of_key_is_refused_at_start(tmp_path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    with pytest.raises(ValueError, match="P-256"):
        ApiToken(written(tmp_path, key), issuer="i", audience="a")


def test_a_key_never_shows(tmp_path: Path) -> None:
    token = ApiToken(written(tmp_path, ec.generate_private_key(ec.SECP256R1())), issuer="i", audience="a")
    assert repr(token) == "ApiToken(i)"
