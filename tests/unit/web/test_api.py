"""The API document and the door agree: each path and method, each example, each answer that is given."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.schemas import SCHEMAS, api
from nuts_pzp.web.ehr import PATH
from nuts_pzp.web.published import DOCUMENTS

BSN, BORN = "999930412", "1941-04-17"
ORDINARY = frozenset(
    ("content-type", "content-length", "content-language", "cache-control", "vary", "x-content-type-options")
) | {"x-accel-buffering"}
"""Headers of every answer, which the document does not repeat."""
METHODS = ("get", "post", "delete", "put", "patch", "head", "options")


def knows(request: Any) -> Any:
    if request.resource_type != "Patient":
        return {"resourceType": "Bundle", "type": "searchset"}
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": BSN}]
    patient = {"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": BORN}
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": patient}]}


def deref(node: Any) -> Any:
    while isinstance(node, dict) and "$ref" in node:
        found: Any = api()
        for step in node["$ref"].removeprefix("#/").split("/"):
            found = found[step]
        node = found
    return node


def operations() -> list[tuple[str, str, dict[str, Any]]]:
    return [
        (path, method, operation)
        for path, item in api()["paths"].items()
        for method, operation in item.items()
        if method in METHODS
    ]


def holds(seen: Any, path: str, method: str) -> None:
    """The answer is one that the document names: status, media type and content."""
    said = deref(api()["paths"][path][method]["responses"][str(seen.status)])
    if "content" not in said:
        assert seen.content == b""
        return
    schema = said["content"][seen.media_type]["schema"]
    whole = schema | {"components": api()["components"]}
    content = seen.content.decode() if seen.media_type == "text/event-stream" else orjson.loads(seen.content)
    Draft202012Validator(whole).validate(content)
    sent = {name.decode() for name, _ in seen.sent[0]["headers"]}
    named = {name.lower(): deref(header) for name, header in said["headers"].items()}
    assert {name for name, header in named.items() if header.get("required")} <= sent
    assert sent - ORDINARY <= named.keys()


def test_every_part_is_a_schema_and_every_reference_leads_somewhere() -> None:
    for part in api()["components"]["schemas"].values():
        Draft202012Validator(part | {"components": api()["components"]})
    for found in re.findall(r'"\$ref":"(#[^"]+)"', orjson.dumps(api()).decode()):
        assert deref({"$ref": found})


EXAMPLES = {
    name: example["value"]
    for name, example in api()["paths"][PATH]["post"]["requestBody"]["content"]["application/json"]["examples"].items()
}


@pytest.mark.parametrize("accept", ["application/json", "application/fhir+json", "text/event-stream"])
@pytest.mark.parametrize("example", EXAMPLES)
async def test_every_example_is_a_question_that_is_answered_as_the_document_says(
    region: Any, called: Any, strict: Any, example: str, accept: str
) -> None:
    region.source("90000111", knows)
    region.source("90000222", lambda request: Unavailable(Reason.SOURCE_DOWN))
    body = EXAMPLES[example]
    seen = await called(body=orjson.dumps(body), headers={"accept": accept}).run()
    unmerged = accept == "application/fhir+json" and "view" in body
    assert seen.status == (400 if unmerged else 200)
    holds(seen, PATH, "post")
    if accept == "text/event-stream":
        for name, data in re.findall(r"event: (\w+)\ndata: (.*)\n\n", seen.content.decode()):
            strict("Event").validate({"event": name, "data": orjson.loads(data)})
    if accept == "application/json":
        strict("Answer").validate(orjson.loads(seen.content))


@pytest.mark.parametrize("name", ["incomplete"])
async def test_the_example_of_a_problem_is_what_the_door_says(region: Any, called: Any, name: str) -> None:
    shown = api()["components"]["responses"]["Problem"]["content"]["application/problem+json"]["examples"][name][
        "value"
    ]
    body = {"patient": {"bsn": BSN}, "professional": {"id": "k", "name": "n", "role": "r"}, "purpose": "x"}
    seen = await called(body=orjson.dumps(body), headers={"accept-language": "en"}).run()
    assert orjson.loads(seen.content) | {"meldcode": shown["meldcode"]} == shown


WRONG: dict[str, tuple[dict[str, Any], int]] = {
    "a stranger": ({"caller": Deny(Reason.CERTIFICATE_UNLISTED)}, 401),
    "an emergency": ({"body": EXAMPLES["least"] | {"purpose": "emergency"}}, 403),
    "half a question": ({"body": {}}, 400),
    "a query": ({"query": b"x=1"}, 400),
    "another form": ({"headers": {"content-type": "text/plain"}}, 415),
    "an answer not given": ({"headers": {"accept": "text/html"}}, 406),
    "too much": ({"body": {"x": "x" * 70_000}}, 413),
    "no record": ({"fail_at": 1}, 503),
}


@pytest.mark.parametrize(("how", "status"), WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("language", ["nl", "en"])
async def test_every_refusal_is_in_the_document(
    region: Any, called: Any, how: dict[str, Any], status: int, language: str
) -> None:
    how = dict(how)
    region.caller, region.fail_at = how.pop("caller", None), how.pop("fail_at", 0)
    body = orjson.dumps(how.pop("body", EXAMPLES["least"]))
    headers = {"accept-language": f"{language}, *;q=0.1"} | how.pop("headers", {})
    seen = await called(body=body, headers=headers, **how).run()
    assert seen.status == status
    holds(seen, PATH, "post")
    problem = orjson.loads(seen.content)
    reason = next(reason for reason in Reason if reason.code == problem["code"])
    assert problem["title"] == reason.text("it", "nl" if language == "nl" else "en")
    assert dict(seen.sent[0]["headers"])[b"content-language"] == language.encode()


async def test_a_question_for_later_is_answered_as_the_document_says(region: Any, called: Any) -> None:
    region.source("90000222", knows)
    seen = await called(body=orjson.dumps(EXAMPLES["least"]), headers={"prefer": "respond-async"}).run()
    assert (seen.status, seen.headers["preference-applied"]) == (202, "respond-async")
    holds(seen, PATH, "post")


@pytest.mark.parametrize(("path", "item"), api()["paths"].items(), ids=lambda one: one if isinstance(one, str) else "")
async def test_a_path_takes_the_methods_of_the_document_and_says_so(
    region: Any, called: Any, with_tokens: Any, path: str, item: dict[str, Any]
) -> None:
    real = path.replace("{name}", "overview-1.json").replace("{id}", "abcdef12-" + "A" * 32)
    documented = {method.upper() for method in item if method in METHODS}
    if "get" in item and "delete" not in item:
        documented.add("HEAD")  # of what is published; a result is looked at, and that is recorded
    seen = await called(path="/kade" + real, method="OPTIONS", house=with_tokens).run()
    assert seen.status == 204
    allowed = dict(seen.sent[0]["headers"])[b"allow"].decode()
    assert set(allowed.split(", ")) == documented
    assert region.events == []
    for method in ({name.upper() for name in METHODS} | {"TRACE"}) - documented:
        refused = await called(path="/kade" + real, method=method, house=with_tokens).run()
        assert (refused.status, dict(refused.sent[0]["headers"])[b"allow"].decode()) == (405, allowed)
        if method != "HEAD":
            assert orjson.loads(refused.content)["code"] == "PZP-REQUEST-004"


@pytest.mark.parametrize("document", DOCUMENTS)
async def test_every_document_is_served_and_nobody_is_asked_about_it(region: Any, called: Any, document: str) -> None:
    region.caller = Deny(Reason.CERTIFICATE_UNLISTED)
    seen = await called(path=f"/kade/pzp/v1/{document}", method="GET").run()
    assert (seen.status, seen.media_type, region.events) == (200, "application/json", [])
    content = orjson.loads(seen.content)
    assert content.get("openapi") == "3.1.0" or content["$id"].startswith("urn:nuts-pzp:schema:")
    head = await called(path=f"/kade/pzp/v1/{document}", method="HEAD").run()
    assert (head.status, head.content) == (200, b"")
    elsewhere = await called(path=f"/nobody/pzp/v1/{document}", method="GET").run()
    assert elsewhere.status == 404


def test_the_document_names_every_schema_file() -> None:
    named = api()["paths"]["/pzp/v1/schemas/{name}"]["parameters"][0]["schema"]["enum"]
    assert set(named) == set(SCHEMAS)
    assert set(SCHEMAS.values()) <= set(api()["components"]["schemas"])


async def test_what_a_question_lacks_is_told_with_the_answer(region: Any, called: Any) -> None:
    region.source("90000111", knows)
    seen = await called(body=orjson.dumps(EXAMPLES["least"]), headers={"accept-language": "en"}).run()
    [hint] = orjson.loads(seen.content)["hints"]
    assert (hint["code"], hint["ura"]) == ("relation-absent", None)
    assert hint["text"].startswith("No treatment relation")


async def test_a_role_that_the_region_does_not_know_is_told(region: Any, called: Any) -> None:
    region.source("90000111", knows)
    house = dataclasses.replace(region.house(), roles=frozenset({"huisarts"}))
    for role, told in (("Huisarts", []), ("portier", ["role-unmapped"])):
        body = EXAMPLES["acute"] | {"professional": {"id": "k", "name": "n", "role": role}}
        seen = await called(body=orjson.dumps(body), house=house).run()
        assert [hint["code"] for hint in orjson.loads(seen.content)["hints"]] == told


async def test_each_source_by_itself_is_unmerged_and_beside_it_is_what_is_missing(region: Any, called: Any) -> None:
    region.source("90000111", knows)
    region.source("90000222", lambda request: Unavailable(Reason.SOURCE_DOWN))
    told = orjson.loads((await called(body=orjson.dumps(EXAMPLES["unmerged"])).run()).content)
    assert (told["schema"], told["complete"]) == ("nuts-pzp-sources/1", False)
    assert [[row["ura"] for row in one["sources"]] for one in told["perSource"]] == [["90000111"], ["90000222"]]
    assert [one["complete"] for one in told["perSource"]] == [True, False]
    assert all(one["crossChecks"] == [] for one in told["perSource"])
    assert told["banner"]
    assert "sections" not in told
    both = orjson.loads((await called(body=orjson.dumps(EXAMPLES["least"] | {"view": "both"})).run()).content)
    assert both["perSource"] == [one | {"generated": both["generated"]} for one in told["perSource"]]
    assert both["sections"]
