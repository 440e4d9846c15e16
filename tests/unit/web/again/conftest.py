"""A door whose houses share the state of their deployment, and who asks there."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from later import BODY

from nuts_pzp.store.once import Once
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.web.ehr import PATH, EhrDoor


@pytest.fixture
async def state(region: Any, tmp_path: Path) -> AsyncIterator[Callable[[], Any]]:
    """Makes houses that share the state of their deployment, as several processes would."""
    store = SqliteStore(tmp_path / "store.sqlite")

    def house() -> Any:
        plain = region.house(deadline=30.0)
        vault = Vault(store.of(plain.tenant), b"k" * 32, plain.tenant.id)
        return dataclasses.replace(plain, once=Once(vault, "ehr-idempotency"))

    yield house
    store.close()


@pytest.fixture
async def ask(called: Any, make_door: Any, state: Any) -> AsyncIterator[Any]:
    door = make_door(state())

    async def run(id: str = "", *, door: EhrDoor = door, body: Any = BODY, **how: Any) -> Any:
        headers = how.pop("headers", {})
        how = {"path": f"/kade{PATH}/{id}", "method": "GET", "body": b""} | how if id else how
        return await called(door=door, **({"body": orjson.dumps(body), "headers": headers} | how)).run()

    yield run
    await door.stop()
