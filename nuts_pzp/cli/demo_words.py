"""How the demo is told on a terminal: Dutch where a clinician or officer would read it."""

from __future__ import annotations

from typing import Any

import msgspec
from rich.console import Console

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
    console.print("\n[bold]Wat er per bron gebeurde[/]")
    for source in overview["sources"]:
        spent = f"{seconds[source['ura']]:5.2f} s" if source["ura"] in seconds else "niet bevraagd"
        color = "green" if source["status"] == "ok" else "red"
        console.print(f"  {spent}  [{color}]{source['name']}[/]: {source['notice']}, {source['statements']} uitspraken")
    console.print(f"  {took:5.2f} s  de hele raadpleging; meldcode {overview['meldcode']}")


def _trail(console: Console, trail: list[dict[str, Any]]) -> None:
    for title, own in (("Logboek van de raadpleger", True), ("Logboeken van de bronhouders, zelfde trace", False)):
        rows = [row for row in trail if (row["tenant"] == "kade") is own]
        shown = rows if own else _few(rows)
        console.print(f"\n[bold]{title}[/] ({len(rows)} regels; wie: {_who(rows)})")
        for row in shown:
            told = row["reason"] or (f"{row['references']} gegevens" if row["references"] else row["query"])
            line = f"{row['tenant']}#{row['index']}"
            console.print(f"  {line:13} {row['ts'][11:23]}  {row['event']:20} {row['word']:22} {told}", soft_wrap=True)
        if len(rows) > len(shown):
            console.print(f"  [dim]... en nog {len(rows) - len(shown)} regels[/]")


def _who(rows: list[dict[str, Any]]) -> str:
    people = {f"{row['user']}, {row['role']} ({row['assurance']})" for row in rows if row["user"]}
    return "; ".join(sorted(people))


def _few(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The first decision and result of each holder: the others are alike"""
    shown: list[dict[str, Any]] = []
    for tenant in dict.fromkeys(row["tenant"] for row in rows):
        shown += [row for row in rows if row["tenant"] == tenant][:2]
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
        console.print(f"  {command:36} {why}")
