"""Invariant: every reason has one outward face, of one shape, and says nothing about anybody.

On the network: an OperationOutcome with one issue and the meldcode. At the EHR's door: a problem document (RFC 9457).
"""

from __future__ import annotations

import json
import re
from typing import Literal

import pytest
from jsonschema_rs import Draft202012Validator

from nuts_pzp.outcome import Deny, Unavailable, Unknown
from nuts_pzp.reasons import Face, Reason
from nuts_pzp.schemas import schema
from nuts_pzp.web.door import refused
from nuts_pzp.web.problem import problem

CODE = "7G7KTK0ET0B6"
DETAIL = "the node answered 500"
MENDABLE = (400, 405, 406, 413, 415)
"""What the other side's developer can mend: only there the reason is named on the network."""


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.code)
def test_on_the_network_every_reason_is_one_issue_with_the_meldcode(reason: Reason) -> None:
    response = refused(reason, CODE)
    outcome = json.loads(response.body)
    assert outcome.keys() == {"resourceType", "issue"}
    assert outcome["resourceType"] == "OperationOutcome"
    [issue] = outcome["issue"]
    assert issue.keys() == {"severity", "code", "details", "diagnostics"}
    assert (issue["severity"], issue["code"]) == ("error", reason.face.issue)
    assert issue["details"].keys() == {"text"}
    assert CODE in issue["diagnostics"]
    assert response.status == reason.face.status
    assert response.media_type == "application/fhir+json"


@pytest.mark.parametrize("face", Face, ids=lambda face: face.name)
def test_reasons_of_one_face_look_the_same_unless_the_sender_can_mend_it(face: Face) -> None:
    bodies = {refused(reason, CODE).body for reason in Reason if reason.face is face}
    reasons = [reason for reason in Reason if reason.face is face]
    if face.status in MENDABLE:
        assert len(bodies) == len(reasons)
        assert all(reason.code in refused(reason, CODE).body.decode() for reason in reasons)
    else:
        assert len(bodies) == 1
        assert b"PZP-" not in bodies.pop()


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.code)
def test_headers_follow_the_face(reason: Reason) -> None:
    headers = dict(refused(reason, CODE).headers)
    assert headers.pop(b"retry-after", None) == (
        str(reason.face.retry_after).encode() if reason.face.retry_after else None
    )
    assert headers.pop(b"www-authenticate", None) == (
        b'DPoP algs="ES256", Bearer' if reason.face is Face.UNAUTHENTICATED else None
    )
    assert headers == {}


@pytest.mark.parametrize("language", ["nl", "en"])
@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.code)
@pytest.mark.parametrize("kind", [Deny, Unknown, Unavailable])
def test_at_the_ehr_every_reason_is_a_problem_that_names_itself(
    reason: Reason, kind: type[Deny | Unknown | Unavailable], language: Literal["nl", "en"]
) -> None:
    response = problem(kind(reason, detail=DETAIL), CODE, language)
    content = json.loads(response.body)
    assert content.keys() == {"type", "status", "code", "title", "clinician", "meldcode", "detail"}
    Draft202012Validator(schema("problem-1.json")).validate(content)
    assert content["type"] == f"urn:nuts-pzp:reason:{reason.code}"
    assert (content["code"], content["meldcode"], content["detail"]) == (reason.code, CODE, DETAIL)
    assert content["status"] == response.status
    assert response.media_type == "application/problem+json"
    assert content["title"] == reason.text("it", language)
    assert all(content[text].strip().endswith((".", "!")) for text in ("title", "clinician"))
    headers = dict(response.headers)
    assert headers.pop(b"content-language") == language.encode()
    assert headers.pop(b"vary") == b"accept-language"
    wants_token = reason in (Reason.TOKEN_ABSENT, Reason.TOKEN_INVALID)
    assert headers.pop(b"www-authenticate", None) == (b"Bearer" if wants_token else None)
    assert headers == ({b"retry-after": b"30"} if response.status in (429, 503) else {})


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.code)
def test_what_could_not_be_asked_is_never_a_bad_gateway_to_the_ehr(reason: Reason) -> None:
    assert problem(Unavailable(reason), CODE).status != 502


@pytest.mark.parametrize("reason", Reason, ids=lambda reason: reason.code)
def test_no_text_has_room_for_a_value(reason: Reason) -> None:
    """Sentences are whole: no placeholder that somebody could fill with what a caller sent."""
    for reader in ("clinician", "it", "officer"):
        for language in ("nl", "en"):
            text = reason.text(reader, language)  # type: ignore[arg-type]
            assert not re.search(r"[{}]|%[sd(]|[0-9]{5,}", text)
