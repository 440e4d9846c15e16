"""A socket among many: what is not read at once is sent later, who reads nothing is let go, a bug ends one alone."""

from __future__ import annotations

import os
import socket
import threading
from collections.abc import Callable, Iterator

import pytest

from nuts_pzp.audit.ledger.line import Line
from nuts_pzp.audit.ledger.sockets import Sockets

LATEST = 20.0


class Room:
    """Sockets and their thread; `rounds` counts how often it had read all there was."""

    def __init__(self) -> None:
        self.rounds = 0
        self.sockets = Sockets("room", self._after)
        self.far: list[socket.socket] = []
        self.lines: list[Line] = []

    def _after(self) -> None:
        self.rounds += 1

    def line(self, heard: Callable[[bytes], None]) -> tuple[Line, socket.socket, threading.Event]:
        near, far = socket.socketpair()
        far.settimeout(LATEST)
        ended = threading.Event()
        line = Line(self.sockets, near, heard, ended.set)
        line.begin()
        self.far.append(far)
        self.lines.append(line)
        return line, far, ended


@pytest.fixture
def room() -> Iterator[Room]:
    one = Room()
    yield one
    for line in one.lines:
        line.close()
    one.sockets.close()
    for far in one.far:
        far.close()


def received(far: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size and (piece := far.recv(65_536)):
        found += piece
    return found


def test_what_the_other_side_does_not_read_at_once_arrives_whole_and_in_order(room: Room) -> None:
    line, far, ended = room.line(lambda data: None)
    pieces = [bytes([number]) * 100_000 for number in range(9)]
    for piece in pieces:
        line.send(piece)
    assert received(far, 900_000) == b"".join(pieces)
    line.send(b"more")
    assert received(far, 4) == b"more"
    assert not ended.is_set()


def test_whoever_leaves_too_much_unread_is_let_go(room: Room) -> None:
    line, _far, ended = room.line(lambda data: None)
    for _ in range(20):
        line.send(b"x" * 100_000)
    assert ended.is_set()
    line.send(b"nobody hears this")


def test_one_that_cannot_be_heard_ends_alone(room: Room) -> None:
    heard: list[bytes] = []
    came = threading.Event()

    def bug(data: bytes) -> None:
        raise LookupError

    def well(data: bytes) -> None:
        heard.append(data)
        came.set()

    _, broken, ended = room.line(bug)
    _, other, others_end = room.line(well)
    broken.send(b"x")
    assert ended.wait(LATEST)
    assert broken.recv(1) == b""
    other.send(b"y")
    assert came.wait(LATEST)
    assert (heard, others_end.is_set()) == ([b"y"], False)


def test_the_other_side_s_end_and_our_own_are_told_once(room: Room) -> None:
    line, far, ended = room.line(lambda data: None)
    far.close()
    assert ended.wait(LATEST)
    ended.clear()
    line.close()
    assert not ended.is_set()


def test_what_is_to_follow_follows_once_all_were_read(room: Room) -> None:
    come = threading.Event()
    seen: list[int] = []

    def heard(data: bytes) -> None:
        seen.append(room.rounds)
        come.set()

    _, far, _ = room.line(heard)
    far.send(b"x")
    assert come.wait(LATEST)
    ended = threading.Event()
    _, other, _ = room.line(lambda data: ended.set())
    other.send(b"y")
    assert ended.wait(LATEST)
    assert room.rounds > seen[0]


def test_a_bug_in_what_follows_does_not_end_the_thread(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    failed, came = threading.Event(), threading.Event()

    def bug() -> None:
        failed.set()
        raise LookupError

    monkeypatch.setattr(room.sockets, "_after", bug)
    _, far, _ = room.line(lambda data: came.set() if failed.is_set() else None)
    far.send(b"x")
    assert failed.wait(LATEST)
    far.send(b"y")
    assert came.wait(LATEST)


def test_a_closed_one_ends_its_thread() -> None:
    sockets = Sockets("brief", lambda: None)
    thread = next(one for one in threading.enumerate() if one.name == "brief")
    sockets.close()
    thread.join(LATEST)
    assert not thread.is_alive()


def test_one_that_its_sockets_wake_while_it_is_closed_ends_no_sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    near, far = socket.socketpair()
    sockets = Sockets("busy", lambda: None)
    thread = next(one for one in threading.enumerate() if one.name == "busy")
    sockets.watch(near.fileno(), lambda: None)
    ring = os.eventfd_write

    def late(bell: int, count: int) -> None:
        far.send(b"never read")
        thread.join(0.2)
        ring(bell, count)

    monkeypatch.setattr(os, "eventfd_write", late)
    sockets.close()
    thread.join(LATEST)
    assert not thread.is_alive()
    near.close()
    far.close()
