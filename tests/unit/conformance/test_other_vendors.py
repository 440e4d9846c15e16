"""Targets that keep the rules in ways of their own: none of them fails for it, nor by luck or timing."""

from __future__ import annotations

import copy
import json
import re
import uuid
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from nuts_pzp.conformance.bench import Bench, Extra
from nuts_pzp.conformance.rules import Verdict
from nuts_pzp.conformance.run import chosen, hold
from nuts_pzp.conformance.wire import Limits, Wire

from .holder import BASE, TOKEN
from .test_lying_target import Answer, Json, Liar, Lie, changed, fhir

HINT = {"resourceType": "OperationOutcome", "issue": [{"severity": "information", "code": "informational"}]}


def relinked(change: Any) -> Lie:
    def all_links(content: Json) -> None:
        for link in content.get("link", ()):
            link["url"] = change(link["url"])

    return changed(all_links)


def with_a_hint(content: Json) -> None:
    content.setdefault("entry", []).append({"search": {"mode": "outcome"}, "resource": HINT})


def bare(content: Json) -> None:
    content.pop("total", None)
    if not content.get("entry"):
        content.pop("entry", None)


def more_than_asked(content: Json) -> None:
    content |= {"id": str(uuid.uuid4()).upper(), "meta": {"lastUpdated": "2026-11-29T10:00:00.000+00:00"}}
    for entry in content.get("entry", ()):
        entry["search"]["score"] = 1
        entry["resource"]["meta"] = {"versionId": "1", "source": "#abc", "lastUpdated": "2026-11-29T10:00:00Z"}


async def capital_media_type(request: httpx.Request, answer: Answer) -> httpx.Response:
    got = await answer(request)
    if got.headers["content-type"] == "application/fhir+json":
        got.headers["content-type"] = 'Application/FHIR+JSON;charset="UTF-8"'
    return got


class OpaquePages:
    """Paging as HAPI does it: the link holds an id that says nothing."""

    def __init__(self) -> None:
        self.kept: dict[str, str] = {}

    async def __call__(self, request: httpx.Request, answer: Answer) -> httpx.Response:
        if found := re.search("page=([0-9A-F-]+)", str(request.url)):
            request = httpx.Request("GET", self.kept[found[1]], headers=request.headers)
        return await relinked(self._hidden)(request, answer)

    def _hidden(self, url: str) -> str:
        name = str(uuid.uuid4()).upper()
        self.kept[name] = url
        return f"{BASE}?page={name}"


async def refuses_count(request: httpx.Request, answer: Answer) -> httpx.Response:
    return fhir(HINT, 400) if "_count" in str(request.url) else await answer(request)


async def keeps_sessions(request: httpx.Request, answer: Answer) -> httpx.Response:
    """A session stands for the token that began it, as many a web framework does."""
    if "SESSION=1" in request.headers.get("cookie", ""):
        request.headers["authorization"] = f"Bearer {TOKEN}"
    got = await answer(request)
    got.headers["set-cookie"] = "SESSION=1; Path=/"
    return got


async def knows_no_batch(request: httpx.Request, answer: Answer) -> httpx.Response:
    return fhir(HINT, 501) if request.method == "POST" and request.url.path == "/fhir" else await answer(request)


async def wants_a_slash(request: httpx.Request, answer: Answer) -> httpx.Response:
    if request.url.path == "/fhir" and request.method == "POST":
        return httpx.Response(301, headers={"location": f"{BASE}/"})
    return await answer(request)


VENDORS: dict[str, tuple[Lie, tuple[str, ...], Verdict]] = {
    "a hint without an address": (changed(with_a_hint), ("HOLD-133", "HOLD-134", "HOLD-101"), Verdict.PASSED),
    "no total, no entry": (changed(bare), ("HOLD-103", "HOLD-110", "HOLD-140"), Verdict.PASSED),
    "extra elements": (changed(more_than_asked), ("HOLD-103", "HOLD-133", "HOLD-302"), Verdict.PASSED),
    "capitals and a charset": (capital_media_type, ("HOLD-150", "HOLD-103"), Verdict.PASSED),
    "relative links": (relinked(lambda url: url.removeprefix(f"{BASE}/")), ("HOLD-140", "HOLD-141"), Verdict.PASSED),
    "the port written out": (
        relinked(lambda url: url.replace("holder.example", "Holder.Example:443")), ("HOLD-140", "HOLD-141"),
        Verdict.PASSED),
    "opaque pages": (OpaquePages(), ("HOLD-140", "HOLD-141", "HOLD-142"), Verdict.PASSED),
    "no _count": (refuses_count, ("HOLD-140",), Verdict.NOT_APPLICABLE),
    "sessions": (keeps_sessions, ("HOLD-003", "HOLD-010", "HOLD-011"), Verdict.PASSED),
    "a batch that is not built": (knows_no_batch, ("HOLD-209", "HOLD-904"), Verdict.PASSED),
    "a base with a slash": (wants_a_slash, ("HOLD-209",), Verdict.PASSED),
}  # fmt: skip


