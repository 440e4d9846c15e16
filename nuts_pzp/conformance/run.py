"""Run the rules of one side, one after another, in the order of the catalogue: the same run twice reads the same."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from . import hold_access, hold_answers, hold_content, hold_patient, hold_queries, hold_refusals, hold_watch
from .bench import CHECKS, Bench, NotThere
from .rules import Finding, Rule, Said, Verdict, catalogue, unmet, untried
from .tokens import Untold
from .wire import LATE, OutOfTime

__all__ = ["CHECKS", "Unreachable", "chosen", "hold", "ok"]

GROUPS = (hold_access, hold_answers, hold_content, hold_patient, hold_queries, hold_refusals, hold_watch)
"""Imported for what they register."""


_ENCRYPTED = "HOLD-001"
"""What a certificate that does not verify breaks; then nothing else is asked."""


class Unreachable(Exception):
    """The target gave no answer at all; in words without addresses."""


def chosen(role: str, only: Iterable[str] = ()) -> tuple[Rule, ...]:
    """Return the rules of a side, or those of them that were asked for; raises KeyError for an unknown one."""
    wanted = set(only)
    rules = tuple(rule for rule in catalogue().values() if rule.role == role)
    if strange := wanted - {rule.id for rule in rules}:
        raise KeyError(min(strange))
    return tuple(rule for rule in rules if not wanted or rule.id in wanted)


def ok(findings: Iterable[Finding]) -> bool:
    """True when no SHALL failed."""
    return not any(one.verdict is Verdict.FAILED for one in findings)


async def hold(bench: Bench, rules: Iterable[Rule], *, told: Callable[[Finding], None] | None = None) -> list[Finding]:
    """Try these data-holder rules; `told` hears each as it is known. Raises Unreachable when nothing answers."""
    rules = tuple(rules)
    try:
        first = await bench.metadata()
    except OutOfTime:
        raise Unreachable(LATE) from None
    judged = {rule.id for rule in rules if first.untrusted and rule.id == _ENCRYPTED}
    if first.status == 0 and not judged:
        raise Unreachable(first.why)
    findings = []
    for rule in rules:
        said = untried(first.why) if judged - {rule.id} else await _said(bench, rule)
        findings.append(Finding(rule, said.judged(rule.level), said.seen))
        if told is not None:
            told(findings[-1])
    return findings


async def _said(bench: Bench, rule: Rule) -> Said:
    """Whatever the target sends, the run goes on: what a check could not make sense of is not in order."""
    try:
        return await CHECKS[rule.id](bench)
    except (NotThere, Untold) as error:
        return untried(str(error))
    except OutOfTime:
        return untried("the time for the whole run was over")
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError) as error:
        return unmet(f"an answer of a shape that cannot be judged ({type(error).__name__})")
