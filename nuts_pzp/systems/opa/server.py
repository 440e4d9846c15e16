"""Asking OPA: `POST /v1/data/<package>`, and comparing what it holds with what was reviewed.

Trusts the server that the settings name to evaluate what it holds, and nothing else: an answer that is not exactly
`allow: true` is a refusal. OPA's error texts can quote the input and are not kept.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec
import orjson

from ...authorization.bundle import Bundle, Module, NotABundle
from ...authorization.judgement import BundlePolicy, Judgement, judged
from ...identity import Organization
from ...outcome import Deny, Outcome, Unavailable
from ...outside import Heard, Peer, Trouble
from ...reasons import Reason

_PASSING = frozenset({429, 502, 503, 504})


class _Document(msgspec.Struct):
    allow: Any = None
    reasons: Any = None


class _Decision(msgspec.Struct):
    result: _Document | None = None


class _Policy(msgspec.Struct):
    raw: str = ""


class _Policies(msgspec.Struct):
    result: list[_Policy] = []


class _Data(msgspec.Struct):
    result: Any = None


class OpaJudge:
    """Judges by the bundle that an OPA server holds. Nothing is remembered but that the server holds it."""

    def __init__(
        self,
        bundle: Bundle,
        peer: Peer,
        token: str = "",
        *,
        recheck: float = 60.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._bundle, self._peer = bundle, peer
        self._path = "/v1/data/" + bundle.package.replace(".", "/")
        self._headers = {"content-type": "application/json"}
        if token:
            self._headers["authorization"] = f"Bearer {token}"
        self._recheck, self._clock = recheck, clock
        self._compared: float | None = None

    async def judge(self, question: bytes, /) -> Outcome[Judgement]:
        """Ask. Unavailable when the server is not there, Deny POLICY_ERROR when it fails or holds another policy."""
        if (stop := await self.compare()) is not None:
            return stop
        body = b'{"input":' + question + b"}"
        heard = await self._peer.send("POST", self._path, headers=self._headers, content=body)
        if isinstance(heard, Trouble) or heard.status != 200:
            return _stopped(heard)
        decision = _decoded(heard.body, _Decision)
        if decision is None or decision.result is None:
            return Deny(Reason.POLICY_ERROR, detail="OPA has no decision for this package")
        return judged(decision.result.allow, decision.result.reasons)

    async def compare(self, now: bool = False) -> Deny | Unavailable | None:
        """Hold the server's modules and data against the bundle; None when they are the same. Seldom, unless `now`."""
        moment = self._clock()
        if not now and self._compared is not None and moment - self._compared < self._recheck:
            return None
        self._compared = None
        stop = await self._compare_modules() or await self._compare_data()
        if stop is None:
            self._compared = moment
        return stop

    async def close(self) -> None:
        """Close all connections."""
        await self._peer.close()

    async def _compare_modules(self) -> Deny | Unavailable | None:
        heard = await self._peer.send("GET", "/v1/policies", headers=self._headers)
        if isinstance(heard, Trouble) or heard.status != 200:
            return _stopped(heard)
        policies = _decoded(heard.body, _Policies)
        held = {policy.raw.strip() for policy in policies.result} if policies else set()
        missing = [module.name for module in self._bundle.modules if module.text.strip() not in held]
        # A further module of the same package would change the decision without changing any of ours.
        own = {module.text.strip() for module in (*self._bundle.modules, *self._bundle.tests)}
        added = any(_package(text) == self._bundle.package for text in held - own)
        if missing or added:
            return Deny(Reason.POLICY_ERROR, detail="OPA holds another policy than the settings name")
        return None

    async def _compare_data(self) -> Deny | Unavailable | None:
        for name, expected in self._bundle.data.items():
            heard = await self._peer.send("GET", f"/v1/data/{name}", headers=self._headers)
            if isinstance(heard, Trouble) or heard.status != 200:
                return _stopped(heard)
            data = _decoded(heard.body, _Data)
            if data is None or _canonical(data.result) != _canonical(expected):
                return Deny(Reason.POLICY_ERROR, detail=f"OPA holds other data than the settings name: {name}")
        return None


class OpaPolicy(BundlePolicy):
    """The Policy port over OPA. Also `outside.Living`."""

    def __init__(self, bundle: Bundle, holder: Organization, judge: OpaJudge) -> None:
        super().__init__(bundle, holder, judge)
        self._opa = judge

    async def stop(self) -> None:
        """Close all connections."""
        await self._opa.close()

    async def health(self) -> Outcome[str]:
        """Say that the server holds this bundle; also Deny POLICY_REVIEW, as any policy."""
        return await self._opa.compare(now=True) or await super().health()


def _package(text: str) -> str:
    try:
        return Module("a module of the server", text).package
    except NotABundle:
        return ""


def _stopped(heard: Heard | Trouble) -> Deny | Unavailable:
    """A server that is not there could not be asked; one that fails has failed the policy."""
    if isinstance(heard, Trouble):
        return Unavailable(Reason.POLICY_UNAVAILABLE, detail=heard.value)
    if heard.status in _PASSING:
        return Unavailable(Reason.POLICY_UNAVAILABLE, detail=f"HTTP {heard.status}")
    return Deny(Reason.POLICY_ERROR, detail=f"HTTP {heard.status}")


def _decoded(body: bytes, kind: type[Any]) -> Any:
    try:
        return msgspec.json.decode(body, type=kind)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _canonical(document: Mapping[str, Any] | Any) -> bytes:
    return orjson.dumps(document, option=orjson.OPT_SORT_KEYS)
