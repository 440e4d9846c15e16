"""`nuts-pzp check` notices what belongs together and does not: decisions and who may ask, an issuer and its address."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nuts_pzp.cli.check import _anchor, _decisions, _folders, _issuers, _listed, _show, _tenants
from nuts_pzp.settings import read_deployment
from nuts_pzp.web.operations import Check

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


@pytest.mark.parametrize(
    ("files", "ok", "says"),
    [
        ((), False, "no *.yaml there: nobody would be served"),
        (("kade.yaml", "meerwijck.yaml"), True, "files: 2"),
        (("kade.yaml", "meerwijck.yml"), False, "meerwijck.yml: is not read; its name must end in .yaml"),
    ],
)
def test_a_deployment_that_would_serve_nobody_is_not_well(
    tmp_path: Path, files: tuple[str, ...], ok: bool, says: str
) -> None:
    for name in files:
        (tmp_path / name).touch()
    found = _tenants(tmp_path)
    assert (found.ok, found.says) == (ok, says)
    assert not _tenants(tmp_path / "absent").ok


def test_what_the_gateway_keeps_must_be_possible_where_the_settings_say(tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text(DEPLOYMENT)
    (tmp_path / "in-the-way").touch()
    assert _folders(read_deployment(file), tmp_path).ok
    assert not (tmp_path / "state").exists(), "check makes nothing"
    file.write_text(DEPLOYMENT.replace("keys: keys", "keys: in-the-way/keys, anchor: {kind: file, path: in-the-way}"))
    found = _folders(read_deployment(file), tmp_path)
    assert (found.ok, found.says) == (False, "this user may not make or write audit.keys")


def test_a_folder_of_the_anchor_that_went_away_is_missed(tmp_path: Path) -> None:
    file = tmp_path / "deployment.yaml"
    file.write_text(DEPLOYMENT.replace("keys: keys", "keys: keys, anchor: {kind: file, path: volume/notes}"))
    audit = read_deployment(file).audit
    assert _anchor(audit, tmp_path).ok, "it is made with the ledger"
    (tmp_path / "ledger.sqlite").touch()
    found = _anchor(audit, tmp_path)
    assert (found.ok, found.says) == (False, "its folder is not there: is the volume mounted?")
    (tmp_path / "volume").mkdir()
    assert _anchor(audit, tmp_path).ok
    assert not _anchor(audit.model_copy(update={"anchor": None}), tmp_path).ok


def test_an_adapter_that_is_listed_must_be_installed() -> None:
    assert _listed(("nuts-pzp",)).ok
    found = _listed(("nuts-pzp", "no-such-distribution"))
    assert (found.ok, found.says) == (False, "not installed: no-such-distribution")


def test_no_name_is_cut_off_in_a_narrow_terminal(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "60")
    what = "certificate: meerwijck.disclose.consent.sources.mitz.end"
    _show([Check(what, True, "ends on 2026-12-29, in 30 days, and words besides")])
    letters = "".join(capsys.readouterr().out.split())
    assert "\u2026" not in letters
    assert letters.count(".end") == 1
