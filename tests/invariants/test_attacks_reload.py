"""Attacks on a reload: what an operator took out does not come back, and nothing is half swapped."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.assembly import Estate
from nuts_pzp.furnished import Furnished
from nuts_pzp.house import House
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.settings import read_deployment

DEPLOYMENT = """
name: meerwijck.example
listeners:
  operations: {port: 9090}
audit: {path: ledger.sqlite, keys: keys}
state: state
tenants: tenants
"""


@dataclass
class Yard:
    """An estate whose houses are named after what their file said when it was read; a file can make its house slow."""

    folder: Path
    gates: dict[str, asyncio.Event] = field(default_factory=dict)
    stopped: list[str] = field(default_factory=list)

    async def furnish(self, file: Path) -> Furnished:
        said = file.read_text("utf-8")
        yard = self

        class Room:
            async def start(self) -> None:
                if said in yard.gates:
                    await yard.gates[said].wait()

            async def stop(self) -> None:
                yard.stopped.append(said)
                await asyncio.sleep(0)

            async def health(self) -> str:
                return "fine"

        own = Organization(Ura("90000222"), "V6", said)
        return Furnished(House(Tenant(file.stem, own), None, None), {"room": Room()})

    def write(self, slug: str, said: str) -> None:
        (self.folder / "tenants").mkdir(exist_ok=True)
        (self.folder / "tenants" / f"{slug}.yaml").write_text(said, "utf-8")


@pytest.fixture
def yard(tmp_path: Path) -> Yard:
    return Yard(tmp_path)


@pytest.fixture
def estate(yard: Yard, monkeypatch: pytest.MonkeyPatch) -> Estate:
    file = yard.folder / "deployment.yaml"
    file.write_text(DEPLOYMENT, "utf-8")
    monkeypatch.setattr("nuts_pzp.assembly.open_store", lambda *_: None, raising=False)
    made = Estate(read_deployment(file), yard.folder, ledger=None)  # type: ignore[arg-type]
    monkeypatch.setattr(made, "_furnish", yard.furnish)
    return made


def names(estate: Estate, slug: str = "meerwijck") -> Any:
    found = estate.house(slug)
    return found.tenant.organization.name if found else None


async def settle() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_slow_reload_does_not_bring_back_what_a_later_one_took_out(yard: Yard, estate: Estate) -> None:
    yard.write("meerwijck", "begin")
    await estate.reload()
    yard.gates["with the stolen certificate"] = asyncio.Event()
    yard.write("meerwijck", "with the stolen certificate")
    slow = asyncio.create_task(estate.reload())
    await settle()
    yard.write("meerwijck", "without it")
    quick = asyncio.create_task(estate.reload())
    await settle()
    yard.gates["with the stolen certificate"].set()
    await asyncio.gather(slow, quick)
    assert names(estate) == "without it"
    assert yard.stopped == ["begin", "with the stolen certificate"]


async def test_two_reloads_at_once_take_tenants_away_once(yard: Yard, estate: Estate) -> None:
    for slug in ("meerwijck", "kade", "avondrood"):
        yard.write(slug, slug)
    await estate.reload()
    for slug in ("kade", "avondrood"):
        (yard.folder / "tenants" / f"{slug}.yaml").unlink()
    await asyncio.gather(estate.reload(), estate.reload())
    assert (names(estate, "kade"), names(estate, "avondrood"), names(estate)) == (None, None, "meerwijck")


async def test_a_tenant_serves_until_its_successor_stands(yard: Yard, estate: Estate) -> None:
    yard.write("meerwijck", "old")
    await estate.reload()
    yard.gates["new"] = asyncio.Event()
    yard.write("meerwijck", "new")
    reload = asyncio.create_task(estate.reload())
    await settle()
    assert names(estate) == "old"
    assert yard.stopped == []
    yard.gates["new"].set()
    await reload
    assert names(estate) == "new"


async def test_what_was_looked_up_before_a_swap_stays_what_it_was(yard: Yard, estate: Estate) -> None:
    yard.write("meerwijck", "old")
    await estate.reload()
    held = estate.house("meerwijck")
    yard.write("meerwijck", "new")
    await estate.reload()
    assert held is not None
    assert held.tenant.organization.name == "old"


@pytest.mark.parametrize(
    "slug",
    ["", "Meerwijck", "meerwijck ", "meerwijck.yaml", "../meerwijck", "meerwijck\x00", "me%65rwijck", "*", "system"],
)
async def test_only_the_exact_name_is_a_tenant(slug: str, yard: Yard, estate: Estate) -> None:
    yard.write("meerwijck", "x")
    await estate.reload()
    assert estate.house(slug) is None


async def test_a_house_that_is_replaced_stands_until_its_last_guest_has_left(yard: Yard, estate: Estate) -> None:
    yard.write("meerwijck", "old")
    await estate.reload()
    let_go, seen = asyncio.Event(), []

    async def door(scope: Any, receive: Any, send: Any) -> None:
        seen.append(names(estate))
        await let_go.wait()

    scope = {"raw_path": b"/meerwijck/fhir/Patient/1"}
    inside = [asyncio.create_task(estate.visited(door)(scope, None, None)) for _ in range(2)]
    await settle()
    yard.write("meerwijck", "new")
    await estate.reload()
    await settle()
    assert (seen, names(estate), yard.stopped) == (["old", "old"], "new", [])
    let_go.set()
    await asyncio.gather(*inside)
    await settle()
    assert yard.stopped == ["old"]


async def test_the_end_waits_for_no_guest(yard: Yard, estate: Estate) -> None:
    yard.write("meerwijck", "old")
    await estate.reload()

    async def door(scope: Any, receive: Any, send: Any) -> None:
        await asyncio.sleep(60)

    late = asyncio.create_task(estate.visited(door)({"raw_path": b"/meerwijck/x"}, None, None))
    await settle()
    (yard.folder / "tenants" / "meerwijck.yaml").unlink()
    await estate.reload()
    await settle()
    assert yard.stopped == []
    await estate.stop()
    assert yard.stopped == ["old"]
    late.cancel()
