"""Time that a test need not wait for, and that no busy machine makes shorter than it is."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import pytest
import pytest_asyncio


@pytest_asyncio.fixture
async def leaping(monkeypatch: pytest.MonkeyPatch) -> None:
    """While anybody in the loop works no time passes; when all wait, it is the moment that comes first for one of them.

    For what runs in one loop: a thread or another process does its work in no time at all, or never.
    """
    loop: Any = asyncio.get_running_loop()
    now, select = time.monotonic(), loop._selector.select

    def leap(timeout: float | None) -> Any:
        nonlocal now
        if timeout is None:
            return select(None)
        found = select(0)
        if not found:
            now += timeout
        return found

    monkeypatch.setattr(loop._selector, "select", leap)
    monkeypatch.setattr(time, "monotonic", lambda: now)
