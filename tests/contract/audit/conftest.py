"""Two ledgers behind the port `Audit`: the SQLite one, and a fake in memory that other rooms' tests may copy."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

import pytest

from nuts_pzp.accounted import Event, Receipt
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
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


@dataclass
class Candidate:
    """An audit under test, how to break it, and how to know how many records it holds."""

    audit: Audit
    break_it: Callable[[], Awaitable[None]]
    count: Callable[[], int]
    others: list[Audit] = field(default_factory=list)


@pytest.fixture(params=["sqlite", "remembering"])
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
    audit = ledger.of(Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")))
    other_audit = ledger.of(Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof")))
    opening = audit.log.frontier.size
    yield Candidate(audit, ledger.aclose, lambda: audit.log.frontier.size - opening, [other_audit])
    await ledger.aclose()
