"""A thread that reads sockets, and after each round does what is to be done with all that came (ADR 0024)."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Callable

import structlog

_log = structlog.get_logger("nuts_pzp.audit.sockets")
READS, WRITES = select.EPOLLIN, select.EPOLLOUT
ONCE_EACH = select.EPOLLIN | select.EPOLLET
"""Once for what newly arrives, however much of it is left."""


class Sockets:
    """Calls for every socket that is ready, in its own thread; everything here is for any thread.

    What is called for a socket does not block.
    """

    def __init__(self, name: str, after: Callable[[], None]) -> None:
        """`after` is called once all that were ready at the same time have been read."""
        self._after = after
        self._epoll = select.epoll()
        self._bell = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        self._ready: dict[int, Callable[[], None]] = {}
        self._closed = False
        self.watch(self._bell, self._end)
        threading.Thread(target=self._run, name=name, daemon=True).start()

    def watch(self, descriptor: int, ready: Callable[[], None], events: int = READS) -> None:
        """Call whenever this descriptor is ready for these events; they may be others than before."""
        known = descriptor in self._ready
        self._ready[descriptor] = ready
        (self._epoll.modify if known else self._epoll.register)(descriptor, events)

    def forget(self, descriptor: int) -> None:
        """Call no more for this descriptor. To be said before it is closed: its number may be another's after."""
        if self._ready.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """End the thread, without waiting for what it does now. Once only, and when nothing is watched any more."""
        os.eventfd_write(self._bell, 1)

    def _end(self) -> None:
        self._closed = True

    def _run(self) -> None:
        while not self._closed:
            try:
                self._round()
            except Exception as bug:  # the others are served all the same
                _log.error("audit.sockets", error=type(bug).__name__)
        self._epoll.close()
        os.close(self._bell)

    def _round(self) -> None:
        for descriptor, _ in self._epoll.poll():
            ready = self._ready.get(descriptor)
            if ready is not None:  # else it was forgotten since
                ready()
        self._after()
