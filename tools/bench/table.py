"""The rows of the table, and how they are shown: on a terminal, as JSON, in Markdown between two marks."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median

BEGIN, END = "<!-- bench: begin -->", "<!-- bench: end -->"

Figures = dict[str, float]


@dataclass(frozen=True, slots=True)
class Row:
    """One line: a stable id, what was measured, in words what came of it, the goal in words, and the bare figures."""

    id: str
    what: str
    shown: str
    goal: str = ""
    figures: Figures = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is done: seconds of each load, rounds of which the median is taken, consultations, records."""

    seconds: float = 3.0
    rounds: int = 3
    tokens: int = 4_000
    consultations: int = 20
    fans: tuple[int, ...] = (1, 10, 50)
    merges: int = 9
    appending: float = 4.0
    starts: int = 5
    leaking: int = 100_000
    """Requests after which memory is to be where it was."""
    leaking_seconds: float = 900.0
    """When that many are not reached by then, the row says how many were."""
    calls: int = 12_800
    """Calls out, and warm requests within this process, for each row about them."""


SMALLEST = Effort(0.1, 1, 40, 2, (1, 2), 1, 0.2, 1, 200, calls=64)
"""Only to see that everything runs; the figures say nothing."""


def middle(values: Sequence[float]) -> float:
    """Return the median."""
    return float(median(values))


def machine() -> dict[str, object]:
    """Say on what it ran. The load average before the run tells whether the machine was idle."""
    return {
        "date": datetime.now(UTC).date().isoformat(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "sqlite": sqlite3.sqlite_version,
        "system": f"{platform.system()} {platform.machine()}",
    }


def text(rows: Sequence[Row]) -> str:
    """Return the table for a terminal."""
    whats, showns = [max(len(getattr(row, name)) for row in rows) for name in ("what", "shown")]
    head = f"{'what':{whats}}  {'measured':{showns}}  goal"
    return "\n".join([head, *(f"{row.what:{whats}}  {row.shown:{showns}}  {row.goal}".rstrip() for row in rows)])


def markdown(rows: Sequence[Row], notes: Sequence[str]) -> str:
    """Return the table as Markdown, with the notes below it."""
    lines = ["| what | measured | goal |", "|---|---|---|"]
    lines += [f"| {row.what} | {row.shown} | {row.goal} |" for row in rows]
    return "\n".join([*lines, "", *(f"- {note}" for note in notes)])


def write(file: Path, content: str) -> None:
    """Put the content between the two marks of a page; raises ValueError when the page has none."""
    page = file.read_text("utf-8")
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"{file} has no place for the table: {BEGIN} ... {END}")
    file.write_text(f"{before}{BEGIN}\n{content}\n{END}{after}", "utf-8")
