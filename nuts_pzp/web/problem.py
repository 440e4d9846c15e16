"""Problems at the EHR door (RFC 9457): the reader is the tenant's own system, so the reason is named."""

from __future__ import annotations

import orjson

from ..outcome import Stop, Unavailable
from ..reasons import Face
from .door import Response

PROBLEM = "application/problem+json"


def problem(stop: Stop, code: str) -> Response:
    """Return the problem in Dutch and English, with the reason's code and the meldcode; no patient data.

    What could not be asked is a 503: it is ours to mend or theirs to wait for, not the question's fault.
    """
    reason = stop.reason
    status = 503 if isinstance(stop, Unavailable) and reason.face is Face.BROKEN else reason.face.status
    content = {
        "type": f"urn:nuts-pzp:reason:{reason.code}",
        "status": status,
        "code": reason.code,
        "title": reason.text("it", "nl"),
        "title_en": reason.text("it", "en"),
        "clinician": reason.text("clinician", "nl"),
        "meldcode": code,
    }
    if stop.detail:
        content["detail"] = stop.detail
    headers = ((b"retry-after", b"30"),) if status == 503 else ()
    return Response(status, orjson.dumps(content), headers, PROBLEM)
