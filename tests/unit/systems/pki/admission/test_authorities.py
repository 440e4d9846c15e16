"""A certificate speaks when it comes from the right authorities; never on a doubt."""

from __future__ import annotations

from typing import Any

import pytest
from admission_desk import said

from nuts_pzp.authentication.port import Admitted
from nuts_pzp.reasons import Reason


async def test_a_certificate_of_the_issuing_authority_is_admitted_with_its_names(desk: Any, pki: Any) -> None:
    admitted = await said(desk(), pki.issuing.leaf(ura="90000444"))
    assert admitted.certificate.subject == "CN=gateway.kade.example, O=De Kade, serialNumber=00000003123456780000"
    assert (admitted.certificate.ura, admitted.organizations) == ("90000444", None)
    assert len(admitted.certificate.sha256) == 64


async def test_none_is_absent(desk: Any) -> None:
    assert await said(desk(), None) is Reason.CERTIFICATE_ABSENT
    assert await said(desk(), b"") is Reason.CERTIFICATE_ABSENT


HOSTILE = {
    "rubbish": lambda pki: b"\x30\x82rubbish",
    "empty sequence": lambda pki: b"\x30\x00",
    "another root": lambda pki: pki.other.leaf(),
    "same names, other keys": lambda pki: pki.Maker("Test Private Services CA - G1", pki.Maker("Test Root G1")).leaf(),
    "not yet": lambda pki: pki.issuing.leaf(since=pki.NOW + pki.DAY),
    "no longer": lambda pki: pki.issuing.leaf(until=pki.NOW),
    "for servers only": lambda pki: pki.issuing.leaf(purposes=(pki_server(),)),
    "for nothing in particular": lambda pki: pki.issuing.leaf(purposes=None),
    "an authority's": lambda pki: pki.issuing.leaf(ca=True),
    "not for signing in": lambda pki: pki.issuing.leaf(signature=False),
    "an unknown critical part": lambda pki: pki.issuing.leaf(odd=True),
    "of an authority below the last": lambda pki: pki.Maker("Below", pki.issuing).leaf(),
    "of a leaf that plays authority": lambda pki: pki.Maker("Leaf", pki.issuing, ca=False).leaf(),
}


def pki_server() -> Any:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return ExtendedKeyUsageOID.SERVER_AUTH


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_no_client_of_these_authorities_is_refused(kind: str, desk: Any, pki: Any) -> None:
    assert await said(desk(), HOSTILE[kind](pki)) is Reason.CERTIFICATE_UNLISTED


async def test_a_path_longer_than_an_authority_allows_is_refused_though_all_are_listed(desk: Any, pki: Any) -> None:
    below = pki.Maker("Below", pki.issuing)
    assert await said(desk(pem=pki.pem + below.pem), below.leaf()) is Reason.CERTIFICATE_UNLISTED


async def test_an_expired_authority_admits_nobody(desk: Any, pki: Any) -> None:
    old = pki.Maker("Old CA", pki.root, until=pki.NOW - pki.DAY)
    assert await said(desk(pem=pki.pem + old.pem), old.leaf()) is Reason.CERTIFICATE_UNLISTED


async def test_a_certificate_that_ends_while_it_is_known_ends(desk: Any, pki: Any) -> None:
    made = desk()
    admission, der = await made.open(), pki.issuing.leaf()
    assert isinstance(await admission.admit(der), Admitted)
    made.now = pki.NOW + 40 * pki.DAY
    assert (await admission.admit(der)).reason is Reason.CERTIFICATE_UNLISTED


async def test_a_renewed_authority_goes_on_where_the_old_one_ends(desk: Any, pki: Any) -> None:
    """It kept its key, and both stand in the file: the old one first, or the new one that does not count yet."""
    old = pki.Maker("Renewed", pki.root, until=pki.NOW - pki.DAY)
    new = pki.Maker("Renewed", pki.root, key=old.key)
    for pem in (old.pem + new.pem, new.pem + old.pem):
        assert isinstance(await said(desk(pem=pki.root.pem + pem), new.leaf()), Admitted)


async def test_a_renewed_root_goes_on_too(desk: Any, pki: Any) -> None:
    old = pki.Maker("Test Root G1", key=pki.root.key, until=pki.NOW - pki.DAY)
    assert isinstance(await said(desk(pem=old.pem + pki.pem), pki.issuing.leaf()), Admitted)


async def test_of_two_ways_to_a_root_the_one_that_stands_counts(desk: Any, pki: Any) -> None:
    """The old certificate of a renewed authority is revoked; what is revoked of every way stays out."""
    old = pki.Maker("Test Private Services CA - G1", pki.root, 0, key=pki.issuing.key)
    pem, serials = old.pem + pki.pem, [one.certificate.serial_number for one in (old, pki.issuing)]
    der = pki.issuing.leaf(number=77)
    replaced = desk(pem=pem).lists(pki.root.list(serials[0]), pki.issuing.list())
    assert isinstance(await said(replaced, der), Admitted)
    both = desk(pem=pem).lists(pki.root.list(*serials), pki.issuing.list())
    assert await said(both, der) is Reason.CERTIFICATE_REVOKED
    leaf = desk(pem=pem).lists(pki.root.list(serials[0]), pki.issuing.list(77))
    assert await said(leaf, der) is Reason.CERTIFICATE_REVOKED
