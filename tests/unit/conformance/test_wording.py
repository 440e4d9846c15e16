"""The kit words the requests by itself; the gateway's own table must come to the same, or one of the two is wrong."""

from __future__ import annotations

from urllib.parse import parse_qsl

from nuts_pzp.conformance.wording import WORDINGS
from nuts_pzp.consult.queries import PZP, Try
from nuts_pzp.consult.queries_stu3 import PZP_STU3

Words = tuple[str, tuple[tuple[str, str], ...]]


def asked(one: Try) -> Words:
    request = one.about("1")
    return request.resource_type, tuple(sorted((name, ",".join(values)) for name, values in request.params))


def worded(dialects: set[str]) -> set[Words]:
    return {
        (one.kind, tuple(sorted(parse_qsl(one.about("1"))))) for one in WORDINGS if one.dialect in {*dialects, "both"}
    }


def test_the_kit_and_the_gateway_word_the_r4_requests_alike() -> None:
    ours = {asked(one) for query in PZP for one in query.tries}
    kit = worded({"r4", "rc2", "beta3"})
    assert kit - ours == set()
    unfiltered = {("Goal", (("patient", "Patient/1"),))}
    beside = {one for one in ours - kit if one not in unfiltered}
    assert {kind for kind, _ in beside} <= {"DeviceUseStatement", "QuestionnaireResponse"}, "fallbacks of ours only"


def test_the_kit_and_the_gateway_word_the_stu3_requests_alike() -> None:
    ours = {asked(one) for query in PZP_STU3 for one in query.tries}
    assert worded({"stu3"}) - ours == set()
