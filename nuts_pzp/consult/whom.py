"""Whom to ask: named, found by a register, or both; our own organization without the network (issue of targeting).

Trusts nobody with a name: only organizations that a register points at for this patient, or that the caller named, are
asked. When the registers are away nobody is asked in their place; the usual sources are named, to be phoned.
"""

from __future__ import annotations

import asyncio

from ..accounted import Intended, Receipt
from ..exchange import Holder, Inquiry, Source
from ..house import Consulting
from ..outcome import Deny, Gap, Gathered, Unavailable
from ..reasons import Reason

MOST = 50
"""Sources asked in one consultation, our own included; those beyond are gaps, with whom to phone."""


async def whom(house: Consulting, intended: Receipt[Intended]) -> Gathered[Source]:
    """Return the sources to ask, each once, our own first; a gap for each that cannot be, named as well as we can."""
    inquiry, own_ura = intended.event.inquiry, house.tenant.organization.ura
    holders = await house.locator.locate(intended)
    others = tuple(one for one in holders.items if one.ura != own_ura)
    room = MOST - (house.own is not None)
    beyond = tuple(Gap(one.ura.value, Unavailable(Reason.SOURCE_NO_TURN)) for one in others[room:])
    found = await house.directory.sources(others[:room])
    gaps = [*found.gaps, *beyond]
    own = _own(house, inquiry, holders.items)
    items = tuple(house.phones.on(one) for one in found.items if one.holder.ura != own_ura)
    gaps = [*await asyncio.gather(*(house.phones.named(gap, house.directory) for gap in gaps))]
    if holders.gaps:
        told_of = {own_ura, *(one.ura for one in others)}
        gaps += house.phones.usual(told_of)
    return Gathered(own.items + items, (*holders.gaps, *own.gaps, *gaps))


def _own(house: Consulting, inquiry: Inquiry, holders: tuple[Holder, ...]) -> Gathered[Source]:
    """Our own record: read at our own server unless others only were named. Without a server it is a gap when named."""
    self_ = house.tenant.organization
    named = any(one.ura == self_.ura for one in holders)
    if house.own is not None:
        wanted = named or inquiry.localize or not inquiry.targets
        return Gathered((Source(self_, "", None, own=True),) if wanted else ())
    if not named:
        return Gathered()
    stop = Deny(Reason.ADDRESS_NONE, detail="this tenant has no FHIR server of its own to read")
    return Gathered(gaps=(Gap(self_.ura.value, stop, self_.name, self_.phone),))
