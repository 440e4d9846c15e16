"""For systems only: everything outside is hostile or down (design D13). Checked addresses, TLS, bounded calls.

An adapter asks a `Peer` and gets a `Heard` or a `Trouble`; which Reason a Trouble becomes is the adapter's affair.
"""

from __future__ import annotations

import asyncio
import ipaddress
import logging
import socket
import ssl
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path
from typing import Protocol, runtime_checkable
from urllib.parse import urlsplit

import httpx

from .identity import Tenant
from .outcome import Outcome

# Both log whole URLs (at info) and headers (at debug): pseudonyms and bearer tokens. No log level turns that on.
for _chatty in ("httpx", "httpcore"):
    logging.getLogger(_chatty).setLevel(logging.WARNING)


class Trouble(Enum):
    """Why there is no answer. None of these ever permits anything."""

    ADDRESS = "address-not-allowed"
    REFUSED = "connection-refused"
    TLS = "tls"
    TIMEOUT = "timeout"
    REDIRECT = "redirect"
    OVERSIZE = "oversize"
    BROKEN = "broken"
    OPEN = "breaker-open"


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
class TlsFiles:
    """PEM files: roots to trust (never the public ones by default), and our client certificate with its key."""

    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a TLS 1.2+ client context that checks host names; raises OSError or ssl.SSLError on unreadable files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.roots:
            context.load_verify_locations(cafile=str(self.roots))
        else:
            context.load_default_certs()
        if self.certificate:
            context.load_cert_chain(str(self.certificate), str(self.key) if self.key else None)
        return context


@dataclass(frozen=True, slots=True)
class Outbound:
    """What may be dialled. Public addresses only, unless networks are listed; plain http only when all are loopback."""

    allowed_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()

    @property
    def loopback_only(self) -> bool:
        """True when every listed network is loopback: then, and only then, plain http may be spoken."""
        return bool(self.allowed_networks) and all(network.is_loopback for network in self.allowed_networks)

    def permits(self, address: str) -> bool:
        """True when this IP address may be dialled."""
        ip = ipaddress.ip_address(address.partition("%")[0])
        if isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            ip = ip.ipv4_mapped
        if self.allowed_networks:
            return any(ip in network for network in self.allowed_networks if network.version == ip.version)
        return ip.is_global and not ip.is_multicast

    def refuses(self, url: str) -> str | None:
        """Say why a URL may not be used (in words, without the URL), or None. Does not resolve names."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return "not a URL"
        if parts.scheme not in ("https", "http") or not parts.hostname:
            return "not an absolute http(s) URL"
        if parts.username is not None or parts.password is not None:
            return "a URL with a user name"
        if parts.scheme == "http" and not self.loopback_only:
            return "plain http outside a loopback-only deployment"
        if parts.fragment or parts.query:
            return "a base URL with a query or fragment"
        if port == 0:
            return "port 0"
        try:
            literal = ipaddress.ip_address(parts.hostname)
        except ValueError:
            return None
        return None if self.permits(str(literal)) else "an address outside outbound.allowed_networks"

    async def resolve(self, host: str, port: int) -> str | None:
        """Resolve and return the first allowed address, or None when any resolved address is not allowed."""
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except OSError:
            return None
        addresses = [str(entry[4][0]) for entry in found]
        if not addresses or not all(self.permits(address) for address in addresses):
            return None
        return addresses[0]


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What every adapter's factory gets besides its own settings."""

    tenant: Tenant
    outbound: Outbound
    folder: Path
    """Relative file names in settings are relative to this folder (that of the settings file)."""
    state: Path
    """Where this deployment may keep durable state of its own."""

    def path(self, name: str | Path) -> Path:
        """Return the file a settings value names."""
        return self.folder / Path(name).expanduser()


@runtime_checkable
class Living(Protocol):
    """An adapter with a life of its own: connections, a replica, a background task."""

    async def start(self) -> None:
        """Begin; raise only for what a restart cannot mend."""
        ...

    async def stop(self) -> None:
        """Let go of everything; idempotent."""
        ...

    async def health(self) -> Outcome[str]:
        """Say in a word that it works, or the Stop. Sends no BSN."""
        ...


