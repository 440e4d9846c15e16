"""What an operator meets is in the reference: error classes and settings."""

from __future__ import annotations

from pathlib import Path

from nuts_pzp.systems.mitz.consent import MitzSettings
from nuts_pzp.systems.mitz.flaw import Flaw

REFERENCE = Path(__file__).parents[4] / "docs/reference"


def test_every_error_class_is_documented() -> None:
    page = (REFERENCE / "consent.md").read_text("utf-8")
    assert [flaw.value for flaw in Flaw if f"`{flaw.value}`" not in page] == []


def test_every_setting_is_documented() -> None:
    page = (REFERENCE / "adapters.md").read_text("utf-8")
    assert [name for name in MitzSettings.model_fields if f"`{name}`" not in page] == []
