"""Write docs/reference/attacks.md from the tables of tests/hostile: `python tools/attacks.py`."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGE = ROOT / "docs" / "reference" / "attacks.md"
if str(ROOT / "tests") not in sys.path:
    sys.path.insert(0, str(ROOT / "tests"))

from hostile.attack import Attack  # noqa: E402 (the tests are no package of this project)
from hostile.table import TABLE  # noqa: E402

_HEAD = """# Attacks

{count} hostile requests, each with a name. `tests/hostile` sends every one of them, as bytes over TLS, to a gateway
that runs as it does at a holder's, before simulated FHIR servers, Nuts nodes and Mitz; it is part of `make test`.
For each it checks the status and the uniform face; that the holder's own server saw no more than stands under
*reaches it* (by the server's own register), and for `nothing` that Mitz was not asked either; and that the answer
has one record, under its meldcode, with the reason below. This page is made from the same tables by `python
tools/attacks.py`; a test holds them together.

*Look-up*: whose record it is about is asked at the holder's own server before the decision
([network](network.md#what-happens)); nothing of that leaves. No status: the connection ends without an answer, or
by the client's hand when it promised more than it sent. The log is the tenant's own unless it says `system`. What
has no reason is recorded as what it is, a disclosure or a notice that could not be read; OPTIONS and `metadata`
leave no record. The decision API says no with status 200.
"""


def page() -> str:
    """Return the page as Markdown."""
    lines = [_HEAD.format(count=len(TABLE))]
    for kind, attacks in groupby(sorted(TABLE, key=lambda one: one.kind), key=lambda one: one.kind):
        lines += _section(kind, list(attacks))
    return "\n".join(lines)


def _section(kind: str, attacks: Iterable[Attack]) -> list[str]:
    rows = [f"| {one.name} | {_status(one)} | {_reason(one)} | {one.reaches} |" for one in attacks]
    head = ["| request | status | reason | reaches it |", "|---|---|---|---|"]
    return [f"## {kind[0].upper()}{kind[1:]}", "", *head, *rows, ""]


def _status(one: Attack) -> str:
    return ", ".join(str(status) for status in one.status) or "none"


def _reason(one: Attack) -> str:
    if not one.reason:
        return ""
    where = ", system" if one.log == "system" else ""
    return f"[{one.reason}](reasons.md#{one.reason.lower()}){where}"


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
