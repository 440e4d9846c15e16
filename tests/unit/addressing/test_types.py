"""The region's table of types beside the directory (design D3; spec consent 6.1; 8: 77, 78, 83)."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from nuts_pzp.addressing.types import Typed
from nuts_pzp.exchange import Holder, Source
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny, Gathered, Outcome, Unavailable
from nuts_pzp.reasons import Reason

URA = Ura("90000777")
UNKNOWN = Deny(Reason.ORGANIZATION_UNKNOWN)
DOWN = Unavailable(Reason.DIRECTORY_DOWN)


@dataclass
class Fake:
    """A directory, or a table."""

    says: Outcome[Organization]
    asked: list[tuple[Holder, ...]] = field(default_factory=list)

    async def organization(self, ura: Ura, /) -> Outcome[Organization]:
        return self.says

    async def sources(self, holders: tuple[Holder, ...], /) -> Gathered[Source]:
        self.asked.append(holders)
        return Gathered()


def known(*types: str, name: str = "Ambulancedienst De Zwaluw") -> Organization:
    first, *others = types or ("",)
    return Organization(URA, first, name, "0570-555777", tuple(others))


async def typed(directory: Outcome[Organization], table: Outcome[Organization]) -> Outcome[Organization]:
    return await Typed(Fake(directory), Fake(table)).organization(URA)


async def test_ambulance_service_gets_its_type_from_the_region() -> None:
    found = await typed(known(), known("RAV", "MMT", name="in de regio anders genoemd"))
    assert found == known("RAV", "MMT"), "everything else is the directory's"


@pytest.mark.parametrize("table", [known("V6"), known("P4"), known("V6", "P4"), UNKNOWN])
async def test_where_the_directory_has_a_type_it_stays(table: Outcome[Organization]) -> None:
    assert await typed(known("V6", "P4"), table) == known("V6", "P4")


@pytest.mark.parametrize("table", [known("Z3"), known("V6", "Z3")])
async def test_a_contradiction_denies(table: Organization) -> None:
    found = await typed(known("V6"), table)
    assert isinstance(found, Deny)
    assert found.reason is Reason.TYPE_MISMATCH


async def test_without_a_type_anywhere_there_is_none() -> None:
    assert await typed(known(), UNKNOWN) == known()


async def test_whom_the_directory_does_not_know_the_table_does_not_make() -> None:
    assert await typed(UNKNOWN, known("RAV")) == UNKNOWN
    assert await typed(DOWN, known("RAV")) == DOWN


async def test_a_table_that_cannot_be_asked_stops() -> None:
    assert await typed(known("V6"), DOWN) == DOWN


async def test_addresses_are_the_directory_s() -> None:
    directory = Fake(known())
    await Typed(directory, Fake(known("RAV"))).sources((Holder(URA, "nvi"),))
    assert directory.asked == [(Holder(URA, "nvi"),)]
