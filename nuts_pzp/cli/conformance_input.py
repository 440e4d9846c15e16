"""What `nuts-pzp conformance` is given: TLS files, numbers, tokens. Each refusal names its option."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, NoReturn, cast, get_args
from urllib.parse import urlsplit

import httpx
import typer

from ..conformance import report
from ..conformance.rules import Role
from ..conformance.tokens import Employee, GivenToken, Node, NodeTokens, NoToken, Tokens
from ..identity import Bsn
from ..web.server import ServerTls
from .bsn_input import NoBsn, read_bsn
from .options import day_in


class WrongUse(Exception):
    """What is wrong with an option, in words for who typed it."""


@dataclass(frozen=True, slots=True)
class Papers:
    """TLS files; all may be absent."""

    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def checked(self) -> Papers:
        """Return these when they can be used."""
        if self.key and not self.certificate:
            wrong("--key: belongs to --certificate")
        self.context()
        return self

    def client(self, *, bare: bool = False) -> httpx.AsyncClient:
        """A client that trusts these roots and shows this certificate, or none when `bare`."""
        return httpx.AsyncClient(verify=self.context(bare=bare), trust_env=False, timeout=60)

    def context(self, *, bare: bool = False) -> ssl.SSLContext:
        """The TLS context."""
        try:
            context = ssl.create_default_context(cafile=str(self.roots) if self.roots else None)
        except OSError:
            wrong("--roots: no PEM file with certificates that can be read")
        if self.certificate and not bare:
            try:
                key = str(self.key) if self.key else None
                context.load_cert_chain(str(self.certificate), key, password=_no_password)
            except OSError:
                wrong("--certificate and --key: no PEM files that belong together and can be read without a password")
        return context


def _no_password() -> str:
    """A key that is locked is an error, never a question that a pipeline waits for."""
    return ""


def server_tls(certificate: Path | None, key: Path | None) -> ServerTls | None:
    """The prepared sources' TLS: both files or none, for half of them would mean no TLS at all."""
    if bool(certificate) != bool(key):
        wrong("--server-certificate and --server-key: both, or neither for sources without TLS")
    if not (certificate and key):
        return None
    tls = ServerTls(certificate, key)
    try:
        tls.context()
    except OSError:
        wrong("--server-certificate and --server-key: no PEM files that belong together and can be read")
    return tls


def base_of(target: str) -> str:
    """The target's base: an address and nothing else, for a password in it would be sent with every request."""
    try:
        url = urlsplit(target)
        fits = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        fits = False
    if not fits or "@" in url.netloc or "?" in target or "#" in target or not target.isprintable() or " " in target:
        wrong("--target: an http(s) address, without a password, a query or a fragment")
    return target


def access(node: Node, who: Employee, token_file: Path | None) -> Callable[[httpx.AsyncClient], Tokens]:
    """How a token is had: from a file, from a node, or not at all."""
    if token_file and node.url:
        wrong("--token-file and --node: one of the two")
    if token_file:
        given = GivenToken(line(token_file, "--token-file"))
        return lambda client: given
    if not node.url:
        return lambda client: NoToken()
    if not (node.subject and node.server and who.id and who.name and who.role):
        wrong("--node also takes --subject, --authorization-server, --employee, --name and --employee-role")
    if node.kind not in ("DPoP", "Bearer"):
        wrong("--token-type: DPoP or Bearer")
    return lambda client: NodeTokens(node, who, client)


def one_of(given: str, known: tuple[str, ...], option: str) -> str:
    """One of these words."""
    if given not in known:
        wrong(f"{option}: {' or '.join(known)}")
    return given


def bsn_of(file: Path | None, option: str = "--bsn-file") -> Bsn:
    """A BSN from a file, or from a prompt."""
    try:
        return read_bsn(file, option)
    except NoBsn as error:
        wrong(str(error))


def day_of(text: str) -> str:
    """The test patient's birth date."""
    if not (day := day_in(text)):
        wrong("--birth-date: a day as YYYY-MM-DD")
    return day.isoformat()


def line(file: Path, option: str) -> str:
    """One line of printable ASCII; anything else is no token."""
    try:
        text = file.read_text("ascii").strip()
    except OSError:
        wrong(f"{option}: cannot be read")
    except UnicodeDecodeError:
        text = ""
    if not text or not text.isprintable() or " " in text:
        wrong(f"{option}: one token on one line is expected")
    return text


def check_writable(file: Path | None) -> None:
    """Find out now, not after the run, that a report cannot be written."""
    if file is None:
        return
    try:
        there = file.exists()
        file.open("ab").close()
        if not there:
            file.unlink()
    except OSError:
        wrong("--junit: cannot be written")


def wrong(words: str) -> NoReturn:
    """Say what is wrong and how to mend it."""
    raise WrongUse(words)


def telling_wrong_use(command: Callable[..., None]) -> Callable[..., None]:
    """Let a command end wrong use with one line on standard error, the same as data where asked for, and exit 2."""

    @wraps(command)
    def told(**options: Any) -> None:
        try:
            command(**options)
        except WrongUse as error:
            typer.echo(str(error), err=True)
            if options["as_json"]:
                side = cast(Role, options["role"] if options["role"] in get_args(Role) else "holder")
                typer.echo(json.dumps(report.as_json((), side, error=str(error))))
            raise typer.Exit(2) from None

    return told
