"""The wire of the node's internal API: a few calls, each answered by a parsed value or by Trouble (spec nuts-node 1).

Trusts the node, not its transport: a wrong status, media type or shape is `Mishap`, never a yes.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from ...outside import Heard, Outbound, Peer, Surroundings, TlsFiles, Trouble
from .api_access import ApiToken
from .settings import Internal

Clock = Callable[[], float]

_LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))

_JSON = {"content-type": "application/json", "accept": "application/json"}
_FORM = {"content-type": "application/x-www-form-urlencoded", "accept": "application/json"}
"""The node answers 415 when anything, a charset included, follows the media type."""


@dataclass(frozen=True, slots=True)
class Mishap:
    """No usable answer. `status` is 0 when there was none; `detail` has no word of the question or the answer."""

    status: int
    detail: str
    trouble: Trouble | None = None


@dataclass(frozen=True, slots=True)
class Token:
    """An access token at one authorization server. `key_id` names the node's key it is bound to, None for Bearer."""

    value: str = field(repr=False)
    expires: float
    key_id: str | None = None


class Node:
    """One node's internal API."""

    def __init__(self, peer: Peer, *, api: ApiToken | None = None, clock: Clock = time.time) -> None:
        """`peer` has the internal address as its base."""
        self._peer, self._api, self._clock = peer, api, clock

    @classmethod
    def at(cls, internal: Internal, around: Surroundings, *, timeout: float) -> Node:
        """Return the node at the operator's own address; raises ValueError or OSError when that cannot work.

        Over plain http the node is reached on loopback only, whatever else the deployment may dial.
        """
        api, plain = internal.api, internal.node.lower().startswith("http:")
        key = ApiToken(around.path(api.key_file), issuer=api.issuer, audience=api.audience) if api else None
        tls = TlsFiles(roots=around.path(internal.roots_file)) if internal.roots_file else None
        return cls(Peer(internal.node, _LOOPBACK if plain else around.outbound, tls=tls, total=timeout), api=key)

    async def introspect(self, token: str) -> dict[str, Any] | Mishap:
        """Return what the node says of that token (A4), as it says it."""
        body = urlencode({"token": token}).encode()
        heard = await self._send("POST", "/internal/auth/v2/accesstoken/introspect", _FORM, body)
        return heard if isinstance(heard, Mishap) else _object(heard)

    async def accepts_proof(self, proof: str, *, method: str, url: str, token: str, thumbprint: str) -> bool | Mishap:
        """Ask whether this proof fits the call (A3). Asking consumes the proof."""
        asked = {"dpop_proof": proof, "method": method, "url": url, "token": token, "thumbprint": thumbprint}
        heard = await self._post("/internal/auth/v2/dpop/validate", asked)
        answer = heard if isinstance(heard, Mishap) else _object(heard)
        return answer if isinstance(answer, Mishap) else answer.get("valid") is True

    async def request_token(self, subject: str, body: bytes, *, bypass: bool = False) -> Token | Mishap:
        """Ask for a token at another organisation (A1); `bypass` makes the node skip its own memory of tokens."""
        path = f"/internal/auth/v2/{quote(subject, safe='')}/request-service-access-token"
        headers = {**_JSON, "cache-control": "no-cache"} if bypass else _JSON
        heard = await self._send("POST", path, headers, body)
        answer = heard if isinstance(heard, Mishap) else _object(heard)
        return answer if isinstance(answer, Mishap) else _token(answer, self._clock())

    async def make_proof(self, key_id: str, *, method: str, url: str, token: str) -> str | Mishap:
        """Have the node sign a proof for one call (A2)."""
        path = f"/internal/auth/v2/dpop/{quote(key_id, safe='')}"
        heard = await self._post(path, {"htm": method, "htu": url, "token": token})
        answer = heard if isinstance(heard, Mishap) else _object(heard)
        if isinstance(answer, Mishap):
            return answer
        proof = answer.get("dpop")
        return proof if isinstance(proof, str) and _is_header_text(proof) else Mishap(200, "an answer without a proof")

    async def status(self) -> bool | Mishap:
        """Say whether the node is ready (M1)."""
        heard = await self._send("GET", "/status", {}, None)
        return heard if isinstance(heard, Mishap) else True

    async def knows(self, subject: str) -> bool | Mishap:
        """Say whether the node has this subject (V2)."""
        heard = await self._send("GET", f"/internal/vdr/v2/subject/{quote(subject, safe='')}", {}, None)
        if isinstance(heard, Mishap) and heard.status == 404:
            return Mishap(404, "the node does not know this subject")
        return heard if isinstance(heard, Mishap) else True

    async def close(self) -> None:
        """Close the connections."""
        await self._peer.close()

    async def _post(self, path: str, value: Mapping[str, str]) -> Heard | Mishap:
        return await self._send("POST", path, _JSON, orjson.dumps(value))

    async def _send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Heard | Mishap:
        if self._api is not None:
            headers = {**headers, **self._api.headers(self._clock())}
        heard = await self._peer.send(method, path, headers=headers, content=body)
        if isinstance(heard, Trouble):
            return Mishap(0, f"the node could not be asked: {heard.value}", heard)
        if heard.status != 200:
            return Mishap(heard.status, f"the node answered {heard.status}")
        return heard


def _object(heard: Heard) -> dict[str, Any] | Mishap:
    """Decode a JSON object; anything else is a Mishap."""
    if heard.media_type != "application/json":
        return Mishap(heard.status, "an answer that is not JSON")
    try:
        value = orjson.loads(heard.body)
    except orjson.JSONDecodeError:
        return Mishap(heard.status, "an answer that is not JSON")
    return value if isinstance(value, dict) else Mishap(heard.status, "an answer that is not a JSON object")


def _token(answer: Mapping[str, Any], now: float) -> Token | Mishap:
    """Read A1's answer; `expires_at` is preferred, because a remembered token once reported a full `expires_in`."""
    value, kind = answer.get("access_token"), answer.get("token_type")
    if not isinstance(value, str) or not _is_header_text(value) or not isinstance(kind, str):
        return Mishap(200, "an answer without a token")
    expires = _number(answer.get("expires_at"))
    if expires is None:
        life = _number(answer.get("expires_in"))
        expires = now + life if life is not None else None
    if expires is None:
        return Mishap(200, "a token without an end")
    if kind.lower() == "bearer":
        return Token(value, expires)
    key_id = answer.get("dpop_kid")
    if kind.lower() != "dpop" or not isinstance(key_id, str) or not 0 < len(key_id) <= 2048:
        return Mishap(200, "a token of a kind that was not asked for")
    return Token(value, expires, key_id)


def _number(value: object) -> float | None:
    return float(value) if isinstance(value, int) and not isinstance(value, bool) else None


def _is_header_text(text: str) -> bool:
    """True for what may stand in a header as one word: visible ASCII without comma, at most 8192 characters."""
    return 0 < len(text) <= 8192 and text.isascii() and text.isprintable() and not set(text) & {" ", ",", '"'}
