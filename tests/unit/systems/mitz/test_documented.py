"""What an operator meets is in the reference: error classes and settings."""

from __future__ import annotations

from pathlib import Path

from nuts_pzp.systems.mitz.consent import MitzSettings
from nuts_pzp.systems.mitz.flaw import Flaw

PAGE = (Path(__file__).parents[4] / "docs/reference/consent.md").read_text("utf-8")


def test_every_error_class_is_documented() -> None:
    assert [flaw.value for flaw in Flaw if f"`{flaw.value}`" not in PAGE] == []


def test_every_setting_is_documented() -> None:
    assert [name for name in MitzSettings.model_fields if f"`{name}`" not in PAGE] == []
