"""Findings as a table, as data (`nuts-pzp-conformance/1`) and as JUnit XML. Nothing of a resource is in any of them."""

from __future__ import annotations

import xml.etree.ElementTree as Xml
from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from .rules import Finding, Language, Role, Rule, Verdict
from .run import ok

SCHEMA = "nuts-pzp-conformance/1"
NO_CERTIFICATE = {
    "nl": "Een waarneming van dit moment met één testpatiënt; geen certificaat en geen goedkeuring.",
    "en": "An observation at this moment with one test patient; no certificate and no approval.",
}
WORDS: dict[Language, dict[Verdict, str]] = {
    "nl": {
        Verdict.PASSED: "voldoet",
        Verdict.FAILED: "VOLDOET NIET",
        Verdict.WARNING: "let op",
        Verdict.NOT_APPLICABLE: "n.v.t.",
        Verdict.NOT_RUN: "niet getoetst",
    },
    "en": {
        Verdict.PASSED: "passed",
        Verdict.FAILED: "FAILED",
        Verdict.WARNING: "warning",
        Verdict.NOT_APPLICABLE: "n/a",
        Verdict.NOT_RUN: "not run",
    },
}
_HEADS = {"nl": ("Regel", "Sterkte", "Oordeel", "Wat", "Gezien"), "en": ("Rule", "Level", "Verdict", "What", "Seen")}
_COLORS = {Verdict.PASSED: "green", Verdict.FAILED: "bold red", Verdict.WARNING: "yellow"}
_OPEN = (Verdict.FAILED, Verdict.WARNING)


def as_json(findings: Sequence[Finding], role: Role, *, error: str = "") -> dict[str, Any]:
    """Return the run as data; the target's address is not in it. `error`: why there was no run."""
    counts = Counter(one.verdict for one in findings)
    return {
        "schema": SCHEMA,
        "role": role,
        "ok": ok(findings) and not error,
        "note": NO_CERTIFICATE["en"],
        "counts": {verdict.value: counts[verdict] for verdict in Verdict},
        "findings": [_row(one) for one in findings],
    } | ({"error": error} if error else {})


def _row(one: Finding) -> dict[str, Any]:
    row = _rule(one.rule) | {"verdict": one.verdict.value, "seen": one.seen}
    return row | ({"mend": one.rule.mend} if one.verdict in _OPEN else {})


def _rule(rule: Rule) -> dict[str, Any]:
    return {"id": rule.id, "level": rule.level.value, "source": rule.source, "title": rule.title}


def as_table(findings: Sequence[Finding], language: Language) -> RenderableType:
    """Return the run for people: a row per rule, then what to mend, then what it is not."""
    heads, words = _HEADS[language], WORDS[language]
    table = Table(box=SIMPLE)
    for head in heads:
        table.add_column(head, no_wrap=head in heads[:3], overflow="fold")
    for one in findings:
        verdict = Text(words[one.verdict], style=_COLORS.get(one.verdict, "dim"))
        table.add_row(one.rule.id, one.rule.level.value, verdict, one.rule.title[language], Text(one.seen))
    mends = [
        Text(f"{one.rule.id}  {one.rule.mend[language]}. ({one.rule.source})")
        for one in findings
        if one.verdict in _OPEN
    ]
    counts = Counter(one.verdict for one in findings)
    total = ", ".join(f"{words[verdict]} {counts[verdict]}" for verdict in Verdict)
    return Group(table, *mends, Text(""), Text(total), Text(NO_CERTIFICATE[language], style="dim"))


def as_rules(rules: Sequence[Rule], language: Language) -> RenderableType:
    """Return the rules themselves, without a run."""
    table = Table(box=SIMPLE)
    for head in (*_HEADS[language][:2], _HEADS[language][3], {"nl": "Bron", "en": "Source"}[language]):
        table.add_column(head, no_wrap=head in _HEADS[language][:2], overflow="fold")
    for rule in rules:
        table.add_row(rule.id, rule.level.value, rule.title[language], rule.source)
    return table


def rules_json(rules: Sequence[Rule]) -> dict[str, Any]:
    """Return the rules as data."""
    return {"schema": "nuts-pzp-conformance-rules/1", "rules": [_rule(one) | {"mend": one.mend} for one in rules]}


def as_junit(findings: Sequence[Finding], role: Role, *, error: str = "") -> bytes:
    """Return the run as JUnit XML: a SHALL that failed is a failure, what was not judged is skipped.

    No answer at all is a case of its own, with an error, so that a pipeline does not take it for a good run.
    """
    counts = Counter(one.verdict for one in findings)
    skipped = counts[Verdict.NOT_RUN] + counts[Verdict.NOT_APPLICABLE]
    suite = Xml.Element(
        "testsuite",
        name=f"nuts-pzp conformance {role}",
        tests=str(len(findings) + bool(error)),
        failures=str(counts[Verdict.FAILED]),
        skipped=str(skipped),
        errors="1" if error else "0",
    )
    if error:
        case = Xml.SubElement(suite, "testcase", classname=f"{role}.target", name="The target gives an answer")
        Xml.SubElement(case, "error", message=error)
    for one in findings:
        title = f"{one.rule.id} {one.rule.title['en']}"
        case = Xml.SubElement(suite, "testcase", classname=f"{role}.{one.rule.level.value}", name=title)
        if one.verdict is Verdict.FAILED:
            Xml.SubElement(case, "failure", message=one.seen).text = f"{one.rule.mend['en']}. ({one.rule.source})"
        elif one.verdict is Verdict.WARNING:
            Xml.SubElement(case, "system-out").text = f"warning: {one.seen}. {one.rule.mend['en']}."
        elif one.verdict is not Verdict.PASSED:
            Xml.SubElement(case, "skipped", message=f"{one.verdict.value}: {one.seen}")
    return bytes(Xml.tostring(suite, encoding="utf-8", xml_declaration=True)) + b"\n"
