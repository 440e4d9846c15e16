"""Whom to ask: never ourselves over the network, never the usual sources; everybody missing has a number."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.accounted import Addressed, Received
from nuts_pzp.addressing.phones import Listed, PhoneList
from nuts_pzp.consult.flow import Complete, consult
from nuts_pzp.exchange import Asked, Holder
from nuts_pzp.house import Consulting
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.localization.join import Joined
from nuts_pzp.outcome import Deny, Gap, Gathered, Unavailable
from nuts_pzp.overview.shape import Overview
from nuts_pzp.reasons import Reason

from .conftest import KADE, NOW, Region, holding, owning

OWN, M, L = KADE.ura, Ura("90000222"), Ura("90000333")
DOWN = Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN))


async def ask(house: Consulting, presented: Any, question: Asked) -> Complete:
    *_, last = [step async for step in consult(house, presented, question, NOW)]
    assert isinstance(last, Complete)
    return last


async def test_own_data_is_read_at_the_own_server_and_merged_like_any_other(
    region: Region, presented: Any, question: Asked
) -> None:
    region.source(M.value, holding("permit", "2023-04-01"))
    region.holders += Gathered((Holder(OWN, "nvi"),))
    house, own = owning(region, holding("deny", "2026-02-11"))
    last = await ask(house, presented, question)
    assert isinstance(last.content, Overview)
    item = last.content.item("treatment:89666000")
    assert item is not None
    assert (item.display, item.date, item.ref) == ("Niet uitvoeren", "2026-02-11", "http://own.example/fhir/Consent/c")
    assert len(own.log) > 5
    assert region.asked == ["locate", f"grant {M}", f"connect {M}"], "no token and no connection for ourselves"
    [addressed] = [event for event in region.events if isinstance(event, Addressed)]
    assert [(one.holder.ura, one.own) for one in addressed.sources] == [(OWN, True), (M, False)]
    received = {event.source.holder.ura: event.source.own for event in region.events if isinstance(event, Received)}
    assert received == {OWN: True, M: False}


@pytest.mark.parametrize(
    ("targets", "localize", "asked"),
    [((), False, True), ((M,), False, False), ((M,), True, True), ((M, OWN), False, True), ((OWN,), False, True)],
)
async def test_own_data_is_left_out_only_when_others_alone_are_named(
    region: Region, presented: Any, question: Asked, targets: tuple[Ura, ...], localize: bool, asked: bool
) -> None:
    region.source(M.value, holding("permit", "2023-04-01"))
    house, own = owning(region, holding("deny", "2026-02-11"))
    house = replace(house, locator=Joined([region]))
    await ask(house, presented, replace(question, targets=targets, localize=localize))
    assert bool(own.log) is asked
    assert f"grant {OWN}" not in region.asked


async def test_naming_ourselves_without_a_server_is_a_gap_and_no_call(
    region: Region, presented: Any, question: Asked
) -> None:
    house = replace(region.house(), locator=Joined([region]))
    last = await ask(house, presented, replace(question, targets=(OWN,)))
    assert isinstance(last.content, Overview)
    [row] = last.content.sources
    assert (row.id, row.name, row.status, row.reason) == (OWN.value, KADE.name, "failed", "no-address")
    assert region.asked == []


async def test_our_own_organization_that_a_register_names_is_a_row_when_its_data_stands_elsewhere(
    region: Region, presented: Any, question: Asked
) -> None:
    region.source(M.value, holding("permit", "2023-04-01"))
    region.holders += Gathered((Holder(OWN, "nvi"),))
    last = await ask(region.house(), presented, question)
    assert isinstance(last.content, Overview)
    rows = {row.id: (row.status, row.reason) for row in last.content.sources}
    assert rows == {M.value: ("ok", None), OWN.value: ("failed", "no-address")}
    assert not last.content.complete
    assert any("De Kade" in line for line in last.content.banner)
    assert f"grant {OWN}" not in region.asked


async def test_a_directory_that_gives_us_an_address_of_ourselves_is_not_believed(
    region: Region, presented: Any, question: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = region.sources
    region.answering[OWN.value] = holding("deny", "2026-02-11")

    async def sources(holders: Any) -> Any:
        return await honest((*holders, Holder(OWN, "lies")))

    monkeypatch.setattr(region, "sources", sources)
    region.source(M.value, holding("permit", "2023-04-01"))
    await ask(region.house(), presented, question)
    assert f"grant {OWN}" not in region.asked


async def test_without_a_register_own_data_serves_and_the_usual_sources_are_named_never_asked(
    region: Region, presented: Any, question: Asked
) -> None:
    region.holders = Gathered(gaps=(DOWN,))
    region.answering = dict.fromkeys((M.value, L.value), holding("permit", "2020-01-01"))
    house, _ = owning(region, holding("deny", "2026-02-11"))
    listed = (Listed(M, "Ziekenhuis M", "0570-2", usual=True), Listed(L, "Thuiszorg L", "0570-3"))
    last = await ask(replace(house, phones=PhoneList(listed)), presented, question)
    assert isinstance(last.content, Overview)
    assert last.content.complete is False
    rows = {row.id: row for row in last.content.sources}
    assert set(rows) == {OWN.value, "localization", M.value}
    assert rows[M.value].notice == "Niet volledig: Ziekenhuis M is niet gevraagd, bel 0570-2"
    assert (rows[M.value].reason, rows[M.value].phone) == ("not-asked", "0570-2")
    assert region.asked == ["locate"]


async def test_without_a_register_and_without_anything_known_it_says_whom_to_phone(
    region: Region, presented: Any, question: Asked
) -> None:
    region.holders = Gathered(gaps=(DOWN,))
    listed = (Listed(M, "Ziekenhuis M", "0570-2", usual=True),)
    last = await ask(replace(region.house(), phones=PhoneList(listed)), presented, question)
    assert last.content == DOWN.stop
    assert [(gap.where, gap.name, gap.phone) for gap in last.phone] == [(M.value, "Ziekenhuis M", "0570-2")]
    assert region.asked == ["locate"]


async def test_a_source_without_an_address_has_the_name_that_directory_or_list_know(
    region: Region, presented: Any, question: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.holders = Gathered((Holder(M, "nvi"), Holder(L, "nvi")))

    async def none(holders: Any) -> Any:
        return Gathered(gaps=tuple(Gap(one.ura.value, Deny(Reason.ADDRESS_NONE)) for one in holders))

    async def organization(ura: Ura) -> Any:
        return Organization(M, "V6", "Ziekenhuis M") if ura == M else Deny(Reason.ORGANIZATION_UNKNOWN)

    monkeypatch.setattr(region, "sources", none)
    monkeypatch.setattr(region, "organization", organization)
    listed = (Listed(M, "anders geheten", "0570-2"), Listed(L, "Thuiszorg L", "0570-3"))
    last = await ask(replace(region.house(), phones=PhoneList(listed)), presented, question)
    assert isinstance(last.content, Overview)
    assert [(row.id, row.name, row.phone) for row in last.content.sources] == [
        (M.value, "Ziekenhuis M", "0570-2"),
        (L.value, "Thuiszorg L", "0570-3"),
    ]


async def test_a_source_whose_number_the_directory_lacks_has_that_of_the_list(
    region: Region, presented: Any, question: Asked
) -> None:
    region.phone = ""
    region.source(M.value, lambda request: Unavailable(Reason.SOURCE_DOWN))
    house = replace(region.house(), phones=PhoneList((Listed(M, "Ziekenhuis M", "0570-2"),)))
    last = await ask(house, presented, question)
    assert isinstance(last.content, Overview)
    assert last.content.sources[0].notice.endswith("antwoordde niet, bel 0570-2")


async def test_the_fifty_first_source_is_named_and_not_asked(region: Region, presented: Any, question: Asked) -> None:
    for number in range(52):
        region.source(f"9100{number:04d}", holding("deny", "2026-02-11"))
    last = await ask(region.house(deadline=30.0), presented, question)
    assert isinstance(last.content, Overview)
    assert [row.reason for row in last.content.sources if row.status != "ok"] == ["not-asked"] * 2
    assert sum(one.startswith("grant") for one in region.asked) == 50
