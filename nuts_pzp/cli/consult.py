"""`nuts-pzp consult`: ask a running gateway for one patient, as an EHR would. For an IT person who tries a connection.

The BSN is read from a prompt or a file, never from an argument. Without `--json` or `--fhir` each source is told on
standard error as it answers, with the codes of what did not come; then hints and the meldcode. Exit 0 complete, 1
partial, 2 wrong use, 4 no answer, or none of any source.
"""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Annotated, Any

import msgspec
import typer
from rich.console import Console

from ..consult.inquiry import LONGEST_TEXT
from ..identity import Bsn, EmergencyReason
from ..overview.shape import Overview
from ..web.asked import CONTEXTS, RELATION_KIND
from . import matrix
from .asking import Door, NoAnswer, Person, Question, Told, UnfitDoor, an_overview, ask, ask_fhir, listen
from .bsn_input import NoBsn, read_bsn
from .conformance_input import WrongUse, line
from .options import day_in
from .overview_table import harmless, overview_table

_REASONS = tuple(one.value for one in EmergencyReason)


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
    token_file: Annotated[
        Path | None, typer.Option(help="File with a token, where the tenant's EHR asks with tokens")
    ] = None,
    source: Annotated[list[str] | None, typer.Option(help="URA of a source to ask; several allowed")] = None,
    localize: Annotated[bool, typer.Option("--localize", help="With --source: ask the registers as well")] = False,
    context: Annotated[str, typer.Option(help=f"One of {', '.join(CONTEXTS)}")] = "",
    relation: Annotated[str, typer.Option(help="The treatment relation: a short word, such as treating")] = "",
    relation_since: Annotated[str, typer.Option(help="With --relation: since when, YYYY-MM-DD")] = "",
    emergency: Annotated[str, typer.Option(help=f"Claim an emergency: {', '.join(_REASONS)}")] = "",
    explanation_file: Annotated[
        Path | None, typer.Option(help="With --emergency: a file with what is added, at most 400 characters, no BSN")
    ] = None,
    deadline_ms: Annotated[int | None, typer.Option(help="For the whole consultation")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The overview as data")] = False,
    as_fhir: Annotated[bool, typer.Option("--fhir", help="The searchset behind the overview, as FHIR JSON")] = False,
    as_matrix: Annotated[
        bool, typer.Option("--matrix", help="Source x query, green or red; with --json as data")
    ] = False,
) -> None:
    """Ask for one patient and show the overview."""
    if as_fhir and (as_json or as_matrix):
        raise _wrong("--fhir: not together with --json or --matrix")
    question = Question(
        bsn=_bsn(bsn_file),
        birth_date=_day(birth_date),
        professional=Person(employee, name, role),
        sources=tuple(source or ()),
        deadline_ms=deadline_ms,
        extra=_context(context)
        | _relation(relation, relation_since)
        | _localize(localize, source)
        | _emergency(emergency, explanation_file),
    )
    try:
        door = Door(url, roots, certificate, key, _token(token_file)).checked()
    except UnfitDoor as error:
        raise _wrong(str(error)) from None
    try:
        if as_fhir:
            bundle, meldcode = asyncio.run(ask_fhir(door, question))
            typer.echo(harmless(f"meldcode {meldcode}"), err=True)
            typer.echo(json.dumps(bundle, ensure_ascii=False))
            raise typer.Exit(0 if _whole(bundle) else 1)
        overview = asyncio.run(ask(door, question) if as_json else _watched(door, question))
        _show(overview, as_json=as_json, as_matrix=as_matrix)
    except NoAnswer as error:
        raise _nothing(error, as_data=as_json or as_fhir) from None
    raise typer.Exit(_verdict(overview))


def _nothing(error: NoAnswer, *, as_data: bool) -> typer.Exit:
    typer.echo(f"No answer: {harmless(str(error))}", err=True)
    if as_data:
        typer.echo(json.dumps(error.problem))
    return typer.Exit(4)


def _day(text: str) -> str:
    if day_in(text) is None:
        raise _wrong("--birth-date: a day as YYYY-MM-DD")
    return text


def _verdict(overview: dict[str, Any]) -> int:
    """0 complete, 1 partial, 4 when no source gave anything: as FHIR that is a 502."""
    if overview.get("complete") is True:
        return 0
    rows = [one for one in overview.get("sources", ()) if isinstance(one, dict)]
    gave = any(one.get("status") in ("ok", "partial") for one in rows)
    return 1 if gave or not rows else 4


def _context(context: str) -> dict[str, Any]:
    if context and context not in CONTEXTS:
        raise _wrong(f"--context: one of {', '.join(CONTEXTS)}")
    return {"context": context} if context else {}


def _relation(kind: str, since: str) -> dict[str, Any]:
    """Return the relation as the EHR declares it; nobody verifies it."""
    if not kind:
        if since:
            raise _wrong("--relation-since: belongs to --relation")
        return {}
    if not RELATION_KIND.fullmatch(kind):
        raise _wrong("--relation: a short word of a-z and -")
    if since and day_in(since) is None:
        raise _wrong("--relation-since: a day as YYYY-MM-DD")
    return {"relation": {"kind": kind} | ({"since": since} if since else {})}


