"""YAML has one meaning or none: a key that stands twice is refused wherever it stands (YAML 1.2, 3.2.1.3)."""

from __future__ import annotations

import pytest
import yaml

from nuts_pzp.plain_yaml import KeyTwice, load


@pytest.mark.parametrize(
    ("text", "line"),
    [("a: 1\nb: 2\na: 3\n", 3), ("x:\n  - {a: 1, a: 1}\n", 2), ("'a': 1\na: 2\n", 2), ("1: x\n1: y\n", 2)],
)
def test_a_key_that_stands_twice_is_refused_with_its_line(text: str, line: int) -> None:
    with pytest.raises(KeyTwice) as refused:
        load(text)
    assert refused.value.problem_mark is not None
    assert refused.value.problem_mark.line + 1 == line


@pytest.mark.parametrize("text", ["a: 1\nb: {a: 2}\n", "- {a: 1}\n- {a: 1}\n", "1: x\n'1': y\n", "", "[]"])
def test_what_is_no_repetition_is_read_as_before(text: str) -> None:
    assert load(text) == yaml.safe_load(text)


def test_a_merged_key_may_be_overruled() -> None:
    text = "base: &base {a: 1, b: 1}\nmine: &mine {<<: *base, a: 2}\nyours: {<<: *mine, b: 3}\n"
    assert load(text) == {"base": {"a": 1, "b": 1}, "mine": {"a": 2, "b": 1}, "yours": {"a": 2, "b": 3}}


def test_objects_of_python_are_not_made() -> None:
    with pytest.raises(yaml.YAMLError):
        load("!!python/object/apply:os.getcwd []")
