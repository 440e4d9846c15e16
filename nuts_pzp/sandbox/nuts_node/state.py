"""Sandbox: what one node remembers: subjects and wallets, tokens given out, tokens got, used nonces and proof ids."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from ..authority import Issued
from .credentials import Credential
from .did import document
from .jose import SigningKey

TOKEN_LIFE = 900
NONCE_LIFE = 10.0
CACHE_OFFSET = 30
MAX_AGE = 300
"""Seconds that a node asks others to keep its metadata and definitions, and keeps theirs."""


@dataclass(frozen=True, slots=True)
class Resident:
    """The organisation a node stands for: subject name, care provider type, UZI-like certificate."""

    subject: str
    facility_type: str
    uzi: Issued


@dataclass(slots=True)
class Clock:
    """Unix time, which a test can shift."""

    shift: float = 0.0

    def __call__(self) -> float:
        """Return the shifted time in seconds."""
        return time.time() + self.shift


@dataclass(slots=True)
class Subject:
    """One subject with one did:web, one key and a wallet."""

    name: str
    did: str
    key: SigningKey
    wallet: list[Credential] = field(default_factory=list)

    @property
    def document(self) -> dict[str, Any]:
        """Its DID document."""
        return document(self.did, self.key.id, self.key.jwk)


@dataclass(frozen=True, slots=True)
class Grant:
    """An access token as its authorization server remembers it."""

    issuer: str
    client_id: str
    scope: str
    issued: int
    expires: int
    thumbprint: str | None
    claims: Mapping[str, Any]
    definitions: Mapping[str, Any]
    submissions: Mapping[str, Any]
    presentations: tuple[str, ...]


class Expiring:
    """Keys with values that go by themselves."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Empty."""
        self._clock = clock
        self._held: dict[str, tuple[Any, float]] = {}

    def put(self, key: str, value: Any, seconds: float) -> None:
        """Hold the value that long; what is past goes."""
        now = self._clock()
        self._held = {name: entry for name, entry in self._held.items() if entry[1] > now}
        self._held[key] = (value, now + seconds)

    def get(self, key: str) -> Any | None:
        """Return the value, or None."""
        entry = self._held.get(key)
        return entry[0] if entry and entry[1] > self._clock() else None

    def clear(self) -> None:
        """Forget everything."""
        self._held.clear()


@dataclass(frozen=True, slots=True)
class Question:
    """One call the node got, for the region's log: which operation, what came of it. No token, no name."""

    at: float
    operation: str
    status: int


class State:
    """Everything one node knows."""

    def __init__(self, policy: Mapping[str, Any]) -> None:
        """`policy` has the shape of a policy file: scope -> wallet owner -> presentation definition."""
        self.policy = policy
        self.clock = Clock()
        self.public_url = ""
        self.subjects: dict[str, Subject] = {}
        self.grants = Expiring(self.clock)
        self.nonces = Expiring(self.clock)
        self.proofs = Expiring(self.clock)
        self.tokens = Expiring(self.clock)
        """The client side: tokens got elsewhere, by digest of the request."""
        self.questions: deque[Question] = deque(maxlen=1000)

    def issuer(self, subject: str) -> str:
        """Return the authorization server of a subject, whether or not it exists."""
        return f"{self.public_url}/oauth2/{subject}"

    def own_document(self, did: str) -> dict[str, Any] | None:
        """Return the document of a DID of this node."""
        return next((one.document for one in self.subjects.values() if one.did == did), None)

    def key(self, key_id: str) -> SigningKey | None:
        """Return the key of that id, when it is this node's."""
        return next((one.key for one in self.subjects.values() if one.key.id == key_id), None)

    def restart(self) -> None:
        """Lose what a node keeps in memory as a server; tokens got elsewhere stay, as in a node with a shared store."""
        self.grants.clear()
        self.nonces.clear()
        self.proofs.clear()
