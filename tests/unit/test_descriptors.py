"""Open files: as many as the system gives, and said when that is too few."""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.assembly import Estate
from nuts_pzp.descriptors import MOST, OUTWARD, PLACES, needed, widen
from nuts_pzp.settings import Deployment
from nuts_pzp.web.places import Places

CHILD = """
import asyncio, resource
from nuts_pzp.loops import run_on_uvloop
async def main(): return resource.getrlimit(resource.RLIMIT_NOFILE)
print(*run_on_uvloop(main()))
"""


@pytest.fixture
def limits() -> Iterator[tuple[int, int]]:
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield before
    resource.setrlimit(resource.RLIMIT_NOFILE, before)


def starved(soft: int, hard: int) -> list[int]:
    """What a process that serves may have open, begun under these limits."""
    done = subprocess.run(
        [sys.executable, "-c", CHILD], check=True, capture_output=True, text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard)),
    )  # fmt: skip
    return [int(word) for word in done.stdout.split()]


def test_every_process_that_serves_begins_with_what_the_system_gives() -> None:
    assert starved(256, 3_000) == [3_000, 3_000]


def test_it_is_raised_to_the_hard_limit_and_no_further_than_is_of_use(limits: tuple[int, int]) -> None:
    _, hard = limits
    resource.setrlimit(resource.RLIMIT_NOFILE, (512, hard))
    assert widen() == (MOST if hard == resource.RLIM_INFINITY else min(hard, MOST))
    assert resource.getrlimit(resource.RLIMIT_NOFILE)[1] == hard, "the hard limit is the system's affair"


def test_a_limit_that_is_higher_already_stays(limits: tuple[int, int]) -> None:
    _, hard = limits
    if hard != resource.RLIM_INFINITY and hard <= MOST:
        pytest.skip("the hard limit of this machine is not above what is asked for")
    resource.setrlimit(resource.RLIMIT_NOFILE, (MOST + 1, hard))
    assert widen() == MOST + 1


def test_what_is_needed_follows_the_bounds_of_those_who_take() -> None:
    places = Places()
    for number in range(PLACES):
        assert places.enter(f"192.0.2.{number}")
    assert not places.enter("198.51.100.1"), "a listener takes as many as are counted here"
    source = (Path(sys.modules["nuts_pzp"].__path__[0]) / "systems/fhir_server/__init__.py").read_text("utf-8")
    assert "_SOURCES_CONNECTIONS = 512 " in source
    assert OUTWARD >= 512


@pytest.mark.parametrize(("listeners", "ok"), [(("network",), False), ((), True)])
async def test_readiness_says_when_it_is_too_few(
    tmp_path: Path, limits: tuple[int, int], listeners: tuple[str, ...], ok: bool
) -> None:
    (tmp_path / "tenants").mkdir()
    settings: dict[str, Any] = {
        "name": "kade.example",
        "listeners": {"operations": {"port": 0}} | {name: {"port": 0} for name in listeners},
        "audit": {"path": "ledger.sqlite", "keys": "keys"},
        "state": "state",
        "tenants": "tenants",
    }
    resource.setrlimit(resource.RLIMIT_NOFILE, (needed(1), limits[1]))
    nobody: Any = None
    estate = Estate(Deployment.model_validate(settings), tmp_path, nobody)
    [check] = [one for one in await estate.checks() if one.what == "open files"]
    assert (check.ok, check.critical) == (ok, False)
    assert str(needed(1)) in check.says
    assert ok or f"up to {needed(2)} needed" in check.says
