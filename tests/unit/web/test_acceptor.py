"""Several processes on one listening socket: connections are shared out, and nobody waits for one that is not there."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack

import pytest
import pytest_asyncio

from nuts_pzp.web.acceptor import ABSENT, Acceptor, Board, Seated
from nuts_pzp.web.places import Place


@pytest.fixture
def board() -> Iterator[tuple[Board, int]]:
    made, descriptor = Board.new(3)
    yield made, descriptor
    os.close(descriptor)


def test_a_process_sees_who_holds_fewer(board: tuple[Board, int]) -> None:
    mine, theirs = Board(board[1], 3, 0), Board(board[1], 3, 1)
    mine.changed(0)
    theirs.changed(0)
    mine.changed(1)
    assert mine.another_is_freer()
    assert not theirs.another_is_freer()
    theirs.changed(1)
    assert not mine.another_is_freer()


def test_nothing_is_left_to_a_process_that_is_not_there(board: tuple[Board, int]) -> None:
    mine, theirs = Board(board[1], 3, 0), Board(board[1], 3, 1)
    theirs.changed(0)
    mine.changed(5)
    board[0].absent(1)
    assert not mine.another_is_freer()
    mine.changed(-5)
    assert not mine.another_is_freer()
    assert ABSENT > 2**31


def test_a_place_that_is_refused_is_not_on_the_board(board: tuple[Board, int]) -> None:
    mine, theirs = Board(board[1], 3, 0), Board(board[1], 3, 1)
    theirs.changed(0)
    seats = Seated(mine)
    taken = [seats.enter("192.0.2.1") for _ in range(251)]
    assert [place is None for place in taken] == [*[False] * 250, True]
    for place in taken[:250]:
        assert place
        place.leave()
    assert not mine.another_is_freer()


class Holding(asyncio.Protocol):
    """Has a place and keeps it until the other side leaves."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        transport.write(b"here")  # type: ignore[attr-defined]

    def connection_lost(self, exc: Exception | None) -> None:
        self._place.leave()


@pytest_asyncio.fixture
async def pair(board: tuple[Board, int]) -> AsyncIterator[tuple[int, list[Acceptor], list[Board]]]:
    """Two acceptors on one socket, as two processes have it."""
    bound = socket.create_server(("127.0.0.1", 0))
    boards = [Board(board[1], 3, slot) for slot in range(2)]
    acceptors = []
    for one in boards:
        listening = bound.dup()
        listening.setblocking(False)
        acceptors.append(Acceptor(listening, Seated(one), Holding, board=one))
        acceptors[-1].start()
    yield acceptors[0].port, acceptors, boards
    bound.close()
    for acceptor in acceptors:
        acceptor.close()


async def connected(stack: AsyncExitStack, port: int, many: int) -> None:
    loop = asyncio.get_running_loop()
    for _ in range(many):
        client = stack.enter_context(socket.socket())
        client.setblocking(False)
        async with asyncio.timeout(5):
            await loop.sock_connect(client, ("127.0.0.1", port))
            assert await loop.sock_recv(client, 4) == b"here"


async def test_kept_connections_are_shared_out(pair: tuple[int, list[Acceptor], list[Board]]) -> None:
    port, _, boards = pair
    async with AsyncExitStack() as stack:
        await connected(stack, port, 20)
        assert sorted(one.held for one in boards) == [10, 10]


async def test_who_holds_more_waits_a_moment_and_then_accepts(
    pair: tuple[int, list[Acceptor], list[Board]],
) -> None:
    port, acceptors, boards = pair
    boards[1].changed(0)
    acceptors[1].close()  # it says that it is free, and does not accept: hung
    async with AsyncExitStack() as stack:
        async with asyncio.timeout(5):
            await connected(stack, port, 10)
        assert boards[0].held == 10
