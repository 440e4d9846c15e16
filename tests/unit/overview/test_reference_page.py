"""The reference page names every code that the overview can carry."""

from __future__ import annotations

import re
from pathlib import Path

from nuts_pzp.overview import attentions, deciding

PAGE = (Path(__file__).parents[3] / "docs/reference/overview.md").read_text("utf-8")


def test_every_attention_code_is_documented() -> None:
    source = Path(attentions.__file__).read_text("utf-8")
    codes = re.findall(r'^    "([A-Z_]+)": \(', source, re.MULTILINE)
    assert len(codes) > 10
    assert [code for code in codes if f"`{code}`" not in PAGE] == []


def test_every_conflict_rule_is_documented() -> None:
    rules = set(re.findall(r'"([A-Z]+_[A-Z_]+)"', Path(deciding.__file__).read_text("utf-8")))
    assert {"SAME_DATE_DIFFERENT_VALUE", "WITHIN_ENDED_PERIOD"} <= rules
    assert [rule for rule in rules if f"`{rule}`" not in PAGE] == []
