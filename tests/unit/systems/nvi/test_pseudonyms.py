"""What the pseudonym service is sent, and the token that the NVI gets."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping
from typing import Any

import pytest

from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Heard, Trouble
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nvi.calls import Authorized
from nuts_pzp.systems.nvi.grants import Grants, Want
from nuts_pzp.systems.nvi.pseudonyms import PatientToken, PseudonymSource
from nuts_pzp.systems.nvi.settings import Dialect, Pseudonyms

BSN = Bsn("999990019")
JWE = "eyJh.bbb.ccc.ddd.eee"


class Scripted:
    """Stands in for a peer: gives its answers in turn, the last one from then on; remembers what it was sent."""

    def __init__(self, *answers: Heard | Trouble) -> None:
        self.answers = list(answers)
        self.sent: list[tuple[str, dict[str, str], bytes]] = []

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Heard | Trouble:
        self.sent.append((f"{method} {path}", dict(headers or {}), content or b""))
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


def heard(status: int, document: object = None) -> Heard:
    return Heard(status, {}, json.dumps(document).encode())


def source(prs: Scripted, tokens: Scripted | None = None, **more: Any) -> PseudonymSource:
    granting = tokens or Scripted(heard(200, {"access_token": "t-1"}))
    want = Want("https://prs.example", "prs:read", "00000009900000001000")
    return PseudonymSource(Authorized(prs, Grants(granting), want), settings(**more))  # type: ignore[arg-type]


def settings(**more: Any) -> Pseudonyms:
    values = {
        "url": "https://prs.example",
        "token_url": "https://oauth.example/token",
        "audience": "https://prs.example",
        "organization_id": "00000009900000001000",
        "recipient_organization": "oin:00000009900000009000",
    }
    return Pseudonyms.model_validate(values | more)


@pytest.mark.parametrize(
    ("dialect", "path", "names", "answer", "organization"),
    [
        (
            Dialect.SERVICE_2026_08,
            "/oprf/eval",
            ("encryptedPersonalId", "recipientOrganization", "recipientScope"),
            "jwe",
            "oin:00000009900000009000",
        ),
        (
            Dialect.IG_0_10,
            "/evaluate",
            ("blinded_input", "recipient_organization", "recipient_scope"),
            "evaluated_output",
            "ura:90000901",
        ),
    ],
)
async def test_each_dialect_sends_a_blinded_point_and_the_recipient_and_nothing_else(
    dialect: Dialect, path: str, names: tuple[str, str, str], answer: str, organization: str
) -> None:
    prs = Scripted(heard(200, {answer: JWE}))
    token = await source(prs, dialect=dialect, recipient_organization=organization).token(BSN)
    ((asked, headers, content),) = prs.sent
    body = json.loads(content)
    assert (asked, headers["authorization"]) == (f"POST {path}", "Bearer t-1")
    assert set(body) == set(names)
    assert len(body[names[0]]) == 44
    assert len(base64.urlsafe_b64decode(body[names[0]])) == 32
    assert (body[names[1]], body[names[2]]) == (organization, "nvi")
    assert isinstance(token, PatientToken)


async def test_the_token_is_base64url_json_of_the_sealed_evaluation_and_the_blind_factor() -> None:
    asking = source(Scripted(heard(200, {"jwe": JWE})))
    first, second = await asking.token(BSN), await asking.token(BSN)
    assert isinstance(first, PatientToken)
    assert isinstance(second, PatientToken)
    opened = json.loads(base64.urlsafe_b64decode(first.value))
    assert set(opened) == {"evaluated_output", "blind_factor"}
    assert opened["evaluated_output"] == JWE
    assert len(base64.urlsafe_b64decode(opened["blind_factor"])) == 32
    assert first.value != second.value
    assert (repr(first), str(first)) == ("PatientToken()", "PatientToken(***)")


@pytest.mark.parametrize(
    "answer",
    [
        heard(200, {"jwe": "a.b.c"}),
        heard(200, {"jwe": "a b.c.d.e.f"}),
        heard(200, {"jwe": "a" * 5000 + ".b.c.d.e"}),
        heard(200, {"jwe": 7}),
        heard(200, [JWE]),
        Heard(200, {}, b"[" * 100_000),
        Heard(200, {}, b"<html>"),
        heard(400, {"error": "Unable to evaluate blind"}),
        heard(404),
        heard(500),
        Trouble.TLS,
        Trouble.TIMEOUT,
    ],
)
async def test_any_other_answer_is_a_pseudonym_that_failed(answer: Heard | Trouble) -> None:
    stop = await source(Scripted(answer)).token(BSN)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.PSEUDONYM_FAILED
    assert "999990019" not in stop.detail


async def test_a_401_is_tried_once_more_with_a_new_token_and_then_is_a_refusal() -> None:
    prs = Scripted(heard(401))
    tokens = Scripted(heard(200, {"access_token": "t-1"}), heard(200, {"access_token": "t-2"}))
    stop = await source(prs, tokens).token(BSN)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.PSEUDONYM_FAILED
    assert [headers["authorization"] for _, headers, _ in prs.sent] == ["Bearer t-1", "Bearer t-2"]


async def test_a_connection_that_drops_is_tried_once_more() -> None:
    prs = Scripted(Trouble.BROKEN, heard(200, {"jwe": JWE}))
    assert isinstance(await source(prs).token(BSN), PatientToken)
    lost = Scripted(Trouble.BROKEN)
    assert isinstance(await source(lost).token(BSN), Unavailable)
    assert len(lost.sent) == 2


def test_the_derivation_is_bound_to_recipient_and_scope() -> None:
    assert settings().info == "oin:00000009900000009000|nvi|v1"
    ig = settings(recipient_organization="ura:90000901", recipient_scope="nationale-verwijsindex")
    assert ig.info == "ura:90000901|nationale-verwijsindex|v1"
