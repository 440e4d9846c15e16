"""Keys of the tokens turn over in all processes, and an EHR's keys are what they say they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import SECP384R1, generate_private_key
from jwt.algorithms import ECAlgorithm

from nuts_pzp.keys import BadKeyFile
from nuts_pzp.systems.ehr_token.keyring import Keyring
from nuts_pzp.systems.ehr_token.settings import public_keys


async def test_a_token_ends_and_keys_turn_over_without_a_gap(desk: Any, tmp_path: Path) -> None:
    clock = [1_800_000_000.0]
    ring = Keyring(tmp_path / "ring", rotate=1_000, overlap=300, clock=lambda: clock[0])
    first = ring.signing()
    assert Keyring(tmp_path / "ring", rotate=1_000, overlap=300, clock=lambda: clock[0]).signing().kid == first.kid
    clock[0] += 1_000
    second = ring.signing()
    assert second.kid != first.kid
    assert [key["kid"] for key in ring.published()["keys"]] == [second.kid, first.kid]
    assert ring.find(first.kid) is not None
    clock[0] += 301
    assert ring.find(first.kid) is None
    assert [key["kid"] for key in ring.published()["keys"]] == [second.kid]
    Keyring(tmp_path / "ring", rotate=1_000, overlap=300, clock=lambda: clock[0])
    assert len(list((tmp_path / "ring").iterdir())) == 1


async def test_a_key_that_another_process_made_is_found(tmp_path: Path) -> None:
    clock = [1_800_000_000.0]
    one, two = (Keyring(tmp_path / "ring", rotate=1_000, overlap=300, clock=lambda: clock[0]) for _ in range(2))
    clock[0] += 2
    made = one.signing()
    found = two.find(made.kid)
    assert found is not None
    assert found.jwk == made.jwk
    assert two.find("made-up") is None


async def test_of_two_keys_made_at_once_all_processes_sign_with_the_newer(tmp_path: Path) -> None:
    clock = [1_800_000_000.0]
    one, two = (Keyring(tmp_path / "ring", rotate=10_000, overlap=300, clock=lambda: clock[0]) for _ in range(2))
    earlier = one.signing()
    clock[0] += 1
    two._make()  # it had looked before the other one wrote
    assert two.signing().kid != earlier.kid
    clock[0] += 61
    assert one.signing().kid == two.signing().kid
    clock[0] += 301
    assert two.find(one.signing().kid) is not None


async def test_a_clock_that_was_set_back_hides_no_key(tmp_path: Path) -> None:
    clock = [1_800_000_000.0]
    one, two = (Keyring(tmp_path / "ring", rotate=10_000, overlap=300, clock=lambda: clock[0]) for _ in range(2))
    clock[0] += 9_000
    assert one.find("made-up") is None
    clock[0] -= 9_000
    assert one.find(two.signing().kid) is not None


async def test_a_key_file_that_others_can_read_is_none(desk: Any) -> None:
    await desk.token()
    [file] = (desk.folder / "state" / "kade" / "ehr-tokens").iterdir()
    file.chmod(0o644)
    with pytest.raises(ValueError, match="readable by group"):
        desk.build()
    with pytest.raises(BadKeyFile):
        Keyring(file.parent, rotate=1, overlap=1)


KEYS: dict[str, Any] = {
    "nothing": "",
    "no set": "{}",
    "an empty set": '{"keys":[]}',
    "a shared secret": '{"keys":[{"kty":"oct","k":"c2VjcmV0","kid":"1","alg":"HS256"}]}',
    "no kid": json.dumps({"keys": [{"kty": "EC", "alg": "ES256"}]}),
}


@pytest.mark.parametrize("text", KEYS.values(), ids=KEYS.keys())
def test_keys_that_are_none_refuse_the_start(tmp_path: Path, text: str) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(text)
    with pytest.raises(ValueError, match=r"jwks\.json"):
        public_keys(file)


def test_a_key_of_another_curve_than_its_algorithm_is_refused(tmp_path: Path) -> None:
    public = ECAlgorithm.to_jwk(generate_private_key(SECP384R1()).public_key(), as_dict=True)
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [public | {"kid": "k1", "alg": "ES256"}]}))
    with pytest.raises(ValueError, match="P-256"):
        public_keys(file)


def test_a_private_key_is_refused(tmp_path: Path, desk: Any) -> None:
    private = ECAlgorithm.to_jwk(desk.ehr.key, as_dict=True) | {"kid": "k1", "alg": "ES256"}
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps({"keys": [private]}))
    with pytest.raises(ValueError, match="private key"):
        public_keys(file)
