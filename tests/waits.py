"""A region whose every port can fail, or keep its asker waiting, at one wait of a consultation: the n-th of all."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

from nuts_pzp.audit.port import NotRecorded


@dataclass
class Counted:
    """The waits on ports, counted. `at` 0 does nothing; `hangs` waits there for ever, else it breaks there."""

    inner: Any
    at: int
    hangs: bool = False
    count: int = 0
    where: str = ""
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    async def _wait(self, name: str) -> None:
        self.count += 1
        if self.count != self.at:
            return
        self.where = name
        self.reached.set()
        if self.hangs:
            await asyncio.Event().wait()
        raise NotRecorded if name == "append" else RuntimeError("bug")


class Waits(Counted):
    """The ports of `inner`, a region."""

    async def verify(self, presented: Any) -> Any:
        await self._wait("verify")
        return await self.inner.verify(presented)

    async def append(self, event: Any) -> Any:
        await self._wait("append")
        return await self.inner.append(event)

    async def locate(self, intended: Any) -> Any:
        await self._wait("locate")
        return await self.inner.locate(intended)

    async def organization(self, ura: Any) -> Any:
        await self._wait("organization")
        return await self.inner.organization(ura)

    async def sources(self, holders: Any) -> Any:
        await self._wait("sources")
        return await self.inner.sources(holders)

    async def grant(self, source: Any, inquiry: Any) -> Any:
        await self._wait("grant")
        return await self.inner.grant(source, inquiry)

    def to(self, base: str, signer: Any) -> Any:
        return _Server(self, self.inner.to(base, signer))

    def house(self, **more: Any) -> Any:
        """The region's house, with these ports."""
        house = replace(self.inner.house(), facade_key=b"f" * 32, **more)
        return replace(house, ehr=self, locator=self, directory=self, credentials=self, connector=self, audit=self)


@dataclass
class _Server:
    waits: Waits
    inner: Any

    async def send(self, request: Any) -> Any:
        await self.waits._wait("send")
        return await self.inner.send(request)
