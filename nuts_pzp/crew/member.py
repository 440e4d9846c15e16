"""One child of the supervisor: started, heard, told, started again when it ends by itself, stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys
import time
from asyncio.subprocess import Process
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import structlog

from .control import Control, Message

_log = structlog.get_logger("nuts_pzp.crew")

_SOONEST, _LATEST = 0.1, 10.0
"""Seconds before a child that ended is started again; doubled each time."""
_SETTLED = 30.0
"""Seconds after which a child counts as one that works, and the next start is soon again."""


@dataclass(frozen=True, slots=True)
class Given:
    """What every child gets: the folder of the settings file, and what was read there."""

    folder: Path
    settings: bytes


class Member:
    """A place in the crew. `keep` runs until `stop`; `first` has why the first start failed, empty when it did not."""

    def __init__(
        self, role: str, slot: int, given: Given, files: Mapping[str, int], ended: Callable[[int], None] | None = None
    ) -> None:
        """`files` are open files that it gets, by the name of its argument; `ended` hears of its slot at each end."""
        self.role, self.slot = role, slot
        self._given, self._files, self._ended = given, files, ended
        self.ready = False
        self.restarts = 0
        self.first: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._control: Control | None = None
        self._process: Process | None = None
        self._refused = ""
        self._stopping = asyncio.Event()

    @property
    def pid(self) -> int | None:
        """The number of its process, while there is one."""
        return self._process.pid if self._process is not None else None

    async def keep(self) -> None:
        """Start it, and start it again, later and later, for as long as nobody says stop."""
        pause = _SOONEST
        while not self._stopping.is_set():
            began = time.monotonic()
            code = await self._live()
            if self._stopping.is_set():
                break
            why = self._refused or f"ended with {code}"
            if not self.first.done():
                self.first.set_result(why)
                break
            pause = _SOONEST if time.monotonic() - began > _SETTLED else min(_LATEST, pause * 2)
            self.restarts += 1
            _log.error("crew.ended", role=self.role, slot=self.slot, why=why, again_in=pause, alarm="operations")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def ask(self, message: Message, within: float) -> Message:
        """Ask it; ConnectionError or TimeoutError when it does not answer."""
        if self._control is None or not self.ready:
            raise ConnectionError("it is not there")
        return await self._control.ask(message, within)

    def say(self, message: Message) -> None:
        """Tell it, if it is there."""
        if self._control is not None:
            self._control.say(message)

    async def stop(self, grace: float) -> None:
        """Tell it to stop and wait; kill it when it takes longer than `grace` seconds."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        self.say({"do": "stop"})
        try:
            await asyncio.wait_for(process.wait(), grace)
        except TimeoutError:
            _log.error("crew.killed", role=self.role, slot=self.slot, pid=process.pid)
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _live(self) -> int:
        """One life, from its start to its end; return its exit code."""
        ours, theirs = socket.socketpair()
        self._refused = ""
        with theirs, os.fdopen(os.memfd_create("settings"), "wb", buffering=0) as settings:
            settings.write(self._given.settings)
            fds = [theirs.fileno(), settings.fileno(), *self._files.values()]
            self._process = process = await asyncio.create_subprocess_exec(
                *self._command(theirs.fileno(), settings.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=fds,
            )
        self._control = Control(ours, self._heard)
        listening = asyncio.create_task(self._control.listen())
        code = await process.wait()
        self.ready = False
        if self._ended is not None:
            self._ended(self.slot)
        await listening  # its end is closed by now; what it said last is heard
        self._control = None
        return code

    def _command(self, control: int, settings: int) -> list[str]:
        words = [sys.executable, "-m", "nuts_pzp.crew", self.role, "--folder", str(self._given.folder)]
        words += ["--slot", str(self.slot), "--control", str(control), "--settings", str(settings)]
        for name, number in self._files.items():
            words += [f"--{name}", str(number)]
        return words

    async def _heard(self, message: Message) -> None:
        if message.get("ready"):
            self.ready = True
            if not self.first.done():
                self.first.set_result("")
            _log.info("crew.ready", role=self.role, slot=self.slot, pid=self.pid)
        elif refused := message.get("refused"):
            self._refused = str(refused)
