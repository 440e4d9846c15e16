"""Each condition of our policies has a test that needs it: take one away, or turn it round, and the tests fail."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from nuts_pzp.authorization.bundle import SHIPPED, Bundle, Module, load, shipped
from nuts_pzp.systems.regorus import TestsFailed, run_tests

pytestmark = [pytest.mark.long, pytest.mark.timeout(900)]

EQUIVALENT = {
    'startswith(asked.code[0][0], "http://snomed.info/sct|")': "contains",
    'startswith(asked["device.type"][0][0], "http://snomed.info/sct|")': "contains",
}
"""`contains` for `startswith`: what only contains the system does not lose it, and then is none of the codes."""

TURNS = (("==", "!="), ("<= 8", "<= 7"), ("<= 8", "<= 9"), ("> 0", ">= 0"), ("== 1", ">= 1"),
         ("startswith", "contains"), ("{1,40}", "{0,41}"), ("not ", ""))  # fmt: skip


def survives(bundle: Bundle, text: str) -> bool:
    """True when every test of the policy still holds; one that does not compile does not survive."""
    try:
        return all(passed for _, passed in run_tests(replace(bundle, modules=(Module("one.rego", text),))))
    except TestsFailed:
        return False


def dropped(text: str) -> dict[str, str]:
    """The policy without one condition, or without one rule, by what is missing."""
    lines = text.split("\n")
    without = {
        f"line {at + 1}: {line.strip()}": "\n".join(lines[:at] + lines[at + 1 :])
        for at, line in enumerate(lines)
        if line.startswith("\t") and line.strip() not in ("}", "{")
    }
    blocks = text.split("\n\n")
    for at, block in enumerate(blocks):
        if re.search(r"^\w.*(?: if | if$|contains|:=)", block, re.MULTILINE):
            without[f"rule {at}: {block.splitlines()[-1][:60]}"] = "\n\n".join(blocks[:at] + blocks[at + 1 :])
    return without


def turned(text: str) -> dict[str, str]:
    """The policy with one comparison turned round, by what was turned."""
    lines = text.split("\n")
    return {
        f"line {at + 1}: {line.strip()} with {there or 'nothing'}": "\n".join(
            [*lines[:at], line.replace(here, there, 1), *lines[at + 1 :]]
        )
        for at, line in enumerate(lines)
        for here, there in TURNS
        if here in line and not line.startswith("#") and EQUIVALENT.get(line.strip()) != there
    }


@pytest.mark.parametrize("name", SHIPPED)
@pytest.mark.parametrize(("mutants", "least"), [(dropped, 100), (turned, 50)], ids=["dropped", "turned"])
def test_no_condition_of_a_policy_is_without_a_test(
    mutants: Callable[[str], dict[str, str]], least: int, name: str
) -> None:
    bundle = load(shipped(name))
    text = bundle.modules[0].text
    assert survives(bundle, text)
    made = mutants(text)
    assert len(made) >= least
    assert [what for what, changed in made.items() if survives(bundle, changed)] == []
