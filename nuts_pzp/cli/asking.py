"""Ask a running gateway as an EHR does: mutual TLS, one POST, the answer as data."""

from __future__ import annotations

import ssl
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


async def ask(door: Door, question: Question) -> dict[str, Any]:
    """Return the overview as the gateway gave it; raise NoAnswer with words otherwise."""
    try:
        async with httpx.AsyncClient(verify=door.context(), trust_env=False, timeout=70) as client:
            answer = await client.post(door.url, json=question.body())
    except (ssl.SSLError, OSError):
        raise NoAnswer("a certificate, key or roots file cannot be used") from None
    except httpx.HTTPError as error:
        raise NoAnswer(f"the gateway cannot be reached ({type(error).__name__})") from None
    try:
        content = answer.json()
    except ValueError:
        raise NoAnswer(f"the gateway answered {answer.status_code} without JSON") from None
    if not isinstance(content, dict):
        raise NoAnswer(f"the gateway answered {answer.status_code} with something else than an object")
    if answer.status_code == 200:
        return content
    words = f"{content.get('code', '')} {content.get('title', '')} {content.get('detail', '')}".strip()
    raise NoAnswer(f"{answer.status_code}: {words} (meldcode {content.get('meldcode', '?')})", content)
