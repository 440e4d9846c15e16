"""Refusals at the FHIR facade: an OperationOutcome that names the reason, for the reader is the tenant's own system."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson

from ..fhir.operation_outcome import FHIR_JSON
from ..outcome import Gap, Stop
from ..reasons import Language
from .asked import Fault
from .door import Response
from .problem import problem

SYSTEM = "urn:nuts-pzp:reason"
_PHONE: dict[Language, str] = {"nl": "bel", "en": "phone"}


def outcome(
    stop: Stop,
    code: str,
    language: Language = "nl",
    faults: tuple[Fault, ...] = (),
    *,
    allow: str = "",
    phone: Sequence[Gap] = (),
) -> Response:
    """Return what `problem` says as an OperationOutcome, with the same status and headers; no patient data."""
    reason = stop.reason
    said = [f"{fault.key}: {fault.nl if language == 'nl' else fault.en}" for fault in faults]
    detail = "; ".join(said) or stop.detail
    issues: list[dict[str, Any]] = [
        {
            "severity": "error",
            "code": reason.face.issue,
            "details": {
                "coding": [{"system": SYSTEM, "code": reason.code}],
                "text": reason.text("clinician", language),
            },
            "diagnostics": f"{reason.text('it', language)} {detail} (meldcode {code})".replace("  ", " "),
        }
    ]
    for one in phone:
        text = f"{one.name or one.where}: {_PHONE[language]} {one.phone}"
        issues.append({"severity": "information", "code": "informational", "details": {"text": text}})
    plain = problem(stop, code, language, allow=allow)
    body = orjson.dumps({"resourceType": "OperationOutcome", "issue": issues})
    return Response(plain.status, body, plain.headers, FHIR_JSON)
