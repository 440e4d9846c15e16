"""A call to one national system: token, breaker, and one more try after a 401 or a connection that dropped.

Nothing that is asked here changes anything there, so asking twice is safe.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field

from ...outcome import Deny, Outcome, Unavailable, Unknown
from ...outside import Breaker, Heard, Peer, Trouble
from ...reasons import Reason
from .grants import Grants, Want


@dataclass(frozen=True, slots=True)
class Call:
    """One request. Its path may carry a pseudonym, so it is never shown."""

    method: str
    path: str = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    content: bytes | None = field(default=None, repr=False)


Compose = Callable[[], Awaitable[Outcome[Call]]]
"""Makes the request afresh for each try: a pseudonym is good for one."""


class Authorized:
    """One outside system, called with our token for it."""

    def __init__(self, peer: Peer, grants: Grants, want: Want, breaker: Breaker | None = None) -> None:
        self._peer, self._grants, self._want = peer, grants, want
        self._breaker = breaker or Breaker()

    async def call(self, compose: Compose) -> Heard | Trouble | Deny | Unknown | Unavailable:
        """Return the answer, the trouble, or the Stop of the token or of `compose`."""
        heard = await self._try(compose)
        again = heard is Trouble.BROKEN or (isinstance(heard, Heard) and heard.status == 401)
        return await self._try(compose) if again else heard

    async def ready(self) -> Outcome[str]:
        """Say whether a call could be made now: a token can be had, the breaker is closed. Sends nothing personal."""
        token = await self._grants.token(self._want)
        if not isinstance(token, str):
            return token
        if self._breaker.is_open:
            return Unavailable(Reason.LOCALIZATION_DOWN, detail=f"resting after failures: {self._want.audience}")
        return "ok"

    async def close(self) -> None:
        """Close all connections."""
        await self._peer.close()
        await self._grants.close()

    async def _try(self, compose: Compose) -> Heard | Trouble | Deny | Unknown | Unavailable:
        token = await self._grants.token(self._want)
        if not isinstance(token, str):
            return token
        if not self._breaker.admits():
            return Trouble.OPEN
        try:
            call = await compose()
            if not isinstance(call, Call):
                self._breaker.abandoned()
                return call
            headers = {**call.headers, "authorization": f"Bearer {token}"}
            heard = await self._peer.send(call.method, call.path, headers=headers, content=call.content)
        except BaseException:
            self._breaker.abandoned()
            raise
        if isinstance(heard, Trouble) or heard.status >= 500:
            self._breaker.failed()
        else:
            self._breaker.succeeded()
        if isinstance(heard, Heard) and heard.status == 401:
            self._grants.forget(self._want, token)
        return heard
