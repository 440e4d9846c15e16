"""Tokens at other organisations, through the tenant's own node (spec nuts-node 1.2, 1.3). One user, one token.

Trusts the directory's authorization server only as far as it may be dialled at all; the node does the dialling.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from hashlib import sha256
from math import inf
from typing import Any
from urllib.parse import urlsplit

from tenacity import AsyncRetrying, RetryCallState, retry_if_result, stop_after_attempt, wait_random_exponential

from ...exchange import Headers, Inquiry, Signer, Source
from ...identity import Purpose
from ...outcome import Deny, Outcome, Unavailable
from ...outside import Outbound, Surroundings
from ...reasons import Reason
from .employee import request_body
from .flights import Flights, Memory
from .node import Clock, Mishap, Node, Token
from .settings import CredentialsSettings

_REMEMBERED = 4096
_MARGIN = 30.0
"""Seconds before its end that a token is no longer begun with."""
_JUST_NOW = 2.0
"""Seconds in which the calls of one consultation share one renewed token; a second renewal would not help them."""


@dataclass(frozen=True, slots=True)
class _Want:
    """One user's token at one source. `key` is a digest of the whole request, the user included."""

    key: bytes
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Held:
    token: Token
    renewed: float
    """Steady seconds at which it was fetched past the node's memory; minus infinity when it was not."""


@dataclass(frozen=True, slots=True)
class _Failed:
    """No token. `perhaps_scope`: another scope may still be granted."""

    stop: Deny | Unavailable
    perhaps_scope: bool = False


