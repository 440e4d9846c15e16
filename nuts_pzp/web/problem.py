"""Problems at the EHR door (RFC 9457): the reader is the tenant's own system, so the reason is named."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ..outcome import Gap, Stop, Unavailable
from ..reasons import Face, Language, Reason
from .asked import Fault
from .door import Response

_WANT_TOKEN = (Reason.TOKEN_ABSENT, Reason.TOKEN_INVALID)

PROBLEM = "application/problem+json"


def problem(
    stop: Stop,
    code: str,
    language: Language = "nl",
    faults: tuple[Fault, ...] = (),
    *,
    allow: str = "",
    phone: Sequence[Gap] = (),
) -> Response:
    """Return the problem in one language, with the reason's code and the meldcode; no patient data.

    What could not be asked is a 503: it is ours to mend or theirs to wait for, not the question's fault. `allow` names
    the methods that a path takes, where another one was used; `phone` whom to phone instead.
    """
    reason = stop.reason
    status = 503 if isinstance(stop, Unavailable) and reason.face is Face.BROKEN else reason.face.status
    content: dict[str, Any] = {
        "type": f"urn:nuts-pzp:reason:{reason.code}",
        "status": status,
        "code": reason.code,
        "title": reason.text("it", language),
        "clinician": reason.text("clinician", language),
        "meldcode": code,
    }
    if stop.detail:
        content["detail"] = stop.detail
    if phone:
        content["phone"] = [{"ura": one.where, "name": one.name, "phone": one.phone} for one in phone]
    if faults:
        content["errors"] = [
            {"key": fault.key, "detail": fault.nl if language == "nl" else fault.en} for fault in faults
        ]
    headers: tuple[tuple[bytes, bytes], ...] = ((b"content-language", language.encode()), (b"vary", b"accept-language"))
    if reason in _WANT_TOKEN:
        headers += ((b"www-authenticate", b"Bearer"),)
    if status == 503:
        headers += ((b"retry-after", b"30"),)
    elif reason.face.retry_after is not None:
        headers += ((b"retry-after", str(reason.face.retry_after).encode()),)
    if allow:
        headers += ((b"allow", allow.encode()),)
    return Response(status, orjson.dumps(content), headers, PROBLEM)
