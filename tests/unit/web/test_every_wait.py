"""Whatever breaks at whichever wait of a consultation: one answer, its end on record; who left leaves nothing behind.

The first wait that a consultation does not come to ends each series.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from facade_pen import BORN, BSN, ME
from later import knows
from prometheus_client import CollectorRegistry
from waits import Waits

from nuts_pzp.accounted import Denied
from nuts_pzp.forwarding.turns import AT_A_SOURCE
from nuts_pzp.house import House
from nuts_pzp.identity import BSN_SYSTEM
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.store.once import Once
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.web.ehr import EhrDoor
from nuts_pzp.web.meter import Meter

EVENTS = {"accept": "text/event-stream"}
KEY = {"idempotency-key": "4b1f0c66"}
SEARCH = {
    "path": "/kade/fhir/Patient/_search",
    "body": urlencode({"identifier": f"{BSN_SYSTEM}|{BSN}", "birthdate": BORN}).encode(),
    "headers": ME | {"content-type": "application/x-www-form-urlencoded"},
}
AT_ONCE: dict[str, dict[str, Any]] = {
    "json": {},
    "fhir": {"headers": {"accept": "application/fhir+json"}},
    "stream": {"headers": EVENTS},
    "facade": SEARCH,
}
KEPT: dict[str, dict[str, Any]] = {
    "later": {"headers": {"prefer": "respond-async, wait=30"}},
    "key": {"headers": KEY},
    "key, stream": {"headers": KEY | EVENTS},
}


class Tried:
    """One consultation of the region, with something at its n-th wait."""

    def __init__(self, region: Any, called: Any, folder: Path, how: dict[str, Any], waits: Waits) -> None:
        region.events.clear()
        self.region, self.waits, self.registry = region, waits, CollectorRegistry()
        self._store = SqliteStore(folder / f"{waits.at}.sqlite")
        plain = region.house()
        vault = Vault(self._store.of(plain.tenant), b"k" * 32, plain.tenant.id)
        self.house = waits.house(once=Once(vault, "ehr-idempotency"))
        houses = {"kade": House(self.house.tenant, None, self.house)}
        self._door = EhrDoor(houses.get, region, "https://gw", Meter(self.registry))
        stays = waits.reached if waits.hangs else asyncio.Event()
        self.seen = called(door=self._door, stays=stays, **how)

    async def run(self) -> Tried:
        try:
            await self.seen.run()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            self.left = (await asyncio.wait(left, timeout=30))[1] if left and self.waits.hangs else set()
        finally:
            await self._door.stop()
            self._store.close()
        return self

    @property
    def kinds(self) -> list[str]:
        return [type(event).__name__ for event in self.region.events]

    @property
    def unrecorded(self) -> float | None:
        return self.registry.get_sample_value("nuts_pzp_not_recorded_total")

    @property
    def told(self) -> bool:
        """Whether a consultation came to its end; as FHIR it is 502 when no source answered."""
        return self.seen.status in (200, 502) and self.seen.events in ([], ["source", "overview"])

    @property
    def released(self) -> bool:
        """Whether nothing of the consultation is held any more."""
        turns = self.house.turns
        return turns.running == 0 and all(turn.gate._value == AT_A_SOURCE for turn in turns._at.values())


@pytest.mark.parametrize("how", [*AT_ONCE.values(), *KEPT.values()], ids=[*AT_ONCE, *KEPT])
async def test_whatever_breaks_one_answer_leaves_and_its_end_is_on_record(
    region: Any, called: Any, tmp_path: Path, how: dict[str, Any]
) -> None:
    region.source("90000111", knows)
    broke = set()
    for at in range(1, 100):
        tried = await Tried(region, called, tmp_path, how, Waits(region, at)).run()
        where = tried.waits.where
        if not where:
            break
        broke.add(where)
        assert tried.released, (at, where)
        if where == "append":
            assert (tried.unrecorded, tried.told) == (1, False), at
            assert tried.kinds[-1:] != ["Consulted"], at
        else:
            assert tried.unrecorded == 0, (at, where)
            assert tried.kinds[-1:] == (["Consulted"] if tried.told else ["Denied"]), (at, where, tried.seen.content)
            assert tried.region.events[-1].attempt.correlation == tried.seen.headers["x-meldcode"]
    assert broke == {"verify", "append", "locate", "sources", "grant", "send"}


@pytest.mark.parametrize("how", AT_ONCE.values(), ids=AT_ONCE)
async def test_a_client_that_leaves_at_any_wait_leaves_nothing_behind(
    region: Any, called: Any, tmp_path: Path, how: dict[str, Any]
) -> None:
    region.source("90000111", knows)
    first = 2 if how is SEARCH else 1  # who asks is known before the facade listens for the end
    for at in range(first, 100):
        tried = await Tried(region, called, tmp_path, how, Waits(region, at, hangs=True)).run()
        if not tried.waits.where:
            break
        assert tried.released, at
        assert not tried.left, at
        assert "Consulted" not in tried.kinds, at
        assert tried.seen.events in ([], ["source"]) if tried.seen.sent else True, at
    assert at > 10


async def test_a_bug_amid_a_stream_ends_it_with_a_problem_that_is_on_record(
    region: Any, called: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def bug(*_: Any, **__: Any) -> Any:
        raise RuntimeError("bug")

    region.source("90000111", knows)
    monkeypatch.setattr("nuts_pzp.consult.flow.merge", bug)
    seen = await called(headers=EVENTS).run()
    assert (seen.status, seen.events) == (200, ["source", "problem"])
    assert seen.sent[-1] == {"type": "http.response.body", "body": b""}
    assert isinstance(region.events[-1], Denied)
    assert region.events[-1].stop == Unavailable(Reason.INTERNAL)
    assert region.events[-1].attempt.correlation == seen.headers["x-meldcode"]
