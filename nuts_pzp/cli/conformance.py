"""`nuts-pzp conformance`: try a data holder's or a data user's side with a test patient, rule by rule.

The BSN is read from a prompt or a file, tokens from files; neither is shown or logged. Exit 0 every SHALL passed, 1
some failed, 2 wrong use, 4 the target gave no answer.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast, get_args

import httpx
import typer
from rich.console import Console

from ..conformance import report
from ..conformance.bench import Bench, Extra, Subject
from ..conformance.rules import Finding, Language, Role, Rule, Verdict
from ..conformance.run import Unreachable, chosen, hold, ok
from ..conformance.tokens import Employee, Node, Tokens
from ..conformance.wire import Limits, Wire
from ..fhir.parameters import ID
from ..identity import eleven_test
from . import conformance_input as given
from . import conformance_user as user


@given.telling_wrong_use
def run(
    target: Annotated[str, typer.Option(help="The FHIR base (holder), or the consultation URL (user)")] = "",
    role: Annotated[str, typer.Option(help="Whose side: holder or user")] = "holder",
    birth_date: Annotated[str, typer.Option(help="The test patient's, YYYY-MM-DD")] = "",
    bsn_file: Annotated[Path | None, typer.Option(help="File with the BSN; without it you are asked")] = None,
    roots: Annotated[Path | None, typer.Option(help="Roots to trust, PEM; the system's without it")] = None,
    certificate: Annotated[Path | None, typer.Option(help="Client certificate, PEM")] = None,
    key: Annotated[Path | None, typer.Option(help="Its key, PEM")] = None,
    token_file: Annotated[Path | None, typer.Option(help="File with a Bearer token that you obtained")] = None,
    expired_token_file: Annotated[Path | None, typer.Option(help="File with a token that has ended")] = None,
    node: Annotated[str, typer.Option(help="Or: your Nuts node's internal API")] = "",
    subject: Annotated[str, typer.Option(help="Your subject at that node")] = "",
    authorization_server: Annotated[str, typer.Option(help="The target's authorization server")] = "",
    scope: Annotated[str, typer.Option(help="The scope to ask for")] = "pzp-gf",
    token_type: Annotated[str, typer.Option(help="DPoP or Bearer")] = "DPoP",  # noqa: S107 (a kind of token)
    employee: Annotated[str, typer.Option(help="Your employee id, for the token")] = "",
    name: Annotated[str, typer.Option(help="Your name, for the token")] = "",
    employee_role: Annotated[str, typer.Option(help="Your role, such as huisarts")] = "",
    refused_patient: Annotated[str, typer.Option(help="Id of a test patient who is not released to you")] = "",
    refused_bsn_file: Annotated[Path | None, typer.Option(help="File with that patient's BSN")] = None,
    rate: Annotated[float, typer.Option(min=0.1, max=1000, help="Requests a second, at most")] = 10.0,
    seconds: Annotated[float, typer.Option(min=1, max=3600, help="For the whole run")] = 180.0,
    listen: Annotated[str, typer.Option(help="user: HOST:PORT of the prepared sources")] = "127.0.0.1:0",
    server_url: Annotated[str, typer.Option(help="user: how the target reaches them, when otherwise")] = "",
    server_certificate: Annotated[Path | None, typer.Option(help="user: their certificate, PEM")] = None,
    server_key: Annotated[Path | None, typer.Option(help="user: its key, PEM")] = None,
    source_server: Annotated[list[str] | None, typer.Option(help="user: authorization servers, dealt out")] = None,
    prepare: Annotated[Path | None, typer.Option(help="user: write the sources as a regional file and stop")] = None,
    watch: Annotated[float, typer.Option(min=0, max=3600, help="user: watch this long instead of asking")] = 0.0,
    only: Annotated[list[str] | None, typer.Option(help="A rule to try; several allowed")] = None,
    listing: Annotated[bool, typer.Option("--list", help="Show the rules and stop")] = False,
    as_json: Annotated[bool, typer.Option("--json", help=f"The findings as data, schema {report.SCHEMA}")] = False,
    junit: Annotated[Path | None, typer.Option(help="Also write JUnit XML to this file")] = None,
    language: Annotated[str, typer.Option(help="nl or en")] = "nl",
) -> None:
    """Try a PZP endpoint rule by rule; this certifies nobody."""
    side = cast(Role, given.one_of(role, get_args(Role), "--role"))
    words = cast(Language, given.one_of(language, get_args(Language), "--language"))
    rules = _chosen(side, only)
    if listing:
        _list(rules, words, as_json=as_json)
        return
    papers = given.Papers(roots, certificate, key).checked()
    given.check_writable(junit)
    told = Told(side, words, as_json, junit)
    who = Employee(employee, name, employee_role)
    if side == "user":
        tls = given.server_tls(server_certificate, server_key)
        place = user.Place(listen, server_url, tls, tuple(source_server or ()))
        if prepare:
            _finished(place.write, prepare)
            return
        asked_at = given.base_of(target) if target else ""
        _finish(user.run(asked_at, place, papers.client, who, watch, rules, _tell), rules, told)
    base = given.base_of(target)
    asked = Subject(given.bsn_of(bsn_file), given.day_of(birth_date))
    refused = given.bsn_of(refused_bsn_file, "--refused-bsn-file") if refused_bsn_file else None
    expired = given.line(expired_token_file, "--expired-token-file") if expired_token_file else None
    access = given.access(Node(node, subject, authorization_server, scope, token_type), who, token_file)
    if refused_patient and (eleven_test(refused_patient) or not ID.fullmatch(refused_patient)):
        given.wrong("--refused-patient: a logical id at the target, never a BSN")
    extra = Extra(refused_patient or None, refused, expired)
    limits = Limits(rate=rate, run_seconds=seconds)
    _finish(_hold(base, papers, access, asked, extra, limits, rules), rules, told)


async def _hold(
    target: str,
    papers: given.Papers,
    access: Callable[[httpx.AsyncClient], Tokens],
    asked: Subject,
    extra: Extra,
    limits: Limits,
    rules: tuple[Rule, ...],
) -> list[Finding]:
    """Try the data-holder rules; progress goes to standard error."""
    async with papers.client() as client, papers.client(bare=True) as bare, given.Papers().client() as inside:
        wire = Wire(target, client, access(inside), limits)
        bench = Bench(wire, asked, replace(extra, bare=bare if papers.certificate else None))
        return await hold(bench, rules, told=_tell)


def _finished(write: Callable[[Path], None], file: Path) -> None:
    try:
        write(file)
    except OSError:
        given.wrong("--prepare: cannot be written")
    except ValueError as error:
        given.wrong(str(error))


@dataclass(frozen=True, slots=True)
class Told:
    """Whose side, and in which forms the findings are told."""

    role: Role
    language: Language
    as_json: bool
    junit: Path | None


def _finish(run: Coroutine[Any, Any, list[Finding]], rules: tuple[Rule, ...], told: Told) -> NoReturn:
    """Run, tell the findings in every form that was asked for, and end with their exit code; also without an answer."""
    error = ""
    try:
        findings = asyncio.run(run)
    except ValueError as wrong_use:
        given.wrong(str(wrong_use))
    except Unreachable as nothing:
        error = str(nothing)
        findings = [Finding(rule, Verdict.NOT_RUN, error) for rule in rules]
        typer.echo(f"The target gave no answer: {error}", err=True)
    if told.as_json:
        typer.echo(json.dumps(report.as_json(findings, told.role, error=error), ensure_ascii=False))
    elif not error:
        Console().print(report.as_table(findings, told.language))
    if told.junit:
        try:
            told.junit.write_bytes(report.as_junit(findings, told.role, error=error))
        except OSError:
            typer.echo("--junit: cannot be written", err=True)
            raise typer.Exit(2) from None
    raise typer.Exit(4 if error else 0 if ok(findings) else 1)


def _list(rules: tuple[Rule, ...], language: Language, *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps(report.rules_json(rules), ensure_ascii=False))
    else:
        Console().print(report.as_rules(rules, language))


def _tell(finding: Finding) -> None:
    typer.echo(f"{finding.rule.id} {finding.verdict.value}", err=True)


def _chosen(role: Role, only: list[str] | None) -> tuple[Rule, ...]:
    try:
        return chosen(role, only or ())
    except KeyError:
        given.wrong(f"--only: not a rule of the {role} side; --list shows them")
