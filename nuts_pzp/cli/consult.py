"""`nuts-pzp consult`: ask a running gateway for one patient, as an EHR would. For an IT person who tries a connection.

The BSN is read from a prompt or a file, never from an argument. Exit 0 complete, 1 partial, 2 wrong use, 4 no answer.
"""

from __future__ import annotations

import asyncio
import json
from getpass import getpass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from ..identity import Bsn, NotAnIdentifier
from .asking import Door, NoAnswer, Person, Question, ask


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
) -> None:
    """Ask for one patient and show the overview."""
    question = Question(
        bsn=_bsn(bsn_file),
        birth_date=birth_date,
        professional=Person(employee, name, role),
        sources=tuple(source or ()),
        deadline_ms=deadline_ms,
    )
    try:
        overview = asyncio.run(ask(Door(url, roots, certificate, key), question))
    except NoAnswer as error:
        typer.echo(f"No answer: {error}", err=True)
        if as_json:
            typer.echo(json.dumps(error.problem))
        raise typer.Exit(4) from None
    if as_json:
        typer.echo(json.dumps(overview, ensure_ascii=False))
    else:
        import msgspec

        from ..overview.shape import Overview
        from .overview_table import overview_table

        Console().print(overview_table(msgspec.convert(overview, Overview)))
    raise typer.Exit(0 if overview.get("complete") is True else 1)


def _bsn(file: Path | None) -> Bsn:
    try:
        return Bsn((file.read_text("ascii") if file else getpass("BSN: ")).strip())
    except (NotAnIdentifier, UnicodeDecodeError):
        typer.echo("BSN: nine digits that pass the eleven-test are expected", err=True)
    except OSError:
        typer.echo("--bsn-file: cannot be read", err=True)
    raise typer.Exit(2)
