"""The network door: a token is introspected at the tenant's own node and checked by claim (spec nuts-node 1.5, 9).

An introspection may serve for a few seconds; the proof of a bound token is checked on every call, here and at the node,
and serves once (ADR 0065). A node that fails is left alone for a moment.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import Any

from ...exchange import Caller, Presented
from ...outcome import Deny, Outcome, Unavailable
from ...outside import Breaker, Surroundings, Trouble
from ...reasons import Reason
from ...store.port import Store
from .claims import Expected, Introspected, read
from .flights import Flights, Memory
from .node import Clock, Mishap, Node
from .presented import Shown, shown
from .proof import Call, judged
from .replays import Replays
from .settings import GatekeeperSettings
from .vouching import vouched

_REMEMBERED = 10_000
_REFUSED_FOR = 1.0
"""Seconds that an unknown token stays unknown without asking again."""
_NO_TOKEN = "nuts-pzp-health"  # noqa: S105 (none, on purpose)
_REST = 10.0
"""Seconds that a node which failed five times in half a minute is left alone."""
_BROKEN_TROUBLES = (Trouble.ADDRESS, Trouble.TLS, Trouble.REDIRECT, Trouble.OVERSIZE)


class NutsGatekeeper:
    """Gatekeeper of one tenant's network listener. Also `outside.Living`."""

    def __init__(
        self,
        node: Node,
        settings: GatekeeperSettings,
        *,
        store: Store | None = None,
        clock: Clock = time.time,
        steady: Clock = time.monotonic,
    ) -> None:
        """`store` is the tenant's, where used proofs are kept for all replicas; `clock` gives Unix time.

        `steady` gives seconds and is never set back: what is remembered is no older than it may be, and a node that
        failed rests no longer than it should.
        """
        self._node, self._settings, self._clock, self._steady = node, settings, clock, steady
        self._expected = Expected(settings.issuer, dict(settings.scopes), settings.claims, dict(settings.scope_claims))
        self._breaker, self._replays = Breaker(rest=_REST), Replays(store)
        self._flights: Flights[bytes, Introspected | Deny | Unavailable] = Flights()
        self._good: Memory[bytes, Introspected] = Memory(_REMEMBERED, steady)
        self._bad: Memory[bytes, Deny] = Memory(_REMEMBERED, steady)

    async def verify(self, presented: Presented, /) -> Outcome[Caller]:
        """Return the caller this tenant's node vouches for, its key proved when the token is bound to one."""
        token = shown(presented)
        if isinstance(token, Deny):
            return token
        known = await self._introspected(token)
        if not isinstance(known, Introspected):
            return known
        refused = await self._binding(presented, token, known.thumbprint)
        return known.caller if refused is None else refused

    def vouched(self, said: Mapping[str, Any], /, *, instead: str = "") -> Outcome[Caller]:
        """Return the caller that an introspection answer speaks of, by the checks of `verify`; asks nobody."""
        return vouched(said, self._settings, instead=instead, digest=b"", now=self._clock())

    async def start(self) -> None:
        """Nothing to begin: connections are made when needed."""

    async def stop(self) -> None:
        """Let go of questions and connections."""
        await self._flights.close()
        await self._node.close()

    async def health(self) -> Outcome[str]:
        """Ask the node whether it is ready, and whether it introspects for us: its status alone needs no API token."""
        ready = await self._node.status()
        if not isinstance(ready, Mishap):
            said = await self._node.introspect(_NO_TOKEN)
            ready = said if isinstance(said, Mishap) else True
        if isinstance(ready, Mishap):
            return _unavailable(ready)
        self._breaker.succeeded()
        return "ready"

    async def _introspected(self, token: Shown) -> Introspected | Deny | Unavailable:
        key, now = sha256(token.token.encode()).digest(), self._clock()
        held = self._good.get(key, now) or self._bad.get(key, now)
        return held or await self._flights.join(key, lambda: self._ask(token, key))

    async def _ask(self, token: Shown, key: bytes) -> Introspected | Deny | Unavailable:
        if not self._breaker.admits(self._steady()):
            return _RESTING
        said = await self._node.introspect(token.token)
        if isinstance(said, Mishap) and said.trouble is Trouble.BROKEN:
            # A connection the node closed in between looks the same; asking twice changes nothing there.
            said = await self._node.introspect(token.token)
        self._note(said)
        if isinstance(said, Mishap):
            return _unavailable(said)
        if not isinstance(said.get("active"), bool):
            return Unavailable(Reason.INTROSPECTION_BROKEN, detail="an answer that does not say whether it is active")
        now = self._clock()
        found = read(said, self._expected, digest=key, now=now)
        if isinstance(found, Deny):
            self._bad.put(key, found, now + _REFUSED_FOR, _REFUSED_FOR)
        else:
            lasts = self._settings.remember
            self._good.put(key, found, min(now + lasts, found.caller.expires), lasts)
        return found

    def _note(self, said: object) -> None:
        """Count a node that is away or ill; one that answers, whatever it says, is well."""
        if isinstance(said, Mishap) and (said.trouble is not None or said.status >= 500):
            self._breaker.failed(self._steady())
        else:
            self._breaker.succeeded()

    async def _binding(self, presented: Presented, token: Shown, thumbprint: str | None) -> Deny | Unavailable | None:
        """Check the proof of a bound token; return why not, or None."""
        if thumbprint is None:
            if self._settings.require_proof:
                return Deny(Reason.PROOF_ABSENT, detail="the token is not bound to a key, and this tenant demands it")
            return (
                Deny(Reason.PROOF_INVALID, detail="an unbound token shown as bound") if token.scheme == "dpop" else None
            )
        if token.scheme != "dpop" or presented.dpop is None:
            return Deny(Reason.PROOF_ABSENT, detail="the token is bound to a key and was shown without proof of it")
        now = self._clock()
        call = Call(presented.method, presented.url, token.token, now, self._settings.proof_window, thumbprint)
        proof = judged(presented.dpop, call)
        if isinstance(proof, str):
            return Deny(Reason.PROOF_INVALID, detail=proof)
        if self._breaker.is_open:
            return _RESTING
        used, accepted = await asyncio.gather(self._replays.use(proof, now), self._accepted(presented.dpop, call))
        return used if used is not None else accepted

    async def _accepted(self, proof: str, call: Call) -> Deny | Unavailable | None:
        """Have the node look as well: it knows other keys and other replays than we do."""
        accepted = await self._node.accepts_proof(
            proof, method=call.method, url=call.url, token=call.token, thumbprint=call.thumbprint
        )
        if accepted is True:
            return None
        if isinstance(accepted, Mishap) and accepted.trouble is not Trouble.BROKEN:
            return _unavailable(accepted)
        # A node that drops the connection met a proof it could not stomach (spec nuts-node 1.4): not a valid one.
        return Deny(Reason.PROOF_INVALID, detail="the node does not accept the proof")


_RESTING = Unavailable(Reason.INTROSPECTION_DOWN, detail="the node failed just now and is left alone for a moment")


def _unavailable(mishap: Mishap) -> Unavailable:
    """Tell a node that is away (DOWN) from one that answers nonsense (BROKEN)."""
    broken = mishap.trouble in _BROKEN_TROUBLES or (mishap.trouble is None and mishap.status not in (502, 503, 504))
    reason = Reason.INTROSPECTION_BROKEN if broken else Reason.INTROSPECTION_DOWN
    return Unavailable(reason, detail=mishap.detail)


def build(settings: Mapping[str, Any], around: Surroundings) -> NutsGatekeeper:
    """Make the gatekeeper from its settings; raises ValidationError, ValueError or OSError for what cannot work."""
    read_settings = GatekeeperSettings.model_validate(settings)
    return NutsGatekeeper(
        Node.at(read_settings, around, timeout=read_settings.timeout), read_settings, store=around.store
    )
