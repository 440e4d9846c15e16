"""Ledgers behind the port `Audit`: SQLite, the same over a socket, and a fake that other rooms' tests may copy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from nuts_pzp.accounted import Event, Receipt
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.reception import Reception
from nuts_pzp.audit.ledger.remote import RemoteLedger
from nuts_pzp.audit.port import Audit, NotRecorded
from nuts_pzp.identity import Organization, Tenant, Ura

E = TypeVar("E", bound=Event)


class RememberingAudit:
    """The fake: keeps events in a list. Set `broken` and nothing is recorded any more."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.broken = False

    async def append(self, event: E, /) -> Receipt[E]:
        if self.broken:
            raise NotRecorded("broken on purpose")
        self.events.append(event)
        index = len(self.events) - 1
        return Receipt(event, index, f"record-{index}")


MEERWIJCK = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
WILGENHOF = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))


@asynccontextmanager
async def over_socket(ledger: Ledger, folder: Path) -> AsyncIterator[tuple[RemoteLedger, Reception]]:
    """A worker's ledger in front of this one, as in a deployment with workers, but in one process."""
    reception = Reception(ledger, folder / "audit.sock")
    reception.start()
    remote = RemoteLedger(ledger.place, folder / "audit.sock")
    try:
        await remote.start(5.0)
        yield remote, reception
    finally:
        await remote.aclose()
        reception.stop()


@dataclass
class Candidate:
    """An audit under test, how to break it, and how to know how many records it holds."""

    audit: Audit
    break_it: Callable[[], Awaitable[None]]
    count: Callable[[], int]
    others: list[Audit] = field(default_factory=list)


@pytest.fixture(params=["sqlite", "socket", "remembering"])
async def candidate(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Candidate]:
    if request.param == "remembering":
        fake, other = RememberingAudit(), RememberingAudit()

        async def break_fake() -> None:
            fake.broken = True

        yield Candidate(fake, break_fake, lambda: len(fake.events), [other])
        return
    place = Place(
        tmp_path / "audit.db",
        tmp_path / "keys",
        "gw.example",
        accept_any_filesystem=True,
        thresholds=Thresholds(0.0, 0.0, 0, 0),
    )
    ledger = Ledger.open(place)
    audit, other_audit = ledger.of(MEERWIJCK), ledger.of(WILGENHOF)
    if request.param == "socket":
        async with over_socket(ledger, tmp_path) as (remote, reception):
            opening = audit.log.frontier.size

            async def break_it(reception: Reception = reception) -> None:
                reception.stop()

            remotes = [await remote.enter(tenant) for tenant in (MEERWIJCK, WILGENHOF)]
            yield Candidate(remotes[0], break_it, lambda: audit.log.frontier.size - opening, [remotes[1]])
        await ledger.aclose()
        return
    opening = audit.log.frontier.size
    yield Candidate(audit, ledger.aclose, lambda: audit.log.frontier.size - opening, [other_audit])
    await ledger.aclose()