def _localize(localize: bool, source: list[str] | None) -> dict[str, Any]:
    if localize and not source:
        raise _wrong("--localize: says something with --source only; without it the registers are asked")
    return {"localize": True} if localize else {}


def _emergency(reason: str, file: Path | None) -> dict[str, Any]:
    """Return the claim, as the EHR makes it; the explanation is read from a file, for an argument is seen by all."""
    if not reason:
        if file is not None:
            raise _wrong("--explanation-file: belongs to --emergency")
        return {}
    if reason not in _REASONS:
        raise _wrong(f"--emergency: one of {', '.join(_REASONS)}")
    claim = {"purpose": "emergency", "reason": reason}
    if file is None:
        return claim
    try:
        text = file.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        raise _wrong("--explanation-file: cannot be read") from None
    if not text or len(text) > LONGEST_TEXT:
        raise _wrong(f"--explanation-file: 1 to {LONGEST_TEXT} characters of text")
    return claim | {"explanation": text}


def _token(file: Path | None) -> str:
    try:
        return line(file, "--token-file") if file else ""
    except WrongUse as error:
        raise _wrong(str(error)) from None


def _wrong(words: str) -> typer.Exit:
    typer.echo(words, err=True)
    return typer.Exit(2)


async def _watched(door: Door, question: Question) -> dict[str, Any]:
    """Tell each source as it answers; return the overview once the stream has ended: its end is what closes it."""
    last: Told | None = None
    seen: set[object] = set()
    async for told in listen(door, question):
        if told.event in ("overview", "problem"):
            last = told
            continue
        seen |= _tell(told.content)
    if last is None:
        raise NoAnswer("the gateway ended the stream before the overview")
    if last.event == "problem":
        words = f"{last.content.get('code', '')} {last.content.get('title', '')}".strip()
        raise NoAnswer(f"{words} (meldcode {last.content.get('meldcode', '?')})", last.content)
    overview = an_overview(last.content)
    _tell_the_rest(overview, seen)
    return overview


def _tell(content: dict[str, Any]) -> set[object]:
    """Tell the sources of one event; return the ids of those that were told."""
    rows, timings = content.get("sources"), content.get("timings")
    if not isinstance(rows, list) or not isinstance(timings, list):
        return set()
    seen: set[object] = set()
    for row, spent in zip(rows, timings, strict=False):
        if isinstance(row, dict) and isinstance(spent, dict) and isinstance(spent.get("seconds", 0), int | float):
            typer.echo(f"{spent.get('seconds', 0):6.2f} s  {_said(row)}", err=True)
            seen.add(str(row.get("id")))
    return seen


def _tell_the_rest(overview: dict[str, Any], seen: set[object]) -> None:
    """Tell who could not be asked at all, what the question lacked, and the meldcode to trace it by."""
    for row in overview.get("sources", ()):
        if str(row.get("id")) not in seen:
            typer.echo(f"     -    {_said(row)}", err=True)
    hints = overview.get("hints")
    for one in hints if isinstance(hints, list) else ():
        if isinstance(one, dict):
            typer.echo(harmless(f"hint: {one.get('code', '')} {one.get('text', '')}"), err=True)
    typer.echo(harmless(f"meldcode {overview.get('meldcode', '?')}"), err=True)


def _said(row: dict[str, Any]) -> str:
    """Return a source's name, its line, and once each the codes of what did not come."""
    name, notice, gaps = str(row.get("name", "")), str(row.get("notice", "")), row.get("gaps")
    codes = [one.get("code") for one in gaps if isinstance(one, dict)] if isinstance(gaps, list) else []
    words = notice if name in notice else f"{name}: {notice}"
    return harmless(", ".join((words, *dict.fromkeys(str(code) for code in codes if code))))


def _whole(bundle: dict[str, Any]) -> bool:
    """True when no issue of the searchset speaks of a source: a conflict is part of a complete answer."""
    outcomes = [
        entry.get("resource", {})
        for entry in bundle.get("entry", ())
        if entry.get("search", {}).get("mode") == "outcome"
    ]
    issues = [issue for outcome in outcomes for issue in outcome.get("issue") or ()]
    return all(isinstance(issue, dict) and issue.get("code") == "conflict" for issue in issues)


def _show(overview: dict[str, Any], *, as_json: bool, as_matrix: bool) -> None:
    if as_json:
        typer.echo(json.dumps(matrix.as_json(overview) if as_matrix else overview, ensure_ascii=False))
    elif as_matrix:
        Console().print(matrix.as_table(overview))
    else:
        try:
            read = msgspec.convert(overview, Overview)
        except msgspec.ValidationError:
            raise NoAnswer("what answered is no gateway of this version: its overview cannot be shown") from None
        Console().print(overview_table(read))


def _bsn(file: Path | None) -> Bsn:
    try:
        return read_bsn(file)
    except NoBsn as error:
        raise _wrong(str(error)) from None
