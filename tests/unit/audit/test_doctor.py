from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from nuts_pzp.audit.doctor import Finding, examine
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.identity import Tenant


def by_check(findings: list[Finding]) -> dict[str, Finding]:
    return {one.check: one for one in findings}


def test_a_running_ledger_is_looked_at_without_disturbing_it(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant
) -> None:
    ledger = opening(place)
    ledger.of(tenant)
    found = by_check(examine(place.path, place.keys, place.anchor))
    assert found["lock"].text == "held by a running gateway"
    assert found["ledger"].text == "meerwijck 1, system 1"
    assert (found["fsync"].state, found["keys"].state) in (("ok", "ok"), ("warn", "ok"))
    left = {path.name for path in place.path.parent.iterdir() if not path.name.startswith("audit.db.index")}
    assert left == {"audit.db", "audit.db-shm", "audit.db-wal", "audit.db.lock"}


def test_what_must_be_mended_is_said(opening: Callable[..., Ledger], place: Place, tmp_path: Path) -> None:
    opening(place).close()
    (place.keys / "system" / "kek.key").chmod(0o644)
    place.path.chmod(0o644)
    found = by_check(examine(place.path, place.keys, tmp_path / "absent"))
    assert found["lock"].text == "free"
    assert found["keys"].state == "fail"
    assert "system/kek.key" in found["keys"].text
    assert found["ledger"].state == "warn"
    assert found["anchor"].state == "fail"


def test_without_an_anchor_it_warns(place: Place) -> None:
    place.path.parent.mkdir()
    found = by_check(examine(place.path, tmp := place.keys))
    assert found["anchor"].state == "warn"
    assert found["ledger"].text == "not there yet"
    assert found["keys"].state == "fail"
    assert not tmp.exists()


def test_an_anchor_beside_the_ledger_and_an_old_one_are_warned_about(
    opening: Callable[..., Ledger], place: Place
) -> None:
    opening(place).close()
    found = by_check(examine(place.path, place.keys, place.anchor))
    assert found["anchor"].state == "warn"
    assert "same volume" in found["anchor"].text


def test_a_file_that_is_no_ledger_fails(place: Place) -> None:
    place.path.parent.mkdir()
    place.path.write_bytes(b"x" * 5_000)
    assert by_check(examine(place.path))["ledger"].state == "fail"


def test_a_folder_that_is_not_there_is_all_there_is_to_say(tmp_path: Path) -> None:
    assert [one.state for one in examine(tmp_path / "no" / "audit.db")] == ["fail"]


def test_a_file_system_that_forgets_fails(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    place.path.parent.mkdir()
    monkeypatch.setattr("nuts_pzp.audit.doctor.filesystem", lambda path: "nfs4")
    assert by_check(examine(place.path))["filesystem"].state == "fail"
