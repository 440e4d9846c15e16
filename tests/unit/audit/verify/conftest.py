"""A whole log on disk and its keys."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from whole_log import RECORDS, Whole

from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.identity import Tenant


@pytest.fixture
async def whole(place: Place, opening: Callable[..., Ledger], tenant: Tenant, events: Any, clock: Any) -> Whole:
    ledger = opening(place, wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    for number in range((RECORDS - 2) // 2):
        clock.advance(0.6)
        await audit.append(events.allowed(f"c{number}"))
        await audit.append(events.disclosed(f"c{number}"))
    await ledger.aclose()
    assert place.anchor
    return Whole(place, audit.log.signer.verifier, anchors.read(place.anchor))
