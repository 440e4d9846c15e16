"""Write docs/reference/decision-table.md from the table in the code: `python tools/decision_table.py`."""

from __future__ import annotations

from pathlib import Path

from nuts_pzp.consent.table import TABLE, Line

PAGE = Path(__file__).parent.parent / "docs" / "reference" / "decision-table.md"


def page() -> str:
    """Return the page as Markdown."""
    lines = [
        "# The decision table",
        "",
        "What decides whether data may be shared, row by row, by the numbers of the rule book. Where sources combine,",
        "the order is: an objection (6), a required source that failed (11 to 12c, 17, 19), a no (8 to 10, 16), a",
        "permission (7, 15), an optional source that failed, nothing recorded (18). Rows 13 and 14 look at what these",
        "came to. Made from the code by `python tools/decision_table.py`; each row has its test in",
        "`tests/unit/disclose/test_decision_table.py`.",
        "",
        "| row | when | outcome | network sees | decided by | note |",
        "|---|---|---|---|---|---|",
    ]
    for line in TABLE:
        faces = " or ".join(str(status) for status in sorted({one.face.status for one in line.reasons}))
        seen = "" if line.number == "14" else faces
        lines.append(
            f"| {line.number} | {line.when} | {_outcome(line)} | {seen or 'the data'} | {line.room} | {line.note} |"
        )
    lines += [
        "",
        "In words of the network every 403 is the same, and a source that could not be asked is the same for known and",
        "unknown patients. The data of row 14 leaves with `X-Break-Glass: recorded`.",
    ]
    return "\n".join(lines) + "\n"


def _outcome(line: Line) -> str:
    codes = ", ".join(f"[{reason.code}](reasons.md#{reason.code.lower()})" for reason in line.reasons)
    if line.basis:
        return f"allow, basis `{line.basis}`" + (f"; else {codes}" if codes else "")
    return f"deny, {codes}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
