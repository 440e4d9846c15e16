"""Mitz: which patients are subscribed, and what is still to be sent, sealed in the store: a restart loses nothing.

One document per (pseudonym of the BSN, organization type) in this tenant's part, and beside it a due date while there
is something to send. Several processes may work on it: who moves the due date has the turn (spec consent 3.2,
ADR 0067).
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from enum import Enum
from typing import Any

import structlog

from ...identity import Bsn
from ...store.port import StoreFailed
from ...store.vault import Vault
from .question import Party
from .subscription import Ending, Result, SubscriptionCalls, Wish

_KIND, _DUE = "mitz-subscription", "mitz-due"
_TURN = 60.0
"""Seconds that a process has for one call before another one may try."""
_LONGEST_REST = 3_600.0
_TRIES = 20

_log = structlog.get_logger("nuts_pzp.mitz")


class State(Enum):
    """Where a subscription is."""

    WANTED = "wanted"
    ACCEPTED = "accepted"
    """Mitz took it (202) and works it off."""
    CONFIRMED = "confirmed"
    """Mitz has nothing of ours left to work off since, or notified about this patient."""
    REFUSED = "refused"
    NOT_ADMITTED = "not-admitted"
    UNWANTED = "unwanted"


_SENDS = frozenset({State.WANTED, State.UNWANTED})
_STANDS = frozenset({State.WANTED, State.ACCEPTED, State.CONFIRMED})


@dataclass(frozen=True, slots=True)
class Subscription:
    """One patient's. `id` is Mitz' own; `why` the word of the last call that failed."""

    bsn: Bsn
    type: str
    state: State
    id: str = ""
    why: str = ""
    birth_date: str = field(default="", repr=False)

    def written(self) -> dict[str, Any]:
        """Return it as a document."""
        return {**asdict(self), "bsn": self.bsn.value, "state": self.state.value}

    @classmethod
    def read(cls, document: Mapping[str, Any]) -> Subscription:
        """Read what `written` made; StoreFailed for anything else."""
        try:
            return cls(**{**document, "bsn": Bsn(document["bsn"]), "state": State(document["state"])})
        except (KeyError, TypeError, ValueError):
            raise StoreFailed("a subscription that cannot be read") from None


class Subscriptions:
    """One tenant's. `clock` is Unix time in seconds."""

    def __init__(
        self, vault: Vault, holder: Party, calls: SubscriptionCalls, clock: Callable[[], float] = time.time
    ) -> None:
        self._vault, self._holder, self._calls, self._clock = vault, holder, calls, clock
        self._held_until, self._failures = 0.0, 0

    async def of(self, bsn: Bsn) -> Subscription | None:
        """Return the subscription of a patient, or None; StoreFailed."""
        return (await self._read(self._key(bsn)))[0]

    async def want(self, bsn: Bsn, birth_date: date | None = None, *, again: bool = False) -> State | None:
        """Have the patient subscribed; nothing happens when that is so. `again`: also when it was refused before."""

        def wanted(found: Subscription | None) -> Subscription | None:
            if found is None:
                born = birth_date.isoformat() if birth_date else ""
                return Subscription(bsn, self._holder.type, State.WANTED, birth_date=born)
            if found.state is State.UNWANTED:
                return replace(found, state=State.ACCEPTED if found.id else State.WANTED, why="")
            return replace(found, state=State.WANTED, why="") if again and found.state not in _STANDS else found

        after = await self._change(self._key(bsn), wanted)
        return after.state if after else None

    async def unwant(self, bsn: Bsn) -> bool:
        """End the patient's subscription; False when there is none."""
        if await self.of(bsn) is None:
            return False
        await self._change(self._key(bsn), lambda found: found and replace(found, state=State.UNWANTED, why=""))
        return True

    async def notified(self, bsn: Bsn) -> None:
        """Mitz notified about this patient: it has the subscription."""

        def confirmed(found: Subscription | None) -> Subscription | None:
            return replace(found, state=State.CONFIRMED) if found and found.state is State.ACCEPTED else found

        if await self.of(bsn) is not None:
            await self._change(self._key(bsn), confirmed)

    async def work(self, most: int = 200) -> int:
        """Send what is due, one after the other; return how many calls were made. StoreFailed.

        A call that nobody answered, or that was asked to wait, ends the round: then all wait.
        """
        done = 0
        async for key in self._vault.keys(_DUE):
            if done >= most or self._clock() < self._held_until:
                break
            done += await self._one(key)
        return done

    async def reconcile(self) -> dict[str, int]:
        """Make due again what was left over, drop what another type of this holder left; count by state. StoreFailed.

        Mitz gives no list of subscriptions, so what it has is not compared; it does say how much it still works off.
        """
        queued = await self._calls.queued(self._holder.ura.value)
        found: dict[str, int] = {}
        async for key in self._vault.keys(_KIND):
            one = (await self._read(key))[0]
            if one is None:
                continue

            def settled(now: Subscription | None) -> Subscription | None:
                if now is None:
                    return None
                if now.type != self._holder.type:
                    return replace(now, state=State.UNWANTED)
                if now.state is State.NOT_ADMITTED:
                    return replace(now, state=State.WANTED)
                return replace(now, state=State.CONFIRMED) if now.state is State.ACCEPTED and queued == 0 else now

            after = await self._change(key, settled, resume=True)
            if after is not None:
                found[after.state.value] = found.get(after.state.value, 0) + 1
        return found

    async def all(self) -> AsyncIterator[Subscription]:
        """Yield every subscription; StoreFailed."""
        async for key in self._vault.keys(_KIND):
            if (one := (await self._read(key))[0]) is not None:
                yield one

    async def waiting(self) -> int:
        """Count what is still to be sent; StoreFailed."""
        return len([key async for key in self._vault.keys(_DUE)])

    async def close(self) -> None:
        """Close all connections."""
        await self._calls.close()

    async def _one(self, key: str) -> int:
        due, version = await self._vault.get(_DUE, key)
        now = self._clock()
        if due is None or due["at"] > now:
            return 0
        tries = due["tries"] + 1
        if not await self._vault.put(_DUE, key, {"at": now + _TURN, "tries": tries}, version):
            return 0
        _, version = await self._vault.get(_DUE, key)
        one = (await self._read(key))[0]
        result = await self._call(one)
        if result is None:
            await self._vault.put(_DUE, key, None, version)
            return 0
        if result.ending is Ending.LATER:
            self._rest(result)
            at = self._clock() + max(result.wait, min(2.0**tries, _LONGEST_REST))
            await self._change(key, lambda found: found and replace(found, why=result.why), quietly=True)
            await self._vault.put(_DUE, key, {"at": at, "tries": tries}, version)
            return 1
        self._held_until, self._failures = 0.0, 0
        assert one is not None
        after = await self._change(key, lambda found: _after(one, found, result), quietly=True)
        if result.ending is Ending.DONE and after is not None and after.state in _SENDS:
            await self._due(key)  # something else was wanted meanwhile
        else:
            await self._vault.put(_DUE, key, None, version)
        return 1

    async def _call(self, one: Subscription | None) -> Result | None:
        """Make the call that this state asks for; None when it asks for none."""
        if one is None or one.state not in _SENDS:
            return None
        if one.state is State.WANTED:
            born = date.fromisoformat(one.birth_date) if one.birth_date else None
            result = await self._calls.subscribe(Wish(one.bsn, Party(self._holder.ura, one.type), born))
        else:
            result = await self._calls.unsubscribe(one.id) if one.id else Result(Ending.DONE)
        if result.ending in (Ending.REFUSED, Ending.NOT_ADMITTED):
            _log.error("mitz.subscription-refused", why=result.why, ending=result.ending.value, alarm="operations")
        return result

    def _rest(self, result: Result) -> None:
        """Nobody is asked anything until this is over: one call at a time finds out whether Mitz is back."""
        self._failures += 1
        rest = max(result.wait, min(2.0**self._failures, 300.0))
        self._held_until = self._clock() + rest
        _log.warning("mitz.subscriptions-wait", why=result.why, seconds=rest)

    def _key(self, bsn: Bsn) -> str:
        return f"{self._vault.pseudonym(bsn)}.{self._holder.type}"

    async def _read(self, key: str) -> tuple[Subscription | None, int]:
        document, version = await self._vault.get(_KIND, key)
        return (Subscription.read(document) if document is not None else None), version

    async def _change(
        self,
        key: str,
        change: Callable[[Subscription | None], Subscription | None],
        *,
        quietly: bool = False,
        resume: bool = False,
    ) -> Subscription | None:
        """Put what `change` makes of it and return that; what then is to be sent becomes due, unless `quietly`.

        `resume`: also when nothing changed.
        """
        for _ in range(_TRIES):
            found, version = await self._read(key)
            after = change(found)
            if after != found and not await self._vault.put(_KIND, key, after.written() if after else None, version):
                continue
            if after is not None and after.state in _SENDS and not quietly and (resume or after != found):
                await self._due(key)
            return after
        raise StoreFailed("somebody else keeps changing this subscription")

    async def _due(self, key: str) -> None:
        _, version = await self._vault.get(_DUE, key)
        await self._vault.put(_DUE, key, {"at": self._clock(), "tries": 0}, version)


def _after(sent: Subscription, found: Subscription | None, result: Result) -> Subscription | None:
    """Return what a subscription is after its call; it may have been changed, or dropped, while the call was made."""
    if sent.state is State.UNWANTED:
        if result.ending is Ending.DONE:
            return None if found is None or found.state is State.UNWANTED else replace(found, id="", state=State.WANTED)
        return found and replace(found, why=result.why)
    if result.ending is Ending.DONE:
        if found is None:
            return replace(sent, state=State.UNWANTED, id=result.id)
        state = State.ACCEPTED if found.state is State.WANTED else found.state
        return replace(found, state=state, id=result.id, why="")
    if found is None or found.state is not State.WANTED:
        return found
    return replace(found, state=State(result.ending.value), why=result.why)
