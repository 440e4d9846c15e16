"""A node that answers what a test tells it to, and remembers what it was asked."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import pytest

from nuts_pzp.exchange import Caller, Inquiry, Presented, Source
from nuts_pzp.identity import Bsn, Organization, Professional, Purpose, Ura
from nuts_pzp.systems.nuts_node.node import Mishap, Token

WILGENHOF = Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof")
MEERWIJCK = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")


@dataclass
class Clock:
    now: float = 1_790_000_100.0

    def __call__(self) -> float:
        return self.now


@dataclass
class FakeNode:
    """Answers from queues; the last answer stays."""

    said: list[Any] = field(default_factory=list)
    tokens: list[Any] = field(default_factory=list)
    proofs: list[Any] = field(default_factory=lambda: [True])
    asked: list[tuple[Any, ...]] = field(default_factory=list)
    gate: asyncio.Event | None = None
    closed: bool = False

    async def introspect(self, token: str) -> dict[str, Any] | Mishap:
        self.asked.append(("introspect", token))
        if self.gate:
            await self.gate.wait()
        return self._next(self.said)

    async def accepts_proof(self, proof: str, **call: str) -> bool | Mishap:
        self.asked.append(("accepts_proof", proof, call))
        return self._next(self.proofs)

    async def request_token(self, subject: str, body: bytes, *, bypass: bool = False) -> Token | Mishap:
        self.asked.append(("request_token", subject, body, bypass))
        if self.gate:
            await self.gate.wait()
        return self._next(self.tokens)

    async def make_proof(self, key_id: str, **call: str) -> str | Mishap:
        self.asked.append(("make_proof", key_id, call))
        return self._next(self.proofs)

    async def status(self) -> bool | Mishap:
        return True

    async def close(self) -> None:
        self.closed = True

    @staticmethod
    def _next(queue: list[Any]) -> Any:
        return queue.pop(0) if len(queue) > 1 else queue[0]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def node() -> FakeNode:
    return FakeNode()


@pytest.fixture
def source() -> Source:
    return Source(MEERWIJCK, "https://pep.meerwijck.example/fhir", "https://node.meerwijck.example/oauth2/meerwijck")


@pytest.fixture
def inquire() -> Any:
    def make(
        identifier: str = "e-1001",
        *,
        name: str = "A. Verhoeven",
        purpose: Purpose = Purpose.TREATMENT,
        reason: str | None = None,
    ) -> Inquiry:
        caller = Caller(WILGENHOF, None, frozenset({"consult"}), Purpose.TREATMENT, None, {}, "mtls")
        professional = Professional(identifier, "Huisarts", name)
        return Inquiry(caller, professional, Bsn("999900006"), date(1940, 2, 1), purpose, reason, None, (), 5.0)

    return make


@pytest.fixture
def present() -> Any:
    def make(authorization: str, dpop: str | None = None) -> Presented:
        return Presented("c", authorization, dpop, None, "GET", "https://pep.meerwijck.example/fhir/Goal")

    return make
