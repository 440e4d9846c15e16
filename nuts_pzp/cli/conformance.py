"""`nuts-pzp conformance`: try a data holder's or a data user's side with a test patient, rule by rule.

The BSN is read from a prompt or a file, tokens from files; neither is shown or logged. Exit 0 every SHALL passed, 1
some failed, 2 wrong use, 4 the target gave no answer.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, replace
from datetime import date
from getpass import getpass
from pathlib import Path
from typing import Annotated, Any, NoReturn, cast, get_args

import httpx
import typer
from rich.console import Console

from ..conformance import report
from ..conformance.bench import Bench, Extra, Subject
from ..conformance.rules import Finding, Language, Role, Rule
from ..conformance.run import Unreachable, chosen, hold, ok
from ..conformance.tokens import Employee, GivenToken, Node, NodeTokens, NoToken, Tokens
from ..conformance.wire import Limits, Wire
from ..fhir.parameters import ID
from ..identity import Bsn, NotAnIdentifier, eleven_test
from ..web.server import ServerTls
from . import conformance_user as user


@dataclass(frozen=True, slots=True)
class _Papers:
    """TLS files; all may be absent."""

    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def client(self, *, bare: bool = False) -> httpx.AsyncClient:
        """A client that trusts these roots and shows this certificate, or none when `bare`."""
        return httpx.AsyncClient(verify=self.context(bare=bare), trust_env=False, timeout=60)

    def context(self, *, bare: bool = False) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=str(self.roots) if self.roots else None)
        if self.certificate and not bare:
            context.load_cert_chain(str(self.certificate), str(self.key) if self.key else None)
        return context


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
    side = cast(Role, _one_of(role, get_args(Role), "--role"))
    words = cast(Language, _one_of(language, get_args(Language), "--language"))
    rules = _chosen(side, only)
    if listing:
        _list(rules, words, as_json=as_json)
        return
    papers = _Papers(roots, certificate, key)
    if side == "user":
        tls = ServerTls(server_certificate, server_key) if server_certificate and server_key else None
        place = user.Place(listen, server_url, tls, tuple(source_server or ()))
        if prepare:
            _finished(place.write, prepare)
            return
        who = Employee(employee, name, employee_role)
        findings = _tried(user.run(target, place, papers.client, who, watch, rules, _tell))
        _finish(findings, side, words, as_json=as_json, junit=junit)
    if not target.startswith(("https://", "http://")):
        _wrong("--target: an http(s) address")
    asked = Subject(_bsn(bsn_file), _date(birth_date))
    refused = _bsn(refused_bsn_file) if refused_bsn_file else None
    expired = _line(expired_token_file) if expired_token_file else None
    wallet = Node(node, subject, authorization_server, scope, token_type)
    access = _access(wallet, Employee(employee, name, employee_role), token_file)
    limits = Limits(rate=rate, run_seconds=seconds)
    if refused_patient and (eleven_test(refused_patient) or not ID.fullmatch(refused_patient)):
        _wrong("--refused-patient: a logical id at the target, never a BSN")
    extra = Extra(refused_patient or None, refused, expired)
    findings = _tried(_hold(target, papers, access, asked, extra, limits, rules))
    _finish(findings, side, words, as_json=as_json, junit=junit)


async def _hold(
    target: str,
    papers: _Papers,
    access: Callable[[httpx.AsyncClient], Tokens],
    asked: Subject,
    extra: Extra,
    limits: Limits,
    rules: tuple[Rule, ...],
) -> list[Finding]:
    """Try the data-holder rules; progress goes to standard error."""
    async with papers.client() as client, papers.client(bare=True) as bare, _Papers().client() as inside:
        wire = Wire(target, client, access(inside), limits)
        bench = Bench(wire, asked, replace(extra, bare=bare if papers.certificate else None))
        return await hold(bench, rules, told=_tell)


def _finished(write: Callable[[Path], None], file: Path) -> None:
    try:
        write(file)
    except OSError:
        _wrong("--prepare: cannot be written")
    except ValueError as error:
        _wrong(str(error))


def _tried(run: Coroutine[Any, Any, list[Finding]]) -> list[Finding]:
    try:
        return asyncio.run(run)
    except (ssl.SSLError, OSError):
        _wrong("a certificate, key or roots file cannot be used, or the address cannot be listened at")
    except ValueError as error:
        _wrong(str(error))
    except Unreachable as error:
        typer.echo(f"The target gave no answer: {error}", err=True)
        raise typer.Exit(4) from None


def _access(node: Node, who: Employee, token_file: Path | None) -> Callable[[httpx.AsyncClient], Tokens]:
    """How a token is had: from a file, from a node, or not at all."""
    if token_file and node.url:
        _wrong("--token-file and --node: one of the two")
    if token_file:
        given = GivenToken(_line(token_file))
        return lambda client: given
    if not node.url:
        return lambda client: NoToken()
    if not (node.subject and node.server and who.id and who.name and who.role):
        _wrong("--node also takes --subject, --authorization-server, --employee, --name and --employee-role")
    if node.kind not in ("DPoP", "Bearer"):
        _wrong("--token-type: DPoP or Bearer")
    return lambda client: NodeTokens(node, who, client)


def _finish(findings: list[Finding], role: Role, language: Language, *, as_json: bool, junit: Path | None) -> None:
    if junit:
        try:
            junit.write_bytes(report.as_junit(findings, role))
        except OSError:
            _wrong("--junit: cannot be written")
    if as_json:
        typer.echo(json.dumps(report.as_json(findings, role), ensure_ascii=False))
    else:
        Console().print(report.as_table(findings, language))
    raise typer.Exit(0 if ok(findings) else 1)


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
        _wrong(f"--only: not a rule of the {role} side; --list shows them")


def _one_of(given: str, known: tuple[str, ...], option: str) -> str:
    if given not in known:
        _wrong(f"{option}: {' or '.join(known)}")
    return given


def _bsn(file: Path | None) -> Bsn:
    try:
        return Bsn((file.read_text("ascii") if file else getpass("BSN: ")).strip())
    except (NotAnIdentifier, UnicodeDecodeError):
        _wrong("BSN: nine digits that pass the eleven-test are expected")
    except OSError:
        _wrong("a BSN file cannot be read")


def _date(text: str) -> str:
    try:
        return date.fromisoformat(text).isoformat()
    except ValueError:
        _wrong("--birth-date: YYYY-MM-DD")


def _line(file: Path) -> str:
    """One line of printable ASCII; anything else is no token."""
    try:
        text = file.read_text("ascii").strip()
    except (OSError, UnicodeDecodeError):
        text = ""
    if not text or not text.isprintable() or " " in text:
        _wrong("a token file holds one token on one line")
    return text


def _wrong(words: str) -> NoReturn:
    typer.echo(words, err=True)
    raise typer.Exit(2)
