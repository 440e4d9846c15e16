"""The life of a replica: snapshot, first load, failures, sharing."""

from __future__ import annotations

import asyncio
from pathlib import Path

from nuts_pzp.identity import Ura
from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Outbound
from nuts_pzp.systems.lrza.directory import Lrza
from nuts_pzp.systems.lrza.feed import Feed
from nuts_pzp.systems.lrza.loading import RoundFailed
from nuts_pzp.systems.lrza.reading import Listing, Stamp
from nuts_pzp.systems.lrza.replica import Replica
from nuts_pzp.systems.lrza.settings import LrzaSettings


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


class Directory:
    """A copier without a network."""

    base = "https://lrza.example/fhir"

    def __init__(self) -> None:
        self.down, self.loads, self.since, self.closed = False, 0, list[str](), 0

    async def load(self) -> tuple[Replica, str]:
        if self.down:
            raise RoundFailed("answer 503")
        self.loads += 1
        replica = Replica()
        replica.put(Listing("o1", Stamp(1.0), True, "90000222", "Meerwijck", ("V6",), "", "", ()))
        return replica, "t1"

    async def refresh(self, replica: Replica, since: str) -> str:
        if self.down:
            raise RoundFailed("answer 503")
        self.since.append(since)
        return f"t{len(self.since) + 1}"

    async def close(self) -> None:
        self.closed += 1


def feed(directory: Directory, file: Path, clock: Clock | None = None) -> Feed:
    return Feed(directory, file, interval=900.0, clock=clock or Clock())  # type: ignore[arg-type]


async def test_the_first_round_loads_and_later_ones_refresh_from_the_watermark(tmp_path: Path) -> None:
    directory = Directory()
    made = feed(directory, tmp_path / "r.json")
    for _ in range(3):
        await made.round()
    assert (directory.loads, directory.since) == (1, ["t1", "t2"])


async def test_a_restart_serves_the_snapshot_while_the_directory_is_down(tmp_path: Path) -> None:
    directory, clock = Directory(), Clock()
    await feed(directory, tmp_path / "state" / "r.json", clock).round()
    directory.down = True
    clock.now += 3600
    again = feed(directory, tmp_path / "state" / "r.json", clock)
    await again.start(5.0)
    assert again.replica is not None
    assert len(again.replica.listings("90000222")) == 1
    assert again.age == 3600.0
    await again.stop()


async def test_a_restart_goes_on_from_the_watermark_of_the_snapshot(tmp_path: Path) -> None:
    directory = Directory()
    await feed(directory, tmp_path / "r.json").round()
    again = feed(directory, tmp_path / "r.json")
    await again.start(5.0)
    await asyncio.sleep(0.05)
    assert (directory.loads, directory.since) == (1, ["t1"])
    await again.stop()


async def test_a_damaged_snapshot_is_ignored_and_everything_is_loaded(tmp_path: Path) -> None:
    (tmp_path / "r.json").write_text("{")
    directory = Directory()
    made = feed(directory, tmp_path / "r.json")
    await made.start(5.0)
    assert made.replica is not None
    assert directory.loads == 1
    await made.stop()


async def test_a_failed_round_keeps_what_is_held_and_says_why(tmp_path: Path) -> None:
    directory = Directory()
    made = feed(directory, tmp_path / "r.json")
    await made.round()
    directory.down = True
    await made.start(0.0)
    await asyncio.sleep(0.05)
    assert made.trouble == "answer 503"
    assert made.replica is not None
    await made.stop()


async def test_a_start_does_not_wait_longer_than_it_may_for_a_directory_that_is_down(tmp_path: Path) -> None:
    directory = Directory()
    directory.down = True
    made = feed(directory, tmp_path / "r.json")
    await made.start(0.05)
    assert made.replica is None
    await made.stop()


async def test_two_tenants_share_one_feed_and_the_last_one_out_closes_it(tmp_path: Path) -> None:
    directory = Directory()
    made = feed(directory, tmp_path / "r.json")
    await asyncio.gather(made.start(5.0), made.start(5.0))
    assert directory.loads == 1
    await made.stop()
    assert directory.closed == 0
    await made.stop()
    assert directory.closed == 1


async def test_a_snapshot_that_cannot_be_written_is_said_and_serving_goes_on(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    made = feed(Directory(), tmp_path / "file" / "r.json")
    await made.round()
    assert made.replica is not None
    assert made.trouble.startswith("the snapshot could not be written")


async def test_who_only_looks_learns_how_the_directory_is_now_and_not_what_the_snapshot_says(tmp_path: Path) -> None:
    directory = Directory()
    await feed(directory, tmp_path / "r.json").round()
    directory.down = True
    for looked_at, kind in ((False, str), (True, Unavailable)):
        made = feed(directory, tmp_path / "r.json")
        settings = LrzaSettings.model_validate({"url": "https://lrza.example/fhir"})
        look = Lrza(settings, Ura("90000444"), Outbound(), made, looked_at=looked_at)
        await look.start()
        assert made.replica is not None
        if looked_at:
            assert made.trouble == "answer 503", "a round was waited for"
        assert isinstance(await look.health(), kind)
        await look.stop()
