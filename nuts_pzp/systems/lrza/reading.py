"""From directory JSON to slim values: what is not well formed is left out, nothing raises, everything is bounded.

Copies only what addressing needs of Organization, HealthcareService and Endpoint (spec 3.2, 3.3). Pure.
"""

from __future__ import annotations

import calendar
import re
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ...addressing.choose import Coding, Endpoint
from ...identity import ORGANIZATION_TYPE_SYSTEM, URA_SYSTEM, NotAnIdentifier, Ura
from .sbi import SBI_SYSTEM, TYPES

MOST = 200
"""Items of one list in one resource that are looked at."""

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}", re.ASCII)
_TYPE_CODE = re.compile(r"[A-Z][A-Z0-9]{1,3}", re.ASCII)
_PHONE = re.compile(r"\+?[0-9 ()-]{3,25}", re.ASCII)
_DATE = re.compile(r"(\d{4})(?:-(\d\d)(?:-(\d\d))?)?", re.ASCII)
_DAY = 86_400.0


@dataclass(frozen=True, slots=True, order=True)
class Stamp:
    """Which of two versions of one resource is newer."""

    updated: float = 0.0
    version: int = 0


@dataclass(frozen=True, slots=True)
class Listing:
    """An Organization. `ura` is empty for a part of one; `parent` is the id it is part of."""

    id: str
    stamp: Stamp
    active: bool
    ura: str
    name: str
    types: tuple[str, ...]
    phone: str
    parent: str
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Offering:
    """A HealthcareService: whose, and its endpoints."""

    id: str
    stamp: Stamp
    active: bool
    provider: str
    endpoints: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Door:
    """An Endpoint."""

    id: str
    stamp: Stamp
    endpoint: Endpoint


Entry = Listing | Offering | Door


def read_resource(resource: object, base: str) -> Entry | None:
    """Return the slim value, or None for what is of another type or not well formed. `base` is the directory's own."""
    if not isinstance(resource, dict):
        return None
    identity = resource.get("id")
    if not isinstance(identity, str) or not _ID.fullmatch(identity):
        return None
    kind, stamp = resource.get("resourceType"), _stamp(resource.get("meta"))
    if kind == "Organization":
        return _listing(resource, identity, stamp, base)
    if kind == "HealthcareService":
        provider = _reference(resource.get("providedBy"), "Organization", base)
        return Offering(identity, stamp, _active(resource), provider, _endpoints(resource, base))
    if kind == "Endpoint":
        return _door(resource, identity, stamp)
    return None


def read_instant(value: object) -> float | None:
    """Return a FHIR instant as Unix seconds, or None."""
    if not isinstance(value, str) or len(value) > 40 or "T" not in value:
        return None
    try:
        moment = datetime.fromisoformat(value)
    except ValueError:
        return None
    return moment.timestamp() if moment.tzinfo else None


def _listing(resource: dict[str, Any], identity: str, stamp: Stamp, base: str) -> Listing:
    return Listing(
        id=identity,
        stamp=stamp,
        active=_active(resource),
        ura=_one_ura(resource.get("identifier")),
        name=_words(resource.get("name"), 120),
        types=_types(resource.get("type")),
        phone=_phone(resource.get("telecom")),
        parent=_reference(resource.get("partOf"), "Organization", base),
        endpoints=_endpoints(resource, base),
    )


def _door(resource: dict[str, Any], identity: str, stamp: Stamp) -> Door | None:
    address, connection = resource.get("address"), _coding(resource.get("connectionType"))
    period = _period(resource.get("period"))
    if not isinstance(address, str) or len(address) > 2048 or connection is None or period is None:
        return None
    custodians = {
        ura
        for identifier in _dicts(resource.get("identifier"))
        if (ura := _ura(_dict(_dict(identifier.get("assigner")).get("identifier"))))
    }
    endpoint = Endpoint(
        id=identity,
        status=_words(resource.get("status"), 40),
        connection=connection,
        payloads=tuple(_codings(resource.get("payloadType"))),
        mime_types=tuple(mime[:200] for mime in _list(resource.get("payloadMimeType")) if isinstance(mime, str)),
        address=address,
        start=period[0],
        end=period[1],
        vendor=_vendor(resource.get("managingOrganization")),
        custodian="several" if len(custodians) > 1 else "".join(custodians),
    )
    return Door(identity, stamp, endpoint)


def _active(resource: dict[str, Any]) -> bool:
    """FHIR leaves `active` out for most live organisations; anything but absent or true is not active."""
    return resource.get("active", True) is True


def _stamp(meta: object) -> Stamp:
    fields = _dict(meta)
    version = fields.get("versionId")
    number = int(version) if isinstance(version, str) and version.isascii() and version.isdigit() else 0
    return Stamp(read_instant(fields.get("lastUpdated")) or 0.0, min(number, 2**53))


