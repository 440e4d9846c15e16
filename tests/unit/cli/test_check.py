"""`nuts-pzp check` notices what belongs together and does not: decisions and who may ask, an issuer and its address."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nuts_pzp.cli.check import _decisions, _issuers
from nuts_pzp.settings import read_deployment

DEPLOYMENT = """
name: meerwijck.example
listeners: {operations: {port: 9090}}
audit: {path: ledger.sqlite, keys: keys}
state: state
tenants: tenants
"""


@pytest.mark.parametrize(
    ("offers", "asked", "ok", "says"),
    [
        (True, True, True, "offered for meerwijck"),
        (False, False, True, "not offered"),
        (True, False, False, "nobody may ask, yet meerwijck has disclose.decision"),
        (False, True, False, "no tenant has disclose.decision"),
    ],
)
def test_offering_and_asking_belong_together(tmp_path: Path, offers: bool, asked: bool, ok: bool, says: str) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text(DEPLOYMENT + ("decision_api: {loopback: true}\n" if asked else ""))
    house = SimpleNamespace(tenant=SimpleNamespace(id="meerwijck"), deciding=object() if offers else None)
    estate: Any = SimpleNamespace(houses=[house])
    check = _decisions(read_deployment(file), estate)
    assert (check.what, check.ok, check.says) == ("decision_api", ok, says)


@pytest.mark.parametrize(
    ("issuer", "ok"),
    [
        ("https://ehr.gateway.example/kade", True),
        ("https://ehr.gateway.example/meerwijck", False),
        ("https://other.example/kade", False),
    ],
)
def test_an_issuer_is_the_address_of_its_tenant(tmp_path: Path, issuer: str, ok: bool) -> None:
    file = tmp_path / "deployment.yaml"
    door = "ehr: {port: 8444, url: 'https://ehr.gateway.example/'}"
    file.write_text(DEPLOYMENT.replace("{operations", "{" + door + ", operations"))
    issues: Any = SimpleNamespace(metadata=lambda: {"issuer": issuer})
    tenants = (("kade", issues), ("elders", None))
    houses = [
        SimpleNamespace(tenant=SimpleNamespace(id=name), consulting=SimpleNamespace(issuer=one))
        for name, one in tenants
    ]
    estate: Any = SimpleNamespace(houses=[*houses, SimpleNamespace(tenant=None, consulting=None)])
    [check] = _issuers(read_deployment(file), estate)
    assert (check.what, check.ok) == ("kade: consult.ehr", ok)
    assert "https://ehr.gateway.example/kade" in check.says
