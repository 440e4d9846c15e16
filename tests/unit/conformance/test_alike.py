"""When two refusals are alike: all but what names the request, which may look like anything."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.conformance.refusals import alike, kept_back, not_taken, uniform, withheld
from nuts_pzp.conformance.rules import Verdict
from nuts_pzp.conformance.wire import FHIR_JSON, Got


def got(content: Any, status: int = 403, media: str = FHIR_JSON, **headers: str) -> Got:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    return Got("POST Patient/_search", status, {"content-type": media} | headers, body)


def outcome(text: str, code: str = "forbidden", **more: Any) -> Got:
    return got({"resourceType": "OperationOutcome", "issue": [{"code": code, "diagnostics": text}], **more})


@pytest.mark.parametrize(
    ("unknown", "refused"),
    [
        (("meldcode 7KQ2M9ZTR4WX", "meldcode Y6S1BC4TA9EF"), ("meldcode 0PX8VN3GH5JD", "meldcode BCDFGHJKMNPQ")),
        (("meldcode QWXZTRPMNKHV", "meldcode Y6S1BC4TA9EF"), ("meldcode AAAAAAAAAAAA", "meldcode 0PX8VN3GH5JD")),
        (("at 10:00:00.9", "at 10:00:01.2"), ("at 10:00:01.1", "at 10:00:01.15")),
        (("at 10:00:01Z", "at 10:00:01.2Z"), ("at 10:00:01.1Z", "at 10:00:01.15Z")),
        (("trace ab+cd/ef==", "trace abcd="), ("trace a+b+c+d", "trace abcdef")),
        (("took 3 ms", "took 3 ms"), ("took 4 ms", "took 3 ms")),
        (("node-a", "node-b"), ("node-b", "node-a")),
        (("node-a", "node-a"), ("node-b", "node-a")),
        (("refused", "refused"), ("refused", "refused")),
    ],
)
def test_a_code_of_the_request_betrays_nothing_whatever_its_shape(
    unknown: tuple[str, str], refused: tuple[str, str]
) -> None:
    rows = [outcome(text) for text in (*unknown, *refused)]
    assert alike((rows[0], rows[1]), (rows[2], rows[3]))
    plain = [got(text.encode(), media="text/plain") for text in (*unknown, *refused)]
    assert alike((plain[0], plain[1]), (plain[2], plain[3]))


BETRAYING = [
    (("ERR-00000042 7KQ2M9ZT", "ERR-00000042 Y6S1BC4T"), ("ERR-00000043 0PX8VN3G", "ERR-00000043 BCDFGHJK")),
    (("UNKNOWN_PATIENT 7KQ2M9ZT", "UNKNOWN_PATIENT Y6S1BC4T"), ("NOT_RELEASED 0PX8VN3G", "NOT_RELEASED BCDFGHJK")),
    (("no such patient 7KQ2", "no such patient Y6S1"), ("not released 0PX8", "not released BCDF")),
    (("refused: 7KQ2M9ZT", "refused: Y6S1BC4T"), ("refused; 0PX8VN3G", "refused; BCDFGHJK")),
    (("refused 7KQ2M9ZT", "refused Y6S1BC4T"), ("refused", "refused")),
    (("consent none", "consent none"), ("consent 0PX8VN3G", "consent BCDFGHJK")),
    (("consent 0PX8VN3G", "consent BCDFGHJK"), ("consent none", "consent none")),
]


@pytest.mark.parametrize(("unknown", "refused"), BETRAYING)
def test_what_stays_with_the_question_betrays_the_patient(unknown: tuple[str, str], refused: tuple[str, str]) -> None:
    rows = [outcome(text) for text in (*unknown, *refused)]
    assert not alike((rows[0], rows[1]), (rows[2], rows[3]))


@pytest.mark.parametrize("media", ["text/plain", "text/html", "application/fhir+xml", FHIR_JSON])
@pytest.mark.parametrize("wrap", ["%s", "<p>%s</p>", '["%s"]', '"%s"'])
def test_a_body_that_is_no_json_object_betrays_as_well(media: str, wrap: str) -> None:
    unknown, refused = (got((wrap % text).encode(), media=media) for text in ("no such patient", "objection"))
    assert not alike((unknown, unknown), (refused, refused))
    assert alike((unknown, unknown), (unknown, unknown))


def pair(one: Got) -> tuple[Got, Got]:
    return one, one


def test_status_media_type_and_shape_are_compared() -> None:
    same = outcome("a")
    assert not alike(pair(same), pair(got(same.content, 404)))
    assert not alike(pair(same), pair(got(same.content, media="application/json")))
    assert not alike(pair(same), pair(outcome("a", "not-found")))
    assert not alike(pair(same), pair(outcome("a", extension=[])))
    assert not alike(pair(outcome("a", n=[1])), pair(outcome("a", n=[1, 2])))
    assert not alike(pair(outcome("a", n=1)), pair(outcome("a", n=2)))
    assert not alike(pair(outcome("a", n="1")), pair(outcome("a", n=1)))
    assert not alike(pair(outcome("a", n=True)), pair(outcome("a", n=False)))


def test_a_number_that_names_the_moment_betrays_nothing() -> None:
    rows = [outcome("a", timestamp=1_790_000_000_000 + number) for number in range(4)]
    assert alike((rows[0], rows[3]), (rows[1], rows[2]))


def test_a_header_betrays_and_one_of_the_moment_does_not() -> None:
    none, consent = (got({}, **{"x-reason": why}) for why in ("none", "consent"))
    assert not alike(pair(none), pair(consent))
    assert not alike(pair(got({})), pair(consent))
    moments = [got({}, **{"x-request-id": f"r{one}", "date": f"{one}", "content-length": f"{one}"}) for one in "1234"]
    assert alike((moments[0], moments[3]), (moments[1], moments[2]))
    assert alike(pair(got({}, date="1")), pair(got({}, date="2")))


def test_what_names_the_whole_answer_is_left_out() -> None:
    one, other = (outcome("a", id=name, meta={"lastUpdated": name}, link=[{"url": name}]) for name in "xy")
    assert alike(pair(one), pair(other))


NONE = Got("POST Patient/_search", 0, why="no answer in time")


def test_no_answer_is_no_verdict_unless_it_stays_with_the_question() -> None:
    answered = pair(outcome("a"))
    assert uniform(pair(NONE), pair(NONE)).met is None
    assert uniform(answered, pair(NONE)).met is False
    assert uniform(answered, (outcome("a"), NONE)).met is None
    assert uniform(answered, answered).met is True


@pytest.mark.parametrize("status", [401, 429, 503])
def test_a_token_that_ended_or_a_busy_target_is_no_verdict(status: int) -> None:
    answered, moment = pair(outcome("a")), got({}, status)
    assert uniform(pair(moment), pair(moment)).met is None
    assert uniform((outcome("a"), moment), answered).met is None
    for judge in (withheld, kept_back, not_taken):
        assert judge(moment).verdict is Verdict.NOT_RUN, judge


def test_data_for_both_is_no_likeness_that_counts() -> None:
    found = got(
        {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient"}}]}, 200
    )
    assert uniform(pair(found), pair(found)).met is False


@pytest.mark.parametrize("status", [400, 403, 404, 405, 501])
def test_what_says_no_is_a_refusal(status: int) -> None:
    for judge in (withheld, kept_back, not_taken):
        assert judge(got({}, status)).met is True, judge


def test_no_answer_says_nothing_about_what_was_asked() -> None:
    for judge in (withheld, kept_back, not_taken):
        assert judge(NONE).verdict is Verdict.NOT_RUN, judge
        assert judge(got({}, 500)).met is False, judge
