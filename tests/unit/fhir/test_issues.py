"""What a server says of its own answer: which outcomes mean that it is not whole."""

from __future__ import annotations

import json
from itertools import permutations
from typing import Any

import pytest

from nuts_pzp.fhir.issues import trouble
from nuts_pzp.outcome import Deny, Stop, Unavailable
from nuts_pzp.reasons import Reason

BROKEN = {"issue": "x"}


def _said(*outcomes: dict[str, Any]) -> Stop | None:
    return trouble(json.dumps(one).encode() for one in outcomes)


def _outcome(*issues: tuple[Any, Any]) -> dict[str, Any]:
    return {"issue": [{"severity": severity, "code": code} for severity, code in issues]}


@pytest.mark.parametrize("severity", ["warning", "information"])
@pytest.mark.parametrize(
    "code",
    [
        "exception",
        "expired",
        "incomplete",
        "lock-error",
        "no-store",
        "throttled",
        "timeout",
        "too-costly",
        "transient",
    ],
)
def test_an_answer_that_lacks_something_is_not_whole_however_mildly_it_is_said(severity: str, code: str) -> None:
    said = _said(_outcome((severity, code)))
    assert isinstance(said, Unavailable)
    assert said.reason is Reason.SOURCE_QUERY


@pytest.mark.parametrize("severity", ["fatal", "error", "warning", "information"])
@pytest.mark.parametrize("code", ["forbidden", "security", "login", "suppressed"])
def test_what_was_withheld_is_a_refusal(severity: str, code: str) -> None:
    said = _said(_outcome((severity, code)))
    assert isinstance(said, Deny)
    assert said.reason is Reason.SOURCE_REFUSED


@pytest.mark.parametrize("code", ["informational", "not-supported", "processing", "not-found", "conflict", None, 5, {}])
def test_advice_costs_nothing(code: Any) -> None:
    assert _said(_outcome(("warning", code), ("information", code), (None, code))) is None


@pytest.mark.parametrize("code", ["not-supported", None, 5])
def test_an_error_counts_whatever_its_code(code: Any) -> None:
    assert isinstance(_said(_outcome(("error", code))), Unavailable)


def test_a_refusal_comes_before_a_failure_in_any_order() -> None:
    outcomes = (_outcome(("warning", "suppressed")), BROKEN, _outcome(("error", "exception")), _outcome())
    for order in permutations(outcomes):
        assert isinstance(_said(*order), Deny)
    for order in permutations(outcomes[1:]):
        said = _said(*order)
        assert isinstance(said, Unavailable)
        assert said.reason is Reason.SOURCE_BROKEN


def test_no_outcome_and_an_empty_one_say_nothing() -> None:
    assert _said() is None
    assert _said({}, _outcome()) is None
