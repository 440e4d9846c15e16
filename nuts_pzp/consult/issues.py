"""What a source says of its own answer: an OperationOutcome in a Bundle that speaks of an error. Pure.

The answer beside it may still hold resources; it is not whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..fhir.bundle import Resource
from ..outcome import Deny, Stop, Unavailable
from ..reasons import Reason

_REFUSALS = frozenset({"forbidden", "security", "login", "suppressed"})


class _Issue(msgspec.Struct):
    severity: Any = None
    code: Any = None


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


_OUTCOME = msgspec.json.Decoder(_Outcome)


def trouble(outcomes: Iterable[Resource]) -> Stop | None:
    """Return the Stop that these outcomes amount to, or None: warnings and information cost nothing.

    What cannot be read as an outcome counts as an error: it was sent in the place of one.
    """
    for resource in outcomes:
        try:
            issues = _OUTCOME.decode(resource.raw).issue
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return Unavailable(Reason.SOURCE_BROKEN, detail="an OperationOutcome that cannot be read")
        if any(issue.severity in ("error", "fatal") for issue in issues):
            if any(isinstance(issue.code, str) and issue.code in _REFUSALS for issue in issues):
                return Deny(Reason.SOURCE_REFUSED, detail="an OperationOutcome in the Bundle")
            return Unavailable(Reason.SOURCE_QUERY, detail="an OperationOutcome in the Bundle")
    return None
