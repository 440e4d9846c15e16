"""The audit writer as a process: the ledger, and the socket on which workers hand in records."""

from __future__ import annotations

import asyncio
from dataclasses import asdict

from ..audit.ledger.ledger import Ledger
from ..audit.ledger.reception import Reception
from ..gateway import LEDGER_REFUSED, placed, settle
from ..settings import SettingsError
from .child import Post
from .control import Message

_WORKERS_LEAVE = 10.0
"""Seconds that workers may take to leave when the supervisor is gone and nobody told the writer to stop."""


class Clerk:
    """Opens the ledger first, so that no other process listens under its name; closes it last."""

    def __init__(self, post: Post) -> None:
        self._post = post
        self._ledger: Ledger | None = None
        self._reception: Reception | None = None

    async def start(self) -> None:
        """Open and verify, then listen."""
        try:
            self._ledger = await asyncio.to_thread(Ledger.open, placed(self._post.deployment, self._post.folder))
            self._reception = Reception(self._ledger, self._post.audit_socket)
            self._reception.start()
        except LEDGER_REFUSED as error:
            raise SettingsError(f"audit: {error}") from None
        except OSError as error:
            await self.stop()
            raise SettingsError(f"state: the audit socket: {error.strerror}") from None
        settle()

    async def told(self, message: Message) -> Message | None:
        """Say how the ledger is."""
        if message.get("do") == "condition" and self._ledger is not None and self._reception is not None:
            return {"condition": asdict(self._ledger.condition()), "workers": self._reception.workers}
        return None

    async def stop(self) -> None:
        """Wait for the workers, who may still be answering; then take nothing more, and close."""
        if self._reception is not None:
            await self._reception.left(_WORKERS_LEAVE)
            self._reception.stop()
        if self._ledger is not None:
            await self._ledger.aclose()
