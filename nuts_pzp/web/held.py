"""Consultations that can be asked for again, for some minutes, in this process's memory and nowhere else (ADR 0014).

What they gave is sealed under a key that only the id of the consultation yields, and the id is not kept: whoever has
not got it from us cannot open anything, and neither can a mistake of ours that mixes two of them up.
"""

from __future__ import annotations

import asyncio
import hmac
import os
import secrets
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from hashlib import sha256
from http import HTTPStatus

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from ..identity import Professional
from ..outcome import Stop
from .door import Response

KEPT_SECONDS = 600.0
"""How long a result can be asked for after its end."""
MOST_EACH, MOST_RUNNING, BYTES_EACH = 100, 40, 16 * 1024 * 1024
"""Of one tenant in one process."""
MOST, BYTES = 500, 64 * 1024 * 1024
"""Of one process."""

_NONCE = 12


@dataclass(frozen=True, slots=True)
class Asker:
    """Whose consultation it is: the tenant, how the EHR proved itself, and the professional it named."""

    tenant: str
    client: str
    professional: Professional


class Key:
    """What one id opens. Lives in a request and in the running consultation, never in the table."""

    __slots__ = ("_seal", "id", "name")

    def __init__(self, id: str) -> None:
        self.id = id
        self.name = sha256(id.encode()).digest()
        self._seal = AESGCM(hmac.digest(id.encode(), b"nuts-pzp held consultation", "sha256"))

    def close(self, content: bytes) -> bytes:
        nonce = os.urandom(_NONCE)
        return nonce + self._seal.encrypt(nonce, content, self.name)

    def open(self, sealed: bytes) -> bytes:
        return self._seal.decrypt(sealed[:_NONCE], sealed[_NONCE:], self.name)


@dataclass(slots=True, eq=False)
class Entry:
    """One consultation. All content is sealed; `problem` holds none."""

    asker: Asker
    code: str
    whose: bytes = field(repr=False)
    """The sealed BSN: a further look is a record about the patient."""
    pieces: list[bytes] = field(default_factory=list, repr=False)
    """The events so far, in order."""
    fhir: tuple[int, bytes] | None = field(default=None, repr=False)
    """Status and sealed body of the FHIR answer, when that was asked for."""
    problem: Response | None = None
    stop: Stop | None = None
    """What the problem says, for the record of telling it again."""
    recorded: bool = False
    """Whether the log holds anything of it yet: until then nobody is told that it runs."""
    ended: bool = False
    cancelled: bool = False
    """Whether it was cut off, which is on nobody's record yet."""
    size: int = 0
    task: asyncio.Task[None] | None = field(default=None, repr=False)
    _changed: asyncio.Event = field(default_factory=asyncio.Event, repr=False)

    def add(self, sealed: bytes) -> None:
        """One event more."""
        self.pieces.append(sealed)
        self.size += len(sealed)
        self._wake()

    @property
    def passing(self) -> bool:
        """Whether it came to nothing in a way that passes: the answer said when to try again."""
        return self.ended and self.problem is not None and self.problem.status == HTTPStatus.SERVICE_UNAVAILABLE

    def record(self) -> None:
        """Its first record is durable."""
        if not self.recorded:
            self.recorded = True
            self._wake()

    def end(self) -> None:
        """Nothing more comes."""
        self.ended = True
        self._wake()

    def _wake(self) -> None:
        waking, self._changed = self._changed, asyncio.Event()
        waking.set()

    async def accounted(self) -> None:
        """Wait until the log holds something of it, or nothing will."""
        while not self.recorded and not self.ended:
            await self._changed.wait()

    async def begun(self) -> None:
        """Wait until there is something to tell."""
        while not self.pieces and not self.ended:
            await self._changed.wait()

    async def over(self) -> None:
        """Wait for the end."""
        while not self.ended:
            await self._changed.wait()

    async def follow(self, key: Key) -> AsyncGenerator[bytes, None]:
        """Yield every event from the first, as they come, to the end."""
        told = 0
        while True:
            while told < len(self.pieces):
                yield key.open(self.pieces[told])
                told += 1
            if self.ended:
                return
            await self._changed.wait()


