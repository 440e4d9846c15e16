"""A line: the one HTTP engine under everything that is dialled (design D13, spec stack 2, ADR 0041).

Never follows a redirect, decompresses, keeps a cookie, or reads a proxy from the environment. What is dialled is what
was checked: the resolver's answer is used as it is. Failures are values.
"""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from .dialling import Outbound, Trouble, is_name

_CONNECTIONS = 200
_HOSTS = 1_000
"""Hosts whose permission is remembered."""


@dataclass(frozen=True, slots=True)
class Heard:
    """A complete answer. Header names are lower case."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def media_type(self) -> str:
        """The media type without parameters, lower case."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()


@dataclass(frozen=True, slots=True)
class Bounds:
    """Seconds to connect, seconds for the whole call, bytes of the largest body."""

    connect: float
    total: float
    limit: int


class _AddressRefused(OSError):
    """The name leads to an address that may not be dialled."""


class _Checked(AbstractResolver):
    """Resolves for the connector, which dials what it returns: a name rebound in between gains nothing."""

    def __init__(self, outbound: Outbound) -> None:
        self._outbound = outbound

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        found = await self._outbound.addresses(host, port)
        if found is Trouble.ADDRESS:
            raise _AddressRefused("an address outside outbound.allowed_networks")
        if isinstance(found, Trouble):
            raise OSError("the name has no address")
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in found
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Line:
    """One pooled client; made at the first call, in the loop that uses it."""

    def __init__(
        self,
        outbound: Outbound,
        tls: ssl.SSLContext,
        bounds: Bounds,
        headers: Mapping[str, str] | None = None,
        connections: int = _CONNECTIONS,
    ) -> None:
        self._outbound, self._tls, self._bounds, self._connections = outbound, tls, bounds, connections
        self._headers = {"accept-encoding": "identity", "user-agent": "nuts-pzp", **(headers or {})}
        self._timeout = aiohttp.ClientTimeout(total=bounds.total, sock_connect=bounds.connect)
        self._session: aiohttp.ClientSession | None = None
        self._hosts: dict[str, bool] = {}

    async def call(
        self,
        method: str,
        url: URL,
        headers: Mapping[str, str] | None = None,
        body: bytes | None = None,
        *,
        within: float | None = None,
        repeatable: bool = False,
    ) -> Heard | Trouble:
        """Make one call; the time covers everything from the look-up of the name to the last byte.

        Cancelling closes the connection, so the other side sees that nobody waits any more. With `repeatable` a kept
        connection that the other side had just closed is no failure: the call is made once more.
        """
        if not self._may_dial(url.host or ""):
            return Trouble.ADDRESS
        timeout = self._timeout
        if within is not None:
            timeout = aiohttp.ClientTimeout(total=within, sock_connect=self._bounds.connect)
        made = _Call(method, url, headers or {}, body or None, timeout)
        try:
            try:
                return await self._once(made)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionResetError) as error:
                if not repeatable or isinstance(error, aiohttp.ClientConnectorError) or _is_tls(error):
                    raise
                return await self._once(made)
        except TimeoutError:
            return Trouble.TIMEOUT
        except (aiohttp.ClientError, OSError, ValueError) as error:
            return _trouble(error)

    async def close(self) -> None:
        """Close every connection; a later call opens new ones."""
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def _may_dial(self, host: str) -> bool:
        """True for a name, which the resolver checks, and for an address that is allowed: for as long as this lives."""
        known = self._hosts.get(host)
        if known is None:
            if len(self._hosts) >= _HOSTS:
                self._hosts.clear()
            known = self._hosts[host] = self._outbound.permits(host) if _is_address(host) else is_name(host)
        return known

    async def _once(self, made: _Call) -> Heard | Trouble:
        async with self._open().request(
            made.method, made.url, headers=made.headers, data=made.body, timeout=made.timeout, allow_redirects=False
        ) as response:
            return await self._heard(response)

    async def _heard(self, response: aiohttp.ClientResponse) -> Heard | Trouble:
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return Trouble.BROKEN
        if (response.content_length or 0) > self._bounds.limit:
            response.close()
            return Trouble.OVERSIZE
        parts: list[bytes] = []
        size = 0
        async for part in response.content.iter_any():
            size += len(part)
            if size > self._bounds.limit:
                response.close()
                return Trouble.OVERSIZE
            parts.append(part)
        return Heard(response.status, _headers(response), b"".join(parts))

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._tls,
                    resolver=_Checked(self._outbound),
                    limit=self._connections,
                    ttl_dns_cache=10,
                    keepalive_timeout=15,
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                auto_decompress=False,
                trust_env=False,
                skip_auto_headers=("Accept-Encoding", "Content-Type"),
                headers=self._headers,
            )
        return self._session


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


@dataclass(frozen=True, slots=True)
class _Call:
    method: str
    url: URL = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes | None = field(repr=False)
    timeout: aiohttp.ClientTimeout


def _headers(response: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Return the headers by lower-case name; a repeated one is joined, so that no reader takes half of it."""
    found: dict[str, str] = {}
    for name, value in response.headers.items():
        key = name.lower()
        found[key] = f"{found[key]}, {value}" if key in found else value
    return found


def _trouble(error: BaseException) -> Trouble:
    """Say what an error comes down to; the cause decides, whatever it is wrapped in."""
    if any(isinstance(cause, _AddressRefused) for cause in _causes(error)):
        return Trouble.ADDRESS
    if _is_tls(error):
        return Trouble.TLS
    return Trouble.REFUSED if isinstance(error, aiohttp.ClientConnectorError) else Trouble.BROKEN


def _is_tls(error: BaseException) -> bool:
    """True when a TLS failure lies anywhere behind the error."""
    return any(isinstance(cause, ssl.SSLError | ssl.CertificateError) for cause in _causes(error))


def _causes(error: BaseException) -> Iterator[BaseException]:
    seen: BaseException | None = error
    while seen is not None:
        yield seen
        seen = seen.__cause__ or seen.__context__
