"""One polite conversation with the target: a request at a time, not too many a second, bounded in bytes and in time.

Nothing is logged and no redirect is followed. What was asked is remembered as `METHOD Type`, never with its values.
"""

from __future__ import annotations

import asyncio
import socket
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.message import Message
from typing import Any
from urllib.parse import urlsplit

import httpx
import msgspec

from .rules import named
from .tokens import NoToken, Tokens, Untold
from .wording import FORM as PZP_FORM
from .wording import INDIVIDUAL

FHIR_JSON = "application/fhir+json"
FORM = "application/x-www-form-urlencoded"
MOST_BYTES = 8 * 1024 * 1024
MOST_IN_ALL = 96 * 1024 * 1024
"""Bytes of all answers of a run together: they are kept until its end, for the rules that look at all of them."""
OWN = "own"
LATE = "no answer in time"
_LONGEST_PAUSE = 10.0
_MOST_RETURNS = 3
_TYPES = frozenset(
    {*INDIVIDUAL, PZP_FORM, "Patient", "List", "Composition", "Bundle", "metadata"}
    | {"RelatedPerson", "Device", "Practitioner", "PractitionerRole"}
)
"""What a request may be called in a report."""
_DISTRUST = {
    10: "has expired",
    18: "is self-signed",
    19: "has a self-signed root that is not trusted",
    20: "has an issuer that is not trusted",
    21: "has an issuer that is not trusted",
    62: "is for another name",
    64: "is for another address",
}
"""OpenSSL's codes: its own words may hold the name that was asked for."""
_UNHEARD = frozenset({0, 401, 408, 425, 429, 502, 503, 504})


class OutOfTime(Exception):
    """The time for the whole run is over."""


@dataclass(frozen=True, slots=True)
class Got:
    """An answer. Status 0: there was none, and `why` says in fixed words what happened instead."""

    label: str
    status: int
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    body: bytes = field(default=b"", repr=False)
    why: str = ""
    untrusted: bool = False
    """There was none because the target's certificate does not verify."""

    @property
    def content(self) -> dict[str, Any]:
        """The JSON object of the body; empty when it is none, or none that every reader takes (a byte order mark)."""
        try:
            read = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, ValueError, RecursionError):
            return {}
        return read if isinstance(read, dict) else {}

    @property
    def kind(self) -> str:
        """The resourceType of the body; empty when there is none that could be one."""
        return named(self.content.get("resourceType")).strip("-")

    @property
    def media(self) -> str:
        """The media type without its parameters."""
        return self.headers.get("content-type", "").partition(";")[0].strip().lower()

    @property
    def charset(self) -> str:
        """The charset beside the media type; empty when none is named."""
        message = Message()
        message["content-type"] = self.headers.get("content-type", "")
        return str(message.get_content_charset("") or "")

    @property
    def back_in(self) -> float | None:
        """Seconds after which a busy target wants to be asked again; None when it is not busy, or says too long."""
        told = self.headers.get("retry-after", "1" if self.status == 429 else "")
        if self.status not in (429, 503) or not told.isascii() or not told.isdecimal():
            return None
        return float(told) if len(told) <= 2 and float(told) <= _LONGEST_PAUSE else None

    @property
    def cut(self) -> bool:
        """True when the connection did not come about, or was broken off."""
        return self.status == 0 and self.why.startswith("no answer (")

    @property
    def unheard(self) -> bool:
        """True for what says nothing about the request itself: no answer, the token, the moment or a machine behind."""
        return self.status in _UNHEARD

    @property
    def refused(self) -> bool:
        """True for a refusal of what was asked: 4xx, or 501 for what is not built."""
        return self.status == 501 or (400 <= self.status < 500 and not self.unheard)

    @property
    def searchset(self) -> bool:
        """True for an answered search."""
        return self.status == 200 and self.kind == "Bundle" and self.content.get("type") == "searchset"

    def __str__(self) -> str:
        return f"{self.label}: {self.status or self.why}"


@dataclass(frozen=True, slots=True)
class Limits:
    """`rate` requests a second at most; seconds for one answer and for the whole run."""

    rate: float = 10.0
    answer_seconds: float = 15.0
    run_seconds: float = 180.0


