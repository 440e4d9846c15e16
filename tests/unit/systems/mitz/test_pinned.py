"""Who may notify: by fingerprint, or by name under an issuer that is named; never by a name alone (spec 3.3)."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.systems.mitz.pinned import Pinned
from nuts_pzp.systems.mitz.settings import NotificationSettings, SubscriptionSettings

NAME = "CN=notificaties.mitz.example"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("a"), "Private Services")


@pytest.fixture(scope="module")
def other(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("b"), "Private Services")


def der(issued: Issued) -> bytes:
    return issued.certificate.public_bytes(Encoding.DER)


def test_a_fingerprint_admits_one_certificate_and_no_renewal(authority: Authority) -> None:
    mitz, renewed = (authority.client(name, common_name="notificaties.mitz.example") for name in ("mitz", "renewed"))
    pinned = Pinned(frozenset({mitz.sha256}), frozenset(), None)
    assert pinned.admits(der(mitz))
    assert not pinned.admits(der(renewed))
    assert not pinned.admits(None)
    assert not pinned.admits(b"")


def test_a_name_counts_under_its_issuer_only(authority: Authority, other: Authority) -> None:
    pinned = Pinned(frozenset(), frozenset({NAME}), authority.root_file)
    for number in range(2):  # also when it was seen before
        assert pinned.admits(der(authority.client(f"m{number}", common_name="notificaties.mitz.example")))
        assert not pinned.admits(der(other.client(f"m{number}", common_name="notificaties.mitz.example")))
        assert not pinned.admits(der(authority.client(f"n{number}", common_name="gateway.example")))
    assert not pinned.admits(b"\x30\x03\x02\x01\x01")
    longer = authority.client("longer", common_name="notificaties.mitz.example", serial_number="1")
    assert not pinned.admits(der(longer)), "a longer name is another one"


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({}, "needs fingerprints or subjects"),
        ({"subjects": [NAME]}, "go together"),
        ({"fingerprints": ["ab"]}, "pattern"),
        ({"fingerprints": ["a" * 64], "issuers_file": "x.pem"}, "go together"),
        ({"subjects": ["not a name"], "issuers_file": "x.pem"}, "subjects"),
    ],
)
def test_settings_that_would_admit_nobody_or_anybody_refuse_the_start(settings: dict[str, object], why: str) -> None:
    with pytest.raises((ValidationError, ValueError), match=why):
        NotificationSettings.model_validate(settings)


@pytest.mark.parametrize(
    "endpoint",
    ["http://gateway.example/x", "https:///x", "https://u@gateway.example/x", "https://gateway.example/?a=1"],
)
def test_an_endpoint_that_is_not_plainly_https_refuses_the_start(endpoint: str) -> None:
    settings = {"subscribe_on": "manual", "gateway_system": "2.999.1", "source_system": "2.999.2"}
    with pytest.raises(ValidationError, match="https URL"):
        SubscriptionSettings.model_validate({**settings, "endpoint": endpoint})


def test_an_issuers_file_that_is_none_refuses_the_start(tmp_path: Path) -> None:
    (tmp_path / "issuers.pem").write_text("nothing")
    with pytest.raises(ValueError, match="PEM"):
        Pinned(frozenset(), frozenset({NAME}), tmp_path / "issuers.pem")
