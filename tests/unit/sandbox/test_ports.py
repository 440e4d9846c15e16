"""Ports that a gateway will listen on later are nobody else's until it does."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest

from nuts_pzp.sandbox import ports
from nuts_pzp.sandbox.ports import Reservations

ELSEWHERE = """
from nuts_pzp.sandbox.ports import Reservations
mine = Reservations()
port = mine.take()
mine.release()
print(port, flush=True)
input()
"""


class Dice:
    """Draws what it is told."""

    def __init__(self, drawn: Iterable[int]) -> None:
        self._drawn = iter(drawn)

    def randrange(self, low: int, high: int) -> int:
        return next(self._drawn)


@contextmanager
def another_region() -> Iterator[int]:
    """The port of a region in another process, which let go of it for a gateway that is not there yet."""
    with subprocess.Popen(
        [sys.executable, "-c", ELSEWHERE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        yield int(process.stdout.readline())
        process.communicate("\n")


def test_a_held_port_is_nobody_elses() -> None:
    mine = Reservations()
    port = mine.take()
    with socket.socket() as other, pytest.raises(OSError, match="in use"):
        other.bind(("127.0.0.1", port))
    mine.release()
    with socket.socket() as other:
        other.bind(("127.0.0.1", port))


def test_two_regions_never_take_the_same_port(monkeypatch: pytest.MonkeyPatch) -> None:
    mine = Reservations()
    with another_region() as port:
        monkeypatch.setattr(ports, "random", Dice([port, *range(20_000, 21_000)]))
        assert mine.take() != port
    monkeypatch.setattr(ports, "random", Dice([port]))
    assert mine.take() == port, "free again when the other is gone"
    mine.release()


def test_a_port_that_was_let_go_of_is_not_taken_again(monkeypatch: pytest.MonkeyPatch) -> None:
    mine, later = Reservations(), Reservations()
    port = mine.take()
    mine.release()
    monkeypatch.setattr(ports, "random", Dice([port, *range(20_000, 21_000)]))
    assert later.take() != port
    later.release()
