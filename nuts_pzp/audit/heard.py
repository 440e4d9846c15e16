"""A log whose records are heard of: whoever may say nothing before something is on record waits for the first."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from ..accounted import Event, Receipt
from .port import Audit

E = TypeVar("E", bound=Event)


class Heard:
    """The same log; `told` is called after each record, when it is durable."""

    def __init__(self, audit: Audit, told: Callable[[], None]) -> None:
        self._audit, self._told = audit, told

    async def append(self, event: E, /) -> Receipt[E]:
        """Append as the log does, NotRecorded included; then tell."""
        receipt = await self._audit.append(event)
        self._told()
        return receipt