class Peer:
    """One outside system at one checked base URL: a pooled client, one bounded call at a time per `send`.

    Control plane only (Nuts node, Mitz, NVI, PRS, LRZa, OAuth); FHIR forwarding has its own client.
    """

    def __init__(
        self,
        base: str,
        outbound: Outbound,
        *,
        tls: TlsFiles | None = None,
        connect: float = 2.0,
        total: float = 5.0,
        limit: int = 262_144,
    ) -> None:
        """Raise ValueError, naming the reason, when `base` may not be dialled at all."""
        if why := outbound.refuses(base):
            raise ValueError(why)
        self.base = base.rstrip("/")
        self._outbound, self._total, self._limit = outbound, total, limit
        verify: ssl.SSLContext | bool = tls.context() if tls else True
        self._client = httpx.AsyncClient(
            verify=verify,
            trust_env=False,
            follow_redirects=False,
            timeout=httpx.Timeout(total, connect=connect),
            headers={"accept-encoding": "identity", "user-agent": "nuts-pzp"},
        )

    async def send(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        within: float | None = None,
    ) -> Heard | Trouble:
        """Send to `base + path`; read at most `limit` bytes `within` so many seconds. Redirects are Trouble, never followed."""
        parts = urlsplit(self.base)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        if await self._outbound.resolve(parts.hostname or "", port) is None:
            return Trouble.ADDRESS
        try:
            async with asyncio.timeout(within or self._total):
                return await self._exchange(method, self.base + path, headers, content)
        except TimeoutError:
            return Trouble.TIMEOUT

    async def _exchange(
        self, method: str, url: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> Heard | Trouble:
        try:
            async with self._client.stream(method, url, headers=headers, content=content) as response:
                if 300 <= response.status_code < 400:
                    return Trouble.REDIRECT
                if response.headers.get("content-encoding", "identity").lower() != "identity":
                    return Trouble.BROKEN
                body = bytearray()
                async for chunk in response.aiter_raw():
                    body += chunk
                    if len(body) > self._limit:
                        return Trouble.OVERSIZE
                return Heard(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body))
        except httpx.TimeoutException:
            return Trouble.TIMEOUT
        except httpx.ConnectError as error:
            return Trouble.TLS if _is_tls(error) else Trouble.REFUSED
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            return Trouble.TLS if _is_tls(error) else Trouble.BROKEN

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


def _is_tls(error: BaseException) -> bool:
    """True when a TLS failure lies anywhere behind the error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


class Breaker:
    """Five failures in thirty seconds open it for thirty; then one real call tries again (spec consent 1.8)."""

    def __init__(self, failures: int = 5, window: float = 30.0, rest: float = 30.0) -> None:
        self._failures, self._window, self._rest = failures, window, rest
        self._recent: list[float] = []
        self._opened: float | None = None
        self._probing = False

    def admits(self, now: float | None = None) -> bool:
        """True when a call may be made; the first one after the rest is the probe."""
        now = time.monotonic() if now is None else now
        if self._opened is None:
            return True
        if now - self._opened < self._rest or self._probing:
            return False
        self._probing = True
        return True

    @property
    def is_open(self) -> bool:
        """True while calls are held back."""
        return self._opened is not None

    def succeeded(self) -> None:
        """A call worked: close."""
        self._recent.clear()
        self._opened, self._probing = None, False

    def failed(self, now: float | None = None) -> None:
        """A call failed: count it, open when there were too many, rest again when the probe failed."""
        now = time.monotonic() if now is None else now
        if self._probing:
            self._opened, self._probing = now, False
            return
        self._recent = [moment for moment in self._recent if now - moment < self._window] + [now]
        if len(self._recent) >= self._failures:
            self._opened = now

    def abandoned(self) -> None:
        """The probing call was cancelled: neither success nor failure; let another call probe."""
        self._probing = False
