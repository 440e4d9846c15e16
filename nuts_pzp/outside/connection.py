"""One connection: one call at a time; whatever is odd about it closes it."""

from __future__ import annotations

import asyncio
import select
import ssl
from collections.abc import Callable
from typing import cast

from .answer import Answer, Heard
from .dialling import Trouble
from .request import Origin

_BUFFER = 40_960
"""Bytes that are read at once without TLS. A loop that is given no buffer takes a new one of 256 KiB for every read
over TLS."""
_RECORD = 17_408
"""Bytes of one TLS record: as much may have been taken in besides what waits to be decrypted."""
_NONE = memoryview(b"")


class Connection(asyncio.BufferedProtocol):
    """Carries calls to one origin. Whoever makes it is told by `lost` that it is gone.

    Its buffer is its own, so that nothing of one connection can be read as something of another.
    """

    def __init__(self, origin: Origin, lost: Callable[[Connection], None]) -> None:
        self.origin = origin
        self.reusable = False
        """True when it may carry another call."""
        self.stale = False
        """True when it had carried a call before, and the other side closed it before it said anything to this one."""
        self._lost = lost
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._transport: asyncio.Transport | None = None
        self._answer: Answer | None = None
        self._waiting: asyncio.Future[Heard | Trouble] | None = None
        self._calls = 0
        self._odd = False
        self._into = _NONE
        self._unread: select.poll | None = None

    @property
    def usable(self) -> bool:
        """True while nobody closes it."""
        return self._transport is not None and not self._odd and not self._transport.is_closing()

    @property
    def quiet(self) -> bool:
        """True while it is usable and nothing has come in that the loop has not read yet.

        To be seen before it carries another call: what is there already would be taken for the answer to that call.
        """
        if self._transport is None or not self.usable:
            return False
        if self._unread is None:
            self._unread = select.poll()
            self._unread.register(self._transport.get_extra_info("socket").fileno(), select.POLLIN)
        return not self._unread.poll(0)

    async def ask(self, request: bytes, answer: Answer, deadline: float) -> Heard | Trouble:
        """Send a request whole and wait for its answer until `deadline`, by the loop's clock.

        Whatever else than a complete answer ends this, the connection is not `reusable` then: close it.
        """
        self._calls += 1
        self.reusable = False
        transport = self._transport
        if transport is None or not self.usable:
            return Trouble.BROKEN  # it spoke, or closed, as soon as it stood
        self._answer, self._waiting = answer, self._loop.create_future()
        timer = self._loop.call_at(deadline, self._tell, Trouble.TIMEOUT)
        try:
            transport.write(request)
            heard = await self._waiting
        finally:
            timer.cancel()
            self._answer = self._waiting = None
            self._into = _NONE  # a consultation leaves hundreds that are kept
        # Whoever answers a request that is still being sent has not read it.
        self.reusable = answer.reusable and self.usable and transport.get_write_buffer_size() == 0
        return heard

    def abort(self) -> None:
        """Close at once; a call that waits hears that it broke."""
        self._odd = True
        self._tell(Trouble.BROKEN)
        if self._transport is not None:
            self._transport.abort()

    # What follows is called by the loop. It closes nothing itself: TLS transports are not made for that.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast(asyncio.Transport, transport)

    def get_buffer(self, sizehint: int) -> memoryview:
        """Where to put what comes in. Over TLS that is all that waits: of more, a loop loses the rest at the end."""
        room = sizehint + _RECORD if self.origin.secure else _BUFFER
        if len(self._into) < room:
            self._into = memoryview(bytearray(room))
        return self._into

    def buffer_updated(self, nbytes: int) -> None:
        """Take a part of the answer; what nobody asked for closes the connection."""
        into = self._into
        if len(into) > _BUFFER:
            self._into = _NONE
        if self._answer is None or self._waiting is None or self._waiting.done():
            if not self._odd:
                self._odd = True
                self._loop.call_soon(self.abort)
            return
        heard = self._answer.feed(into[:nbytes])
        if heard is not None:
            self._waiting.set_result(heard)

    def eof_received(self) -> None:
        """The other side says no more; the loop closes."""
        self._odd = True
        self._ended(None, whole=not self.origin.secure or self._said_goodbye())

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is gone."""
        self._transport = None
        self._ended(exc)
        if not self.gone.done():
            self.gone.set_result(None)
        self._lost(self)

    def _said_goodbye(self) -> bool:
        """True when TLS itself was ended: an end of TCP alone, anybody on the way can make (RFC 9112, 9.8)."""
        assert self._transport is not None
        try:
            return self._transport.get_extra_info("ssl_object").read(1) == b""  # type: ignore[no-any-return]
        except ssl.SSLError:
            return False

    def _ended(self, exc: Exception | None, *, whole: bool = False) -> None:
        answer = self._answer
        if answer is None or self._waiting is None or self._waiting.done():
            return
        if isinstance(exc, ssl.SSLError):
            self._tell(Trouble.TLS)
            return
        self.stale = self._calls > 1 and not answer.begun
        self._tell(answer.closed() if whole else Trouble.BROKEN)

    def _tell(self, heard: Heard | Trouble) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(heard)
