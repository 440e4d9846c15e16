"""Mitz: a subscription as a value, its bytes in JSON and XML, and the calls that make and end one (spec consent 3.1).

The BSN stands in the criteria, in the body only: no URL, no header, no log line holds it. Where an answer says that the
subscription lies is an id, never an address to dial.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from enum import Enum
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, tostring

import orjson

from ...identity import Bsn
from ...outside import Heard, Peer, Trouble
from .question import Party

PATH = "/abonnementen/fhir/Subscription"
MEDIA_TYPES = {"json": "application/fhir+json", "xml": "application/fhir+xml"}

_FHIR = "http://hl7.org/fhir"
_BIRTH_DATE = "http://fhir.nl/StructureDefinition/Patient.birthDate"
_GATEWAY = "http://fhir.nl/StructureDefinition/GatewaySystem"
_SOURCE = "http://fhir.nl/StructureDefinition/SourceSystem"
_LOCATION = re.compile(r"(?:^|/)Subscription/([A-Za-z0-9.-]{1,64})(?:/_history/[A-Za-z0-9.-]{1,64})?$", re.ASCII)
_LONGEST_WAIT = 86_400.0

Format = Literal["json", "xml"]
Credential = Callable[[], Awaitable[Mapping[str, str]]]
"""Gives the headers that prove who calls, beside mutual TLS; asked before every call."""


@dataclass(frozen=True, slots=True)
class Channel:
    """What every subscription of one holder says: where and how to notify, and the two systems (OIDs)."""

    endpoint: str
    format: Format
    gateway_system: str
    source_system: str


@dataclass(frozen=True, slots=True)
class Wish:
    """One patient's subscription. `birth_date` only when it was verified."""

    bsn: Bsn
    holder: Party
    birth_date: date | None = field(default=None, repr=False)

    @property
    def criteria(self) -> str:
        """What Mitz takes for a search. Holds the BSN."""
        holder = self.holder
        return f"Consent?_query=otv&patientid={self.bsn.value}&providerid={holder.ura.value}&providertype={holder.type}"


def build(wish: Wish, channel: Channel) -> bytes:
    """Write the Subscription in the channel's format, UTF-8."""
    extensions = [("valueDate", _BIRTH_DATE, wish.birth_date.isoformat())] if wish.birth_date else []
    extensions += [
        ("valueOid", _GATEWAY, f"urn:oid:{channel.gateway_system}"),
        ("valueOid", _SOURCE, f"urn:oid:{channel.source_system}"),
    ]
    if channel.format == "json":
        return orjson.dumps(
            {
                "resourceType": "Subscription",
                "extension": [{"url": url, kind: value} for kind, url, value in extensions],
                "status": "requested",
                "reason": "OTV",
                "criteria": wish.criteria,
                "channel": {
                    "type": "rest-hook",
                    "endpoint": channel.endpoint,
                    "payload": MEDIA_TYPES[channel.format],
                },
            }
        )
    root = Element("Subscription", {"xmlns": _FHIR})
    for kind, url, value in extensions:
        SubElement(SubElement(root, "extension", {"url": url}), kind, {"value": value})
    for name, value in (("status", "requested"), ("reason", "OTV"), ("criteria", wish.criteria)):
        SubElement(root, name, {"value": value})
    told = SubElement(root, "channel")
    for name, value in (("type", "rest-hook"), ("endpoint", channel.endpoint), ("payload", MEDIA_TYPES["xml"])):
        SubElement(told, name, {"value": value})
    written: bytes = tostring(root, encoding="UTF-8", xml_declaration=True)
    return written


class Ending(Enum):
    """What a call came to."""

    DONE = "done"
    REFUSED = "refused"
    """For what it says: not sent again as it is."""
    NOT_ADMITTED = "not-admitted"
    """For who we are: tried again at the next reconciliation."""
    LATER = "later"
    """Nobody was there, or asked for patience: tried again."""


@dataclass(frozen=True, slots=True)
class Result:
    """How a call ended, in a word (`http-422`, `timeout`), with the id that was given or the seconds to wait."""

    ending: Ending
    why: str = ""
    id: str = ""
    wait: float = 0.0


class SubscriptionCalls:
    """The two calls of one tenant."""

    def __init__(self, peer: Peer, credential: Credential, channel: Channel) -> None:
        self._peer, self._credential, self.channel = peer, credential, channel

    async def subscribe(self, wish: Wish) -> Result:
        """Ask for one; the id when it was accepted. Accepted is not active: Mitz works it off later. Never raises."""
        media_type = MEDIA_TYPES[self.channel.format]
        headers = {"content-type": f"{media_type}; charset=UTF-8", "accept": media_type}
        heard = await self._send("POST", PATH, headers, build(wish, self.channel))
        if not isinstance(heard, Heard) or heard.status != 202:
            return _ended(heard, frozenset())
        found = _LOCATION.search(heard.headers.get("location", ""))
        return Result(Ending.DONE, id=found[1]) if found else Result(Ending.REFUSED, "no-location")

    async def unsubscribe(self, id: str) -> Result:
        """End one; one that is not there is ended. Never raises."""
        heard = await self._send("DELETE", f"{PATH}/{id}", {"accept": MEDIA_TYPES[self.channel.format]}, None)
        return _ended(heard, frozenset({200, 202, 204, 404, 410}))

    async def queued(self, provider: str) -> int | None:
        """Return how many requests of this provider (URA) Mitz has not worked off yet; None when it does not say."""
        headers = {"accept": MEDIA_TYPES["json"]}
        heard = await self._send("GET", f"{PATH}/$processingStatus?providerid={provider}", headers, None)
        if not isinstance(heard, Heard) or heard.status != 200:
            return None
        return _count(heard.body)

    async def _send(self, method: str, path: str, headers: dict[str, str], body: bytes | None) -> Heard | Trouble:
        try:
            own = await self._credential()
        except (OSError, UnicodeError, ValueError):
            return Trouble.BROKEN
        return await self._peer.send(
            method, path, headers={**headers, **own, "x-request-id": str(uuid.uuid4())}, content=body
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._peer.close()


def _ended(heard: Heard | Trouble, done: frozenset[int]) -> Result:
    if isinstance(heard, Trouble):
        ours = heard in (Trouble.ADDRESS, Trouble.REDIRECT, Trouble.OVERSIZE)
        return Result(Ending.NOT_ADMITTED if ours else Ending.LATER, heard.value)
    why = f"http-{heard.status}"
    if heard.status in done:
        return Result(Ending.DONE)
    if heard.status == 429 or heard.status >= 500:
        return Result(Ending.LATER, why, wait=_seconds(heard.headers.get("retry-after", "")))
    if heard.status in (401, 403, 404):
        return Result(Ending.NOT_ADMITTED, why)
    return Result(Ending.REFUSED, why)


def _seconds(text: str) -> float:
    """Retry-After in seconds, at most a day; nothing for a date or nonsense: then our own patience counts."""
    return min(float(text), _LONGEST_WAIT) if text.isascii() and text.isdigit() else 0.0


def _count(body: bytes) -> int | None:
    """Read the number that `$processingStatus` gives as Parameters: one integer parameter."""
    try:
        parameters = orjson.loads(body)["parameter"]
        numbers = [one["valueInteger"] for one in parameters if type(one.get("valueInteger")) is int]
    except (ValueError, KeyError, TypeError, AttributeError):
        return None
    return sum(numbers) if numbers and min(numbers) >= 0 else None
