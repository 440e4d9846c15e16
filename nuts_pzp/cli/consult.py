"""`nuts-pzp consult`: ask a running gateway for one patient, as an EHR would. For an IT person who tries a connection.

The BSN is read from a prompt or a file, never from an argument. Without `--json` or `--fhir` each source is told on
standard error as it answers. Exit 0 complete, 1 partial, 2 wrong use, 4 no answer.
"""

from __future__ import annotations

import asyncio
import json
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from ..identity import Bsn, NotAnIdentifier
from ..overview.shape import Overview
from . import matrix
from .asking import Door, NoAnswer, Person, Question, ask, ask_fhir, listen
from .overview_table import harmless, overview_table


def run(
    url: Annotated[str, typer.Option(help="https://.../{tenant}/pzp/v1/consultations")],
    certificate: Annotated[Path, typer.Option(help="Client certificate, PEM")],
    key: Annotated[Path, typer.Option(help="Its key, PEM")],
    roots: Annotated[Path, typer.Option(help="Roots to trust, PEM")],
    birth_date: Annotated[str, typer.Option(help="YYYY-MM-DD")],
    employee: Annotated[str, typer.Option(help="Your employee id")],
    name: Annotated[str, typer.Option(help="Your name, for the audit")],
    role: Annotated[str, typer.Option(help="Your role, such as huisarts")],
    bsn_file: Annotated[Path | None, typer.Option(help="File with the BSN; without it you are asked")] = None,
    source: Annotated[list[str] | None, typer.Option(help="URA of a source to ask; several allowed")] = None,
    deadline_ms: Annotated[int | None, typer.Option(help="For the whole consultation")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The overview as data")] = False,
    as_fhir: Annotated[bool, typer.Option("--fhir", help="The searchset behind the overview, as FHIR JSON")] = False,
    as_matrix: Annotated[
        bool, typer.Option("--matrix", help="Source x query, green or red; with --json as data")
    ] = False,
) -> None:
    """Ask for one patient and show the overview."""
    if as_fhir and (as_json or as_matrix):
        typer.echo("--fhir: not together with --json or --matrix", err=True)
        raise typer.Exit(2)
    question = Question(
        bsn=_bsn(bsn_file),
        birth_date=birth_date,
        professional=Person(employee, name, role),
        sources=tuple(source or ()),
        deadline_ms=deadline_ms,
    )
    door = Door(url, roots, certificate, key)
    try:
        if as_fhir:
            bundle = asyncio.run(ask_fhir(door, question))
            typer.echo(json.dumps(bundle, ensure_ascii=False))
            raise typer.Exit(0 if _whole(bundle) else 1)
        overview = asyncio.run(ask(door, question) if as_json else _watched(door, question))
    except NoAnswer as error:
        typer.echo(f"No answer: {error}", err=True)
        if as_json or as_fhir:
            typer.echo(json.dumps(error.problem))
        raise typer.Exit(4) from None
    _show(overview, as_json=as_json, as_matrix=as_matrix)
    raise typer.Exit(0 if overview.get("complete") is True else 1)


async def _watched(door: Door, question: Question) -> dict[str, Any]:
    """Tell each source as it answers; return the overview at the end."""
    async for told in listen(door, question):
        if told.event == "overview":
            return told.content
        if told.event == "problem":
            words = f"{told.content.get('code', '')} {told.content.get('title', '')}".strip()
            raise NoAnswer(f"{words} (meldcode {told.content.get('meldcode', '?')})", told.content)
        for row, spent in zip(told.content.get("sources", ()), told.content.get("timings", ()), strict=False):
            typer.echo(f"{spent.get('seconds', 0):6.2f} s  {harmless(str(row.get('notice', '')))}", err=True)
    raise NoAnswer("the gateway ended the stream before the overview")


def _whole(bundle: dict[str, Any]) -> bool:
    """True when no issue of the searchset speaks of a source: a conflict is part of a complete answer."""
    outcomes = [
        entry.get("resource", {})
        for entry in bundle.get("entry", ())
        if entry.get("search", {}).get("mode") == "outcome"
    ]
    return all(issue.get("code") == "conflict" for outcome in outcomes for issue in outcome.get("issue", ()))


def _show(overview: dict[str, Any], *, as_json: bool, as_matrix: bool) -> None:
    if as_json:
        typer.echo(json.dumps(matrix.as_json(overview) if as_matrix else overview, ensure_ascii=False))
    elif as_matrix:
        Console().print(matrix.as_table(overview))
    else:
        Console().print(overview_table(msgspec.convert(overview, Overview)))


def _bsn(file: Path | None) -> Bsn:
    try:
        return Bsn((file.read_text("ascii") if file else getpass("BSN: ")).strip())
    except (NotAnIdentifier, UnicodeDecodeError):
        typer.echo("BSN: nine digits that pass the eleven-test are expected", err=True)
    except OSError:
        typer.echo("--bsn-file: cannot be read", err=True)
    raise typer.Exit(2)
