"""A region at a glance: which source answers which PZP query, as rows and columns. Pure.

For whoever connects a region and wants to see where it is red. Made from one consultation of a test patient: a query
that is green was answered, also when it found nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from rich.box import SIMPLE
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from ..consult.queries import PZP
from .overview_table import harmless

SCHEMA = "nuts-pzp-matrix/1"
PATIENT = "Patient"
OTHER = "other"
QUERIES = (PATIENT, *(query.name for query in PZP), OTHER)
"""`other`: references that were read one by one, and queries that only another FHIR version has."""

OK, NOT_ASKED = "ok", "not-asked"

_STOPPED = ("token", "turn", "source", "patient", "version")
_WHOLE = frozenset({"failed", "not-authorised", "unsupported-version", "rejected"})


@dataclass(frozen=True, slots=True)
class Row:
    """One source: `cells` gives per query `ok`, `not-asked`, or the status of what was missing."""

    ura: str
    name: str
    status: str
    cells: Mapping[str, str]

    @property
    def green(self) -> bool:
        """True when everything that was asked was answered."""
        return all(cell == OK for cell in self.cells.values())


def rows(overview: Mapping[str, Any]) -> tuple[Row, ...]:
    """Return a row per source of an overview (schema nuts-pzp-overview/1), in its order."""
    return tuple(_row(source) for source in overview.get("sources", ()))


def as_json(overview: Mapping[str, Any]) -> dict[str, Any]:
    """Return the matrix as data."""
    found = rows(overview)
    return {
        "schema": SCHEMA,
        "meldcode": overview.get("meldcode"),
        "queries": list(QUERIES),
        "sources": [
            {"ura": one.ura, "name": one.name, "status": one.status, "green": one.green, "queries": dict(one.cells)}
            for one in found
        ],
    }


def as_table(overview: Mapping[str, Any]) -> RenderableType:
    """Return the matrix for a terminal of 80 columns: marks, the queries by number, and what is red in words."""
    found = rows(overview)
    table = Table(title="Bron x vraag", title_justify="left", box=SIMPLE)
    table.add_column("Bron", overflow="fold")
    for number in range(1, len(QUERIES) + 1):
        table.add_column(str(number), justify="center", no_wrap=True)
    for row in found:
        table.add_row(Text(harmless(row.name)), *(_MARKS[_color(row.cells[query])] for query in QUERIES))
    legend = "  ".join(f"{number} {query}" for number, query in enumerate(QUERIES, 1))
    return Group(table, Text(legend, style="dim"), *(_red(row) for row in found if not row.green))


def _red(row: Row) -> Text:
    said = ", ".join(f"{query} {cell}" for query, cell in row.cells.items() if cell not in (OK, NOT_ASKED))
    return Text(harmless(f"{row.name}: {said}"), style="bold red")


def _row(source: Mapping[str, Any]) -> Row:
    gaps = {str(gap.get("where", "")): str(gap.get("status", "failed")) for gap in source.get("gaps", ())}
    cells = dict(_cells(str(source.get("status", "")), gaps))
    return Row(str(source.get("ura") or source.get("id") or ""), str(source.get("name", "")), source["status"], cells)


def _cells(status: str, gaps: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """A visit that stopped before its queries leaves them unasked; a source put aside whole is not green."""
    stopped = next((gaps[where] for where in _STOPPED if where in gaps), None)
    if stopped is None and status in _WHOLE and not set(gaps) & set(QUERIES):
        stopped = status
    yield PATIENT, stopped or OK
    for query in QUERIES[1:-1]:
        yield query, NOT_ASKED if stopped else gaps.get(query, OK)
    rest = [said for where, said in sorted(gaps.items()) if where not in QUERIES]
    yield OTHER, NOT_ASKED if stopped else next(iter(rest), OK)


def _color(cell: str) -> str:
    return cell if cell in (OK, NOT_ASKED) else "red"


_MARKS = {OK: Text("✓", style="green"), NOT_ASKED: Text("·", style="dim"), "red": Text("✗", style="bold red")}
