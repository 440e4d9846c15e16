"""A holder made of fakes behind the real network door and the real listener, and a client that speaks raw bytes."""

from __future__ import annotations

import asyncio
import importlib.util
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from nuts_pzp.house import House
from nuts_pzp.values import replace
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.network import NetworkDoor
from nuts_pzp.web.places import Places
from nuts_pzp.web.protocol import Patience
from nuts_pzp.web.server import Server

_PATH = Path(__file__).parents[2] / "unit/disclose/conftest.py"
_SPEC = importlib.util.spec_from_file_location("disclose_fakes", _PATH)
assert _SPEC
assert _SPEC.loader
_FAKES = sys.modules.setdefault("disclose_fakes", importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(_FAKES)

holder, fakes = _FAKES.holder, _FAKES.fakes


class Wire:
    """One listener with two tenants, `meerwijck` (a holder) and `kade` (consults only); `say` sends bytes to it."""

    def __init__(self, holder: Any) -> None:
        self.holder, self.system, self.port = holder, _FAKES.Ledger([]), 0
        self.shown: list[str] = []
        self.holder.network.verify = self._verify
        self.server: Any = None
        self.door: Any = None
        self.says: Any = replace(_FAKES.CALLER, expires=0.0)
        """These tests run at the real time, so the caller's token has no end."""

    async def _verify(self, presented: Any) -> Any:
        self.shown.append(presented.authorization)
        self.holder.journal.append("network")
        return _FAKES.given(self.says)

    def house(self, slug: str) -> House | None:
        if slug == "meerwijck":
            return House(self.holder.house.tenant, self.holder.house, None)
        return House(self.holder.house.tenant, None, None) if slug == "kade" else None

    async def say(self, *parts: bytes, seconds: float = 2.0, pause: float = 0.0, by: str = "127.0.0.1") -> bytes:
        """Send parts `by` an address, then read until the other side closes or is silent for as long as given."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port, local_addr=(by, 0))
        heard = b""
        try:
            for part in parts:
                writer.write(part)
                await writer.drain()
                await asyncio.sleep(pause)
            async with asyncio.timeout(seconds):
                while more := await reader.read(65536):
                    heard += more
        except (TimeoutError, ConnectionError):
            pass
        finally:
            writer.close()
        return heard

    async def dawdle(self, request: bytes, buffer: int = 2048) -> socket.socket:
        """Send a request on a connection with a small window, and read nothing of the answer."""
        lazy = socket.socket()
        lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer)
        lazy.setblocking(False)
        await asyncio.get_running_loop().sock_connect(lazy, ("127.0.0.1", self.port))
        await asyncio.get_running_loop().sock_sendall(lazy, request)
        return lazy


@pytest.fixture
def patience() -> Patience:
    """Long enough for a machine that is busy. Who wants a listener that soon has enough says so."""
    return Patience(head=20.0, body=20.0, idle=1.0, taking=20.0)


@pytest.fixture
async def wire(holder: Any, patience: Patience) -> AsyncIterator[Wire]:
    made = Wire(holder)
    door = NetworkDoor(made.house, made.system, "https://gateway.example", Meter(CollectorRegistry()))
    places = Places(whole=12, each=8)
    server = Server(
        door,
        host="127.0.0.1",
        port=0,
        places=places,
        unreadable=door.unreadable,
        patience=patience,
    )
    made.port = await server.start()
    made.server, made.door = server, door
    yield made
    await server.stop(0.2)
