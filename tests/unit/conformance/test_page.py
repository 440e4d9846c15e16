"""The reference page has the rules of the catalogue, and every rule is complete in both languages."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path

from nuts_pzp.conformance.rules import catalogue

ROOT = Path(__file__).parents[3]


def test_the_page_has_the_table_that_the_catalogue_makes() -> None:
    spec = importlib.util.spec_from_file_location("conformance_page", ROOT / "tools/conformance_page.py")
    assert spec
    assert spec.loader
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    page = (ROOT / "docs/reference/conformance.md").read_text("utf-8")
    told = page.partition(tool.BEGIN)[2].partition(tool.END)[0]
    assert told == tool.made(), "run: python tools/conformance_page.py"


def test_every_rule_is_told_in_two_languages_with_a_source_and_a_remedy() -> None:
    for rule in catalogue().values():
        assert re.fullmatch(r"(HOLD|USER)-[0-9]{3}", rule.id)
        assert rule.source
        for words in (rule.title, rule.mend):
            assert words["nl"]
            assert words["en"]
            assert words["nl"] != words["en"] or "dialect" in words["en"] or words["nl"].startswith("ICD")


def test_rules_are_in_the_order_of_their_ids_per_side() -> None:
    ids = list(catalogue())
    assert ids == sorted(ids)
