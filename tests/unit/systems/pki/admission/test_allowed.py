"""The list of who may come, and what such a setting must say."""

from __future__ import annotations

from typing import Any

import pytest
from admission_desk import LISTED, said
from pydantic import ValidationError

from nuts_pzp.authentication.port import Admitted
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.pki.authorities import Authorities
from nuts_pzp.systems.pki.settings import PkiSettings


async def test_who_is_not_listed_is_refused(desk: Any, pki: Any) -> None:
    assert isinstance(await said(desk(clients=[LISTED]), pki.issuing.leaf()), Admitted)
    other = pki.issuing.leaf("other.example")
    assert await said(desk(clients=[LISTED]), other) is Reason.CERTIFICATE_UNLISTED


@pytest.mark.parametrize("common", ["Gateway.Kade.example", "gateway.kade.example.evil", "gateway.kade.exampl"])
async def test_a_name_is_compared_as_it_is(common: str, desk: Any, pki: Any) -> None:
    assert await said(desk(clients=[LISTED]), pki.issuing.leaf(common)) is Reason.CERTIFICATE_UNLISTED


async def test_everything_an_entry_says_must_fit(desk: Any, pki: Any) -> None:
    der = pki.issuing.leaf(ura="90000444")
    right = (await said(desk(), der)).certificate.sha256
    for entry, fits in (
        ({"sha256": right.upper()}, True),
        ({"sha256": ":".join(right[at : at + 2] for at in range(0, 64, 2))}, True),
        ({"sha256": "0" * 64}, False),
        ({"ura": "90000444"}, True),
        ({"ura": "90000555"}, False),
        ({"sha256": right, "ura": "90000555"}, False),
        ({"sha256": right, "common_name": "gateway.kade.example", "ura": "90000444"}, True),
    ):
        found = await said(desk(clients=[{"name": "x", **entry}]), der)
        assert isinstance(found, Admitted) is fits, entry


@pytest.mark.parametrize(
    "settings",
    [
        {"clients": [{"name": "x"}]},
        {"clients": [{"name": "x", "sha256": "abc"}]},
        {"clients": [{"name": "x", "ura": "123"}]},
        {"crls": [{}]},
        {"crls": [{"file": "a", "url": "https://a.example/b"}]},
        {"crls": [{"url": "ldap://a.example"}]},
        {"bind": "urA"},
        {"unknown": 1},
    ],
)
def test_half_a_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PkiSettings.model_validate({"authorities_file": "x", **settings})


def test_a_file_without_a_root_or_with_a_leaf_is_refused(pki: Any) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    leaf = x509.load_der_x509_certificate(pki.issuing.leaf()).public_bytes(Encoding.PEM)
    for pem in (pki.issuing.pem, pki.pem + leaf, b"", b"rubbish"):
        with pytest.raises(ValueError):  # noqa: PT011 (any: the settings wrap it)
            Authorities.read(pem)
