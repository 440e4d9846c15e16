"""The table of consent cases cannot rot: each test it names exists, with that parameter, and the page is the table."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.sandbox.mitz.hostile import HOSTILE

ROOT = Path(__file__).parents[2]


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location("consent_cases", ROOT / "tools" / "consent_cases.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TOOL = _tool()


def test_every_case_is_there_once() -> None:
    assert [case.number for case in TOOL.CASES] == list(range(1, 140))


@pytest.mark.parametrize("case", [case for case in TOOL.CASES if case.shown], ids=lambda case: case.name)
def test_the_test_of_a_case_exists(case: Any) -> None:
    shown, _, parameter = case.shown.partition("@")
    file, _, function = shown.partition("::")
    source = (ROOT / "tests" / file).read_text("utf-8")
    assert re.search(rf"^(async )?def {function}\(", source, re.MULTILINE)
    assert not parameter or parameter in source


def test_a_case_without_a_test_says_why() -> None:
    assert [case.number for case in TOOL.CASES if not case.shown and not case.note] == []


def test_many_hostile_answers_are_in_no_rule_book_and_all_are_bounded() -> None:
    ours = HOSTILE.keys() - {case.name for case in TOOL.CASES}
    assert len(ours) >= 20
    source = (ROOT / "tests/unit/systems/mitz/test_hostile_answers.py").read_text("utf-8")
    bounded = source.partition("def test_hostile_answer_costs_less_than_50_ms_and_10_mb")[0]
    assert bounded.endswith('@pytest.mark.parametrize("name", sorted(HOSTILE))\n')


def test_the_page_is_the_table() -> None:
    assert TOOL.PAGE.read_text("utf-8") == TOOL.page()
