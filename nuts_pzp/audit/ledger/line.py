"""One connected socket among those that a thread reads: bytes in, bytes out, never a wait."""

from __future__ import annotations

import socket
import threading
from collections.abc import Callable

import structlog

from .sockets import READS, WRITES, Sockets

_log = structlog.get_logger("nuts_pzp.audit.line")
_PIECE = 65_536
"""Bytes that are read at once: others have their turn, too."""
_UNREAD = 1_048_576
"""Bytes that the other side may leave unread, beside what the kernel keeps for it."""


class Line:
    """Heard in the thread of its sockets; any thread may send and close."""

    def __init__(
        self, sockets: Sockets, peer: socket.socket, heard: Callable[[bytes], None], ended: Callable[[], None]
    ) -> None:
        """`heard` takes what comes, in pieces; `ended` is called once it is closed, by whomever."""
        self._sockets, self._peer, self._heard, self._ended = sockets, peer, heard, ended
        self._turn = threading.RLock()
        self._unsent = b""
        self._events = READS
        peer.setblocking(False)

    def begin(self) -> None:
        """Hear from now on."""
        with self._turn:
            if self._open:
                self._sockets.watch(self._peer.fileno(), self._ready)

    def send(self, said: bytes) -> None:
        """Send now, or when the other side has read enough; close when it leaves too much unread."""
        with self._turn:
            if not self._open:
                return
            self._unsent += said
            if not self._flushed():
                self.close()

    def close(self) -> None:
        """End it, whatever is unsent; idempotent."""
        with self._turn:
            if not self._open:
                return
            self._sockets.forget(self._peer.fileno())
            self._peer.close()
        self._ended()

    @property
    def _open(self) -> bool:
        return self._peer.fileno() >= 0

    def _flushed(self) -> bool:
        """Send what can be sent now; False when there is no use in going on."""
        try:
            self._unsent = self._unsent[self._peer.send(self._unsent) :]
        except BlockingIOError:
            pass
        except OSError:
            return False
        if len(self._unsent) > _UNREAD:
            _log.error("audit.worker-does-not-listen")
            return False
        events = READS | WRITES if self._unsent else READS
        if events != self._events:
            self._events = events
            self._sockets.watch(self._peer.fileno(), self._ready, events)
        return True

    def _ready(self) -> None:
        """Send what is left and hear what is there."""
        try:
            with self._turn:
                if self._unsent and not self._flushed():
                    return self.close()
                data = self._peer.recv(_PIECE)
        except BlockingIOError:
            return None
        except OSError:  # lost, or closed since
            return self.close()
        if not data:
            return self.close()
        try:
            self._heard(data)
        except Exception as bug:  # this one ends alone: the thread serves them all
            _log.error("audit.line-not-heard", error=type(bug).__name__)
            self.close()
        return None
