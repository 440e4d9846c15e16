"""Dials what was checked: the addresses of a name are used as they were judged, and looked up nowhere else."""

from __future__ import annotations

import asyncio
import ipaddress
import ssl
from collections.abc import Callable

from .connection import Connection
from .dialling import Outbound, Trouble
from .request import Origin

_REMEMBERED = 10.0
"""Seconds the addresses of a name are used for further connections."""
_NAMES = 1_000
_LOOK_UPS = 32
"""Names that are looked up at once, a thread for each."""
_RACED = 4
"""Addresses of a name that are dialled at once."""
_HEAD_START = 0.25
"""Seconds an address is ahead of the next one (RFC 8305)."""

Made = Callable[[], Connection]


class Reach:
    """Opens connections."""

    def __init__(self, outbound: Outbound, tls: ssl.SSLContext, within: float) -> None:
        """`within`: seconds for all addresses together, TLS included."""
        self._outbound, self._tls, self._within = outbound, tls, within
        self._known: dict[tuple[str, int], tuple[float, tuple[str, ...]]] = {}
        self._looking: dict[tuple[str, int], asyncio.Task[tuple[str, ...] | Trouble]] = {}
        self._turns = asyncio.Semaphore(_LOOK_UPS)

    async def connect(self, origin: Origin, made: Made) -> Connection | Trouble:
        """Open a connection; ADDRESS, REFUSED, TLS and TIMEOUT are told apart. An address was permitted before."""
        addresses = (origin.host,) if is_address(origin.host) else await self._addresses(origin)
        if isinstance(addresses, Trouble):
            return addresses
        try:
            async with asyncio.timeout(self._within):
                return await self._race(origin, alternating(addresses), made)
        except TimeoutError:
            return Trouble.TIMEOUT
        except ssl.SSLError:
            return Trouble.TLS
        except OSError:
            return Trouble.REFUSED
        except ValueError:  # a host that TLS cannot name
            return Trouble.BROKEN

    async def _race(self, origin: Origin, addresses: list[str], made: Made) -> Connection:
        """Dial each address, with a head start on the next one; the first connection wins, the fifth ends the first."""
        if len(addresses) == 1:
            return await self._dial(origin, addresses[0], made)
        running: list[asyncio.Task[Connection]] = []
        failures: list[BaseException] = []
        try:
            while addresses or running:
                if addresses:
                    if len(running) == _RACED:
                        _call_off(running.pop(0))
                    running.append(asyncio.create_task(self._dial(origin, addresses.pop(0), made)))
                wait = _HEAD_START if addresses else None
                done, _ = await asyncio.wait(running, timeout=wait, return_when=asyncio.FIRST_COMPLETED)
                for task in done:
                    running.remove(task)
                    failure = task.exception()
                    if failure is None:
                        return task.result()
                    failures.append(failure)
        finally:
            for task in running:
                _call_off(task)
        # Of several failures TLS tells most: somebody answered.
        raise next((failure for failure in failures if isinstance(failure, ssl.SSLError)), failures[-1])

    async def _dial(self, origin: Origin, address: str, made: Made) -> Connection:
        loop, begun = asyncio.get_running_loop(), made()
        tls, name = (self._tls, origin.host.rstrip(".")) if origin.secure else (None, None)
        try:
            await loop.create_connection(lambda: begun, address, origin.port, ssl=tls, server_hostname=name)
        except BaseException:
            begun.abort()  # a loop takes leave of who does not answer for half a minute, when TLS stood already
            raise
        return begun

    async def _addresses(self, origin: Origin) -> tuple[str, ...] | Trouble:
        """Return the judged addresses of a name, looked up once for all who ask at the same time."""
        key = origin.host, origin.port
        until, addresses = self._known.get(key, (0.0, ()))
        if asyncio.get_running_loop().time() < until:
            return addresses
        looking = self._looking.get(key)
        if looking is None:
            looking = self._looking[key] = asyncio.create_task(self._look_up(key))
            looking.add_done_callback(lambda _: self._looking.pop(key))
        return await asyncio.shield(looking)

    async def _look_up(self, key: tuple[str, int]) -> tuple[str, ...] | Trouble:
        async with self._turns:
            found = await self._outbound.addresses(*key)
        if not isinstance(found, Trouble):
            if len(self._known) >= _NAMES:
                self._known.clear()
            self._known[key] = asyncio.get_running_loop().time() + _REMEMBERED, found
        return found


def is_address(host: str) -> bool:
    """True for an IP address in its plain form."""
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def alternating(addresses: tuple[str, ...]) -> list[str]:
    """Take the two families in turn, beginning with the preferred one: one that leads nowhere delays by one step."""
    first = [address for address in addresses if (":" in address) == (":" in addresses[0])]
    other = [address for address in addresses if (":" in address) != (":" in addresses[0])]
    paired = [address for pair in zip(first, other, strict=False) for address in pair]
    return paired + first[len(other) :] + other[len(first) :]


def _call_off(task: asyncio.Task[Connection]) -> None:
    task.add_done_callback(_unwanted)
    task.cancel()


def _unwanted(task: asyncio.Task[Connection]) -> None:
    """Close what came after another had won."""
    if not task.cancelled() and task.exception() is None:
        task.result().abort()
