"""`report indicators` reads a real ledger, in words and as data, and refuses what is no month and no ledger."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.cli.report import app
from nuts_pzp.identity import Organization, Tenant, Ura


@pytest.fixture
async def config(tmp_path: Path) -> Path:
    ledger = Ledger.open(Place(tmp_path / "ledger.sqlite", tmp_path / "keys", "test", accept_any_filesystem=True))
    ledger.of(Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")))
    await ledger.aclose()
    settings = {
        "name": "test",
        "listeners": {"operations": {"port": 0}},
        "audit": {"path": "ledger.sqlite", "keys": "keys"},
        "state": "state",
        "tenants": "tenants",
    }
    file = tmp_path / "deployment.yaml"
    file.write_text(yaml.safe_dump(settings))
    return file


def run(config: Path, *more: str) -> tuple[int, str]:
    result = CliRunner().invoke(app, ["indicators", "--config", str(config), "--tenant", "kade", *more])
    return result.exit_code, result.output


async def test_it_counts_in_words_and_as_data(config: Path) -> None:
    code, told = run(config, "--month", "2026-11", "--json")
    assert (code, json.loads(told)["schema"], json.loads(told)["month"]) == (0, "nuts-pzp-indicators/1", "2026-11")
    assert json.loads(told)["consultations"] is None
    code, words = run(config)
    assert code == 0
    assert "acute opname: antwoorden gevonden   minder dan 10" in words


@pytest.mark.parametrize("month", ["2026-13", "november", "2026-1"])
async def test_what_is_no_month_is_wrong_use(config: Path, month: str) -> None:
    assert run(config, "--month", month)[0] == 2


async def test_a_ledger_that_is_not_there_is_wrong_use(tmp_path: Path, config: Path) -> None:
    assert run(tmp_path / "none.yaml")[0] == 2
    config.write_text(config.read_text().replace("ledger.sqlite", "elsewhere.sqlite"))
    assert run(config) == (2, "audit.path: no such file\n")


async def test_a_tenant_that_is_not_there_is_no_month_without_consultations(config: Path) -> None:
    """A misspelt name would read as nobody having looked."""
    assert run(config, "--tenant", "kaed") == (2, "--tenant: no tenant of this deployment, and no log of that name\n")
    (config.parent / "tenants").mkdir()
    (config.parent / "tenants" / "new.yaml").write_text("id: new\n")
    assert run(config, "--tenant", "new")[0] == 0
