"""What was done outside the gateway and still has to be accounted for: durable here, until the ledger has it.

The ledger has one writer, the gateway. A command seals its event here first; the gateway writes it into the log and
leaves a receipt. Every event reaches the log at least once, under the same id (ADR 0055).
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import asdict
from typing import Any

import structlog

from ..accounted import Administered, Receipt
from ..identity import Assurance, Bsn, Professional
from .port import StoreFailed
from .vault import Vault

_WAITING = "audit-outbox"
_SETTLED = "audit-receipt"
_KNOWN = 10_000
"""Receipts that were seen, at most."""

_log = structlog.get_logger("nuts_pzp.store")


class Outbox:
    """One tenant's events that wait for the ledger, and the receipts of those that do not any more."""

    def __init__(self, vault: Vault) -> None:
        self._vault = vault
        self._known: dict[str, None] = {}

    async def put(self, event: Administered) -> None:
        """Keep the event until it is in the ledger; StoreFailed when that cannot be promised."""
        if not await self._vault.put(_WAITING, event.id, _written(event), 0):
            raise StoreFailed("an event of that id waits already")

    async def waiting(self) -> AsyncIterator[Administered]:
        """Yield what is not in the ledger yet; what cannot be opened is told and passed over."""
        async for key in self._vault.keys(_WAITING):
            try:
                document, version = await self._vault.get(_WAITING, key)
                if version and document:
                    yield _read(document)
            except (StoreFailed, KeyError, TypeError, ValueError) as error:
                _log.error("store.outbox-unreadable", error=type(error).__name__, alarm="operations")

    async def settle(self, receipt: Receipt[Administered]) -> None:
        """Leave the receipt, then forget the event."""
        key = receipt.event.id
        _, version = await self._vault.get(_SETTLED, key)
        if not version:
            await self._vault.put(_SETTLED, key, {"index": receipt.index, "record": receipt.record_id}, 0)
        _, version = await self._vault.get(_WAITING, key)
        await self._vault.put(_WAITING, key, None, version)

    async def settled(self, id: str) -> bool:
        """True when the ledger has this event: its receipt lies here, sealed. A receipt stays: once seen is enough."""
        if id in self._known:
            return True
        document, _ = await self._vault.get(_SETTLED, id)
        if document is None:
            return False
        self._known[id] = None
        if len(self._known) > _KNOWN:
            del self._known[next(iter(self._known))]
        return True


def _written(event: Administered) -> dict[str, Any]:
    who = asdict(event.operator) | {"assurance": event.operator.assurance.value}
    return {
        "code": event.code,
        "id": event.id,
        "bsn": event.bsn.value if event.bsn else "",
        "operator": who,
        "detail": event.detail,
    }


def _read(document: dict[str, Any]) -> Administered:
    who = document["operator"]
    operator = Professional(who["id"], who["role"], who["name"], Assurance(who["assurance"]))
    detail = tuple((str(key), str(value)) for key, value in document["detail"])
    return Administered(
        document["code"], document["id"], Bsn(document["bsn"]) if document["bsn"] else None, operator, detail
    )