class NutsCredentials:
    """Credentials of one tenant. Also `outside.Living`."""

    def __init__(
        self,
        node: Node,
        settings: CredentialsSettings,
        outbound: Outbound,
        *,
        clock: Clock = time.time,
        steady: Clock = time.monotonic,
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`clock` gives Unix time, `steady` seconds never set back; `pause` waits between two attempts."""
        self._node, self._settings, self._outbound = node, settings, outbound
        self._clock, self._steady = clock, steady
        self._retrying = AsyncRetrying(
            stop=stop_after_attempt(2),
            wait=wait_random_exponential(multiplier=0.2, max=0.5),
            retry=retry_if_result(_may_pass),
            retry_error_callback=_last,
            sleep=pause,
        )
        self._flights: Flights[tuple[bytes, bool], _Held | _Failed] = Flights()
        self._memory: Memory[bytes, _Held] = Memory(_REMEMBERED, steady)
        self._servers: dict[str, bool] = {}

    async def grant(self, source: Source, inquiry: Inquiry, /) -> Outcome[Signer]:
        """Return a signer once that source's authorization server gave this user a token.

        In an emergency the treatment scope is asked where the emergency scope is not had (design D6). Denies
        (TOKEN_REFUSED) when the server says no, is not known, may not be dialled, or when no scope fits the purpose;
        Unavailable (TOKEN_UNAVAILABLE) when it or the node could not be asked.
        """
        server, purposes = source.authorization_server, self._purposes(inquiry.purpose)
        if server is None:
            return Deny(Reason.TOKEN_REFUSED, detail="the directory gives no authorization server for this source")
        if not self._may_be_dialled(server):
            return Deny(Reason.TOKEN_REFUSED, detail="the authorization server has an address that may not be dialled")
        failed = _Failed(Deny(Reason.TOKEN_REFUSED, detail="no scope is configured for this purpose"))
        for purpose in purposes:
            want = self._want(inquiry if purpose is inquiry.purpose else replace(inquiry, purpose=purpose), server)
            held = await self._token(want, fresh=False)
            if isinstance(held, _Held):
                return _Signer(self, want)
            failed = held
            if not held.perhaps_scope:
                break
        return failed.stop

    @property
    def purposes(self) -> frozenset[Purpose]:
        """The purposes that have a scope in the settings."""
        return frozenset(self._settings.scopes)

    async def start(self) -> None:
        """Nothing to begin: connections are made when needed."""

    async def stop(self) -> None:
        """Let go of questions and connections."""
        await self._flights.close()
        await self._node.close()

    async def health(self) -> Outcome[str]:
        """Ask the node whether it is ready and has our subject."""
        ready = await self._node.status()
        if not isinstance(ready, Mishap):
            ready = await self._node.knows(self._settings.subject)
        return Unavailable(Reason.TOKEN_UNAVAILABLE, detail=ready.detail) if isinstance(ready, Mishap) else "ready"

    async def sign(self, want: _Want, method: str, url: str, *, fresh: bool) -> Outcome[Headers]:
        """Return the headers of one call: the token, and for a bound one a proof that fits this call only."""
        held = await self._token(want, fresh=fresh)
        if isinstance(held, _Failed):
            return held.stop
        token = held.token
        if token.key_id is None:
            return {"authorization": f"Bearer {token.value}"}
        # A query may name a patient and is no part of what a proof is compared on (RFC 9449 4.3).
        bare = urlsplit(url)._replace(query="", fragment="").geturl()
        proof = await self._node.make_proof(token.key_id, method=method, url=bare, token=token.value)
        if isinstance(proof, Mishap):
            return Unavailable(Reason.TOKEN_UNAVAILABLE, detail=proof.detail)
        return {"authorization": f"DPoP {token.value}", "dpop": proof}

    def _may_be_dialled(self, server: str) -> bool:
        """Say whether an authorization server has an address to use; the answer stands for as long as the settings."""
        known = self._servers.get(server)
        if known is None:
            if len(self._servers) >= _REMEMBERED:
                self._servers.clear()
            known = self._outbound.refuses(server) is None and urlsplit(server).scheme == "https"
            self._servers[server] = known
        return known

    def _purposes(self, purpose: Purpose) -> list[Purpose]:
        """Return the purposes to ask for, in this order, as far as they have a scope."""
        wanted = [purpose, Purpose.TREATMENT] if purpose is Purpose.EMERGENCY else [purpose]
        return [one for one in wanted if one in self._settings.scopes]

    def _want(self, inquiry: Inquiry, server: str) -> _Want:
        scope = self._settings.scopes[inquiry.purpose]
        body = request_body(inquiry, server=server, scope=scope, token_type=self._settings.token_type)
        return _Want(sha256(body).digest(), body)

    async def _token(self, want: _Want, *, fresh: bool) -> _Held | _Failed:
        held = self._memory.get(want.key, self._clock())
        if held is not None and (not fresh or self._steady() - held.renewed < _JUST_NOW):
            return held
        return await self._flights.join((want.key, fresh), lambda: self._fetch(want, fresh=fresh))

    async def _fetch(self, want: _Want, *, fresh: bool) -> _Held | _Failed:
        subject = self._settings.subject
        retrying = self._retrying.copy()  # one holds the state of one series of attempts
        got: Token | Mishap = await retrying(self._node.request_token, subject, want.body, bypass=fresh)
        if isinstance(got, Mishap):
            return _failed(got)
        if (got.key_id is None) != (self._settings.token_type == "Bearer"):  # noqa: S105 (a kind of token)
            return _Failed(Unavailable(Reason.TOKEN_UNAVAILABLE, detail="a token of a kind that was not asked for"))
        now = self._clock()
        if got.expires <= now:
            return _Failed(Unavailable(Reason.TOKEN_UNAVAILABLE, detail="a token that is already past"))
        held, until = _Held(got, self._steady() if fresh else -inf), got.expires - _MARGIN
        self._memory.put(want.key, held, until, until - now)
        return held


class _Signer:
    """Signs calls to one source for one user; asks again when the token has run out."""

    def __init__(self, credentials: NutsCredentials, want: _Want) -> None:
        self._credentials, self._want = credentials, want

    async def __call__(self, method: str, url: str, /, *, fresh: bool = False) -> Outcome[Headers]:
        return await self._credentials.sign(self._want, method, url, fresh=fresh)


def _may_pass(got: Token | Mishap) -> bool:
    """True for what another attempt may mend: no answer, or the node or the other side failing (5xx)."""
    return isinstance(got, Mishap) and (got.status == 0 or got.status >= 500)


def _last(state: RetryCallState) -> Token | Mishap:
    """Return what the last attempt gave, a Mishap as a value like any other."""
    assert state.outcome is not None
    got: Token | Mishap = state.outcome.result()
    return got


def _failed(mishap: Mishap) -> _Failed:
    """400 and 412 are an answer; everything else is none. The node's words are never parsed.

    Version 6.2 answers 502 where the other side does not know the scope.
    """
    if mishap.status in (400, 412):
        return _Failed(Deny(Reason.TOKEN_REFUSED, detail=mishap.detail), perhaps_scope=True)
    return _Failed(Unavailable(Reason.TOKEN_UNAVAILABLE, detail=mishap.detail), perhaps_scope=mishap.status == 502)


def build(settings: Mapping[str, Any], around: Surroundings) -> NutsCredentials:
    """Make the credentials from their settings; raises ValidationError, ValueError or OSError for what cannot work."""
    read = CredentialsSettings.model_validate(settings)
    return NutsCredentials(Node.at(read, around, timeout=read.timeout), read, around.outbound)
