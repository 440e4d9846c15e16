"""What a gateway process does once, after its start."""

from __future__ import annotations

import gc
from collections.abc import Iterator

import pytest

from nuts_pzp.gateway import settle


@pytest.fixture
def collector() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


@pytest.mark.usefixtures("collector")
def test_what_stands_after_the_start_is_not_walked_again_and_new_garbage_is_still_found() -> None:
    settle()
    assert gc.get_freeze_count() > 10_000
    loop: list[object] = []
    loop.append(loop)
    del loop
    assert gc.isenabled()
    assert gc.collect() >= 1
