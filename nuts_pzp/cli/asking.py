"""Ask a running gateway as an EHR does: mutual TLS, one POST, the answer as data, as FHIR, or source by source."""

from __future__ import annotations

import json
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from ..identity import Bsn


class NoAnswer(Exception):
    """There is no overview: why, in words without patient data, and the problem document when there is one."""

    def __init__(self, words: str, problem: dict[str, Any] | None = None) -> None:
        super().__init__(words)
        self.problem = problem or {}


@dataclass(frozen=True, slots=True)
class Door:
    """An EHR listener: the consultation URL, whom to trust, and our client certificate."""

    url: str
    roots: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Return the TLS context; raises OSError on unreadable files."""
        context = ssl.create_default_context(cafile=str(self.roots))
        context.load_cert_chain(str(self.certificate), str(self.key))
        return context


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
            return _object(answer)
        raise _refused(answer)


async def ask_fhir(door: Door, question: Question) -> dict[str, Any]:
    """Return the searchset; raise NoAnswer otherwise, with the OperationOutcome when every source failed."""
    async with _post(door, question, "application/fhir+json") as answer:
        await answer.aread()
        if answer.status_code == 200:
            return _object(answer)
        raise _refused(answer)


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
            client.stream("POST", door.url, json=question.body(), headers={"accept": accept}) as answer,
        ):
            yield answer
    except (ssl.SSLError, OSError):
        raise NoAnswer("a certificate, key or roots file cannot be used") from None
    except httpx.HTTPError as error:
        raise NoAnswer(f"the gateway cannot be reached ({type(error).__name__})") from None


def _object(answer: httpx.Response) -> dict[str, Any]:
    return _parsed(answer.text, answer.status_code)


def _parsed(text: str, status: int) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        raise NoAnswer(f"the gateway answered {status} without JSON") from None
    if not isinstance(content, dict):
        raise NoAnswer(f"the gateway answered {status} with something else than an object")
    return content


def _refused(answer: httpx.Response) -> NoAnswer:
    content = _object(answer)
    code = content.get("meldcode") or answer.headers.get("x-meldcode", "?")
    if content.get("resourceType") == "OperationOutcome":
        said = [str(one.get("details", {}).get("text", one.get("code", ""))) for one in content.get("issue", ())]
        words = "; ".join(said)
    else:
        words = f"{content.get('code', '')} {content.get('title', '')} {content.get('detail', '')}".strip()
    return NoAnswer(f"{answer.status_code}: {words} (meldcode {code})", content)
