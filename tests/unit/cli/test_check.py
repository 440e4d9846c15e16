"""`nuts-pzp check` notices decisions that nobody may ask for, and a door for decisions that nobody offers."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from nuts_pzp.cli.check import _decisions
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
