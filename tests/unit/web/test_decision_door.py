"""The door of the decision API: whose decision it is, who may ask, and the record before the answer."""

from __future__ import annotations

from hashlib import sha256
from typing import Any

import pytest
from decisions import call, evaluation, own, request

from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason
from nuts_pzp.web.decision import routed
from nuts_pzp.web.decision_clients import Enforcer, Guard


@pytest.fixture
def api(decision_api: Any) -> Any:
    return decision_api


@pytest.mark.parametrize("ura", ["90000333", "", "x", "123456789"])
async def test_a_holder_that_is_not_here_is_refused_and_recorded_for_nobody(api: Any, holder: Any, ura: str) -> None:
    answer = await api.ask("/pdp", call(data_holder_organization_id=ura))
    assert answer.json["allow"] is False
    assert holder.journal == []
    assert api.system.events[-1].stop.reason is Reason.TENANT_UNKNOWN


async def test_two_tenants_of_one_ura_are_told_apart_by_path_only(api: Any) -> None:
    api.tenants = ("meerwijck", "proef")
    assert (await api.ask("/pdp", call())).json["allow"] is False
    assert (await api.ask("/meerwijck/pdp", call())).json["allow"] is True


async def test_the_path_and_the_holder_s_ura_must_agree(api: Any) -> None:
    answer = await api.ask("/meerwijck/pdp", call(data_holder_organization_id="90000333"))
    assert answer.json["policies"]["pzp"]["reasons"][0]["reason"] == "PZP-REQUEST-020"
    assert (await api.ask("/meerwijck/pdp", call(data_holder_organization_id=""))).json["allow"] is True
    assert (await api.ask("/onbekend/pdp", call())).json["allow"] is False


async def test_another_machine_is_not_answered_where_only_this_one_may_ask(api: Any, holder: Any) -> None:
    for client in (("192.0.2.7", 5), ("::ffff:192.0.2.7", 5), None, ("", 0)):
        answer = await api.ask("/pdp", call(), client=client)
        assert (answer.status, answer.json["code"]) == (401, "PZP-AUTHN-012")
    assert holder.journal == []
    assert len(api.system.events) == 4


async def test_a_listed_certificate_asks_for_its_own_tenants_only(api: Any, holder: Any) -> None:
    mine, other = b"certificate of nginx", b"certificate of somebody"
    api.guard = Guard(
        {
            sha256(mine).hexdigest(): Enforcer("nginx", frozenset({"meerwijck"})),
            sha256(other).hexdigest(): Enforcer("else", frozenset({"lindezicht"})),
        }
    )
    assert (await api.ask("/pdp", call(), certificate=mine)).json["allow"] is True
    assert api.events[-1].attempt.enforced_by == "nginx"
    holder.journal.clear()
    assert (await api.ask("/pdp", call(), certificate=other)).json["allow"] is False
    assert (await api.ask("/meerwijck/pdp", call(), certificate=other)).json["allow"] is False
    assert (await api.ask("/pdp", call(), certificate=b"unlisted")).status == 401
    assert (await api.ask("/pdp", call())).status == 401
    assert holder.journal == []


@pytest.mark.parametrize("media", ["text/plain", "", "application/x-www-form-urlencoded", "application/jsonx"])
async def test_a_page_in_a_browser_cannot_ask(api: Any, media: str) -> None:
    assert (await api.ask("/pdp", call(), content_type=media)).status == 415


async def test_bodies_are_bounded(api: Any, holder: Any) -> None:
    answer = await api.ask("/pdp", call(what=request(body="x" * 300_000)))
    assert (answer.status, holder.journal) == (413, [])
    assert answer.json["detail"] == "a call is at most 256 KiB"


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
async def test_only_post_asks(api: Any, method: str) -> None:
    answer = await api.ask("/pdp", call(), method=method)
    assert (answer.status, answer.headers["allow"]) == (405, "POST")


async def test_only_get_asks_in_headers(api: Any) -> None:
    answer = await api.ask("/meerwijck/decision/v1/authorize")
    assert (answer.status, answer.headers["allow"]) == (405, "GET")


@pytest.mark.parametrize("says", [Permit("explicit-consent:mitz"), Deny(Reason.MITZ_DENY)])
async def test_without_a_record_there_is_no_answer(api: Any, holder: Any, says: Any) -> None:
    holder.consent.says = says
    holder.audit.fails_at = 1
    for path, content in (
        ("/pdp", call()),
        ("/access/v1/evaluation", evaluation()),
        ("/meerwijck/decision/v1/evaluate", own()),
    ):
        holder.audit.fails_at = len(holder.audit.events) + 1
        answer = await api.ask(path, content)
        assert (answer.status, answer.json["code"]) == (503, "PZP-AUDIT-001")
        assert b"allow" not in answer.body
        assert b"decision" not in answer.body


async def test_a_refusal_of_nobody_s_is_not_told_without_a_record_either(api: Any) -> None:
    api.system.fails_at = 1
    assert (await api.ask("/pdp", b"{")).status == 503


@pytest.mark.parametrize("path", ["/", "/health", "/pdp/", "/pdp/v1", "//pdp", "/a/b/pdp", "/access/v1/evaluations"])
def test_other_paths_are_not_of_the_api(path: str) -> None:
    assert routed(path) is None
