"""The authorization server at the EHR door: on record first, in the words of OAuth, and the token opens the door."""

from __future__ import annotations

import dataclasses
import importlib.util
import sys
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from nuts_pzp.accounted import Consulted, Denied, Intended, TokenIssued
from nuts_pzp.exchange import Relation
from nuts_pzp.identity import Assurance
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.schemas import api
from nuts_pzp.web.ehr import PATH

_SPEC = importlib.util.spec_from_file_location(
    "ehr_fakes", Path(__file__).parents[1] / "systems" / "ehr_token" / "conftest.py"
)
assert _SPEC
assert _SPEC.loader
_FAKES = sys.modules.setdefault("ehr_fakes", importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(_FAKES)

desk = _FAKES.desk

FORM = {"content-type": "application/x-www-form-urlencoded"}
TOKEN = {"path": "/kade/oauth/token", "headers": FORM}


def knows(request: Any) -> Any:
    if request.resource_type != "Patient":
        return {"resourceType": "Bundle", "type": "searchset"}
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
    patient = {"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient}]}


@pytest.fixture
def house(region: Any, desk: Any) -> Any:
    return dataclasses.replace(region.house(), ehr=desk.tokens, issuer=desk.tokens)


def question(**professional: str) -> bytes:
    return orjson.dumps(
        {
            "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
            "professional": {"id": "k-17", "name": "M. Okker", "role": "waarnemend huisarts"} | professional,
            "purpose": "treatment",
        }
    )


def fits(seen: Any, path: str, method: str) -> None:
    said = api()["paths"][path][method]["responses"][str(seen.status)]
    said = api()["components"]["responses"][said["$ref"].rpartition("/")[2]] if "$ref" in said else said
    schema = said["content"][seen.media_type]["schema"]
    Draft202012Validator(schema | {"components": api()["components"]}).validate(seen.json)


async def test_a_token_is_on_record_before_it_leaves_and_opens_the_door(
    region: Any, called: Any, desk: Any, house: Any
) -> None:
    region.source("90000111", knows)
    assertion = desk.ehr.sign(desk.ehr.employee(relation={"kind": "out-of-hours", "since": "2026-11-22"}))
    form = urlencode(desk.ehr.form(assertion=assertion)).encode()
    given = await called(**TOKEN, body=form, house=house).run()
    assert given.status == 200
    fits(given, "/oauth/token", "post")
    [record] = region.events
    assert isinstance(record, TokenIssued)
    assert (record.client, record.professional.id, record.professional.login) == ("his-kade", "k-17", "uzi-pas")
    assert record.attempt.correlation == given.headers["x-meldcode"]
    token = {"authorization": f"Bearer {given.json['access_token']}"}
    seen = await called(headers=token, body=question(), house=house).run()
    assert seen.status == 200
    intended = next(event for event in region.events if isinstance(event, Intended))
    assert intended.inquiry.professional.assurance is Assurance.EHR_TOKEN
    assert intended.inquiry.relation is not None
    assert (intended.inquiry.relation.kind, str(intended.inquiry.relation.since)) == ("out-of-hours", "2026-11-22")
    assert isinstance(region.events[-1], Consulted)


@pytest.mark.parametrize("other", [{"id": "k-18"}, {"role": "ziekenhuisdirecteur"}], ids=["person", "role"])
async def test_a_token_asks_for_its_own_person_only(
    region: Any, called: Any, desk: Any, house: Any, other: dict[str, str]
) -> None:
    region.source("90000111", knows)
    token = {"authorization": f"Bearer {await desk.token()}"}
    seen = await called(headers=token, body=question(**other), house=house).run()
    assert (seen.status, seen.json["code"]) == (403, "PZP-AUTHN-014")
    assert region.asked == []


async def test_the_relation_of_the_question_goes_before_that_of_the_token(
    region: Any, called: Any, desk: Any, house: Any
) -> None:
    region.source("90000111", knows)
    token = await desk.token(assertion=desk.ehr.sign(desk.ehr.employee(relation={"kind": "gp"})))
    body = orjson.loads(question()) | {"relation": {"kind": "admission"}}
    await called(headers={"authorization": f"Bearer {token}"}, body=orjson.dumps(body), house=house).run()
    intended = next(event for event in region.events if isinstance(event, Intended))
    assert intended.inquiry.relation == Relation("admission")


async def test_without_a_token_the_door_asks_for_one(region: Any, called: Any, house: Any) -> None:
    seen = await called(body=question(), house=house).run()
    assert (seen.status, seen.headers["www-authenticate"]) == (401, "Bearer")


async def test_a_token_whose_record_fails_does_not_leave(region: Any, called: Any, desk: Any, house: Any) -> None:
    region.fail_at = 1
    seen = await called(**TOKEN, body=urlencode(desk.ehr.form()).encode(), house=house).run()
    assert seen.status == 503
    assert b"access_token" not in seen.content


WRONG: dict[str, tuple[dict[str, Any], int, str]] = {
    "no form": ({"headers": {"content-type": "application/json"}}, 415, "invalid_request"),
    "an encoded form": ({"headers": FORM | {"content-encoding": "br"}}, 415, "invalid_request"),
    "a query": ({"query": b"grant_type=x"}, 400, "invalid_request"),
    "twice": ({"body": b"grant_type=a&grant_type=b"}, 400, "invalid_request"),
    "not a pair": ({"body": b"grant_type"}, 400, "invalid_request"),
    "no text": ({"body": b"a=\xff"}, 400, "invalid_request"),
    "many fields": ({"body": b"&".join(b"a%d=1" % n for n in range(30))}, 400, "invalid_request"),
    "too much": ({"body": b"a=" + b"x" * 70_000}, 413, "invalid_request"),
    "another grant": ({"body": b"grant_type=client_credentials"}, 400, "unsupported_grant_type"),
    "another scope": ({"changed": {"scope": "all"}}, 400, "invalid_scope"),
    "nobody we know": ({"changed": {"client_id": "x"}}, 401, "invalid_client"),
    "no assertion": ({"changed": {"assertion": None}}, 400, "invalid_grant"),
}


@pytest.mark.parametrize(("how", "status", "error"), WRONG.values(), ids=WRONG.keys())
async def test_a_refusal_is_in_the_words_of_oauth_and_on_record(
    region: Any, called: Any, desk: Any, house: Any, how: dict[str, Any], status: int, error: str
) -> None:
    how = dict(how)
    body = how.pop("body", urlencode(desk.ehr.form(**how.pop("changed", {}))).encode())
    seen = await called(**(TOKEN | {"body": body, "house": house} | how)).run()
    assert (seen.status, seen.json["error"]) == (status, error)
    fits(seen, "/oauth/token", "post")
    [record] = region.events
    assert isinstance(record, Denied)
    assert record.attempt.correlation == seen.json["meldcode"]


async def test_what_cannot_be_told_is_a_503(region: Any, called: Any, house: Any, with_tokens: Any) -> None:
    class Down:
        async def issue(self, presented: Any, form: Any) -> Any:
            return Unavailable(Reason.STATE_FAILED)

    down = dataclasses.replace(with_tokens, issuer=Down())
    seen = await called(**TOKEN, body=b"a=b", house=down).run()
    assert (seen.status, seen.json["error"], seen.headers["retry-after"]) == (503, "temporarily_unavailable", "30")


async def test_metadata_stands_where_rfc_8414_and_where_others_look(
    region: Any, called: Any, desk: Any, house: Any
) -> None:
    for path in ("/.well-known/oauth-authorization-server/kade", "/kade/.well-known/oauth-authorization-server"):
        seen = await called(path=path, method="GET", house=house).run()
        assert seen.json == desk.tokens.metadata()
    keys = await called(path="/kade/oauth/jwks.json", method="GET", house=house).run()
    assert keys.json == desk.tokens.keys()
    assert region.events == []


@pytest.mark.parametrize(
    "path", ["/kade/oauth/token", "/kade/oauth/jwks.json", "/.well-known/oauth-authorization-server/kade"]
)
async def test_a_tenant_that_issues_none_has_no_such_place(region: Any, called: Any, path: str) -> None:
    assert (await called(path=path, method="GET").run()).status == 404


async def test_a_kept_result_is_the_persons_own(
    region: Any, called: Any, desk: Any, house: Any, make_door: Any
) -> None:
    region.source("90000111", knows)
    door = make_door(house)
    mine = {"authorization": f"Bearer {await desk.token()}"}
    begun = await called(door=door, headers=mine | {"prefer": "respond-async, wait=5"}, body=question()).run()
    assert begun.status == 200
    later = await called(door=door, headers=mine | {"prefer": "respond-async"}, body=question()).run()
    path = f"/kade{PATH}/{later.json['id']}"
    other = await desk.token(assertion=desk.ehr.sign(desk.ehr.employee(sub="k-18")))
    seen = await called(door=door, path=path, method="GET", headers={"authorization": f"Bearer {other}"}).run()
    assert seen.status == 404
    fresh = await desk.token()
    seen = await called(door=door, path=path, method="GET", headers={"authorization": f"Bearer {fresh}"}).run()
    assert seen.status in (200, 202)
    await door.stop()
