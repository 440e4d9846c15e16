"""What became of each source, in words: a source that failed or refused is never an empty one (spec pzp-fhir 3.6)."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.outcome import Deny, Gap, Stop, Unavailable
from nuts_pzp.overview.merge import Overview, Told, as_json, merge
from nuts_pzp.reasons import Reason

URA = "90000101"
SILENT = "Niet volledig: Huisarts Vos antwoordde niet, bel 0570-1"


def _rows(pen: Any, answers: list[Told], missing: tuple[Gap, ...] = ()) -> list[dict[str, Any]]:
    overview = merge(answers, missing, now=pen.NOW, asked=None)
    assert isinstance(overview, Overview)
    rows: list[dict[str, Any]] = as_json(overview)["sources"]
    return rows


def _row(pen: Any, tell: Any, *stops: Stop, resources: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    gaps = tuple(Gap(f"query {number}", stop) for number, stop in enumerate(stops))
    told = tell("a", list(resources), gaps)
    [row] = _rows(pen, [Told("a", "Huisarts Vos", told.resources, gaps, phone="0570-1")])
    return row


def _outcome(*issues: tuple[str, str]) -> dict[str, Any]:
    return {
        "resourceType": "OperationOutcome",
        "id": "x",
        "issue": [{"severity": severity, "code": code} for severity, code in issues],
    }


@pytest.mark.parametrize(
    ("stop", "status", "reason", "notice"),
    [
        (Unavailable(Reason.SOURCE_TIMEOUT), "failed", "timeout", SILENT),
        (Unavailable(Reason.SOURCE_DOWN), "failed", "unreachable", SILENT),
        (Deny(Reason.SOURCE_REFUSED), "not-authorised", "not-released", "Niet vrijgegeven"),
        (Deny(Reason.TOKEN_REFUSED), "not-authorised", "not-released", "Niet vrijgegeven"),
        (Unavailable(Reason.SOURCE_UNAUTHENTICATED), "not-authorised", "not-released", "Niet vrijgegeven"),
        (Deny(Reason.SOURCE_NO_PATIENT), "failed", "no-patient", SILENT),
        (
            Unavailable(Reason.SOURCE_VERSION),
            "unsupported-version",
            "unsupported-version",
            "Niet volledig: Huisarts Vos levert een versie die hier niet gelezen wordt, bel 0570-1",
        ),
        (
            Unavailable(Reason.SOURCE_RESTING),
            "failed",
            "not-asked",
            "Bron tijdelijk niet bereikbaar: Huisarts Vos is niet gevraagd, bel 0570-1",
        ),
        (
            Unavailable(Reason.SOURCE_NO_TURN),
            "failed",
            "not-asked",
            "Niet volledig: Huisarts Vos is niet gevraagd, bel 0570-1",
        ),
        (Unavailable(Reason.SOURCE_QUERY), "failed", "invalid", SILENT),
    ],
)
def test_a_source_that_gave_nothing_says_why_and_whom_to_phone(
    pen: Any, tell: Any, stop: Stop, status: str, reason: str, notice: str
) -> None:
    row = _row(pen, tell, stop)
    assert (row["status"], row["reason"], row["notice"]) == (status, reason, notice)
    assert row["gaps"] == [{"where": "query 0", "status": status, "reason": reason, "code": stop.reason.code}]


def test_a_source_that_gave_something_gave_not_all(pen: Any, tell: Any) -> None:
    row = _row(pen, tell, Deny(Reason.SOURCE_REFUSED), resources=(pen.treatment("deny", "2025-01-01"),))
    assert (row["status"], row["statements"], row["reason"]) == ("partial", 1, "not-released")
    assert row["notice"] == "Niet volledig: Huisarts Vos gaf niet alles, bel 0570-1"


def test_a_version_that_is_not_read_outweighs_what_did_come(pen: Any, tell: Any) -> None:
    row = _row(pen, tell, Unavailable(Reason.SOURCE_VERSION), resources=(pen.treatment("deny", "2025-01-01"),))
    assert row["status"] == "unsupported-version"


def test_a_failure_is_the_chief_reason_before_a_refusal(pen: Any, tell: Any) -> None:
    row = _row(pen, tell, Deny(Reason.SOURCE_REFUSED), Unavailable(Reason.SOURCE_TIMEOUT))
    assert (row["status"], row["reason"]) == ("failed", "timeout")
    assert [one["where"] for one in row["gaps"]] == ["query 0", "query 1"]


def test_what_is_missing_is_listed_by_place_in_whatever_order_it_came(pen: Any, tell: Any) -> None:
    gaps = [
        Gap("b", Unavailable(Reason.SOURCE_TIMEOUT)),
        Gap("a", Unavailable(Reason.SOURCE_DOWN)),
        Gap("a", Unavailable(Reason.SOURCE_TIMEOUT)),
    ]
    for order in (gaps, gaps[::-1]):
        [row] = _rows(pen, [Told("a", "A", (), tuple(order))])
        assert [(one["where"], one["reason"]) for one in row["gaps"]] == [
            ("a", "timeout"),
            ("a", "unreachable"),
            ("b", "timeout"),
        ]


@pytest.mark.parametrize("code", ["forbidden", "security", "login", "suppressed"])
@pytest.mark.parametrize("severity", ["error", "fatal"])
def test_an_outcome_that_forbids_is_a_refusal(pen: Any, tell: Any, severity: str, code: str) -> None:
    row = _row(pen, tell, resources=(_outcome((severity, code)),))
    assert (row["status"], row["reason"]) == ("not-authorised", "not-released")
    assert row["gaps"] == [
        {
            "where": "OperationOutcome",
            "status": "not-authorised",
            "reason": "not-released",
            "code": Reason.SOURCE_REFUSED.code,
        }
    ]


def test_an_outcome_of_an_error_is_a_failure_and_advice_is_nothing(pen: Any, tell: Any) -> None:
    broken = _row(pen, tell, resources=(_outcome(("warning", "forbidden"), ("error", "exception")),))
    assert broken["status"] == "not-authorised"
    failed = _row(pen, tell, resources=(_outcome(("error", "exception")),))
    assert (failed["status"], failed["gaps"][0]["code"]) == ("failed", Reason.SOURCE_QUERY.code)
    assert _row(pen, tell, resources=(_outcome(("warning", "not-supported")),))["status"] == "ok"


@pytest.mark.parametrize("severity", ["warning", "information"])
@pytest.mark.parametrize(
    ("code", "reason"), [("incomplete", "invalid"), ("timeout", "invalid"), ("suppressed", "not-released")]
)
def test_a_source_that_says_it_lacks_something_is_not_whole(
    pen: Any, tell: Any, severity: str, code: str, reason: str
) -> None:
    """As our own FHIR answers name what is missing: a warning beside the resources."""
    row = _row(pen, tell, resources=(pen.treatment("deny", "2024-01-01"), _outcome((severity, code))))
    assert (row["status"], row["reason"]) == ("partial", reason)


@pytest.mark.parametrize("issue", ["x", {"severity": "error"}, [5]])
def test_an_outcome_that_cannot_be_read_is_an_error(pen: Any, tell: Any, issue: Any) -> None:
    odd = {"resourceType": "OperationOutcome", "issue": issue}
    row = _row(pen, tell, resources=(pen.treatment("deny", "2024-01-01"), odd))
    assert (row["status"], row["reason"]) == ("partial", "unreadable")


def test_places_that_could_not_be_asked_each_have_a_row_with_the_name_that_is_known(pen: Any) -> None:
    gaps = (
        Gap(URA, Unavailable(Reason.ADDRESS_NONE), name="Ziekenhuis Oost", phone="038-1"),
        Gap(URA, Unavailable(Reason.SOURCE_TIMEOUT)),
        Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN)),
        Gap("elsewhere", Unavailable(Reason.ADDRESS_NONE)),
    )
    for order in (gaps, gaps[::-1]):
        rows = _rows(pen, [], order)
        assert [(row["id"], row["ura"], row["name"], row["phone"]) for row in rows] == [
            (URA, URA, "Ziekenhuis Oost", "038-1"),
            ("elsewhere", None, "elsewhere", None),
            ("localization", None, "Lokalisatie (het zoeken van bronnen)", None),
        ]
        assert [len(row["gaps"]) for row in rows] == [2, 1, 1]
