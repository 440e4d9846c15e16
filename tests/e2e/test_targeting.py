"""Whom a consultation asks, end to end: a practice that also holds reads its own record at home."""

from __future__ import annotations

from typing import Any

import pytest
from staging import Visitor, items_of

pytestmark = pytest.mark.asyncio(loop_scope="session")

W, M, L, A = "90000111", "90000222", "90000333", "90000555"


def rows(overview: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {row["id"]: row for row in overview["sources"]}


async def test_a_practice_reads_its_own_record_without_disclosing_it_to_itself(visitor: Visitor) -> None:
    _, others = await visitor.consult("postma")
    status, overview = await visitor.consult("postma", by="wilgenhof")
    assert (status, overview["complete"]) == (200, True)
    assert set(rows(overview)) == {W, M, L, A}
    assert rows(overview)[W]["statements"] == rows(others)[W]["statements"] > 0
    seen, was = items_of(overview), items_of(others)
    shown = ("state", "display", "date", "source")
    assert {key: [seen[key][one] for one in shown] for key in seen} == {
        key: [was[key][one] for one in shown] for key in was
    }
    ref = seen["treatment:116762002"]["ref"]
    assert ref.startswith(visitor.stage.region.fhir_urls["wilgenhof"]), "the address is that of its own server"
    own = visitor.records("providers", "wilgenhof", overview["meldcode"])
    traced = visitor.joined(own, "wilgenhof")
    assert {one.code for one in traced} == {"consult.intent", "consult.sources", "consult.received", "consult.result"}
    addressed = [one.record["object"] for one in own if one.code == "consult.sources"]
    assert [(one["own"], one["sources"][0]) for one in addressed if "own" in one] == [(True, W)]
    received = [one.record for one in traced if one.code == "consult.received" and one.record["object"].get("own")]
    assert [one["org"]["responder"]["ura"] for one in received] == [W]


async def test_without_the_register_a_holder_still_sees_its_own_record(visitor: Visitor) -> None:
    visitor.stage.region.national.nvi.faults.down = True
    try:
        status, overview = await visitor.consult("postma", by="wilgenhof")
        named, both = await visitor.consult("postma", by="wilgenhof", sources=[L], localize=True)
    finally:
        visitor.stage.region.national.nvi.faults.clear()
    assert (status, overview["complete"]) == (200, False)
    assert {ura: row["status"] for ura, row in rows(overview).items()} == {W: "ok", "localization": "failed"}
    assert (named, both["complete"]) == (200, False)
    assert {ura: row["status"] for ura, row in rows(both).items()} == {W: "ok", L: "ok", "localization": "failed"}


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ({"sources": [L]}, {L}),
        ({"sources": [L], "localize": True}, {W, M, L, A}),
        ({"sources": [M]}, {M}),
        ({"sources": [M, "90000444"]}, {M, "90000444"}),
    ],
)
async def test_named_found_or_both(visitor: Visitor, asked: dict[str, Any], expected: set[str]) -> None:
    searches = visitor.stage.region.national.nvi.register
    before = searches.count(path="/List")
    status, overview = await visitor.consult("postma", **asked)
    assert status == 200
    assert set(rows(overview)) == expected
    searched = searches.count(path="/List") > before
    assert searched is asked.get("localize", False)
    if "90000444" in expected:
        kade = rows(overview)["90000444"]
        assert (kade["name"], kade["reason"], kade["phone"]) == ("Huisartsenpost De Kade", "no-address", "0570-555444")
