"""Writes the rule table of docs/reference/conformance.md from the catalogue. Run after a change of rules.toml."""

from __future__ import annotations

from pathlib import Path

from nuts_pzp.conformance.rules import Rule, catalogue

PAGE = Path(__file__).parents[1] / "docs/reference/conformance.md"
BEGIN, END = "<!-- rules -->\n", "<!-- end of rules -->\n"
SIDES = {"holder": "Data holder", "user": "Data user"}


def made() -> str:
    """Return the tables, a side at a time."""
    parts = []
    for role, title in SIDES.items():
        rows = [_row(rule) for rule in catalogue().values() if rule.role == role]
        if rows:
            parts.append(f"### {title}\n\n| rule | level | what | source |\n|---|---|---|---|\n{''.join(rows)}")
    return "\n" + "\n".join(parts) + "\n"


def _row(rule: Rule) -> str:
    return f"| `{rule.id}` | {rule.level.value} | {rule.title['en']} | {rule.source} |\n"


def main() -> None:
    """Write the page anew between its two marks."""
    text = PAGE.read_text("utf-8")
    head, _, rest = text.partition(BEGIN)
    PAGE.write_text(f"{head}{BEGIN}{made()}{END}{rest.partition(END)[2]}", "utf-8")


if __name__ == "__main__":
    main()
