"""A worker: the houses and the doors of a deployment, on sockets shared with the other workers, without a ledger.

Its records go to the audit writer. The worker of slot 0 does what is done once per deployment; the others do not.
"""

from __future__ import annotations

import os
from dataclasses import asdict

import structlog
from prometheus_client import CollectorRegistry

from ..assembly import Estate
from ..audit.ledger.remote import RemoteLedger
from ..audit.ledger.sqlite import StoreFailed
from ..doors import Doors
from ..gateway import placed, settle
from ..keys import BadKeyFile
from ..settings import SettingsError
from .child import Post
from .control import Message
from .counts import told
from .relay import answered

_log = structlog.get_logger("nuts_pzp.crew")


class Worker:
    """Built from settings, started once."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._registry = CollectorRegistry()
        self._doors = Doors(post.deployment, post.folder, self._registry, post.shared)
        self._ledger: RemoteLedger | None = None
        self._estate: Estate | None = None

    async def start(self) -> None:
        """Reach the audit writer, build the houses, open the doors."""
        deployment, folder = self._post.deployment, self._post.folder
        try:
            self._ledger = RemoteLedger(placed(deployment, folder), self._post.audit_socket)
            await self._ledger.start()
        except (StoreFailed, BadKeyFile) as error:
            raise SettingsError(f"audit: {error}") from None
        self._estate = Estate(deployment, folder, self._ledger, accounts=self._post.slot == 0)
        try:
            await self._estate.start()
            await self._doors.open(self._estate, self._ledger.system)
        except BaseException:
            await self.stop()
            raise
        settle()

    async def told(self, message: Message) -> Message | None:
        """Read the tenant files anew, answer a decision, say how every slot is, or what was counted."""
        if self._estate is None or self._ledger is None:
            return None
        if message.get("do") == "reload":
            await self._estate.reload()
            _log.info("worker.reloaded", broken=sorted(self._estate.broken), pid=os.getpid())
        if message.get("do") == "checks":
            away = self._ledger.trouble()
            return {"checks": [asdict(check) for check in await self._estate.checks()], "away": away or ""}
        if message.get("do") == "decide" and self._doors.deciding is not None:
            return await answered(self._doors.deciding, message)
        if message.get("do") == "counts":
            return {"counts": told(self._registry), "pid": os.getpid()}
        return None

    async def stop(self) -> None:
        """Close the doors, then the houses, then let go of the audit writer."""
        await self._doors.close()
        if self._estate is not None:
            await self._estate.stop()
        if self._ledger is not None:
            await self._ledger.aclose()
