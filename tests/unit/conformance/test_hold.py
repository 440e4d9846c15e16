"""The data-holder rules: a holder that keeps them all passes, and each rule is failed by one that breaks it."""

from __future__ import annotations

from collections import Counter

import pytest

from nuts_pzp.conformance.rules import Finding, Level, Verdict, catalogue
from nuts_pzp.conformance.run import CHECKS, chosen, hold, ok

from .holder import Holder

RULES = [rule for rule in catalogue().values() if rule.role == "holder"]
STU3 = {"HOLD-115", "HOLD-116", "HOLD-117", "HOLD-118", "HOLD-119"}
WHOLE = {"HOLD-901", "HOLD-902", "HOLD-903", "HOLD-904", "HOLD-905"}


async def tried(holder: Holder, *only: str, bound: bool = False, http: bool = False) -> dict[str, Finding]:
    found = await hold(holder.bench(bound=bound, http=http), chosen("holder", only))
    return {one.rule.id: one for one in found}


async def test_a_holder_that_keeps_every_rule_passes_every_rule() -> None:
    found = await tried(Holder(), bound=True)
    told = {name: (one.verdict.value, one.seen) for name, one in found.items() if one.verdict is not Verdict.PASSED}
    assert told == {
        **dict.fromkeys(sorted(STU3), ("not-applicable", "a request of another FHIR version than the target's"))
    }
    assert ok(found.values())


def test_every_rule_has_a_check_and_every_check_a_rule() -> None:
    assert set(CHECKS) == {rule.id for rule in RULES}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
async def test_each_rule_is_failed_by_a_holder_that_breaks_it(rule) -> None:  # type: ignore[no-untyped-def]
    """And the same rule passes with a holder that keeps it: the verdict follows the holder, not the rule."""
    stu3, bound = rule.id in STU3, rule.id == "HOLD-014"
    only = () if rule.id in WHOLE else (rule.id,)
    found = (await tried(Holder(rule.id, stu3=stu3), *only, bound=bound, http=rule.id == "HOLD-001"))[rule.id]
    expected = Verdict.FAILED if rule.level is Level.SHALL else Verdict.WARNING
    assert (found.verdict, found.seen) == (expected, found.seen)
    kept = (await tried(Holder(stu3=stu3), *only, bound=bound))[rule.id]
    assert (kept.verdict, kept.seen) == (Verdict.PASSED, kept.seen)


async def test_the_same_run_twice_reads_the_same() -> None:
    once, again = [list((await tried(Holder())).values()) for _ in range(2)]
    assert once == again
    assert [one.rule.id for one in once] == [rule.id for rule in RULES]


async def test_nothing_that_a_resource_holds_is_in_a_finding() -> None:
    holder = Holder()
    held = {str(one.get("id")) for one in holder.twin._resources.values() if len(str(one.get("id"))) > 2}
    secrets = {"Postma", "999930412", "good-token-4711", "1941-04-17", "zus in Zwolle", *held}
    said = " ".join(one.seen for one in (await tried(holder)).values())
    assert [secret for secret in secrets if secret in said] == []


async def test_what_was_not_given_is_not_run_and_not_passed() -> None:
    bench = Holder().bench()
    bench.extra = type(bench.extra)()
    found = {one.rule.id: one.verdict for one in await hold(bench, chosen("holder"))}
    lacking = ("HOLD-002", "HOLD-012", "HOLD-032", "HOLD-202", "HOLD-203")
    assert {found[rule] for rule in lacking} == {Verdict.NOT_RUN}


async def test_a_run_ends_when_its_time_is_over() -> None:
    bench = Holder().bench()
    bench.wire._ends = bench.wire._clock() - 1
    bench._kept["metadata"] = await Holder().bench().metadata()
    found = Counter(one.verdict for one in await hold(bench, chosen("holder", ["HOLD-030", "HOLD-101", "HOLD-201"])))
    assert found == {Verdict.NOT_RUN: 3}
