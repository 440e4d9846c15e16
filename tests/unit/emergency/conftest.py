"""An emergency claim that is complete, a store on disk, and a clock that stands still until it is moved."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.emergency.register import Register
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.values import replace

BSN = "999912008"


@dataclass
class Clock:
    """Unix time, moved by hand."""

    now: float = 1_795_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def register_at(path: Path) -> tuple[SqliteStore, Register]:
    """The register as one process sees it."""
    store = SqliteStore(path)
    tenant = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))
    return store, Register(Vault(store.of(tenant), b"k" * 32, tenant.id))


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "store.sqlite"


@pytest.fixture
def register(state: Path) -> Iterator[Register]:
    store, one = register_at(state)
    yield one
    store.close()


@pytest.fixture
def another_process(state: Path) -> Iterator[Register]:
    """The same state, opened by somebody else."""
    store, one = register_at(state)
    yield one
    store.close()


def emergency(**fields: Any) -> Access:
    """The out-of-hours post asks in an emergency; `token` is one byte, `bsn`, `type`, `ura`, `asked` may differ."""
    token, bsn = fields.pop("token", b"t"), fields.pop("bsn", BSN)
    organization = Organization(Ura(fields.pop("ura", "90000444")), fields.pop("type", "N6"), "Huisartsenpost De Kade")
    request = FhirRequest("search-type", fields.pop("asked", "Consent"))
    caller = Caller(
        organization,
        Professional("k-17", "Waarnemend huisarts", "M. Okker"),
        frozenset({"pzp-spoed"}),
        Purpose.EMERGENCY,
        "unresponsive",
        {},
        "nuts-bearer",
        token_digest=token * 32,
        emergency_text="gevallen, geen contact",
    )
    return Access(replace(caller, **fields), request, Patient(Bsn(bsn), "1", Standing.KNOWN), "MELD12345678")


@pytest.fixture
def claim() -> Callable[..., Access]:
    return emergency
