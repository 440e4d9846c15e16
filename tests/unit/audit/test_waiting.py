"""The queue in front of the writer: bounds, groups, and how long it lingers for one."""

from __future__ import annotations

import threading
import time
from concurrent.futures import Future
from typing import Any

import pytest

from nuts_pzp.audit.ledger.waiting import Limits, Queue, Waiting
from nuts_pzp.audit.page import Draft
from nuts_pzp.audit.port import NotRecorded

NO_LOG: Any = None


class Patience:
    """Waits for nothing, and keeps how long it might have."""

    def __init__(self) -> None:
        self.waits: list[float | None] = []

    def clear(self) -> None:
        """It was not set."""

    def wait(self, seconds: float | None) -> None:
        self.waits.append(seconds)


def waiting(size: int = 10) -> Waiting:
    return Waiting(NO_LOG, Draft("x", (b"{" * size, b"", b"", b"")), Future())


def a_queue(**limits: Any) -> Queue:
    return Queue(Limits(**limits), lambda anyway: None)


def take(queue: Queue) -> list[Waiting]:
    return queue.take() if queue.wait() else []


def taken(queue: Queue) -> tuple[list[Waiting], float]:
    began = time.monotonic()
    return take(queue), time.monotonic() - began


def test_it_is_bounded_in_records_and_in_bytes_and_room_comes_back() -> None:
    queue = a_queue(waiting=3, waiting_bytes=100)
    group = [waiting(30) for _ in range(3)]
    assert queue.put_all(group) == []
    with pytest.raises(NotRecorded, match="too many"):
        queue.put(waiting(1))
    assert queue.take() == group
    queue.put(waiting(90))
    late = [waiting(5), waiting(6), waiting(5)]
    assert [(ticket is late[1].ticket, str(why)) for ticket, why in queue.put_all(late)] == [
        (True, "too many records wait")
    ]
    assert len(queue) == 3
    assert len(queue.drain()) == 3
    assert len(queue) == 0
    queue.put(waiting(100))


def test_a_reason_refuses_all_but_what_is_wanted_anyway() -> None:
    queue = Queue(Limits(), lambda anyway: None if anyway else "no room")
    with pytest.raises(NotRecorded, match="no room"):
        queue.put(waiting())
    queue.put(waiting(), anyway=True)
    assert len(queue.take()) == 1


def test_a_group_is_no_larger_than_the_limit_and_keeps_the_order() -> None:
    queue = a_queue(group=4, linger=0.0)
    group = [waiting() for _ in range(10)]
    queue.put_all(group)
    assert [queue.take(), queue.take(), queue.take()] == [group[:4], group[4:8], group[8:]]


def test_one_record_alone_never_lingers() -> None:
    queue = a_queue(linger=60.0)
    queue.put_all([waiting() for _ in range(20)])
    queue.take()
    queue.put(waiting())
    group, seconds = taken(queue)
    assert (len(group), seconds < 30.0) == (1, True)


def test_it_lingers_until_as_many_came_as_usual() -> None:
    queue = a_queue(linger=60.0)
    queue.put_all([waiting() for _ in range(6)])
    queue.take()
    queue.put_all([waiting(), waiting()])
    threading.Timer(0.1, lambda: queue.put_all([waiting() for _ in range(4)])).start()
    group, seconds = taken(queue)
    assert (len(group), seconds < 30.0) == (6, True)


def test_it_lingers_no_longer_than_it_may_and_then_expects_fewer() -> None:
    queue, patience = a_queue(linger=0.1), Patience()
    queue._wake = patience  # type: ignore[assignment]
    queue.put_all([waiting() for _ in range(6)])
    queue.take()
    for _ in range(3):
        queue.put_all([waiting(), waiting()])
        assert len(queue.take()) == 2
        assert patience.waits == [0.1], "once, and not again for two"


def test_a_closed_queue_gives_what_it_has_and_then_nothing() -> None:
    queue = a_queue(linger=60.0)
    queue.put_all([waiting() for _ in range(6)])
    queue.take()
    queue.put_all([waiting(), waiting()])
    queue.close()
    with pytest.raises(NotRecorded, match="closed"):
        queue.put(waiting())
    group, seconds = taken(queue)
    assert (len(group), seconds < 30.0) == (2, True)
    assert take(queue) == []


def test_whoever_waits_for_the_first_record_is_woken_by_it_and_by_the_end() -> None:
    queue, groups = a_queue(), []
    thread = threading.Thread(target=lambda: groups.extend([take(queue), take(queue)]))
    thread.start()
    time.sleep(0.05)
    one = waiting()
    queue.put(one)
    time.sleep(0.05)
    queue.close()
    thread.join(5.0)
    assert groups == [[one], []]
