"""Whether one resource shows that this organization treats this patient, or that the patient was referred to it. Pure.

Everything must be said: another patient, another state, a date that is over, a modifier that is not known, and it shows
nothing. What cannot be read shows nothing either; missing evidence never permits.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from ...consent.period import NotAMoment, Period
from ...identity import URA_SYSTEM, Ura

Json = Mapping[str, Any]

INCLUDES = {
    "CareTeam": "CareTeam:participant",
    "ServiceRequest": "ServiceRequest:performer",
    "EpisodeOfCare": "EpisodeOfCare:organization",
    "Encounter": "Encounter:service-provider",
}
"""The types that are looked at, and how a search brings the organizations they name."""
_ORDERS = frozenset({"order", "original-order", "reflex-order", "filler-order", "instance-order"})
"""What refers. A plan authorizes nobody yet, and a directive is the patient's own."""


@dataclass(frozen=True, slots=True)
class Sought:
    """Whose relation with whom. `base` is the server's, without trailing slash; `known` are references to that user."""

    patient: str
    ura: Ura
    now: datetime
    base: str
    recent: timedelta
    known: frozenset[str] = frozenset()


def organizations(resources: list[Json], ura: Ura) -> frozenset[str]:
    """Return `Organization/id` of each included organization that has this URA and no other."""
    found = set()
    for one in resources:
        uras = {str(mark.get("value")) for mark in _objects(one, "identifier") if mark.get("system") == URA_SYSTEM}
        if one.get("resourceType") == "Organization" and uras == {ura.value} and isinstance(one.get("id"), str):
            found.add(f"Organization/{one['id']}")
    return frozenset(found)


def shows(resource: Json, sought: Sought) -> str | None:
    """Return `treatment` or `referral` when the resource shows that, else None."""
    try:
        kind = resource.get("resourceType")
        reader = _READERS.get(kind) if isinstance(kind, str) else None
        strange = resource.get("modifierExtension") or resource.get("implicitRules")
        if reader is None or strange or not _about(resource, sought):
            return None
        return reader(resource, sought)
    except (NotAMoment, TypeError, ValueError, AttributeError):
        return None


def _care_team(resource: Json, sought: Sought) -> str | None:
    if resource.get("status") != "active" or not _now(resource.get("period"), sought):
        return None
    for one in _objects(resource, "participant"):
        named = _names(one.get("member"), sought) or _names(one.get("onBehalfOf"), sought)
        if named and not one.get("modifierExtension") and _now(one.get("period"), sought):
            return "treatment"
    return None


def _service_request(resource: Json, sought: Sought) -> str | None:
    if resource.get("status") != "active" or resource.get("intent") not in _ORDERS or resource.get("doNotPerform"):
        return None
    if not any(_names(one, sought) for one in _objects(resource, "performer")):
        return None
    return "referral" if _recent(resource.get("authoredOn"), sought) else None


def _episode(resource: Json, sought: Sought) -> str | None:
    active = resource.get("status") == "active" and _now(resource.get("period"), sought)
    return "treatment" if active and _names(resource.get("managingOrganization"), sought) else None


def _encounter(resource: Json, sought: Sought) -> str | None:
    """Care that goes on there now, or a transfer to it not long ago."""
    period = resource.get("period")
    if resource.get("status") == "in-progress" and _now(period, sought):
        return "treatment" if _names(resource.get("serviceProvider"), sought) else None
    stay = resource.get("hospitalization")
    moved = isinstance(stay, dict) and _names(stay.get("destination"), sought)
    over = period.get("end") if isinstance(period, dict) else None
    return "referral" if resource.get("status") == "finished" and moved and _recent(over, sought) else None


_READERS = {
    "CareTeam": _care_team,
    "ServiceRequest": _service_request,
    "EpisodeOfCare": _episode,
    "Encounter": _encounter,
}


def _about(resource: Json, sought: Sought) -> bool:
    references = [
        resource[name].get("reference") for name in ("subject", "patient") if isinstance(resource.get(name), dict)
    ]
    own = {f"Patient/{sought.patient}", f"{sought.base}/Patient/{sought.patient}"}
    return bool(references) and all(one in own for one in references)


def _names(reference: object, sought: Sought) -> bool:
    """True when a Reference names the organization by URA, or as one that the server knows by that URA."""
    if not isinstance(reference, dict):
        return False
    mark = reference.get("identifier")
    if isinstance(mark, dict) and mark.get("system") == URA_SYSTEM:
        return mark.get("value") == sought.ura.value
    target = reference.get("reference")
    return isinstance(target, str) and target.removeprefix(f"{sought.base}/") in sought.known


def _now(period: object, sought: Sought) -> bool:
    if period is None:
        return True
    if not isinstance(period, dict):
        return False
    return Period(str(period.get("start", "")), str(period.get("end", ""))).surely(sought.now)


def _recent(moment: object, sought: Sought) -> bool:
    """True when it surely lies in the past, and no longer ago than counts."""
    if not isinstance(moment, str) or not moment:
        return False
    return Period(start=moment).surely(sought.now) and not Period(start=moment).surely(sought.now - sought.recent)


def _objects(element: Json, name: str) -> Iterator[dict[str, Any]]:
    found = element.get(name)
    return iter([one for one in found if isinstance(one, dict)] if isinstance(found, list) else [])
