"""Who asks the open question, and what the twin holds."""

from __future__ import annotations

import ipaddress
import uuid
from dataclasses import dataclass
from datetime import date
from typing import Any

from nuts_pzp.accounted import Intended, Receipt
from nuts_pzp.exchange import Attempt, Caller, Inquiry
from nuts_pzp.identity import (
    Assurance,
    Bsn,
    Organization,
    Professional,
    Purpose,
    Ura,
)  # fmt: skip
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import MitzTwin
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
from nuts_pzp.systems.mitz.open_locator import MitzLocator

BSN = "999990019"


KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")


LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))


ISSUER = "urn:oid:2.16.840.1.113883.2.4.3.11.999.7"


DOCTOR = Professional("000012345", "huisarts", assurance=Assurance.UZI)


@dataclass
class Setting:
    """A twin that serves, the papers of who asks, and a locator that asks it."""

    twin: MitzTwin
    locator: MitzLocator
    settings: dict[str, Any]
    around: Surroundings
    authority: Authority
    signing: Issued

    def subscribed(self, provider: str, kind: str, bsn: str = BSN) -> None:
        one = Subscribed(
            str(uuid.uuid4()), bsn, provider, kind, "https://x.example", "json", "urn:oid:2.999.7", "urn:oid:2.999.8"
        )
        self.twin.book.held[one.id] = one

    async def located(self, who: Professional = DOCTOR, bsn: str = BSN) -> Any:
        return await self.locator.locate(intended(who, bsn))


def intended(who: Professional = DOCTOR, bsn: str = BSN) -> Receipt[Intended]:
    caller = Caller(KADE, None, frozenset(), Purpose.TREATMENT, None, {}, "mtls")
    inquiry = Inquiry(caller, who, Bsn(bsn), date(1941, 5, 4), Purpose.TREATMENT, None, None, (), 10.0)
    return Receipt(Intended(Attempt("c1"), inquiry), 0, "r1")
