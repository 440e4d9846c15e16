"""Tells the holder's officer by a file (kind `officer_spool`): a JSON file per alert, for a mailer or pager to take.

Serves emergency. A file appears whole or not at all, and is on disk before the alert counts as told; no command is run.
"""

from __future__ import annotations

import asyncio
import os
import secrets
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict

from ...emergency.port import Alert
from ...outcome import Outcome, Unavailable
from ...outside import Surroundings
from ...reasons import Reason

__all__ = ["OfficerSpool", "SpoolSettings", "build"]


class SpoolSettings(BaseModel):
    """`emergency.alerts: {kind: officer_spool, folder: ...}`. The folder exists, and who picks up may delete in it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    folder: Path


class OfficerSpool:
    """One folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    async def tell(self, alert: Alert, /) -> Outcome[None]:
        """Write `<id>.json`, synced, under its name only when whole."""
        try:
            await asyncio.to_thread(self._write, alert)
        except OSError as error:
            return Unavailable(Reason.EMERGENCY_UNALERTED, detail=error.strerror or type(error).__name__)
        return None

    def _write(self, alert: Alert) -> None:
        # A name of its own for every attempt: one that was given up (a stop, a reload) may still be writing.
        partial, whole = self._folder / f".{alert.id}.{secrets.token_hex(8)}", self._folder / f"{alert.id}.json"
        descriptor = os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o640)
        try:
            with os.fdopen(descriptor, "wb") as out:
                out.write(orjson.dumps(alert.written()) + b"\n")
                out.flush()
                os.fsync(out.fileno())
            partial.replace(whole)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        folder = os.open(self._folder, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    async def start(self) -> None:
        """Nothing runs."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def health(self) -> Outcome[str]:
        """Say that the folder can be written."""
        if await asyncio.to_thread(os.access, self._folder, os.W_OK | os.X_OK):
            return "writable"
        return Unavailable(Reason.EMERGENCY_UNALERTED, detail="the folder cannot be written")


def build(settings: Mapping[str, Any], around: Surroundings) -> OfficerSpool:
    """Make the spool of one tenant; ValueError when the folder is none."""
    folder = around.path(SpoolSettings.model_validate(dict(settings)).folder)
    if not folder.is_dir():
        raise ValueError("folder: there is no such folder")
    return OfficerSpool(folder)