def _over(entry: Entry, tenant: str) -> bool:
    return entry.ended and entry.asker.tenant == tenant


class Held:
    """The table of one process. Bounded per tenant and in all; what ended longest ago goes first.

    When all is full, who holds the most makes way for who holds less: no tenant is kept out by others.
    """

    def __init__(self, seconds: float = KEPT_SECONDS) -> None:
        self.mark = secrets.token_hex(4)
        """Which process this is: the first part of every id it makes."""
        self._seconds, self._secret = seconds, secrets.token_bytes(32)
        self._entries: dict[bytes, Entry] = {}

    def new_key(self) -> Key:
        """Make an id that nobody can guess."""
        return self._key(secrets.token_bytes(24))

    def key_of(self, *parts: str) -> Key:
        """Return the id that these texts always have in this process, and that nobody else can work out."""
        told = b"".join(len(part).to_bytes(4, "big") + part.encode("utf-8", "surrogatepass") for part in parts)
        return self._key(hmac.digest(self._secret, told, "sha256")[:24])

    def _key(self, secret: bytes) -> Key:
        return Key(f"{self.mark}-{urlsafe_b64encode(secret).decode()}")

    def find(self, key: Key) -> Entry | None:
        """Return what lies here under that id."""
        return self._entries.get(key.name)

    def begin(self, key: Key, asker: Asker, code: str, bsn: str) -> Entry | None:
        """Take a place, a new one for an id that has one; None when this tenant, or all together, have taken theirs."""
        earlier = self._entries.pop(key.name, None)
        self._make_room(asker.tenant, coming=1)
        self._make_way(asker.tenant)
        mine = [one for one in self._entries.values() if one.asker.tenant == asker.tenant]
        running = sum(not one.ended for one in mine)
        everything = sum(one.size for one in self._entries.values())
        if running >= MOST_RUNNING or len(mine) >= MOST_EACH or len(self._entries) >= MOST or everything >= BYTES:
            if earlier is not None:
                self._entries[key.name] = earlier
            return None
        entry = Entry(asker, code, key.close(bsn.encode()))
        self._entries[key.name] = entry
        return entry

    def _make_room(self, tenant: str, *, coming: int) -> None:
        """Let go of the tenant's own oldest results."""
        ended = [(name, one) for name, one in self._entries.items() if one.asker.tenant == tenant and one.ended]
        mine = [one for one in self._entries.values() if one.asker.tenant == tenant]
        count, size = len(mine), sum(one.size for one in mine)
        for name, one in ended:
            if count + coming <= MOST_EACH and size <= BYTES_EACH:
                return
            del self._entries[name]
            count, size = count - 1, size - one.size

    def _make_way(self, tenant: str) -> None:
        """While the table is full, let go of the oldest result of whoever holds the most, and more than this one."""
        while True:
            counts, sizes = Counter[str](), Counter[str]()
            for one in self._entries.values():
                counts[one.asker.tenant] += 1
                sizes[one.asker.tenant] += one.size
            if counts.total() < MOST and sizes.total() < BYTES:
                return
            share = sizes if sizes.total() >= BYTES else counts
            larger = [held for held, much in share.most_common() if much > share[tenant]]
            ended = (name for held in larger for name, one in self._entries.items() if _over(one, held))
            oldest = next(ended, None)
            if oldest is None:
                return
            del self._entries[oldest]

    def ended(self, key: Key, entry: Entry, *, keep: bool = True) -> None:
        """Note the end; the result is kept for some minutes, or goes as soon as those who wait for it have it."""
        entry.end()
        if not keep:
            self.forget(key.name, entry)
            return
        self._make_room(entry.asker.tenant, coming=0)
        # By name: the key that opens it must not stay here.
        asyncio.get_running_loop().call_later(self._seconds, self.forget, key.name, entry)

    def forget(self, name: bytes, entry: Entry) -> None:
        """Let go of it; a running one is cancelled."""
        if self._entries.get(name) is entry:
            del self._entries[name]
        if entry.task is not None and not entry.ended:
            entry.task.cancel()

    async def stop(self) -> None:
        """Cancel what runs and forget everything."""
        tasks = [one.task for one in self._entries.values() if one.task is not None and not one.ended]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._entries.clear()
