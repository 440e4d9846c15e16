"""A peer: one outside system at one checked base URL, asked over a pooled, bounded, pinned client (design D13)."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field

import httpx

from .dialling import Outbound, TlsFiles, Trouble


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
        self._total, self._limit = total, limit
        self._origin = _origin(httpx.URL(self.base))
        verify: ssl.SSLContext | bool = tls.context() if tls else True
        self._client = httpx.AsyncClient(
            transport=_Pinned(outbound, httpx.AsyncHTTPTransport(verify=verify, trust_env=False)),
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
        """Send to `base + path`; read at most `limit` bytes `within` so many seconds. Redirects are never followed.

        The time covers everything: looking up the name, connecting, sending, and the last byte of the body.
        """
        try:
            async with asyncio.timeout(self._total if within is None else within):
                return await self._exchange(method, self.base + path, headers, content)
        except TimeoutError:
            return Trouble.TIMEOUT

    async def _exchange(
        self, method: str, address: str, headers: Mapping[str, str] | None, content: bytes | None
    ) -> Heard | Trouble:
        try:
            url = httpx.URL(address)
            if _origin(url) != self._origin:
                return Trouble.ADDRESS
            async with self._client.stream(method, url, headers=headers, content=content) as response:
                return await self._heard(response)
        except _NotDialled as refusal:
            return refusal.trouble
        except httpx.TimeoutException:
            return Trouble.TIMEOUT
        except httpx.ConnectError as error:
            return Trouble.TLS if _is_tls(error) else Trouble.REFUSED
        except (httpx.HTTPError, httpx.InvalidURL, ssl.SSLError, OSError) as error:
            return Trouble.TLS if _is_tls(error) else Trouble.BROKEN

    async def _heard(self, response: httpx.Response) -> Heard | Trouble:
        """Read an answer that is none of our troubles, and no more of it than the limit."""
        if 300 <= response.status_code < 400:
            return Trouble.REDIRECT
        if response.headers.get("content-encoding", "identity").lower() != "identity":
            return Trouble.BROKEN
        announced = response.headers.get("content-length", "")
        if announced.isdecimal() and len(announced) < 20 and int(announced) > self._limit:
            return Trouble.OVERSIZE
        body = bytearray()
        async for chunk in response.aiter_raw():
            body += chunk
            if len(body) > self._limit:
                return Trouble.OVERSIZE
        return Heard(response.status_code, {k.lower(): v for k, v in response.headers.items()}, bytes(body))

    async def close(self) -> None:
        """Close all connections."""
        await self._client.aclose()


class _NotDialled(httpx.TransportError):
    """Nothing was sent: the name leads nowhere, or where it may not lead."""

    def __init__(self, trouble: Trouble) -> None:
        super().__init__(trouble.value)
        self.trouble = trouble


class _Pinned(httpx.AsyncBaseTransport):
    """Resolves, checks, and dials what was checked; the name stays in Host, in SNI and in the certificate check.

    Addresses are tried in turn while they refuse the connection; a TLS failure is final.
    """

    def __init__(self, outbound: Outbound, inner: httpx.AsyncHTTPTransport) -> None:
        self._outbound, self._inner = outbound, inner

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        host = request.url.host
        port = request.url.port or (443 if request.url.scheme == "https" else 80)
        addresses = await self._outbound.addresses(host, port)
        if isinstance(addresses, Trouble):
            raise _NotDialled(addresses)
        *earlier, last = addresses
        for address in earlier:
            try:
                return await self._inner.handle_async_request(_to(request, address))
            except (httpx.ConnectError, httpx.ConnectTimeout) as error:
                if _is_tls(error):
                    raise
        return await self._inner.handle_async_request(_to(request, last))

    async def aclose(self) -> None:
        await self._inner.aclose()


def _to(request: httpx.Request, address: str) -> httpx.Request:
    """Return the same request with the address in the place of the name."""
    extensions = dict(request.extensions)
    if request.url.host != address:
        extensions["sni_hostname"] = request.url.host
    return httpx.Request(
        request.method,
        request.url.copy_with(host=address),
        headers=request.headers,
        stream=request.stream,
        extensions=extensions,
    )


def _origin(url: httpx.URL) -> tuple[str, str, int | None, bytes]:
    """Return what a path may not change: scheme, host, port, user."""
    return url.scheme, url.host, url.port, url.userinfo


def _is_tls(error: BaseException) -> bool:
    """True when a TLS failure lies anywhere behind the error."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False
