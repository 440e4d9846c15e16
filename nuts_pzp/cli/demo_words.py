"""How the demo is told on a terminal: Dutch where a clinician or officer would read it."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console
from rich.table import Table

from ..overview.shape import Overview
from .overview_table import overview_table


def show(
    console: Console,
    overview: dict[str, Any],
    took: float,
    trail: list[dict[str, Any]],
    checked: list[dict[str, Any]],
    flipped: dict[str, Any],
) -> None:
    """Print the whole story."""
    console.print()
    console.print(overview_table(msgspec.convert(overview, Overview)))
    _sources(console, overview, took)
    _trail(console, trail)
    _verification(console, checked, flipped)
    _next(console)


def _sources(console: Console, overview: dict[str, Any], took: float) -> None:
    seconds = {row["ura"]: row["seconds"] for row in overview["timings"]}
    table = Table("bron", "uitkomst", "uitspraken", "tijd", box=None, title="Bronnen", title_justify="left")
    for source in overview["sources"]:
        spent = seconds.get(source["ura"])
        table.add_row(
            source["name"], source["notice"], str(source["statements"]), f"{spent:.2f} s" if spent is not None else ""
        )
    console.print()
    console.print(table)
    console.print(f"[dim]Hele raadpleging: {took:.2f} s; meldcode {overview['meldcode']}[/]")


def _trail(console: Console, trail: list[dict[str, Any]]) -> None:
    for title, own in (("Logboek van de raadpleger", True), ("Logboeken van de bronhouders, zelfde trace", False)):
        rows = [row for row in trail if (row["tenant"] == "kade") is own]
        table = Table("regel", "tijd (UTC)", "wie", "wat", "uitkomst", "vraag of reden", box=None)
        shown = rows if own else _few(rows)
        for row in shown:
            told = row["reason"] or row["query"] or (f"{row['references']} gegevens" if row["references"] else "")
            table.add_row(
                f"{row['tenant']}#{row['index']}", row["ts"][11:23], f"{row['user']} {row['role']}".strip(),
                row["event"], row["word"], told,
            )  # fmt: skip
        console.print(f"\n[bold]{title}[/] ({len(rows)} regels)")
        console.print(table)
        if len(rows) > len(shown):
            console.print(f"[dim]... en nog {len(rows) - len(shown)} regels[/]")


def _few(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first decision and result of each holder: the others are alike."""
    shown: list[dict[str, Any]] = []
    for tenant in dict.fromkeys(row["tenant"] for row in rows):
        shown += [row for row in rows if row["tenant"] == tenant][:4]
    return shown


def _verification(console: Console, checked: list[dict[str, Any]], flipped: dict[str, Any]) -> None:
    console.print("\n[bold]Controle van de logboeken[/] (handtekeningen, Merkle-boom, extern ijkpunt)")
    for log in checked:
        color = "green" if log["verdict"] == "ok" else "red"
        console.print(f"  [{color}]{log['words']}[/]  {log['gateway']}/{log['tenant']}, {log['records']} regels")
    console.print(
        f"\n[bold]Eén omgeklapte bit[/] in een kopie van het logboek van kade, regel {flipped['flipped_record']}"
    )
    color = "red" if flipped["verdict"] == "tampered" else "yellow"
    console.print(f"  [{color}]{flipped['words']}[/] {flipped['reason']}")


def _next(console: Console) -> None:
    console.print("\n[bold]What to try next[/]")
    for command, why in (
        ("nuts-pzp demo --patient vermeer", "a GP without permission: Niet vrijgegeven"),
        ("nuts-pzp demo --json", "the same as data"),
        ("nuts-pzp sandbox", "keep the region running and serve the gateways yourself"),
        ("docs/how-to/first-source.md", "from here to a first real source"),
    ):
        console.print(f"  {command:34} {why}")
