"""A facade of one house, and a client that speaks the queries of the guide to it."""

from __future__ import annotations

import dataclasses
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest
from facade_pen import (
    Client,
)


@pytest.fixture
def house(region: Any) -> Callable[..., Any]:
    def make(**more: Any) -> Any:
        return dataclasses.replace(region.house(deadline=2.0), facade_key=b"f" * 32, **more)

    return make


@pytest.fixture
async def client(called: Any, make_door: Any, house: Any) -> AsyncIterator[Client]:
    door = make_door(house())
    yield Client(called, door)
    await door.stop()
