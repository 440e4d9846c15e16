"""Processes of the benchmark: started, waited for, measured through /proc, and always ended."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

_TICK = os.sysconf("SC_CLK_TCK")


class DidNotStart(Exception):
    """A process did not come up: which one, and its last words."""


@contextlib.asynccontextmanager
async def running(command: Sequence[str], log: Path) -> AsyncIterator[asyncio.subprocess.Process]:
    """Run a process while the block lasts; ask it to end, and kill it when it does not."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command, stdout=out, stderr=out, stdin=asyncio.subprocess.DEVNULL
        )
    try:
        yield process
    finally:
        if process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                process.terminate()
            try:
                await asyncio.wait_for(process.wait(), 10)
            except TimeoutError:
                process.kill()
                await process.wait()


def python(*words: str | Path) -> list[str]:
    """Return the command that runs this Python with these arguments."""
    return [sys.executable, *map(str, words)]


async def answers(port: int, target: str = "/", status: bytes = b"") -> bool:
    """True when something on loopback answers a GET, with that status when one is given."""
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    try:
        writer.write(f"GET {target} HTTP/1.1\r\nhost: 127.0.0.1:{port}\r\nconnection: close\r\n\r\n".encode())
        line = await asyncio.wait_for(reader.readline(), 10)
    except (OSError, TimeoutError):
        return False
    finally:
        writer.close()
    return line.split(b" ")[1:2] == [status] if status else bool(line)


async def listening(process: asyncio.subprocess.Process, port: int, log: Path, seconds: float = 30) -> None:
    """Wait until connections are accepted there; raises DidNotStart."""
    until = time.perf_counter() + seconds
    while time.perf_counter() < until and process.returncode is None:
        with contextlib.suppress(OSError):
            _, writer = await asyncio.open_connection("127.0.0.1", port)
            writer.transport.abort()
            return
        await asyncio.sleep(0.02)
    raise DidNotStart(_last_words(log))


async def ready(
    process: asyncio.subprocess.Process, port: int, target: str, log: Path, *, status: bytes = b"", seconds: float = 60
) -> float:
    """Wait until it answers there; return the seconds that took. Raises DidNotStart with the end of its log."""
    began = time.perf_counter()
    while time.perf_counter() - began < seconds and process.returncode is None:
        if await answers(port, target, status):
            return time.perf_counter() - began
        await asyncio.sleep(0.005)
    raise DidNotStart(_last_words(log))


def _last_words(log: Path) -> str:
    return f"{log.stem} did not come up:\n{log.read_text('utf-8', 'replace')[-1500:]}"


def cpu_seconds(pid: int) -> float:
    """Return the processor time a process and its children took so far, user and system."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return (int(fields[11]) + int(fields[12])) / _TICK + sum(cpu_seconds(int(child)) for child in children)


def family(pid: int) -> list[int]:
    """Return a process and everything below it."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(one for child in children for one in family(int(child)))]


def answering(pid: int) -> list[int]:
    """Return the processes of a gateway that answer: its workers, or itself when it has none."""
    workers = [one for one in family(pid) if b"\0worker\0" in Path(f"/proc/{one}/cmdline").read_bytes()]
    return workers or [pid]


def pss_megabytes(pid: int) -> float:
    """Return the proportional set size of a process in megabytes (10^6 bytes)."""
    found = re.search(r"^Pss:\s+([0-9]+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return int(found[1]) * 1024 / 1e6 if found else 0.0
