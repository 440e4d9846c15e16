"""A holder's deployment in which clerks record choices beside the gateway."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog
from office import LOCAL_ONLY, Office, asked


@pytest.fixture(autouse=True)
def _own_log() -> Iterator[None]:
    """Commands set up the log of their process; here several share one."""
    handlers, level = logging.getLogger().handlers[:], logging.getLogger().level
    yield
    structlog.reset_defaults()
    logging.getLogger().handlers[:] = handlers
    logging.getLogger().setLevel(level)


@pytest.fixture
def office(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    monkeypatch.setattr("nuts_pzp.cli.tenancy._ACCOUNTED_WITHIN", 1.0)
    found = Office(tmp_path)
    found.settle_in(LOCAL_ONLY)
    return found


@pytest.fixture
def ask() -> Any:
    return asked
