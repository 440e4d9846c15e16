"""The sandbox's own OPRF, against known answers (spec 2.3). Both implementations meet the same numbers."""

from __future__ import annotations

import base64

import pytest

from nuts_pzp.sandbox.prs.oprf import expand, hkdf, identifier, multiply, to_point, unblind

BLIND = bytes.fromhex("64d37aed22a27f5191de1c1d69fadb899d8862b58eb4220029e036ec4c1f6706")
SECRET = bytes.fromhex("5ebcea5ee37023ccb9fc2d2019f9d7737be85591ae8652ffa9ef0f4d37063b0e")


def test_rfc_9497_appendix_a_1_1_vector_1() -> None:
    blinded = multiply(BLIND, to_point(b"\x00"))
    assert blinded.hex() == "609a0ae68c15a3cf6903766461307e5c8bb2f95e7e6550e1ffa2dc99e412803c"
    evaluated = multiply(SECRET, blinded)
    assert evaluated.hex() == "7ec6578ae5120958eb2db1745758ff379e77cb64fe77b0b2d8cc917ea0869c7e"


@pytest.mark.parametrize(
    ("info", "okm", "evaluated", "pseudonym"),
    [
        (
            b"ura:90000901|nationale-verwijsindex|v1",
            "e96ce9a92e6b5fdf3ba6810b25c152c49c2969f6194e3e43fb050365a7104d9f",
            "38e35d74dc88d3a757214b066492f1bef5f64ac3570219bd4aa8e03cdced7a03",
            "8c4adb03201601f267d72eaa4ee55965e85479e99163ad09f90dff62e114093b",
        ),
        (
            b"oin:00000099000000001000|nvi|v1",
            "b788d775430a7f7bc73f7003b73ce15233d30534d776c87a92819e570647930d",
            "3ed733aca41cb18122e50232e2983f27fbf6e91e441f6ebde418b1b46344b67f",
            "14afe2312dbfac8017db5df7c42ff42a050789cb3a85d0fc50aaab7f1512b47f",
        ),
    ],
)
def test_the_whole_chain_from_identifier_to_pseudonym(info: bytes, okm: str, evaluated: str, pseudonym: str) -> None:
    secret = hkdf(identifier("999940003"), info)
    assert secret.hex() == okm
    point = multiply(SECRET, multiply(BLIND, to_point(secret)))
    assert point.hex() == evaluated
    assert unblind(BLIND, point).hex() == pseudonym


def test_the_chain_that_the_pseudonym_service_publishes_which_leaves_hkdf_out() -> None:
    factor = base64.urlsafe_b64decode("vFNWIVPKey18sMi81ZnO68aExoxVe_ruaStee9If1QI=")
    blinded = base64.urlsafe_b64decode("co1ZgSqfsiB8iEzmKWl3xgxlc0erstUNyBAC3tdjxzg=")
    evaluated = base64.urlsafe_b64decode("Ngb5jRWtUc_EtfPud1uPnjhHwvww1pt51wx_DBao_Uc=")
    assert multiply(factor, to_point(b"NL:bsn:950000012")) == blinded
    assert base64.urlsafe_b64encode(unblind(factor, evaluated)) == b"NN4uUzMPvmY7m7Mt8g5cLs_5G5ePCe_kgX1I16-ZJkA="


def test_the_pseudonym_does_not_depend_on_the_blind() -> None:
    other = bytes([7]) + bytes(31)
    first = unblind(BLIND, multiply(SECRET, multiply(BLIND, to_point(b"x"))))
    assert first == unblind(other, multiply(SECRET, multiply(other, to_point(b"x"))))


def test_expand_message_xmd_of_rfc_9380_with_sha_512() -> None:
    tag = b"QUUX-V01-CS02-with-expander-SHA512-256"
    expected = "6b9a7312411d92f921c6f68ca0b6380730a1a4d982c507211a90964c394179ba"
    assert expand(b"", tag, 32).hex() == expected


@pytest.mark.parametrize("point", [b"", bytes(31), b"\xff" * 32, bytes(32)])
def test_what_is_not_a_point_is_not_evaluated(point: bytes) -> None:
    with pytest.raises(ValueError, match="not a"):
        multiply(SECRET, point)


def test_a_blind_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="not a scalar"):
        unblind(bytes(32), to_point(b"x"))
