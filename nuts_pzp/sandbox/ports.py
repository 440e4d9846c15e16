"""Sandbox: ports that will be listened on later, by another process: found now, held until the region is up."""

from __future__ import annotations

import random
import socket

_LOW, _HIGH = 20_000, 32_000
"""Below the range that the kernel takes outgoing ports from, so that no connection lands on a reserved one."""


class Reservations:
    """Free loopback ports. While held nobody else gets them; after `release` a gateway binds them."""

    def __init__(self) -> None:
        """None yet."""
        self._held: list[socket.socket] = []

    def take(self) -> int:
        """Find, hold and return a free port; raises OSError when there is none."""
        for _ in range(1_000):
            port = random.randrange(_LOW, _HIGH)
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
                continue
            self._held.append(candidate)
            return port
        raise OSError("no free port on loopback")

    def release(self) -> None:
        """Let go of all; idempotent."""
        for one in self._held:
            one.close()
        self._held.clear()
