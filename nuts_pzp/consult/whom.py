"""Whom to ask: named, found by a register, or both; our own organization without the network (issue of targeting).

Trusts nobody with a name: only organizations that a register points at for this patient, or that the caller named, are
asked. When the registers are away nobody is asked in their place; the usual sources are named, to be phoned. When they
keep us waiting, those for whom none is needed are asked meanwhile (ADR 0075).
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Collection

from ..accounted import Addressed, Intended, Receipt
from ..exchange import Holder, Inquiry, Source
from ..house import Consulting
from ..identity import Ura
from ..localization.join import named
from ..outcome import Deny, Gap, Gathered, Unavailable
from ..reasons import Reason

MOST = 50
"""Sources asked in one consultation, our own included; those beyond are gaps, with whom to phone."""

GRACE = 0.5
"""Seconds that the registers have, of a short deadline a quarter, before those who need none are asked without them."""


async def whom(house: Consulting, intended: Receipt[Intended]) -> AsyncGenerator[Addressed, None]:
    """Yield whom to ask, to be recorded before they are: in one part, or when registers are slow in two.

    Each source stands in one part only, our own first; a gap for each that cannot be asked, named as well as we can.
    """
    attempt, inquiry = intended.event.attempt, intended.event.inquiry
    told: frozenset[Ura] = frozenset()
    registers = asyncio.create_task(house.locator.locate(intended))
    try:
        await asyncio.wait({registers}, timeout=min(GRACE, inquiry.deadline / 4))
        if not registers.done():
            early = await _sources(house, inquiry, named(inquiry), told)
            if early.items:
                told = frozenset({*inquiry.targets, *(one.holder.ura for one in early.items)})
                yield Addressed(attempt, inquiry, early.items, early.gaps, registers_awaited=True)
        found = await registers
    finally:
        registers.cancel()
        await asyncio.gather(registers, return_exceptions=True)

    rest = await _sources(house, inquiry, found.items, told)
    heard_of = {house.tenant.organization.ura, *(one.ura for one in found.items)}
    usual = house.phones.usual(heard_of) if found.gaps else ()
    yield Addressed(attempt, inquiry, rest.items, (*found.gaps, *rest.gaps, *usual))


async def _sources(
    house: Consulting, inquiry: Inquiry, holders: tuple[Holder, ...], told: Collection[Ura]
) -> Gathered[Source]:
    """Return whom of these holders to ask, our own first, and a gap for each other; nobody whom we told of before."""
    own_ura = house.tenant.organization.ura
    done = {own_ura, *told}
    others = tuple(one for one in holders if one.ura != own_ura)
    room = MOST - (house.own is not None)
    found = await house.directory.sources(tuple(one for one in others[:room] if one.ura not in done))
    beyond = [Gap(one.ura.value, Unavailable(Reason.SOURCE_NO_TURN)) for one in others[room:] if one.ura not in done]
    gaps = await asyncio.gather(*(house.phones.named(gap, house.directory) for gap in (*found.gaps, *beyond)))
    items = tuple(house.phones.on(one) for one in found.items if one.holder.ura not in done)
    own = Gathered() if own_ura in told else _own(house, inquiry, holders)
    return Gathered(own.items + items, (*own.gaps, *gaps))


def _own(house: Consulting, inquiry: Inquiry, holders: tuple[Holder, ...]) -> Gathered[Source]:
    """Our own record: read at our own server unless others only were named. Without a server it is a gap when named."""
    self_ = house.tenant.organization
    named_ = any(one.ura == self_.ura for one in holders)
    if house.own is not None:
        wanted = named_ or inquiry.localize or not inquiry.targets
        return Gathered((Source(self_, "", None, own=True),) if wanted else ())
    if not named_:
        return Gathered()
    stop = Deny(Reason.ADDRESS_NONE, detail="this tenant has no FHIR server of its own to read")
    return Gathered(gaps=(Gap(self_.ura.value, stop, self_.name, self_.phone),))
