"""The papers of a region, and a twin of Mitz at a port of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from mitz_transport import GP_MAY, Papers, Region, adapter, listening

from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.mitz import MitzTwin
from nuts_pzp.web.server import Server, ServerTls


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    trusted, other = Authority(folder / "a", "Sandbox PKI"), Authority(folder / "b", "Other PKI")
    return Papers(
        trusted,
        other,
        trusted.server("mitz"),
        trusted.client("meerwijck", common_name="meerwijck"),
        other.client("stranger", common_name="stranger"),
    )


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Starts servers and stops them after the test."""
    servers: list[Server] = []

    async def serve(app: Any, tls: ServerTls | None) -> int:
        server = Server(app, host="127.0.0.1", port=0, tls=tls)
        servers.append(server)
        return await server.start()

    yield serve
    for server in servers:
        await server.stop(grace=0.1)


@pytest.fixture
async def region(papers: Papers, serving: Any, tmp_path: Path) -> AsyncIterator[Region]:
    twin = MitzTwin("", [GP_MAY])
    twin.url = f"https://localhost:{await serving(twin.app, listening(papers))}"
    mitz = adapter(twin.url, papers, tmp_path)
    yield Region(twin, mitz)
    await mitz.stop()
