"""From an answer of Mitz to a verdict (spec consent 4, 6.1; 8: 8, 10, 14, 15)."""

from __future__ import annotations

import pytest
from mitz_asked import PROOF, access, decided, mitz
from structlog.testing import capture_logs

from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.reasons import Reason


async def test_permit_is_explicit_general_and_serves_a_minute() -> None:
    source, _ = mitz()
    verdict = await source.ask(access())
    assert verdict.outcome == Permit("explicit-consent:mitz", (PROOF,))
    assert (verdict.explicit, verdict.specificity, verdict.cacheable_for) == (True, 0, 60.0)


@pytest.mark.parametrize(
    ("words", "reason", "seconds"),
    [
        (("Deny",), Reason.MITZ_DENY, 30.0),
        (("Permit", "Deny"), Reason.MITZ_PARTIAL, 30.0),
        (("Indeterminate",), Reason.MITZ_INDETERMINATE, 0.0),
        (("NotApplicable",), Reason.MITZ_NOT_APPLICABLE, 0.0),
    ],
)
async def test_anything_else_denies_with_the_highest_weight(
    words: tuple[str, ...], reason: Reason, seconds: float
) -> None:
    source, _ = mitz(decided(*words))
    verdict = await source.ask(access())
    assert verdict.outcome == Deny(reason, (PROOF,))
    assert (verdict.explicit, verdict.specificity, verdict.cacheable_for) == (False, 4, seconds)


async def test_no_answer_is_unavailable_never_reused_and_told_to_operations() -> None:
    source, _ = mitz(Unavailable(Reason.MITZ_MALFORMED, (PROOF,), "doctype"))
    with capture_logs() as lines:
        verdict = await source.ask(access())
    assert verdict.outcome == Unavailable(Reason.MITZ_MALFORMED, (PROOF,), "doctype")
    assert verdict.cacheable_for == 0.0
    assert lines == [
        {
            "event": "mitz.no_answer",
            "log_level": "error",
            "reason": "PZP-CONSENT-016",
            "error_class": "doctype",
            "message_id": "urn:uuid:1",
            "alarm": "operations",
        }
    ]


async def test_another_patients_answer_alarms_security() -> None:
    source, _ = mitz(Unavailable(Reason.MITZ_MALFORMED, (PROOF,), "other-patient"))
    with capture_logs() as lines:
        await source.ask(access())
    assert lines[0]["alarm"] == "security"
