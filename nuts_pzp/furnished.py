"""A tenant's house with everything in it that has a life of its own: started, asked how it is, stopped when empty."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import structlog

from .accounted import Kept
from .authentication.port import Scoped
from .house import Holding, House
from .identity import Purpose
from .outcome import Deny, Unavailable, Unknown
from .outside import Living
from .web.operations import Check

BOOKS = "accounting"
"""The slot of the bookkeeping: of a house and its successor, only one keeps them."""

ALERTS = "emergency alerts"
"""The slot of the desk that tells the officer: as with the books, one of a house and its successor."""

LONGEST_STAY = 65.0
"""Seconds: a consultation may take 60 (web.asked)."""

_log = structlog.get_logger("nuts_pzp.assembly")


@dataclass(slots=True)
class Furnished:
    """A house with everything in it that has a life of its own, by slot."""

    house: House
    living: dict[str, Living] = field(default_factory=dict)
    guests: int = 0
    """Requests that are being answered in it."""
    _left: asyncio.Event = field(default_factory=asyncio.Event)

    @contextmanager
    def guest(self) -> Iterator[None]:
        """Be inside: the house stands until its last guest has left."""
        self.guests += 1
        try:
            yield
        finally:
            self.guests -= 1
            self._left.set()

    async def start(self) -> None:
        """Start what lives, in order; stop what was started when one fails."""
        started: list[Living] = []
        try:
            for one in self.living.values():
                await one.start()
                started.append(one)
        except BaseException:
            await asyncio.gather(*(one.stop() for one in started), return_exceptions=True)
            raise

    async def succeed(self, former: Furnished | None) -> None:
        """Start, and account for each policy that the former house did not have, before any decision rests on it.

        Raises what a room's start raises, and NotRecorded; nothing is left running then.
        """
        await self.start()
        try:
            await _account_for_policies(self.house.holding, former.house.holding if former else None)
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """Stop all of it."""
        await asyncio.gather(*(one.stop() for one in self.living.values()), return_exceptions=True)

    async def vacate(self) -> None:
        """Stop once every guest has left, or when they stay longer than any answer may take."""
        for slot in (BOOKS, ALERTS):
            if one := self.living.pop(slot, None):
                await one.stop()  # the successor goes on with it
        try:
            async with asyncio.timeout(LONGEST_STAY):
                while self.guests:
                    self._left.clear()
                    await self._left.wait()
        except TimeoutError:
            _log.warning("tenant.guests-stay", tenant=self.house.tenant.id, guests=self.guests)
        finally:
            await self.stop()

    async def checks(self) -> list[Check]:
        """Ask each how it is, all at once: some wait a moment for what should not come."""
        asked = (_check(f"{self.house.tenant.id}: {slot}", one) for slot, one in self.living.items())
        return [*await asyncio.gather(*asked), *_claiming(self.house)]


async def _account_for_policies(holding: Holding | None, former: Holding | None) -> None:
    known = {(name, policy.digest, scopes) for name, policy, scopes in former.policies} if former else set()
    for name, policy, scopes in holding.policies if holding else ():
        if holding and (name, policy.digest, scopes) not in known:
            detail = (("policy", name), ("bundle_sha256", policy.digest), ("scopes", " ".join(scopes)))
            await holding.audit.append(Kept("policy.activated", detail))
            _log.info("policy.activated", tenant=holding.tenant.id, policy=name, bundle=policy.digest)


def _claiming(house: House) -> list[Check]:
    """Say whether who offers emergencies to its EHR can claim one: without a scope every one is asked as treatment."""
    user = house.consulting
    if user is None or not user.emergency or not isinstance(user.credentials, Scoped):
        return []
    what = f"{house.tenant.id}: consult.emergency"
    if Purpose.EMERGENCY in user.credentials.purposes:
        return [Check(what, True, "credentials have a scope for it")]
    return [Check(what, False, "credentials.scopes has none for ETREAT: an emergency is asked as treatment")]


async def _check(what: str, one: Living) -> Check:
    try:
        async with asyncio.timeout(3):
            said = await one.health()
    except TimeoutError:
        return Check(what, False, "did not answer in time")
    except Exception as bug:
        return Check(what, False, type(bug).__name__)
    if isinstance(said, Deny | Unknown | Unavailable):
        return Check(what, False, f"{said.reason.code} {said.detail}".strip())
    return Check(what, True, said)
