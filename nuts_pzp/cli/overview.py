"""`nuts-pzp overview merge`: the overview of answers that lie in files. Offline; asks nobody and records nothing.

Exit codes: 0 an overview, 2 input that cannot be used, 3 sources that are not about the same patient. An error names
the file and the problem and never what is in the file.
"""

from __future__ import annotations

import re
from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Annotated

import orjson
import typer
from rich.console import Console

from ..fhir.batch import failed_entries
from ..fhir.bundle import Bundle, Resource, read_bundle
from ..identity import eleven_test
from ..outcome import Deny, Gap, Unavailable
from ..overview.dates import AMSTERDAM
from ..overview.merge import PatientsDisagree, Told, as_json, merge
from ..overview.shape import SCHEMA
from ..reasons import Reason
from .overview_table import overview_table
from .plain_json import TwoMeanings, check_one_meaning

BAD_INPUT, OTHER_PATIENT = 2, 3
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"

app = typer.Typer(no_args_is_help=True, help="Overviews of PZP answers.")


class BadInput(ValueError):
    """Input that cannot be used; the message is one line for the person who typed it."""


@app.callback()
def overview() -> None:
    """Overviews of PZP answers."""


@app.command("merge")
def merge_files(
    source: Annotated[
        list[str] | None, typer.Option("--source", help="ID=BUNDLE.json; a repeated ID appends to that source.")
    ] = None,
    failed: Annotated[list[str] | None, typer.Option("--failed", help="ID of a source that did not answer.")] = None,
    now: Annotated[str | None, typer.Option("--now", help="The moment of looking, ISO 8601; default: now.")] = None,
    as_json_: Annotated[bool, typer.Option("--json", help=f"Print JSON, schema {SCHEMA}.")] = False,
    checks: Annotated[bool, typer.Option("--checks/--no-checks", help="Cross-item checks X1 to X7.")] = True,
) -> None:
    """Merge the answers of several sources, each in FHIR JSON files, into one overview."""
    try:
        told = read_sources(source or [], failed or [])
        moment = read_moment(now)
    except BadInput as problem:
        typer.echo(f"error: {problem}", err=True)
        raise typer.Exit(BAD_INPUT) from None
    found = merge(told, (), now=moment, asked=None, checks=checks)
    if isinstance(found, PatientsDisagree):
        if as_json_:
            typer.echo(_dump({"schema": SCHEMA, "error": {"code": found.code, "text": found.text}}))
        else:
            typer.echo(f"error: {found.text}", err=True)
        raise typer.Exit(OTHER_PATIENT)
    if as_json_:
        typer.echo(_dump(as_json(found)))
    else:
        Console().print(overview_table(found))


def read_sources(sources: list[str], failed: list[str]) -> list[Told]:
    """Read `ID=FILE` pairs and the IDs of sources that failed; raise BadInput with one line that names the file."""
    if not sources and not failed:
        raise BadInput("give at least one --source ID=BUNDLE.json")
    bundles: dict[str, list[Bundle]] = defaultdict(list)
    failures: dict[str, set[int]] = defaultdict(set)
    for number, pair in enumerate(sources, 1):
        name, equals, file = pair.partition("=")
        if not (name.strip() and equals and file.strip()):
            raise BadInput(f"--source number {number}: expected ID=BUNDLE.json")
        bundle, statuses = _bundle(file.strip())
        bundles[name.strip()].append(bundle)
        failures[name.strip()].update(statuses)
    if not all(name.strip() for name in failed):
        raise BadInput("--failed: expected the ID of a source")
    told = [_told(name, own, failures[name]) for name, own in bundles.items()]
    down = Gap("source", Unavailable(Reason.SOURCE_DOWN))
    return told + [Told(name.strip(), name.strip(), (), (down,)) for name in dict.fromkeys(failed)]


def read_moment(text: str | None) -> datetime:
    """Read an ISO 8601 moment, as Dutch clocks show it; without zone it is Dutch clock time; None is the present."""
    if text is None:
        return datetime.now(AMSTERDAM)
    try:
        moment = datetime.fromisoformat(text)
        return moment.astimezone(AMSTERDAM) if moment.tzinfo else moment.replace(tzinfo=AMSTERDAM)
    except (ValueError, OverflowError):
        raise BadInput("--now: expected an ISO 8601 date and time, as 2026-11-22T00:40:00+01:00") from None


def _bundle(file: str) -> tuple[Bundle, tuple[int, ...]]:
    """The Bundle in a file, and the statuses of what failed in it when it answers a batch."""
    shown = re.sub(r"\d{9}", lambda match: "*" * 9 if eleven_test(match[0]) else match[0], file)
    try:
        raw = Path(file).read_bytes()
    except OSError as problem:
        raise BadInput(f"{shown}: cannot be read ({problem.strerror or type(problem).__name__})") from None
    except ValueError:
        raise BadInput("--source: not a file name") from None
    content = raw.removeprefix(_BYTE_ORDER_MARK)
    read = read_bundle(content, "")
    if not isinstance(read, Bundle):
        raise BadInput(f"{shown}: {read.detail}, expected FHIR JSON")
    try:
        check_one_meaning(content)
    except TwoMeanings as problem:
        raise BadInput(f"{shown}: {problem}, expected FHIR JSON") from None
    except (ValueError, RecursionError):
        raise BadInput(f"{shown}: not JSON, expected FHIR JSON") from None
    return read, failed_entries(content)


def _told(name: str, bundles: list[Bundle], statuses: set[int]) -> Told:
    """Join the files of one source.

    A next page that is not among them, or fewer resources than a search says to have found, means that it is not whole.
    """
    resources: tuple[Resource, ...] = tuple(resource for bundle in bundles for resource in bundle.resources)
    here = {url for bundle in bundles for relation, url in bundle.links if relation == "self"}
    ahead = {url for bundle in bundles for relation, url in bundle.links if relation == "next"}
    short = not ahead and any(one.type == "searchset" and (one.total or 0) > len(one.resources) for one in bundles)
    cut = (Gap("paging", Unavailable(Reason.SOURCE_TRUNCATED)),) if short or ahead - here else ()
    return Told(name, name, resources, (*cut, *(_refused(status) for status in sorted(statuses))))


def _refused(status: int) -> Gap:
    stop = Deny(Reason.SOURCE_REFUSED) if status in (401, 403) else Unavailable(Reason.SOURCE_QUERY)
    return Gap("batch", stop)


def _dump(content: dict[str, object]) -> str:
    return orjson.dumps(content, option=orjson.OPT_INDENT_2).decode()
