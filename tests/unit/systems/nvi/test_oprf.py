"""The client's half of the OPRF, against published and computed known answers (spec 2.3)."""

from __future__ import annotations

import rfc8785

from nuts_pzp.identity import Bsn
from nuts_pzp.systems.nvi.oprf import blind, derive, hash_to_group, personal_id

SCALAR = bytes.fromhex("64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706")
PUBLISHED = b'{"landCode":"NL","type":"BSN","value":"999940003"}'


def test_rfc_9497_appendix_a_1_1_vector_1() -> None:
    expected = "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c"
    assert blind(b"\x00", SCALAR).point.hex() == expected


def test_rfc_9497_appendix_a_1_1_vector_2() -> None:
    expected = "da27ef466870f5f15296299850aa088629945a17d1f5b7f5ff043f76b3c06418"
    assert blind(b"\x5a" * 17, SCALAR).point.hex() == expected


def test_the_chain_of_the_guide_from_identifier_to_blinded_point() -> None:
    secret = derive(PUBLISHED, "ura:90000901|nationale-verwijsindex|v1")
    assert secret.hex() == "e96ce9a92e6b5fdf3ba6810b25c152c49c2969f6194e3e43fb050365a7104d9f"
    assert hash_to_group(secret).hex() == "4cfe4459f0cc841792c6143df65078d7982912a6a6ddd3e0c5b68d2f8f3c5f31"
    assert blind(secret, SCALAR).point.hex() == "caf84b17fbf3f11e42e8ee98dae36bb34428e3d44fa96499cfa51a1958075a4d"


def test_the_chain_of_the_service_differs_by_its_info_only() -> None:
    secret = derive(PUBLISHED, "oin:00000099000000001000|nvi|v1")
    assert secret.hex() == "b788d775430a7f7bc73f7003b73ce15233d30534d776c87a92819e570647930d"
    assert blind(secret, SCALAR).point.hex() == "8067388f10041657e74e195f3d56ac1cf71868681af36b1c5d2ceb07c059b03f"


def test_the_identifier_is_canonical_json() -> None:
    expected = rfc8785.dumps({"value": "999990019", "type": "BSN", "landCode": "NL"})
    assert personal_id(Bsn("999990019")) == expected


def test_every_blinding_is_new_and_shows_neither_point_nor_factor() -> None:
    first, second = blind(b"x"), blind(b"x")
    assert first.point != second.point
    assert first.factor != second.factor
    assert repr(first) == "Blinded()"
