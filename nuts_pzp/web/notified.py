"""Notices of a register of choices, on the network listener: `POST /{tenant}/mitz/notifications`, and `.../Consent`.

Answered 200 only when what it restricts is durable, its record is, and then what it relaxes; whatever fails before that
is 503, so that the register sends it again. Known and unknown patients look the same (spec consent 3.3).
"""

from __future__ import annotations

from typing import Any

import structlog

from ..accounted import Denied, Notified
from ..authentication.certificate import described
from ..consent.notice import Correspondence, NotForUs, Notice, Unreadable
from ..exchange import Attempt, Presented
from ..house import Holding
from ..outcome import Deny, Outcome, Stop, Unavailable
from ..reasons import Reason
from . import door
from .meter import Meter

REGISTER = "mitz"
PATHS = frozenset({"mitz/notifications", "mitz/notifications/Consent"})
"""Below the tenant's slug."""
LIMIT = 1_048_576

_TAKEN = (
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"information","code":"informational",'
    b'"details":{"text":"Ontvangen"}}]}'
)

_log = structlog.get_logger("nuts_pzp.notified")


async def notified(
    house: Holding, letters: Correspondence, presented: Presented, scope: door.Scope, receive: Any, meter: Meter
) -> door.Response:
    """Take one notice. Raises NotRecorded, and then it was not taken."""
    shown = described(presented.certificate)
    attempt = Attempt(presented.correlation, address=presented.address, trace=presented.trace, certificate=shown)
    if not letters.informant.admits(presented.certificate):
        absent = presented.certificate is None
        reason = Reason.CERTIFICATE_ABSENT if absent else Reason.CERTIFICATE_UNLISTED
        meter.noticed(house.tenant.id, "not-admitted")
        await house.audit.append(Denied(attempt, Deny(reason, detail=f"a notification of {REGISTER}")))
        return door.refused(reason, presented.correlation)
    if scope["method"] != "POST":
        meter.noticed(house.tenant.id, "unreadable")
        await house.audit.append(Denied(attempt, Deny(Reason.REQUEST_METHOD, detail=f"a notification of {REGISTER}")))
        return door.refused(Reason.REQUEST_METHOD, presented.correlation)
    try:
        body = await door.body(receive, LIMIT)
    except door.BodyTooBig:
        return await _unreadable(house, attempt, "too-large", meter)
    media_type = door.header(scope, b"content-type").partition(";")[0].strip().lower()
    found = await letters.informant.read(media_type, body)
    if isinstance(found, Unreadable):
        return await _unreadable(house, attempt, found.flaw, meter)
    if isinstance(found, NotForUs):
        _log.error("notice.other-holder", register=REGISTER, meldcode=presented.correlation, alarm="security")
        meter.noticed(house.tenant.id, "other-holder")
        await house.audit.append(Notified(REGISTER, attempt, None, (("became", "other-holder"),)))
        return door.Response(200, _TAKEN)
    return await _taken(house, letters, attempt, found, meter)


async def _taken(
    house: Holding, letters: Correspondence, attempt: Attempt, notice: Notice, meter: Meter
) -> door.Response:
    """What restricts counts before it is recorded, what relaxes only after that (ADR 0055)."""
    restricted = await letters.informant.restrict(notice)
    if not isinstance(restricted, int):
        return await _failed(house, attempt, restricted)
    await house.audit.append(Notified(REGISTER, attempt, notice.bsn, _told(notice)))
    relaxed = await letters.informant.relax(notice)
    if not isinstance(relaxed, int):
        return await _failed(house, attempt, relaxed)
    meter.noticed(house.tenant.id, "kept" if notice.known else "unknown-patient")
    return door.Response(200, _TAKEN)


async def _failed(house: Holding, attempt: Attempt, said: Outcome[int]) -> door.Response:
    """Refuse a notice that could not be kept: it is sent again. That it was refused is on record like any refusal."""
    stop = said if isinstance(said, Stop) else Unavailable(Reason.INTERNAL, detail="an informant gave no stop")
    _log.error("notice.not-kept", register=REGISTER, reason=stop.reason.code, meldcode=attempt.correlation)
    await house.audit.append(Denied(attempt, stop))
    return door.refused(stop.reason, attempt.correlation)


async def _unreadable(house: Holding, attempt: Attempt, flaw: str, meter: Meter) -> door.Response:
    _log.error("notice.unreadable", register=REGISTER, error_class=flaw, meldcode=attempt.correlation, alarm="security")
    meter.noticed(house.tenant.id, "unreadable")
    await house.audit.append(Notified(REGISTER, attempt, None, (("became", "unreadable"), ("error_class", flaw))))
    faces = {"media-type": Reason.REQUEST_MEDIA_TYPE, "too-large": Reason.REQUEST_TOO_BIG}
    return door.refused(faces.get(flaw, Reason.BODY_MALFORMED), attempt.correlation)


def _told(notice: Notice) -> tuple[tuple[str, str], ...]:
    """For the record: which users and data a refusal or a permission was about, and the bytes' digest."""

    def listed(refuses: bool) -> str:
        return " ".join(f"{one.data}:{one.users}" for one in notice.changes if one.refuses is refuses)

    return (
        ("refused", listed(True)),
        ("permitted", listed(False)),
        ("deceased", "yes" if notice.deceased else ""),
        ("sha256", notice.digest),
    )
