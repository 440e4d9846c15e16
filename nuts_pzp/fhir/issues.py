"""What a server says of its own answer: an OperationOutcome beside the resources of a Bundle. Pure.

The answer may still hold resources; it is not whole.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ..outcome import Deny, Stop, Unavailable
from ..reasons import Reason

_REFUSALS = frozenset({"forbidden", "security", "login", "suppressed"})
_LACKING = _REFUSALS | {
    "exception",
    "expired",
    "incomplete",
    "lock-error",
    "no-store",
    "throttled",
    "timeout",
    "too-costly",
    "transient",
}
"""Codes that FHIR defines as: something of the answer was not reached, not in time, or not given."""


class _Issue(msgspec.Struct):
    severity: Any = None
    code: Any = None


class _Outcome(msgspec.Struct):
    issue: list[_Issue] = []


_OUTCOME = msgspec.json.Decoder(_Outcome)


def trouble(outcomes: Iterable[bytes]) -> Stop | None:
    """Return the Stop that these outcomes amount to, or None; a refusal comes before a failure.

    An error always counts; a warning or an information does when its code says that the answer lacks something.
    What cannot be read as an outcome counts as an error: it was sent in the place of one.
    """
    found: list[str] = []
    broken = False
    for outcome in outcomes:
        try:
            issues = _OUTCOME.decode(outcome).issue
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            broken = True
            continue
        codes = [issue.code if isinstance(issue.code, str) else "" for issue in issues]
        if any(issue.severity in ("error", "fatal") for issue in issues) or not _LACKING.isdisjoint(codes):
            found += codes
    if not _REFUSALS.isdisjoint(found):
        return Deny(Reason.SOURCE_REFUSED, detail="an OperationOutcome in the Bundle")
    if broken:
        return Unavailable(Reason.SOURCE_BROKEN, detail="an OperationOutcome that cannot be read")
    return Unavailable(Reason.SOURCE_QUERY, detail="an OperationOutcome in the Bundle") if found else None
