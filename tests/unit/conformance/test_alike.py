"""When two refusals are alike: all but what names the request, which may look like anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.conformance.refusals import alike, uniform
from nuts_pzp.conformance.wire import FHIR_JSON, Got


def got(content: Any, status: int = 403, media: str = FHIR_JSON) -> Got:
    return Got("POST Patient/_search", status, {"content-type": media}, json.dumps(content).encode())


def outcome(text: str, code: str = "forbidden", **more: Any) -> Got:
    return got({"resourceType": "OperationOutcome", "issue": [{"code": code, "diagnostics": text}], **more})


@pytest.mark.parametrize(
    ("unknown", "refused", "again"),
    [
        ("meldcode 7KQ2M9ZTR4WX", "meldcode 0PX8VN3GH5JD", "meldcode Y6S1BC4TA9EF"),
        ("meldcode QWXZTRPMNKHV", "meldcode 0PX8VN3GH5JD", "meldcode Y6S1BC4TA9EF"),
        ("meldcode 7KQ2M9ZTR4WX", "meldcode QWXZTRPMNKHV", "meldcode BCDFGHJKMNPQ"),
        ("meldcode QWXZTRPMNKHV", "meldcode AAAAAAAAAAAA", "meldcode 7KQ2M9ZTR4WX"),
        ("at 10:00:00.9", "at 10:00:01.1", "at 10:00:01.2"),
        ("refused", "refused", "refused"),
    ],
)
def test_a_code_of_the_request_betrays_nothing_whatever_its_letters(unknown: str, refused: str, again: str) -> None:
    assert alike(outcome(unknown), outcome(refused), outcome(again))


@pytest.mark.parametrize(
    ("unknown", "refused", "again"),
    [
        ("ERR-00000042 7KQ2M9ZT", "ERR-00000043 0PX8VN3G", "ERR-00000042 Y6S1BC4T"),
        ("UNKNOWN_PATIENT 7KQ2M9ZT", "NOT_RELEASED 0PX8VN3G", "UNKNOWN_PATIENT Y6S1BC4T"),
        ("no such patient 7KQ2M9ZT", "not released 0PX8VN3G", "no such patient Y6S1BC4T"),
        ("refused: 7KQ2M9ZT", "refused; 0PX8VN3G", "refused: Y6S1BC4T"),
        ("refused 7KQ2M9ZT", "refused", "refused Y6S1BC4T"),
    ],
)
def test_what_stays_with_the_question_betrays_the_patient(unknown: str, refused: str, again: str) -> None:
    assert not alike(outcome(unknown), outcome(refused), outcome(again))


def test_status_media_type_and_shape_are_compared() -> None:
    same = outcome("a")
    assert not alike(same, got(same.content, 404), same)
    assert not alike(same, got(same.content, media="application/json"), same)
    assert not alike(same, outcome("a", "not-found"), same)
    assert not alike(same, outcome("a", extension=[]), same)
    assert not alike(outcome("a", n=[1]), outcome("a", n=[1, 2]), outcome("a", n=[1]))
    assert not alike(outcome("a", n=1), outcome("a", n=2), outcome("a", n=1))
    assert not alike(outcome("a", n="1"), outcome("a", n=1), outcome("a", n="1"))


def test_what_names_the_whole_answer_is_left_out() -> None:
    one, other = (outcome("a", id=name, meta={"lastUpdated": name}, link=[{"url": name}]) for name in "xy")
    assert alike(one, other, one)


def test_no_answer_to_either_is_no_likeness_with_an_answer() -> None:
    assert not alike(outcome("a"), Got("POST Patient/_search", 0, why="no answer in time"), outcome("a"))


def test_three_times_no_answer_is_no_verdict() -> None:
    none = Got("POST Patient/_search", 0, why="no answer in time")
    assert uniform(none, none, none).met is None
    assert uniform(outcome("a"), none, outcome("a")).met is False
    assert uniform(outcome("a"), outcome("a"), outcome("a")).met is True
