"""While registers are silent, whom they are not needed for is asked: each source once, each in one record."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.accounted import Addressed, Consulted, Denied
from nuts_pzp.addressing.phones import Listed, PhoneList
from nuts_pzp.consult.flow import Complete
from nuts_pzp.consult.visit import ALTOGETHER, AT_ONCE, Errand
from nuts_pzp.consult.whom import GRACE, MOST
from nuts_pzp.exchange import Holder
from nuts_pzp.identity import Ura
from nuts_pzp.localization.join import PART
from nuts_pzp.outcome import Deny, Gap, Gathered, Unavailable
from nuts_pzp.reasons import Reason

from ..conftest import KADE, holding
from .conftest import DOWN, OWN, A, Held, L, M, Night, arrived, nothing_runs, record_of, to_the_end


async def test_own_data_and_named_sources_are_told_while_the_registers_are_silent(night: Night) -> None:
    flow = night.consult()
    assert {await arrived(flow), await arrived(flow)} == {OWN, L}
    assert night.waited == pytest.approx(GRACE, abs=0.01)
    first, *received = night.told[1:]
    assert (first, set(received)) == (([OWN, L], "awaited"), {OWN, L})
    night.registers.answer(L, M, OWN, A)
    later, overview = await to_the_end(flow)
    assert set(later) == {M, A}
    assert night.told[4] == ([M, A], "")
    assert (set(night.told[5:7]), night.told[7:]) == ({M, A}, ["Consulted"])
    assert {ura: night.times(ura) for ura in (OWN, L, M, A)} == dict.fromkeys((OWN, L, M, A), 1)
    assert night.registers.asked == 1
    assert overview.complete
    assert {row.id for row in overview.sources} == {OWN, L, M, A}
    assert night.waited == pytest.approx(GRACE, abs=0.01), "the found ones waited for nobody"
    assert nothing_runs()


@pytest.mark.parametrize("after", [0.0, GRACE - 0.01])
async def test_registers_that_answer_within_the_grace_change_nothing(night: Night, after: float) -> None:
    asyncio.get_running_loop().call_later(after, night.registers.answer, M, L)
    told, overview = await to_the_end(night.consult())
    assert set(told) == {OWN, L, M}
    assert night.told[:2] == ["Intended", ([OWN, L, M], "")]
    assert (set(night.told[2:5]), night.told[5:]) == ({OWN, L, M}, ["Consulted"])
    assert overview.complete
    assert night.waited == pytest.approx(after, abs=0.001)


async def test_the_overview_is_the_same_whether_registers_are_quick_or_slow(night: Night) -> None:
    night.registers.answer(M, L, A)
    _, quick = await to_the_end(night.consult())
    night.registers.may.clear()
    asyncio.get_running_loop().call_later(3.0, night.registers.answer, M, L, A)
    _, slow = await to_the_end(night.consult())
    assert [event.registers_awaited for event in night.region.events if isinstance(event, Addressed)] == [
        False, True, False,
    ]  # fmt: skip
    assert slow == quick


@pytest.mark.parametrize("before", [True, False])
async def test_an_answer_at_the_very_end_of_the_grace_is_heard_once(night: Night, before: bool) -> None:
    loop = asyncio.get_running_loop()
    if before:
        loop.call_later(GRACE, night.registers.answer, M, L)
    flow = asyncio.create_task(to_the_end(night.consult()))
    if not before:
        await asyncio.sleep(0)
        loop.call_later(GRACE, night.registers.answer, M, L)
    told, overview = await flow
    assert sorted(told) == sorted([OWN, L, M])
    assert [night.times(ura) for ura in (OWN, L, M)] == [1, 1, 1]
    named = [ura for event in night.region.events if isinstance(event, Addressed) for ura in record_of(event)[0]]
    assert sorted(named) == sorted([OWN, L, M])
    assert overview.complete


async def test_a_source_that_takes_long_is_not_cut_off_by_registers_that_take_longer(night: Night) -> None:
    slow = Held()
    night.region.answering[L] = slow
    asyncio.get_running_loop().call_later(9.0, slow.may.set)
    told, overview = await to_the_end(night.consult())
    assert told == [OWN, L]
    assert night.told[2:5] == [OWN, ([], ""), L], "the registers' time ended while it was being asked"
    assert night.waited == pytest.approx(9.0, abs=0.01)
    rows = {row.id: row.status for row in overview.sources}
    assert rows == {OWN: "ok", L: "ok", "localization": "failed"}
    assert not overview.complete


async def test_found_sources_are_asked_while_named_ones_are_still_under_way(night: Night) -> None:
    named, found = Held(), Held()
    night.region.answering |= {L: named, M: found}
    flow = night.consult()
    assert await arrived(flow) == OWN
    following = asyncio.create_task(arrived(flow))
    night.registers.answer(M)
    await found.asked.wait()
    assert not named.may.is_set()
    found.may.set()
    assert await following == M
    named.may.set()
    told, overview = await to_the_end(flow)
    assert (told, overview.complete) == ([L], True)


@pytest.mark.parametrize(("deadline", "soon"), [(0.4, 0.1), (1.0, 0.25), (2.0, GRACE), (60.0, GRACE)])
async def test_of_a_short_deadline_the_grace_is_a_quarter(night: Night, deadline: float, soon: float) -> None:
    flow = night.consult(deadline=deadline)
    await arrived(flow)
    assert night.waited == pytest.approx(soon, abs=0.001)
    await flow.aclose()


# When the registers fail


async def test_registers_that_fail_late_leave_their_gap_and_whom_to_phone(night: Night) -> None:
    listed = (Listed(Ura(M), "Ziekenhuis M", "0570-2", usual=True), Listed(Ura(L), "Thuiszorg L", "0570-3", usual=True))
    night.house = replace(night.house, phones=PhoneList(listed))
    flow = night.consult()
    assert {await arrived(flow), await arrived(flow)} == {OWN, L}
    night.registers.answer(gaps=(DOWN,))
    told, overview = await to_the_end(flow)
    assert told == []
    assert {row.id: row.status for row in overview.sources} == {
        OWN: "ok", L: "ok", M: "failed", "localization": "failed",
    }  # fmt: skip
    assert overview.complete is False
    first, second = (event for event in night.region.events if isinstance(event, Addressed))
    assert first.gaps == ()
    assert (second.sources, {gap.where for gap in second.gaps}) == ((), {"localization", M})
    consulted = night.region.events[-1]
    assert isinstance(consulted, Consulted)
    assert (consulted.complete, consulted.missing) == (False, (M, "localization"))


async def test_with_nobody_to_ask_meanwhile_one_record_says_so_and_there_is_no_answer(night: Night) -> None:
    night.house = replace(night.house, own=None)
    [last] = [step async for step in night.consult(targets=(), localize=False)]
    assert isinstance(last, Complete)
    assert isinstance(last.content, Unavailable)
    assert last.content.reason is Reason.LOCALIZATION_DOWN
    assert night.told == ["Intended", ([], ""), "Denied"]
    assert isinstance(night.region.events[-1], Denied)
    assert night.waited == pytest.approx(10.0 * PART, abs=0.01)


async def test_a_named_source_without_an_address_is_a_gap_once_and_asks_for_no_record_of_its_own(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = night.region.sources

    async def sources(holders: tuple[Holder, ...]) -> Any:
        known = await honest(tuple(one for one in holders if one.ura.value != L))
        return known + Gathered(gaps=tuple(Gap(L, Deny(Reason.ADDRESS_NONE)) for one in holders if one.ura.value == L))

    monkeypatch.setattr(night.region, "sources", sources)
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M, L)
    told, overview = await to_the_end(night.consult())
    assert told == [OWN, M]
    assert [[gap.where for gap in one.gaps] for one in night.region.events if isinstance(one, Addressed)] == [[L], []]
    assert {row.id: len(row.gaps) for row in overview.sources} == {OWN: 0, L: 1, M: 0}

    night.house, night.registers.may = replace(night.house, own=None), asyncio.Event()
    night.region.events.clear()
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M, L)
    assert (await to_the_end(night.consult()))[0] == [M]
    assert night.told == ["Intended", ([M], ""), M, "Consulted"]


async def test_our_own_organization_without_a_server_is_a_gap_once_whoever_names_it(night: Night) -> None:
    night.house = replace(night.house, own=None)
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M, OWN)
    told, overview = await to_the_end(night.consult(targets=(Ura(L), KADE.ura)))
    assert told == [L, M]
    assert {row.id: len(row.gaps) for row in overview.sources} == {OWN: 1, L: 0, M: 0}
    gaps = [[gap.where for gap in one.gaps] for one in night.region.events if isinstance(one, Addressed)]
    assert gaps == [[OWN], []]


async def test_a_register_alone_may_name_our_own_organization_after_the_first_part(night: Night) -> None:
    night.house = replace(night.house, own=None)
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, OWN)
    _, overview = await to_the_end(night.consult())
    assert {row.id: row.reason for row in overview.sources} == {L: None, OWN: "no-address"}


async def test_a_directory_that_adds_somebody_does_not_have_them_asked_twice(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    honest = night.region.sources

    async def sources(holders: tuple[Holder, ...]) -> Any:
        return await honest((*holders, Holder(Ura(A), "lies"), Holder(KADE.ura, "lies")))

    monkeypatch.setattr(night.region, "sources", sources)
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, M, A)
    told, _ = await to_the_end(night.consult())
    assert sorted(told) == sorted([OWN, L, A, M])
    assert f"grant {OWN}" not in night.region.asked


async def test_fifty_in_all_are_asked_and_each_beyond_is_named_once(night: Night) -> None:
    many = [f"9100{number:04d}" for number in range(60)]
    night.region.answering |= dict.fromkeys(many, holding("deny", "2026-02-11"))
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, *many)
    told, overview = await to_the_end(night.consult(targets=tuple(Ura(one) for one in many[:40])))
    assert set(told) == {OWN, *many[:49]}
    assert len(told) == MOST
    beyond = [gap.where for event in night.region.events if isinstance(event, Addressed) for gap in event.gaps]
    assert beyond == many[49:]
    assert {row.id for row in overview.sources if row.reason == "not-asked"} == set(many[49:])


async def test_a_named_one_beyond_the_fifty_is_named_once_as_well(night: Night) -> None:
    many = [f"9100{number:04d}" for number in range(51)]
    night.region.answering |= dict.fromkeys(many, holding("deny", "2026-02-11"))
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, *many)
    told, _ = await to_the_end(night.consult(targets=tuple(Ura(one) for one in many[:50])))
    assert set(told) == {OWN, *many[:49]}
    gaps = [[gap.where for gap in one.gaps] for one in night.region.events if isinstance(one, Addressed)]
    assert gaps == [[many[49]], [many[50]]]


async def test_both_parts_together_have_no_more_requests_at_once_than_one(
    night: Night, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[int] = []

    async def visit(house: Any, source: Any, errand: Errand, *_: Any) -> None:
        given.append(errand.at_once)

    monkeypatch.setattr("nuts_pzp.consult.source.visit", visit)
    many = [f"9100{number:04d}" for number in range(49)]
    asyncio.get_running_loop().call_later(2.0, night.registers.answer, *many)
    await to_the_end(night.consult(targets=tuple(Ura(one) for one in many[:19])))
    assert given == [AT_ONCE] * 20 + [4] * 30
    assert sum(given) <= ALTOGETHER


def test_however_much_is_taken_each_is_asked() -> None:
    assert Errand.to(17, None, "", ALTOGETHER).at_once == 1  # type: ignore[arg-type]
