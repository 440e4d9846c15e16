"""What every child of the supervisor does: say when it is ready, do what it is told, end when told or left alone.

Signals that a terminal or a service manager sends to all processes of a group are the supervisor's affair: it ends its
children in order. Run: python -m nuts_pzp.crew ROLE --folder FOLDER --slot N --control FD --settings FD [--network FD]
[--ehr FD]. The settings are those that the supervisor read at its start: a file that changed since counts at the next.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import signal
import socket
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import structlog

from .. import telemetry
from ..doors import DOORS
from ..settings import Deployment, SettingsError
from ..web.acceptor import Board, Shared
from .control import Control, Message

_log = structlog.get_logger("nuts_pzp.crew")


@dataclass(frozen=True, slots=True)
class Post:
    """Where a child stands: its settings, its number, and the sockets it was given."""

    deployment: Deployment
    folder: Path
    slot: int
    shared: dict[str, Shared]

    @property
    def audit_socket(self) -> Path:
        """Where the audit writer listens."""
        return self.folder / self.deployment.state_folder / "audit.sock"


class Duty(Protocol):
    """What a child is there for."""

    async def start(self) -> None:
        """Begin; SettingsError, with words, when that cannot be."""
        ...

    async def told(self, message: Message) -> Message | None:
        """Do or answer what the supervisor says."""
        ...

    async def stop(self) -> None:
        """End in order."""
        ...


async def serve(duty: Duty, control: socket.socket) -> int:
    """Do a duty until the supervisor says `stop` or is gone; return the exit code."""
    loop, done = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: None)

    async def hear(message: Message) -> Message | None:
        if message.get("do") == "stop":
            done.set()
            return None
        return await duty.told(message)

    line = Control(control, hear)
    listening = asyncio.create_task(line.listen())
    listening.add_done_callback(lambda _: done.set())
    await asyncio.sleep(0)
    ended = asyncio.create_task(done.wait())
    starting = asyncio.create_task(_started(duty, line))
    await asyncio.wait({starting, ended}, return_when=asyncio.FIRST_COMPLETED)
    if not starting.done():
        starting.cancel()
    refused = (await asyncio.gather(starting, return_exceptions=True))[0]
    if refused is not False:
        await line.drained()
        ended.cancel()
        listening.cancel()
        return 2
    await ended
    await duty.stop()
    listening.cancel()
    return 0


async def _started(duty: Duty, line: Control) -> bool:
    """Start and say so; True, after saying why, when that cannot be."""
    try:
        await duty.start()
    except SettingsError as error:
        line.say({"refused": str(error)})
        return True
    line.say({"ready": True})
    return False


def post() -> tuple[str, Post, socket.socket]:
    """Read the arguments that the supervisor gave: role, post and the control socket."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("role", choices=("worker", "writer"))
    asked.add_argument("--folder", type=Path, required=True)
    for name in ("slot", "control", "settings", "board", *DOORS):
        asked.add_argument(f"--{name}", type=int)
    given = asked.parse_args()
    os.environ.setdefault("RUST_LIB_BACKTRACE", "0")  # before the policy engine: it would cost 20 ms per error
    with os.fdopen(given.settings, "rb") as file:
        file.seek(0)  # shared with the children before
        deployment = Deployment.model_validate_json(file.read())
    telemetry.configure(deployment.log.level)
    structlog.contextvars.bind_contextvars(process=f"{given.role}-{given.slot}")
    where = Post(deployment, given.folder, given.slot, _shared(given, deployment.workers))
    return given.role, where, socket.socket(fileno=given.control)


def _shared(given: argparse.Namespace, workers: int) -> dict[str, Shared]:
    if given.board is None:
        return {}
    board = Board(given.board, workers, given.slot)
    numbers = {name: getattr(given, name) for name in DOORS}
    return {name: Shared(socket.socket(fileno=number), board) for name, number in numbers.items() if number is not None}
