"""Tokens of the national OAuth server: kept, renewed, refused, never shown."""

from __future__ import annotations

import json
from collections.abc import Mapping
from urllib.parse import parse_qs

import pytest

from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Heard
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nvi.grants import Grants, Want

LOCALIZE = Want("https://nvi.example", "nvi:localize", "90000444")
PSEUDONYMS = Want("https://prs.example", "prs:read", "00000009900000001000")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


class Endpoint:
    """Stands in for the peer: gives its answers in turn, the last one from then on."""

    def __init__(self) -> None:
        self.answers: list[Heard] = []
        self.bodies: list[str] = []

    async def send(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, content: bytes | None = None
    ) -> Heard:
        self.bodies.append((content or b"").decode())
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def mock(self, *answers: Heard) -> None:
        self.answers = list(answers)


@pytest.fixture
def endpoint() -> Endpoint:
    return Endpoint()


@pytest.fixture
def grants(clock: Clock, endpoint: Endpoint) -> Grants:
    return Grants(endpoint, clock=clock)  # type: ignore[arg-type]  # a fake of the only method that is used


def heard(status: int, document: object = None) -> Heard:
    return Heard(status, {"content-type": "application/json"}, json.dumps(document).encode())


def granted(token: str = "t-1", **more: object) -> Heard:
    return heard(200, {"access_token": token, "scope": "nvi:localize", "expires_in": 600, **more})


async def test_the_request_names_scope_audience_and_whom_we_act_for_and_no_assertion(
    grants: Grants, endpoint: Endpoint
) -> None:
    endpoint.mock(granted())
    assert await grants.token(LOCALIZE) == "t-1"
    assert parse_qs(endpoint.bodies[-1]) == {
        "grant_type": ["client_credentials"],
        "scope": ["nvi:localize"],
        "target_audience": ["https://nvi.example"],
        "organization_id": ["90000444"],
    }


async def test_the_source_is_named_when_there_is_one(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(granted())
    await grants.token(Want("https://nvi.example", "nvi:localize", "90000444", "ehr-1"))
    assert parse_qs(endpoint.bodies[-1])["source_id"] == ["ehr-1"]


async def test_a_token_is_kept_until_thirty_seconds_before_it_expires(
    grants: Grants, clock: Clock, endpoint: Endpoint
) -> None:
    endpoint.mock(granted("t-1"), granted("t-2"))
    await grants.token(LOCALIZE)
    clock.now += 569
    assert await grants.token(LOCALIZE) == "t-1"
    clock.now += 1
    assert await grants.token(LOCALIZE) == "t-2"


async def test_a_short_lived_token_is_used_once(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(granted("t-1", expires_in=20), granted("t-2"))
    assert [await grants.token(LOCALIZE), await grants.token(LOCALIZE)] == ["t-1", "t-2"]


async def test_each_audience_and_scope_has_its_own_token(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(granted("t-1"), granted("t-2", scope="prs:read"))
    assert [await grants.token(LOCALIZE), await grants.token(PSEUDONYMS)] == ["t-1", "t-2"]
    assert [await grants.token(LOCALIZE), await grants.token(PSEUDONYMS)] == ["t-1", "t-2"]


async def test_a_forgotten_token_is_asked_anew_and_a_newer_one_is_not_forgotten(
    grants: Grants, endpoint: Endpoint
) -> None:
    endpoint.mock(granted("t-1"), granted("t-2"))
    await grants.token(LOCALIZE)
    grants.forget(LOCALIZE, "t-1")
    assert await grants.token(LOCALIZE) == "t-2"
    grants.forget(LOCALIZE, "t-1")
    assert await grants.token(LOCALIZE) == "t-2"


async def test_a_passing_failure_is_tried_once_more(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(heard(503), granted())
    assert await grants.token(LOCALIZE) == "t-1"


async def test_a_lasting_failure_is_unavailable_after_two_tries(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(heard(503))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.LOCALIZATION_DOWN
    assert len(endpoint.bodies) == 2


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_no_mandate_is_a_refusal_that_is_not_repeated(grants: Grants, endpoint: Endpoint, status: int) -> None:
    answer = {"error": "unauthorized_client", "error_description": "token=secret"}
    endpoint.mock(heard(status, answer))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.LOCALIZATION_REFUSED
    assert stop.detail == f"token endpoint: {status} unauthorized_client"
    assert len(endpoint.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        [],
        {},
        {"access_token": ""},
        {"access_token": "a b"},
        {"access_token": "a\r\nx: y"},
        {"access_token": 7},
        {"access_token": "a", "expires_in": "600"},
        {"access_token": "a", "expires_in": 0},
        {"access_token": "a", "expires_in": True},
    ],
)
async def test_what_is_not_a_token_response_is_broken(grants: Grants, endpoint: Endpoint, answer: object) -> None:
    endpoint.mock(heard(200, answer))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.LOCALIZATION_BROKEN


async def test_another_scope_than_asked_is_a_refusal(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(granted(scope="nvi:read"))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.LOCALIZATION_REFUSED


async def test_no_repr_shows_a_token(grants: Grants, endpoint: Endpoint) -> None:
    endpoint.mock(granted("t-secret"))
    await grants.token(LOCALIZE)
    assert "t-secret" not in repr(vars(grants))
