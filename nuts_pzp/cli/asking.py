"""Ask a running gateway as an EHR does: mutual TLS, perhaps a token, one POST; an answer as data, FHIR, or a stream."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
from cryptography import x509

from ..conformance.wire import cause
from ..identity import Bsn


class NoAnswer(Exception):
    """There is no overview: why, in words without patient data, and the problem document when there is one."""

    def __init__(self, words: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(words)
        self.problem = problem or {}


class UnfitDoor(Exception):
    """An option about where to ask is wrong."""


@dataclass(frozen=True, slots=True)
class Door:
    """An EHR listener: the consultation URL, whom to trust, our client certificate, and a token if one is wanted."""

    url: str
    roots: Path
    certificate: Path
    key: Path
    token: str = field(default="", repr=False)

    def headers(self, accept: str) -> dict[str, str]:
        """Return the headers of a question."""
        return {"accept": accept} | ({"authorization": f"Bearer {self.token}"} if self.token else {})

    def context(self) -> ssl.SSLContext:
        """Return the TLS context; raises UnfitDoor, naming the option, on files that cannot be used."""
        try:
            context = ssl.create_default_context(cafile=str(self.roots))
        except OSError:
            raise UnfitDoor("--roots: no PEM file with certificates that can be read") from None
        try:
            context.load_cert_chain(str(self.certificate), str(self.key), password=lambda: "")
        except OSError:
            words = "no PEM files that belong together and can be read without a password"
            raise UnfitDoor(f"--certificate and --key: {words}") from None
        return context

    @property
    def ended(self) -> datetime | None:
        """When our own certificate ended, if it did."""
        try:
            end = x509.load_pem_x509_certificate(self.certificate.read_bytes()).not_valid_after_utc
        except (OSError, ValueError):
            return None
        return end if end < datetime.now(UTC) else None

    def checked(self) -> Door:
        """Return this door when it can be used; raises UnfitDoor. A BSN goes over TLS only."""
        try:
            url = urlsplit(self.url)
            fits = url.scheme == "https" and url.hostname and url.port != 0
        except ValueError:
            fits = False
        if not fits or "@" in self.url or " " in self.url or not self.url.isprintable():
            raise UnfitDoor("--url: an https address, without a password")
        self.context()
        return self


@dataclass(frozen=True, slots=True)
class Person:
    """The professional who asks, as the EHR names him or her."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Question:
    """One consultation."""

    bsn: Bsn
    birth_date: str
    professional: Person
    sources: tuple[str, ...] = ()
    deadline_ms: int | None = None
    extra: dict[str, Any] = field(default_factory=dict)

    def body(self) -> dict[str, Any]:
        """Return the JSON body of design section 5."""
        person = self.professional
        body: dict[str, Any] = {
            "patient": {"bsn": self.bsn.value, "birthDate": self.birth_date},
            "professional": {"id": person.id, "name": person.name, "role": person.role},
            "purpose": "treatment",
        }
        if self.sources:
            body["sources"] = list(self.sources)
        if self.deadline_ms is not None:
            body["deadline_ms"] = self.deadline_ms
        return body | self.extra


@dataclass(frozen=True, slots=True)
class Told:
    """One event of the stream: `source`, `overview` or `problem`, and its content."""

    event: str
    content: dict[str, Any] = field(repr=False)


async def ask(door: Door, question: Question) -> dict[str, Any]:
    """Return the overview as the gateway gave it; raise NoAnswer with words otherwise."""
    async with _post(door, question, "application/json") as answer:
        await answer.aread()
        if answer.status_code == 200:
            return an_overview(_object(answer))
        raise _refused(answer)


async def ask_fhir(door: Door, question: Question) -> tuple[dict[str, Any], str]:
    """Return the searchset, and the meldcode beside it; raise NoAnswer otherwise.

    When every source failed that holds the OperationOutcome.
    """
    async with _post(door, question, "application/fhir+json") as answer:
        await answer.aread()
        if answer.status_code == 200:
            return _a_searchset(_object(answer)), answer.headers.get("x-meldcode", "?")
        raise _refused(answer)


def an_overview(content: dict[str, Any]) -> dict[str, Any]:
    """Return this when it says of each source how it answered: every form of showing it rests on that."""
    rows = content.get("sources", [] if isinstance(content.get("complete"), bool) else None)
    if not isinstance(rows, list) or not all(_a_source(one) for one in rows):
        raise NoAnswer("what answered is no gateway: its answer is no overview")
    return content


def _a_source(row: object) -> bool:
    return isinstance(row, dict) and isinstance(row.get("status"), str) and _objects(row.get("gaps", []))


def _a_searchset(content: dict[str, Any]) -> dict[str, Any]:
    entries = content.get("entry", [])
    if content.get("resourceType") != "Bundle" or not _objects(entries):
        raise NoAnswer("what answered is no gateway: its answer is no searchset")
    parts = [(one.get("resource", {}), one.get("search", {})) for one in entries]
    if not all(isinstance(part, dict) for pair in parts for part in pair):
        raise NoAnswer("what answered is no gateway: its answer is no searchset")
    return content


def _objects(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, dict) for one in value)


async def listen(door: Door, question: Question) -> AsyncIterator[Told]:
    """Yield each source as it arrives, then the overview or the problem; raise NoAnswer when nothing begins."""
    async with _post(door, question, "text/event-stream") as answer:
        if answer.status_code != 200:
            await answer.aread()
            raise _refused(answer)
        event = ""
        async for line in answer.aiter_lines():
            name, _, value = line.partition(": ")
            if name == "event":
                event = value
            elif name == "data":
                yield Told(event, _parsed(value, answer.status_code))


@asynccontextmanager
async def _post(door: Door, question: Question, accept: str) -> AsyncIterator[httpx.Response]:
    try:
        async with (
            httpx.AsyncClient(verify=door.context(), trust_env=False, timeout=70) as client,
            client.stream("POST", door.url, json=question.body(), headers=door.headers(accept)) as answer,
        ):
            yield answer
    except (httpx.HTTPError, httpx.InvalidURL, OSError) as error:
        raise NoAnswer(f"the gateway cannot be reached: {_why(error, door)}") from None


def _why(error: Exception, door: Door) -> str:
    if isinstance(error, httpx.ReadError | httpx.RemoteProtocolError):  # TLS 1.3 refuses after its handshake
        if door.ended is not None:
            return f"it closed the connection; --certificate ended on {door.ended:%Y-%m-%d}"
        return "it closed the connection; does it trust --certificate?"
    return cause(error)[1]


def _object(answer: httpx.Response) -> dict[str, Any]:
    return _parsed(answer.text, answer.status_code)


def _parsed(text: str, status: int) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        raise NoAnswer(f"the gateway answered {status} without JSON") from None
    if not isinstance(content, dict):
        raise NoAnswer(f"the gateway answered {status} with something else than an object")
    return content


def _said(issue: dict[str, Any]) -> str:
    details = issue.get("details")
    return str((details.get("text") if isinstance(details, dict) else None) or issue.get("code", ""))


def _refused(answer: httpx.Response) -> NoAnswer:
    content = _object(answer)
    code = content.get("meldcode") or answer.headers.get("x-meldcode", "?")
    if content.get("resourceType") == "OperationOutcome":
        issues = content.get("issue")
        words = "; ".join(_said(one) for one in issues if isinstance(one, dict)) if isinstance(issues, list) else ""
    else:
        words = f"{content.get('code', '')} {content.get('title', '')} {content.get('detail', '')}".strip()
    return NoAnswer(f"{answer.status_code}: {words} (meldcode {code})", content)
