"""Sandbox: ports that will be listened on later, by another process: found now, held until the region is up."""

from __future__ import annotations

import random
import socket

_LOW, _HIGH = 20_000, 32_000
"""Below the range that the kernel takes outgoing ports from, so that no connection lands on a reserved one."""
_NAME = "\0nuts-pzp-sandbox-port-{}"
"""A name without a file (an abstract one of Linux), of which the kernel gives each out once."""


class Reservations:
    """Free loopback ports. While held nobody else gets them; after `release` a gateway binds them.

    No other region on this machine takes one before this process ends, also while the gateway is not there yet, or
    no longer.
    """

    def __init__(self) -> None:
        """None yet."""
        self._held: list[socket.socket] = []

    def take(self) -> int:
        """Find, hold and return a free port; raises OSError when there is none."""
        for _ in range(1_000):
            port = random.randrange(_LOW, _HIGH)
            candidate, claim = socket.socket(), socket.socket(socket.AF_UNIX)
            try:
                claim.bind(_NAME.format(port))
                candidate.bind(("127.0.0.1", port))
            except OSError:
                candidate.close()
                claim.close()
                continue
            claim.detach()  # open until the process ends
            self._held.append(candidate)
            return port
        raise OSError("no free port on loopback")

    def release(self) -> None:
        """Let go of all; idempotent."""
        for one in self._held:
            one.close()
        self._held.clear()
