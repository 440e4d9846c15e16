"""The decision API by headers only, as `auth_request` of a proxy asks."""

from __future__ import annotations

from typing import Any

import pytest
from decisions import BASE

from nuts_pzp.accounted import Allowed
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.web.decision import routed


@pytest.fixture
def api(decision_api: Any) -> Any:
    return decision_api


AUTHORIZE = "/meerwijck/decision/v1/authorize"


def original(target: str = "/meerwijck/fhir/Consent?patient=p1", method: str = "GET", **more: str) -> dict[str, str]:
    return {"x_original_uri": target, "x_original_method": method, "authorization": "Bearer t"} | more


async def test_a_yes_says_what_to_forward(api: Any, holder: Any) -> None:
    answer = await api.ask(AUTHORIZE, method="GET", **original())
    assert answer.status == 200
    assert answer.headers["x-decided-method"] == "GET"
    assert answer.headers["x-decided-target"] == "/Consent?patient=Patient/p1"
    assert isinstance(api.events[-1], Allowed)
    [(presented,)] = holder.network.seen
    assert presented.url == f"{BASE}/Consent"


async def test_a_head_is_decided_as_the_get_it_stands_for_and_its_proof_says_head(api: Any, holder: Any) -> None:
    answer = await api.ask(AUTHORIZE, method="GET", **original(method="HEAD"))
    assert (answer.status, answer.headers["x-decided-method"]) == (200, "GET")
    [(presented,)] = holder.network.seen
    assert presented.method == "HEAD"


@pytest.mark.parametrize(
    ("room", "says", "status", "outward"),
    [
        ("consent", Deny(Reason.MITZ_DENY), 403, "403"),
        ("consent", Unavailable(Reason.MITZ_UNAVAILABLE), 503, "503"),
        ("consent", Unavailable(Reason.MITZ_TIMEOUT), 504, "504"),
        ("network", Deny(Reason.TOKEN_INVALID), 401, "401"),
        ("network", Unavailable(Reason.INTROSPECTION_DOWN), 503, "503"),
        ("policy", Deny(Reason.POLICY_ROLE), 403, "403"),
    ],
)
async def test_a_no_has_a_status_that_such_a_server_understands(
    api: Any, holder: Any, room: str, says: Any, status: int, outward: str
) -> None:
    getattr(holder, room).says = says
    answer = await api.ask(AUTHORIZE, method="GET", **original())
    assert (answer.status, answer.headers["x-outward-status"]) == (status, outward)
    assert "x-decided-target" not in answer.headers
    assert answer.headers.get("www-authenticate") == ('DPoP algs="ES256", Bearer' if status == 401 else None)


@pytest.mark.parametrize(
    "asked",
    [
        original("/meerwijck/fhir/Consent?patient=p1&patient=p2"),
        original("/meerwijck/fhir/Patient/_search", "POST"),
        original("/meerwijck/fhir/Consent?patient=p1", "DELETE"),
        original("/lindezicht/fhir/Consent?patient=p1"),
        original("/meerwijck/fhirx/Consent?patient=p1"),
        original("/%6deerwijck/fhir/Consent?patient=p1"),
        original("//meerwijck/fhir/Consent?patient=p1"),
        original("/meerwijck/fhir/../fhir/Consent?patient=p1"),
        original("https://fhir.meerwijck.example/meerwijck/fhir/Consent?patient=p1"),
        original("/meerwijck/fhir/Consent?patient=p1#x"),
        original(""),
        {"x_original_uri": "/meerwijck/fhir/Consent?patient=p1"},
    ],
)
async def test_a_target_in_two_readings_or_elsewhere_is_never_a_yes(api: Any, asked: dict[str, str]) -> None:
    answer = await api.ask(AUTHORIZE, method="GET", **asked)
    assert answer.status == 403
    assert "x-decided-target" not in answer.headers
    assert len(api.events) + len(api.system.events) == 1


async def test_headers_are_asked_of_a_named_tenant_only(api: Any) -> None:
    assert routed("/decision/v1/authorize") is None
    assert (await api.ask("/onbekend/decision/v1/authorize", method="GET", **original())).status == 403
    assert (await api.ask(AUTHORIZE, **original())).status == 405
