"""A region that is up, one for each test module: starting it takes about a second."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from nuts_pzp.sandbox.region import Region


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def region(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Region]:
    async with Region(tmp_path_factory.mktemp("region")) as up:
        yield up
