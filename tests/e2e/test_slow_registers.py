"""Registers that hang at night: own data and who is named are there long before, each after its record."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from staging import Visitor

from nuts_pzp.audit.reading import Entry

pytestmark = pytest.mark.asyncio(loop_scope="session")

W, M, L, A = "90000111", "90000222", "90000333", "90000555"
HOLDERS = {W: "wilgenhof", M: "meerwijck", L: "lindezicht", A: "avondrood"}


async def events(answer: httpx.Response) -> AsyncIterator[tuple[str, dict[str, Any]]]:
    name = ""
    async for line in answer.aiter_lines():
        field, _, value = line.partition(": ")
        if field == "event":
            name = value
        elif field == "data":
            yield name, json.loads(value)


def source_of(event: tuple[str, dict[str, Any]]) -> str:
    name, content = event
    assert name == "source"
    [row] = content["sources"]
    return str(row["id"])


def named_first(trail: list[Entry]) -> list[list[str]]:
    """Whom each record of sources names, in order; nobody answered who was not named, and nobody is named twice."""
    parts: list[list[str]] = []
    seen: set[str] = set()
    for one in trail:
        if one.code == "consult.sources":
            parts.append(one.record["object"].get("sources", []))
            assert seen.isdisjoint(parts[-1])
            seen.update(parts[-1])
        elif one.code == "consult.received":
            assert one.record["org"]["responder"]["ura"] in seen
    return parts


@pytest.mark.parametrize(("service", "then"), [("nvi", "answers"), ("prs", "answers"), ("nvi", "fails")])
async def test_while_a_register_hangs_own_data_and_who_is_named_are_told(
    service: str, then: str, visitor: Visitor
) -> None:
    faults = getattr(visitor.stage.region.national, service).faults
    faults.hangs = True
    issued = visitor.stage.region.ehr_clients["wilgenhof"]
    url = visitor.stage.region.gateway_of("wilgenhof").consultations("wilgenhof")
    question = visitor.question("postma", sources=[L], localize=True, deadline_ms=60_000)
    try:
        async with visitor.client(issued).stream(
            "POST", url, json=question, headers={"accept": "text/event-stream"}
        ) as answer:
            told = events(answer)
            early = {source_of(await anext(told)), source_of(await anext(told))}
            faults.down, faults.hangs = then == "fails", False
            *later, (name, overview) = [one async for one in told]
    finally:
        faults.clear()
    found = {M, A} if then == "answers" else set()
    assert (early, {source_of(one) for one in later}, name) == ({W, L}, found, "overview")
    assert overview["complete"] is (then == "answers")
    failed = {row["id"] for row in overview["sources"] if row["status"] == "failed"}
    assert failed == (set() if found else {"localization"})

    trail = visitor.records("providers", "wilgenhof", overview["meldcode"])
    codes = ["consult.sources", "consult.received", "consult.received"]
    assert [one.code for one in trail] == ["consult.intent", *codes, *codes[: 1 + len(found)], "consult.result"]
    first, second = [one.record for one in trail if one.code == "consult.sources"]
    assert (first["object"]["registers_awaited"], first["object"]["own"], first["gaps"]) == (True, True, [])
    assert "registers_awaited" not in second["object"]
    assert [gap["where"] for gap in second["gaps"]] == sorted(failed)
    assert [one.word for one in trail if one.code == "consult.sources"] == ["Eerste bronnen bepaald", "Bronnen bepaald"]
    parts = named_first(trail)
    assert (parts[0], set(parts[1])) == ([W, L], found)
    for ura, record in ((L, first), *((ura, second) for ura in found)):
        decided = [one for one in visitor.joined(trail, HOLDERS[ura]) if one.code == "disclosure.decision"]
        assert decided
        assert all(one.ts > record["ts"] for one in decided), "the other side was asked after our record"
