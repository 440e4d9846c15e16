"""A ledger that was damaged, copied back, forked or forged does not start silently."""

from __future__ import annotations

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from failing_disk import Opening, until

from nuts_pzp.audit import anchors
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.sqlite import StoreFailed
from nuts_pzp.audit.ledger.tail import Damaged
from nuts_pzp.identity import Tenant
from nuts_pzp.values import replace


async def test_a_damaged_tail_refuses_the_start(opening: Opening, place: Place, tenant: Tenant, events: Any) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    with sqlite3.connect(place.path) as database:
        database.execute(
            "UPDATE log_record SET body = CAST(replace(body, 'c1', 'c2') AS BLOB) WHERE tenant = ? AND idx = 1",
            ("meerwijck",),
        )
    database.close()
    again = opening()
    with pytest.raises(Damaged, match="changed at index 1"):
        again.of(tenant)


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("DELETE FROM log_record WHERE tenant = 'meerwijck' AND idx = 2", "do not end"),
        ("UPDATE log_head SET size = size - 1 WHERE tenant = 'meerwijck'", "do not end"),
        ("UPDATE log_head SET frontier = zeroblob(length(frontier)) WHERE tenant = 'meerwijck'", "frontier"),
        ("UPDATE log_head SET note = CAST(replace(note, '3', '2') AS BLOB) WHERE tenant = 'meerwijck'", "not genuine"),
        ("DELETE FROM log_head WHERE tenant = 'meerwijck'", "head is gone"),
        ("UPDATE log_head SET origin = 'x' WHERE tenant = 'meerwijck'", "began as"),
    ],
)
async def test_whatever_does_not_verify_refuses_the_start(
    opening: Opening, place: Place, tenant: Tenant, events: Any, statement: str, words: str
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    with sqlite3.connect(place.path) as database:
        database.execute(statement)
    database.close()
    again = opening()
    with pytest.raises(Damaged, match=words):
        again.of(tenant)


async def test_an_older_copy_does_not_start_silently(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    backup = place.path.with_name("backup.db")
    shutil.copy(place.path, backup)
    again = opening()
    await again.of(tenant).append(events.denied("c2"))
    await again.aclose()
    backup.replace(place.path)
    with pytest.raises(Damaged, match="anchored"):
        Ledger.open(place)
    opening(replace(place, anchor=None)).of(tenant)  # nothing but the anchor can tell


async def test_a_vanished_ledger_does_not_start_anew(opening: Opening, place: Place, tenant: Tenant) -> None:
    ledger = opening()
    ledger.of(tenant)
    await ledger.aclose()
    place.path.unlink()
    with pytest.raises(Damaged, match="anchored"):
        Ledger.open(place)
    opening(replace(place, epoch=2)).of(tenant)


async def test_a_fork_of_the_anchored_history_is_refused(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening()
    await ledger.aclose()
    fork = place.path.with_name("fork.db")
    shutil.copy(place.path, fork)
    ledger = opening()
    await ledger.of(tenant).append(events.denied("c1"))
    await ledger.aclose()
    fork.replace(place.path)
    other = opening(replace(place, anchor=None))
    for number in range(5):
        await other.of(tenant).append(events.denied(f"x{number}"))
    other.system.keep("audit.verify", {}).result(5)
    other.system.keep("audit.verify", {}).result(5)
    await other.aclose()
    with pytest.raises(Damaged, match="not those that were anchored"):
        Ledger.open(place)


async def test_the_anchor_holds_every_log_at_the_end_and_ages_in_between(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    assert place.anchor
    ledger = opening()
    audit = ledger.of(tenant)
    await until(lambda: place.anchor is not None and place.anchor.exists())
    await audit.append(events.denied("c1"))
    age = ledger.condition().unanchored_seconds
    assert age is not None
    assert age > 0
    ledger._upkeep.anchor_now()
    assert ledger.condition().unanchored_seconds == 0.0
    await ledger.aclose()
    key = audit.log.signer.verifier
    assert max(one.size for one in anchors.checkpoints(anchors.read(place.anchor), key)) == 3


async def test_an_anchor_that_cannot_be_written_does_not_stop_the_log(
    opening: Opening, place: Place, tenant: Tenant, events: Any
) -> None:
    blocked = place.path.parent.with_name("blocked")
    blocked.write_bytes(b"")
    ledger = opening(replace(place, anchor=blocked / "notes"))
    await ledger.of(tenant).append(events.denied("c1"))
    ledger._upkeep.anchor_now()
    age = ledger.condition().unanchored_seconds
    assert age is not None
    assert age > 0


def test_the_folder_of_an_anchor_is_made_once_and_missed_from_then_on(
    opening: Opening, place: Place, tmp_path: Path
) -> None:
    mounted = replace(place, anchor=tmp_path / "volume" / "pzp" / "notes")
    first = opening(mounted)
    first._upkeep.anchor_now()
    assert mounted.anchor is not None
    assert mounted.anchor.exists()
    first.close()
    (tmp_path / "volume").rename(tmp_path / "away")
    ledger = opening(mounted)
    ledger._upkeep.anchor_now()
    assert not (tmp_path / "volume").exists()
    assert (ledger.condition().unanchored_seconds or 0) > 0, "readiness tells of it in the end"
    (tmp_path / "away").rename(tmp_path / "volume")
    ledger._upkeep.anchor_now()
    assert ledger.condition().unanchored_seconds == 0.0


def test_an_anchor_that_cannot_be_read_refuses_the_start_in_words(opening: Opening, place: Place) -> None:
    opening().close()
    assert place.anchor is not None
    place.anchor.unlink()
    place.anchor.mkdir()
    with pytest.raises(StoreFailed, match="the anchor cannot be read: Is a directory"):
        Ledger.open(place)


def test_a_forged_anchor_refuses_the_start(opening: Opening, place: Place) -> None:
    assert place.anchor
    opening().close()
    line = json.loads(place.anchor.read_text().splitlines()[-1])
    line["note"] = line["note"].replace("\n2\n", "\n9\n")
    with place.anchor.open("a") as file:
        file.write(json.dumps(line) + "\n")
    with pytest.raises(Damaged, match="anchor is not genuine"):
        Ledger.open(place)
