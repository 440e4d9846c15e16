"""Looks names up, each in a thread of its own: a resolver that is slow holds up no other work (ADR 0099)."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading


async def look_up(host: str, port: int) -> tuple[str, ...]:
    """Return the addresses of a name, as the system prefers them; raise OSError or UnicodeError.

    A look-up cannot be called off: its thread ends by itself, and neither a loop nor the process waits for it.
    """
    loop = asyncio.get_running_loop()
    told: asyncio.Future[tuple[str, ...]] = loop.create_future()

    def tell(found: tuple[str, ...] | Exception) -> None:
        if told.done():
            return
        if isinstance(found, Exception):
            told.set_exception(found)
        else:
            told.set_result(found)

    def ask() -> None:
        found: tuple[str, ...] | Exception
        try:
            entries = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
            found = tuple(dict.fromkeys(str(entry[4][0]) for entry in entries))
        except Exception as error:
            found = error
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits
            loop.call_soon_threadsafe(tell, found)

    try:
        threading.Thread(target=ask, name="look-up", daemon=True).start()
    except RuntimeError as error:
        raise OSError("no thread to look up a name") from error
    return await told