@pytest.mark.parametrize(("vendor", "rules", "verdict"), VENDORS.values(), ids=VENDORS.keys())
async def test_another_way_of_keeping_a_rule_keeps_it(vendor: Lie, rules: tuple[str, ...], verdict: Verdict) -> None:
    found = await hold(Liar(vendor).bench(), chosen("holder", rules))
    told = {one.rule.id: (one.verdict, one.seen) for one in found}
    assert {name: said for name, said in told.items() if said[0] is not verdict} == {}


async def test_a_long_answer_is_asked_for_in_a_few_pages() -> None:
    """With one resource a page the kit itself would stop before the end."""
    asked: list[int] = []

    async def long(request: httpx.Request, answer: Answer) -> httpx.Response:
        query = parse_qs(urlsplit(str(request.url)).query)
        if request.url.path != "/fhir/Consent" or "129125009" not in str(request.url):
            return await answer(request)
        [size], [start] = query.get("_count", ["999"]), query.get("start", ["0"])
        one: Json = {"resourceType": "Consent", "scope": {"coding": [{"code": "treatment"}]}}
        one["category"] = [{"coding": [{"code": "129125009"}]}]
        rows = [{"search": {"mode": "match"}, "resource": copy.deepcopy(one) | {"id": f"c{n}"}} for n in range(130)]
        part = rows[int(start) :][: int(size)]
        link = [
            {"relation": "next", "url": f"{str(request.url).partition('&start=')[0]}&start={int(start) + int(size)}"}
        ]
        asked.append(len(part))
        more = int(start) + int(size) < len(rows)
        return fhir({"resourceType": "Bundle", "type": "searchset", "entry": part, "link": link if more else []})

    [found] = await hold(Liar(long).bench(), chosen("holder", ["HOLD-140"]))
    assert (found.verdict, found.seen) == (Verdict.PASSED, "10 pages, 130 found")
    assert asked == [130, *[13] * 10]


class Busy:
    """Says 429 or 503 once in a while, and when to come back."""

    def __init__(self, status: int, every: int, after: str = "1") -> None:
        self.status, self.every, self.after, self.count = status, every, after, 0

    async def __call__(self, request: httpx.Request, answer: Answer) -> httpx.Response:
        self.count += 1
        if self.count % self.every:
            return await answer(request)
        return fhir(HINT, self.status, **({"retry-after": self.after} if self.after else {}))


def patient_bench(lie: Lie, pauses: list[float]) -> Bench:
    """A bench whose wire waits without waiting."""
    holder, now = Liar(lie), [0.0]
    bench = holder.bench()

    async def pause(seconds: float) -> None:
        pauses.append(seconds)
        now[0] += seconds

    client = httpx.AsyncClient(transport=httpx.MockTransport(holder))
    wire = Wire(BASE, client, bench.wire.tokens, Limits(rate=100_000), clock=lambda: now[0], pause=pause)
    return Bench(wire, bench.subject, Extra("77", bench.extra.refused_bsn))


@pytest.mark.parametrize(("status", "after"), [(429, "1"), (429, ""), (503, "2")])
async def test_a_target_that_says_when_to_come_back_is_asked_again(status: int, after: str) -> None:
    pauses: list[float] = []
    found = await hold(patient_bench(Busy(status, 4, after), pauses), chosen("holder"))
    told = {one.rule.id: one.seen for one in found if one.verdict in (Verdict.FAILED, Verdict.WARNING)}
    assert told == {}
    assert max(pauses) == float(after or 1)


@pytest.mark.parametrize("after", ["3600", "Sun, 29 Nov 2026 10:00:00 GMT", "-5", "x"])
async def test_nobody_waits_for_long(after: str) -> None:
    pauses: list[float] = []
    found = await hold(patient_bench(Busy(429, 1, after), pauses), chosen("holder", ["HOLD-020", "HOLD-209"]))
    assert [one.verdict for one in found] == [Verdict.FAILED, Verdict.NOT_RUN]
    assert max(pauses, default=0) <= 10


async def test_what_our_own_time_cut_off_is_not_the_target_s_fault() -> None:
    """A request that began just before the run's end would fail a rule by our own clock."""
    now = [0.0]

    async def slow(request: httpx.Request) -> httpx.Response:
        if "metadata" in str(request.url):
            return fhir({"resourceType": "CapabilityStatement", "fhirVersion": "4.0.1"})
        now[0] = 100.0
        raise TimeoutError

    client = httpx.AsyncClient(transport=httpx.MockTransport(slow))
    wire = Wire(BASE, client, None, Limits(rate=100_000, run_seconds=60), clock=lambda: now[0])
    [found] = await hold(Bench(wire, Liar(refuses_count).bench().subject), chosen("holder", ["HOLD-030"]))
    assert found.verdict is Verdict.NOT_RUN


async def test_a_link_s_words_are_not_repeated() -> None:
    def elsewhere(content: Json) -> None:
        content["link"] = [{"relation": "next", "url": f"{BASE}/Jansen?x=1"}]

    found = await hold(Liar(changed(elsewhere, "Goal")).bench(), chosen("holder", ["HOLD-142", "HOLD-903"]))
    assert "Jansen" not in json.dumps([one.seen for one in found])
