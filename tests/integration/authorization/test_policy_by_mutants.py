"""Each condition of the pzp policy has a test that needs it: take one away, or turn it round, and the tests fail."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from nuts_pzp.authorization.bundle import Module, load, shipped
from nuts_pzp.systems.regorus import TestsFailed, run_tests

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

BUNDLE = load(shipped())
TEXT = BUNDLE.modules[0].text

EQUIVALENT = {'startswith(params.code[0][0], "http://snomed.info/sct|")': "contains"}
"""`contains` for `startswith`: what only contains the system does not lose it, and then is none of the codes."""

TURNS = (("==", "!="), ("<= 8", "<= 7"), ("<= 8", "<= 9"), ("> 0", ">= 0"), ("== 1", ">= 1"),
         ("startswith", "contains"), ("{1,40}", "{0,41}"), ("not ", ""))  # fmt: skip


def survives(text: str) -> bool:
    """True when every test of the policy still holds; one that does not compile does not survive."""
    try:
        return all(passed for _, passed in run_tests(replace(BUNDLE, modules=(Module("pzp.rego", text),))))
    except TestsFailed:
        return False


def dropped() -> dict[str, str]:
    """The policy without one condition, or without one rule, by what is missing."""
    lines = TEXT.split("\n")
    without = {
        f"line {at + 1}: {line.strip()}": "\n".join(lines[:at] + lines[at + 1 :])
        for at, line in enumerate(lines)
        if line.startswith("\t") and line.strip() not in ("}", "{")
    }
    blocks = TEXT.split("\n\n")
    for at, block in enumerate(blocks):
        if re.search(r"^\w.*(?: if | if$|contains|:=)", block, re.MULTILINE):
            without[f"rule {at}: {block.splitlines()[-1][:60]}"] = "\n\n".join(blocks[:at] + blocks[at + 1 :])
    return without


def turned() -> dict[str, str]:
    """The policy with one comparison turned round, by what was turned."""
    lines = TEXT.split("\n")
    return {
        f"line {at + 1}: {line.strip()} with {there or 'nothing'}": "\n".join(
            [*lines[:at], line.replace(here, there, 1), *lines[at + 1 :]]
        )
        for at, line in enumerate(lines)
        for here, there in TURNS
        if here in line and not line.startswith("#") and EQUIVALENT.get(line.strip()) != there
    }


@pytest.mark.parametrize(("mutants", "least"), [(dropped, 100), (turned, 50)], ids=["dropped", "turned"])
def test_no_condition_of_the_policy_is_without_a_test(mutants: object, least: int) -> None:
    assert survives(TEXT)
    made: dict[str, str] = mutants()  # type: ignore[operator]
    assert len(made) >= least
    assert [name for name, text in made.items() if survives(text)] == []