def _ura(identifier: dict[str, Any]) -> str:
    value = identifier.get("value")
    if identifier.get("system") != URA_SYSTEM or not isinstance(value, str):
        return ""
    try:
        return Ura.parse(value).value
    except NotAnIdentifier:
        return ""


def _one_ura(identifiers: object) -> str:
    """Return the organisation's URA; an organisation that claims two has none."""
    claimed = {ura for identifier in _dicts(identifiers) if (ura := _ura(identifier))}
    return claimed.pop() if len(claimed) == 1 else ""


def _types(concepts: object) -> tuple[str, ...]:
    found: set[str] = set()
    for system, code in _codings(concepts):
        if system == ORGANIZATION_TYPE_SYSTEM and _TYPE_CODE.fullmatch(code):
            found.add(code)
        elif system == SBI_SYSTEM:
            found.update(TYPES.get(code, ()))
    return tuple(sorted(found))


def _phone(telecom: object) -> str:
    """Return the first usable phone number, by FHIR rank and then order."""
    usable: list[tuple[int, str]] = []
    for point in _dicts(telecom):
        value, rank = point.get("value"), point.get("rank")
        if point.get("system") == "phone" and isinstance(value, str) and _PHONE.fullmatch(value.strip()):
            usable.append((rank if type(rank) is int and rank > 0 else 1_000, value.strip()))
    return min(usable, key=lambda ranked: ranked[0])[1] if usable else ""


def _endpoints(resource: dict[str, Any], base: str) -> tuple[str, ...]:
    references = (_reference(item, "Endpoint", base) for item in _list(resource.get("endpoint")))
    return tuple(dict.fromkeys(reference for reference in references if reference))


def _reference(value: object, kind: str, base: str) -> str:
    """Return the id of `Kind/id`, also when absolute at this directory; "" for any other."""
    reference = _dict(value).get("reference")
    if not isinstance(reference, str) or len(reference) > 2048:
        return ""
    relative = reference.removeprefix(f"{base}/")
    found, _, identity = relative.partition("/")
    identity = identity.partition("/_history/")[0]
    return identity if found == kind and _ID.fullmatch(identity) else ""


def _vendor(value: object) -> str:
    reference = _dict(value)
    identifier = _dict(reference.get("identifier"))
    named = identifier.get("value") or reference.get("reference")
    return f"{identifier.get('system', '')}|{named}"[:300] if isinstance(named, str) else ""


def _coding(value: object) -> Coding | None:
    fields = _dict(value)
    system, code = fields.get("system"), fields.get("code")
    if not isinstance(system, str) or not isinstance(code, str) or len(system) + len(code) > 600:
        return None
    return (system, code)


def _codings(concepts: object) -> list[Coding]:
    """Return the codings of a list of CodeableConcepts."""
    pairs = (_coding(coding) for concept in _dicts(concepts) for coding in _dicts(concept.get("coding")))
    return [pair for pair in pairs if pair is not None]


def _period(value: object) -> tuple[float, float | None] | None:
    """Return (start, end) of a Period that may be absent; None when it is there and cannot be read."""
    if value is None:
        return (0.0, None)
    if not isinstance(value, dict):
        return None
    start, end = value.get("start"), value.get("end")
    earliest = (0.0, 0.0) if start is None else _moment(start)
    latest = (0.0, None) if end is None else _moment(end)
    return None if earliest is None or latest is None else (earliest[0], latest[1])


def _moment(value: object) -> tuple[float, float] | None:
    """Return the first and last second that a FHIR dateTime may mean; dates are taken as UTC."""
    instant = read_instant(value)
    if instant is not None:
        return (instant, instant)
    match = _DATE.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    year, month, day = (int(part) if part else None for part in match.groups())
    try:
        assert year is not None
        first = datetime(year, month or 1, day or 1, tzinfo=UTC)
        last_month = month or 12
        last = datetime(year, last_month, day or calendar.monthrange(year, last_month)[1], tzinfo=UTC)
    except ValueError:
        return None
    return (first.timestamp(), last.timestamp() + _DAY - 1)


def _words(value: object, most: int) -> str:
    """Return text without control, format and direction characters: it is shown to people."""
    if not isinstance(value, str):
        return ""
    kept = "".join(c for c in value[: 4 * most] if not unicodedata.category(c).startswith("C"))
    return " ".join(kept.split())[:most]


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value[:MOST] if isinstance(value, list) else []


def _dicts(value: object) -> list[dict[str, Any]]:
    return [item for item in _list(value) if isinstance(item, dict)]
