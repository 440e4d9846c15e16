"""Verifying a long log on several cores: other processes judge stretches of the file, this one puts them together.

Each process opens the file for itself, read-only. That is sound while the gateway writes, for records are only added,
and against whoever changes the file meanwhile, for what was read must have the signed roots. They are plain Python
processes that import little: a question is one line of JSON, its answer is one line.
"""

from __future__ import annotations

import base64
import gc
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import orjson

from .ledger.checkpoint import BadCheckpoint, Checkpoint, VerifierKey
from .ledger.merkle import Frontier
from .material import Unreadable, opened
from .stretch import Flaw, Stretch, Task, judge

_MOST = 8
_NOTES = 1_000

Judged = tuple[Stretch, list[Frontier]]
"""A stretch, and the tree at each size that its task asked for."""


class Lost(Exception):
    """A process ended before its answer: nothing is known about its stretch."""


class Cores:
    """Other processes, each of which answers one question at a time. `several` starts and ends them."""

    def __init__(self, processes: Sequence[subprocess.Popen[bytes]], threads: ThreadPoolExecutor) -> None:
        self._threads = threads
        self._idle: SimpleQueue[subprocess.Popen[bytes]] = SimpleQueue()
        for one in processes:
            self._idle.put(one)

    def judged(self, path: Path, tasks: Sequence[Task], *, fast: bool) -> Iterator[Judged]:
        """Yield the judged stretches in the order of the tasks; Unreadable or Lost when one cannot be judged."""
        asked = [{"path": str(path), "task": [*task], "fast": fast} for task in tasks]
        for found in self._threads.map(self._ask, asked):
            if "unreadable" in found:
                raise Unreadable(found["unreadable"])
            flaw = Flaw(*found["flaw"]) if found["flaw"] else None
            yield Stretch(_tree(found["tree"]), flaw), [_tree(mark) for mark in found["marks"]]

    def opened(self, key: VerifierKey, notes: Sequence[bytes]) -> Iterator[Checkpoint | str]:
        """Yield for every note its checkpoint, or why it is not genuine."""
        parts = [notes[at : at + _NOTES] for at in range(0, len(notes), _NOTES)]
        asked = [{"key": str(key), "notes": [_text(note) for note in part]} for part in parts]
        for found in self._threads.map(self._ask, asked):
            for one in found["opened"]:
                yield one if isinstance(one, str) else Checkpoint(key.name, one[0], base64.b64decode(one[1]))

    def _ask(self, question: dict[str, Any]) -> Any:
        process = self._idle.get()
        try:
            assert process.stdin
            assert process.stdout
            process.stdin.write(orjson.dumps(question) + b"\n")
            process.stdin.flush()
            return orjson.loads(process.stdout.readline())
        except (OSError, ValueError):
            raise Lost from None
        finally:
            self._idle.put(process)


@contextmanager
def several(count: int) -> Iterator[Cores]:
    """Offer that many processes, and end them."""
    root = str(Path(__file__).resolve().parents[2])
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, (root, os.environ.get("PYTHONPATH"))))}
    command = [sys.executable, "-P", "-m", f"{__package__}.cores"]
    with ExitStack() as ending:
        threads = ending.enter_context(ThreadPoolExecutor(count))
        processes = []
        for _ in range(count):
            process = subprocess.Popen(  # noqa: S603 (this interpreter, this module)
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=surroundings
            )
            processes.append(process)
            ending.callback(_end, process)
        ending.callback(threads.shutdown, wait=False, cancel_futures=True)
        yield Cores(processes, threads)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a process whose answer nobody needs any more."""
    process.kill()
    for pipe in (process.stdin, process.stdout):
        with suppress(OSError):  # a question that it did not read
            if pipe:
                pipe.close()
    process.wait()


def every() -> AbstractContextManager[Cores]:
    """Offer a process for every core that this one may use."""
    return several(min(_MOST, len(os.sched_getaffinity(0))))


def opened_notes(key: VerifierKey, notes: Sequence[bytes]) -> list[Checkpoint | str]:
    """Open notes of one key; a text says why one is not genuine."""
    found: list[Checkpoint | str] = []
    for note in notes:
        try:
            found.append(key.open(note))
        except BadCheckpoint as error:
            found.append(str(error))
    return found


def answer(question: dict[str, Any]) -> dict[str, Any]:
    """Answer one question of another process, in values that JSON has."""
    if "notes" in question:
        found = opened_notes(VerifierKey.parse(question["key"]), [_bytes(note) for note in question["notes"]])
        return {"opened": [one if isinstance(one, str) else [one.size, _text(one.root)] for one in found]}
    task = Task(*question["task"])
    marks: list[Any] = []
    try:
        with opened(Path(question["path"]), mapped=True) as ledger:
            chunks = ledger.span(task.tenant, task.start, task.stop)
            tree, flaw = judge(chunks, task, lambda tree: marks.append(_told(tree)), fast=question["fast"])
    except Unreadable as error:
        return {"unreadable": str(error)}
    return {"tree": _told(tree), "flaw": flaw and [*flaw], "marks": marks}


def _told(tree: Frontier) -> list[Any]:
    return [tree.size, _text(tree.dump())]


def _tree(told: list[Any]) -> Frontier:
    return Frontier.load(told[0], _bytes(told[1]))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)


def main() -> None:
    """Answer questions until there are no more."""
    gc.disable()
    for line in sys.stdin.buffer:
        sys.stdout.buffer.write(orjson.dumps(answer(orjson.loads(line))) + b"\n")
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    main()