class Wire:
    """Speaks to one base. `history` is every answer, oldest first."""

    def __init__(
        self,
        base: str,
        client: httpx.AsyncClient,
        tokens: Tokens | None = None,
        limits: Limits | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`base` without trailing slash; `clock` counts seconds."""
        self.base, self.tokens, self.limits = base.rstrip("/"), tokens or NoToken(), limits or Limits()
        self.history: list[Got] = []
        self._client, self._clock, self._pause = client, clock, pause
        self._room = MOST_IN_ALL
        self._ends, self._last = clock() + self.limits.run_seconds, clock() - 60

    async def ask(self, path: str, query: str = "", **how: Any) -> Got:
        """GET below the base; `query` is sent as it stands, with bars encoded."""
        url = f"{self.base}{path}" + (f"?{query.replace('|', '%7C')}" if query else "")
        return await self.send("GET", url, **how)

    async def search(self, kind: str, form: str, **how: Any) -> Got:
        """POST `_search` with this form body."""
        headers = {"content-type": FORM} | how.pop("headers", {})
        content = form.replace("|", "%7C").encode()
        return await self.send("POST", f"{self.base}/{kind}/_search", headers=headers, content=content, **how)

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: bytes | None = None,
        token: str | None = OWN,
        client: httpx.AsyncClient | None = None,
    ) -> Got:
        """Send one request: with our own token, with none (None), or with the Authorization header given as `token`.

        A target that says when to come back is asked again, twice at most. No session is kept.
        """
        asked = {"accept": FHIR_JSON, "accept-encoding": "identity"} | dict(headers or {})
        for _ in range(_MOST_RETURNS):
            got = await self._sent(method, url, asked, content, token, client or self._client)
            if (seconds := got.back_in) is None:
                break
            await self._pause(seconds)
        return got

    async def _sent(
        self,
        method: str,
        url: str,
        asked: dict[str, str],
        content: bytes | None,
        token: str | None,
        through: httpx.AsyncClient,
    ) -> Got:
        await self._wait()
        label = f"{method} {self._named(url)}"
        through.cookies.clear()
        try:
            asked = asked | await self._authorization(method, url, token)
            request = through.build_request(method, url, headers=asked, content=content)
            got = await asyncio.wait_for(self._exchange(through, request, label), self._seconds())
        except Untold as error:
            got = Got(label, 0, why=str(error))
        except TimeoutError:
            if self._clock() >= self._ends:
                raise OutOfTime from None
            got = Got(label, 0, why=LATE)
        except (ssl.SSLError, httpx.HTTPError, httpx.InvalidURL, OSError) as error:
            untrusted, why = cause(error)
            got = Got(label, 0, why=f"no answer ({why})", untrusted=untrusted)
        self.history.append(got)
        return got

    async def _exchange(self, client: httpx.AsyncClient, request: httpx.Request, label: str) -> Got:
        answer = await client.send(request, stream=True)
        body = bytearray()
        try:
            async for part in answer.aiter_bytes():
                body += part
                self._room -= len(part)
                if len(body) > MOST_BYTES:
                    return Got(label, 0, why="an answer above 8 MiB")
                if self._room < 0:
                    return Got(label, 0, why="more than 96 MiB in this run")
        finally:
            await answer.aclose()
        return Got(label, answer.status_code, {k.lower(): v for k, v in answer.headers.items()}, bytes(body))

    async def _authorization(self, method: str, url: str, token: str | None) -> dict[str, str]:
        if token is None:
            return {}
        if token != OWN:
            return {"authorization": token}
        return dict(await self.tokens.headers(method, urlsplit(url)._replace(query="", fragment="").geturl()))

    async def _wait(self) -> None:
        if self._clock() >= self._ends:
            raise OutOfTime
        early = self._last + 1 / self.limits.rate - self._clock()
        if early > 0:
            await self._pause(early)
        self._last = self._clock()

    def _seconds(self) -> float:
        return max(0.1, min(self.limits.answer_seconds, self._ends - self._clock()))

    def _named(self, url: str) -> str:
        """The type that a URL is about, and no id: for people who read a report."""
        if not url.startswith(self.base):
            return "another address"
        steps = urlsplit(url[len(self.base) :]).path.strip("/").split("/")
        known = steps[0] if steps[0] in _TYPES else ""
        return f"{known}/_search" if steps[-1] == "_search" else known or "the base"


def cause(error: BaseException) -> tuple[bool, str]:
    """Return whether the other side's certificate is to blame, and what went wrong in fixed words."""
    kind, chain = type(error).__name__, list[BaseException]()
    while error not in chain:
        chain.append(error)
        error = error.__cause__ or error.__context__ or error
    for one in chain:
        if isinstance(one, ssl.SSLCertVerificationError):
            return True, f"its certificate {_DISTRUST.get(one.verify_code, 'does not verify')}"
        if isinstance(one, ssl.SSLError):
            reason = getattr(one, "reason", None) or "broken off"
            return False, f"TLS: {reason.replace('_', ' ').lower()}"
        if isinstance(one, socket.gaierror):
            return False, "its name is not known"
        if isinstance(one, ConnectionRefusedError):
            return False, "the connection was refused"
    return False, kind
