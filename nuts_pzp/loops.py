"""Run a coroutine on uvloop: with several listeners the standard loop loses TCP_NODELAY (design D11)."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import uvloop

from .descriptors import widen
from .memory import give_back

T = TypeVar("T")


def run_on_uvloop(main: Coroutine[Any, Any, T]) -> T:
    """Run it to its end and return what it returned; with as many open files, and as little memory, as can be."""
    widen()
    give_back()
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(main)
