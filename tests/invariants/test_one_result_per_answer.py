"""Invariant: every answer has exactly one result record, and there is no result record without its answer.

Two hundred requests of every kind at once, at all doors of all gateways. They share a trace, so that what was recorded
can be counted: by the meldcode of each answer, and whole.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable

import httpx
import pytest
from staging import Visitor, trace_of

from nuts_pzp.audit.reading import Entry

pytestmark = pytest.mark.asyncio(loop_scope="session")

REQUESTS = 200
TRACE = "5eed0000000000000000000000000200"
TRACED = {"traceparent": f"00-{TRACE}-00000000000000aa-01"}
BIG = b"x" * 70_000
LOGS = (
    ("kade", ("kade", "system")),
    ("meerwijck", ("meerwijck", "system")),
    ("providers", ("wilgenhof", "lindezicht", "avondrood", "system")),
)

Ask = Callable[[], Awaitable[httpx.Response]]


def is_result(one: Entry) -> bool:
    """A refusal's decision is its result; a permit's is not."""
    if one.code == "disclosure.decision":
        return one.record["outcome"]["kind"] != "permit"
    return one.code in ("disclosure.result", "consult.result", "auth.failed")


def meldcode(answer: httpx.Response) -> str:
    return str(answer.headers.get("x-meldcode") or answer.json()["meldcode"])


async def kinds(visitor: Visitor) -> list[tuple[int, Ask]]:
    """Every kind of request with the status it must get."""
    stage, region = visitor.stage, visitor.stage.region
    tokens = {slug: await visitor.token(slug) for slug in ("wilgenhof", "meerwijck", "lindezicht")}
    postma, vermeer, talsma = (stage.patient(slug).bsn.value for slug in ("postma", "vermeer", "talsma"))
    client = visitor.client(region.gateways["kade"].client)
    nowhere = f"{region.gateways['providers'].network_url}/nobody/fhir/Patient/1"
    practice, hospital, home = tokens["wilgenhof"], tokens["meerwijck"], tokens["lindezicht"]
    return [
        (200, lambda: visitor.patient("wilgenhof", postma, practice, headers=TRACED)),
        (200, lambda: visitor.directives("wilgenhof", "10", practice, headers=TRACED)),
        (200, lambda: visitor.directives("meerwijck", "1", hospital, headers=TRACED)),
        (200, lambda: visitor.fhir("meerwijck", "/Consent/1-1", hospital, headers=TRACED)),
        (403, lambda: visitor.patient("wilgenhof", vermeer, practice, headers=TRACED)),
        (403, lambda: visitor.patient("wilgenhof", talsma, practice, headers=TRACED)),
        (403, lambda: visitor.fhir("lindezicht", "/Composition?patient=Patient/1", home, headers=TRACED)),
        (401, lambda: visitor.patient("meerwijck", postma, None, headers=TRACED)),
        (401, lambda: visitor.patient("lindezicht", postma, practice, headers=TRACED)),
        (400, lambda: visitor.fhir("wilgenhof", "/Consent?patient=%zz", practice, headers=TRACED)),
        (400, lambda: visitor.fhir("meerwijck", "/Goal?a=b", hospital, headers=TRACED)),
        (405, lambda: visitor.fhir("meerwijck", "/Patient/1", hospital, method="DELETE", headers=TRACED)),
        (413, lambda: visitor.fhir("wilgenhof", "/Goal", practice, method="POST", content=BIG, headers=TRACED)),
        (404, lambda: client.get(nowhere, headers=TRACED)),
        (200, lambda: visitor.consultation("kade", json=visitor.question("visser"), headers=TRACED)),
        (200, lambda: visitor.consultation("meerwijck", json=visitor.question("hendriks"), headers=TRACED)),
        (400, lambda: visitor.consultation("kade", json={}, headers=TRACED)),
        (401, lambda: visitor.consultation("kade", by=region.ehr_clients["wilgenhof"], json={}, headers=TRACED)),
        (405, lambda: visitor.consultation("wilgenhof", method="GET", headers=TRACED)),
    ]  # fmt: skip


async def test_two_hundred_answers_have_two_hundred_results(visitor: Visitor) -> None:
    offered = await kinds(visitor)
    wanted = [offered[number % len(offered)] for number in range(REQUESTS)]
    random.Random(200).shuffle(wanted)
    gate = asyncio.Semaphore(24)

    async def ask(status: int, request: Ask) -> httpx.Response:
        async with gate:
            answer = await request()
        assert answer.status_code == status, answer.text
        return answer

    answers = await asyncio.gather(*(ask(status, request) for status, request in wanted))
    codes = [meldcode(answer) for answer in answers]
    assert len(set(codes)) == REQUESTS, "each answer has a meldcode of its own"

    trail = [
        one
        for gateway, tenants in LOGS
        for tenant in tenants
        for one in visitor.records(gateway, tenant)
        if trace_of(one) == TRACE
    ]
    results = Counter(one.correlation for one in trail if is_result(one))
    assert {code: results[code] for code in codes} == dict.fromkeys(codes, 1)
    assert set(results.values()) == {1}, "also what the gateways asked of each other"

    permits = Counter(one.correlation for one in trail if one.code == "disclosure.decision" and not is_result(one))
    given = Counter(one.correlation for one in trail if one.code == "disclosure.result")
    assert permits == given, "every yes has its outcome, and no outcome comes without a yes"
    intents = Counter(one.correlation for one in trail if one.code == "consult.intent")
    assert len(intents) == sum(1 for answer in answers if "/pzp/v1/" in str(answer.url) and answer.status_code == 200)


async def test_indexes_are_a_row_without_holes_in_every_log(visitor: Visitor) -> None:
    for gateway, tenants in LOGS:
        for tenant in tenants:
            indexes = [one.index for one in visitor.records(gateway, tenant)]
            assert indexes == list(range(len(indexes)))
