"""Tokens of the national OAuth server: kept, renewed, refused, never shown."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs

import httpx
import pytest
import respx

from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Outbound, Peer
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nvi.grants import Grants, Want

URL = "http://127.0.0.1:9/oauth/token"
LOCALIZE = Want("https://nvi.example", "nvi:localize", "90000444")
PSEUDONYMS = Want("https://prs.example", "prs:read", "00000009900000001000")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def grants(clock: Clock) -> AsyncIterator[Grants]:
    made = Grants(Peer(URL, Outbound((ipaddress.ip_network("127.0.0.0/8"),))), clock=clock)
    yield made
    await made.close()


@pytest.fixture
def endpoint() -> Iterator[respx.Route]:
    with respx.mock(using="httpcore") as mock:
        yield mock.post(URL)


def granted(token: str = "t-1", **more: object) -> httpx.Response:
    return httpx.Response(200, json={"access_token": token, "scope": "nvi:localize", "expires_in": 600, **more})


async def test_the_request_names_scope_audience_and_whom_we_act_for_and_no_assertion(
    grants: Grants, endpoint: respx.Route
) -> None:
    endpoint.mock(return_value=granted())
    assert await grants.token(LOCALIZE) == "t-1"
    assert parse_qs(endpoint.calls.last.request.content.decode()) == {
        "grant_type": ["client_credentials"],
        "scope": ["nvi:localize"],
        "target_audience": ["https://nvi.example"],
        "organization_id": ["90000444"],
    }


async def test_the_source_is_named_when_there_is_one(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(return_value=granted())
    await grants.token(Want("https://nvi.example", "nvi:localize", "90000444", "ehr-1"))
    assert parse_qs(endpoint.calls.last.request.content.decode())["source_id"] == ["ehr-1"]


async def test_a_token_is_kept_until_thirty_seconds_before_it_expires(
    grants: Grants, clock: Clock, endpoint: respx.Route
) -> None:
    endpoint.mock(side_effect=[granted("t-1"), granted("t-2")])
    await grants.token(LOCALIZE)
    clock.now += 569
    assert await grants.token(LOCALIZE) == "t-1"
    clock.now += 1
    assert await grants.token(LOCALIZE) == "t-2"


async def test_a_short_lived_token_is_used_once(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(side_effect=[granted("t-1", expires_in=20), granted("t-2")])
    assert [await grants.token(LOCALIZE), await grants.token(LOCALIZE)] == ["t-1", "t-2"]


async def test_each_audience_and_scope_has_its_own_token(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(side_effect=[granted("t-1"), granted("t-2", scope="prs:read")])
    assert [await grants.token(LOCALIZE), await grants.token(PSEUDONYMS)] == ["t-1", "t-2"]
    assert [await grants.token(LOCALIZE), await grants.token(PSEUDONYMS)] == ["t-1", "t-2"]


async def test_a_forgotten_token_is_asked_anew_and_a_newer_one_is_not_forgotten(
    grants: Grants, endpoint: respx.Route
) -> None:
    endpoint.mock(side_effect=[granted("t-1"), granted("t-2")])
    await grants.token(LOCALIZE)
    grants.forget(LOCALIZE, "t-1")
    assert await grants.token(LOCALIZE) == "t-2"
    grants.forget(LOCALIZE, "t-1")
    assert await grants.token(LOCALIZE) == "t-2"


async def test_a_passing_failure_is_tried_once_more(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(side_effect=[httpx.Response(503), granted()])
    assert await grants.token(LOCALIZE) == "t-1"


async def test_a_lasting_failure_is_unavailable_after_two_tries(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(return_value=httpx.Response(503))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.LOCALIZATION_DOWN
    assert endpoint.call_count == 2


@pytest.mark.parametrize("status", [400, 401, 403])
async def test_no_mandate_is_a_refusal_that_is_not_repeated(grants: Grants, endpoint: respx.Route, status: int) -> None:
    answer = {"error": "unauthorized_client", "error_description": "token=secret"}
    endpoint.mock(return_value=httpx.Response(status, json=answer))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.LOCALIZATION_REFUSED
    assert stop.detail == f"token endpoint: {status} unauthorized_client"
    assert endpoint.call_count == 1


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
async def test_what_is_not_a_token_response_is_broken(grants: Grants, endpoint: respx.Route, answer: object) -> None:
    endpoint.mock(return_value=httpx.Response(200, json=answer))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.LOCALIZATION_BROKEN


async def test_another_scope_than_asked_is_a_refusal(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(return_value=granted(scope="nvi:read"))
    stop = await grants.token(LOCALIZE)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.LOCALIZATION_REFUSED


async def test_no_repr_shows_a_token(grants: Grants, endpoint: respx.Route) -> None:
    endpoint.mock(return_value=granted("t-secret"))
    await grants.token(LOCALIZE)
    assert "t-secret" not in repr(vars(grants))
