"""Access tokens of the national OAuth server: client_credentials over mutual TLS, OIN with a mandate (spec 1.4).

The client certificate says who acts; `organization_id` says for whom, and the server knows the mandate. No assertion.
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

import msgspec

from ...outcome import Deny, Outcome, Unavailable
from ...outside import Heard, Peer, Trouble
from ...reasons import Reason

_TOKEN = re.compile(r"[A-Za-z0-9._~+/=-]{1,8192}", re.ASCII)
_WORD = re.compile(r"[a-z_]{1,40}", re.ASCII)
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
_MARGIN = 30.0
_DEFAULT_LIFE = 600


@dataclass(frozen=True, slots=True)
class Want:
    """What a token must be good for. `organization_id` is whom we act for: a URA for the NVI, an OIN for the PRS."""

    audience: str
    scope: str
    organization_id: str
    source_id: str = ""

    def form(self) -> bytes:
        """Return the token request."""
        fields = {
            "grant_type": "client_credentials",
            "scope": self.scope,
            "target_audience": self.audience,
            "organization_id": self.organization_id,
        }
        if self.source_id:
            fields["source_id"] = self.source_id
        return urlencode(fields).encode()


@dataclass(frozen=True, slots=True, repr=False)
class _Held:
    token: str
    until: float


class Grants:
    """Tokens of one token endpoint, kept until thirty seconds before they expire; one request at a time."""

    def __init__(self, peer: Peer, *, clock: Callable[[], float] = time.monotonic) -> None:
        """Take the token endpoint itself as the peer's base."""
        self._peer, self._clock = peer, clock
        self._held: dict[Want, _Held] = {}
        self._turn = asyncio.Lock()

    async def token(self, want: Want) -> Outcome[str]:
        """Return a token that is good for thirty seconds more; Deny LOCALIZATION_REFUSED without a mandate."""
        async with self._turn:
            held = self._held.get(want)
            if held is not None and self._clock() < held.until:
                return held.token
            asked = self._clock()
            heard = await self._request(want)
            if isinstance(heard, Trouble):
                return Unavailable(Reason.LOCALIZATION_DOWN, detail=f"token endpoint: {heard.value}")
            granted = _granted(heard, want)
            if isinstance(granted, _Held):
                self._held[want] = _Held(granted.token, asked + granted.until - _MARGIN)
                return granted.token
            return granted

    def forget(self, want: Want, token: str) -> None:
        """Drop this token after a 401, unless a newer one is held already."""
        held = self._held.get(want)
        if held is not None and held.token == token:
            del self._held[want]

    async def close(self) -> None:
        """Close the connections and forget all tokens."""
        self._held.clear()
        await self._peer.close()

    async def _request(self, want: Want) -> Heard | Trouble:
        heard = await self._peer.send("POST", "", headers=_FORM, content=want.form())
        if isinstance(heard, Heard):
            passing = heard.status >= 500
        else:
            passing = heard.reached_nobody or heard is Trouble.BROKEN
        return await self._peer.send("POST", "", headers=_FORM, content=want.form()) if passing else heard


def _granted(heard: Heard, want: Want) -> _Held | Deny | Unavailable:
    """Read the answer; `until` is still the life in seconds."""
    if heard.status in (400, 401, 403):
        return Deny(Reason.LOCALIZATION_REFUSED, detail=f"token endpoint: {heard.status} {_error(heard.body)}".strip())
    if heard.status != 200:
        return Unavailable(Reason.LOCALIZATION_DOWN, detail=f"token endpoint: {heard.status}")
    answer = _object(heard.body)
    token, life = answer.get("access_token"), answer.get("expires_in", _DEFAULT_LIFE)
    if not (isinstance(token, str) and _TOKEN.fullmatch(token)) or type(life) is not int or not 0 < life <= 86_400:
        return Unavailable(Reason.LOCALIZATION_BROKEN, detail="token endpoint: not a token response")
    scope = answer.get("scope", want.scope)
    if not isinstance(scope, str) or want.scope not in scope.split():
        return Deny(Reason.LOCALIZATION_REFUSED, detail="token endpoint: granted another scope")
    return _Held(token, float(life))


def _error(body: bytes) -> str:
    """Return the OAuth error code when it is a plain word; descriptions may echo input and are left out."""
    word = _object(body).get("error")
    return word if isinstance(word, str) and _WORD.fullmatch(word) else ""


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}
