"""The SQLite file itself: who may read it, which file it takes, what it survives (ADR 0054)."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))

_WRITES = """
import asyncio, os, sys
from pathlib import Path
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.store.sqlite import SqliteStore

async def main():
    store = SqliteStore(Path(sys.argv[1])).of(Tenant("meerwijck", Organization(Ura("90000222"), "V6", "x")))
    assert await store.put("serial", "regio", b"from elsewhere", 0)
    os._exit(9)

asyncio.run(main())
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "state" / "store.sqlite"


def test_only_its_owner_reads_it(path: Path) -> None:
    SqliteStore(path).close()
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    with pytest.raises(StoreFailed, match="0600"):
        SqliteStore(path)


def test_a_file_that_is_no_database_is_refused_in_words(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"not a database at all" * 100)
    path.chmod(0o600)
    with pytest.raises(StoreFailed, match="SQLITE_NOTADB"):
        SqliteStore(path)


def test_a_file_of_another_version_is_refused(path: Path) -> None:
    SqliteStore(path).close()
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA user_version=99")
    connection.close()
    with pytest.raises(StoreFailed, match="another version"):
        SqliteStore(path)


def test_a_folder_that_cannot_be_made_is_refused_in_words(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("a file")
    with pytest.raises(StoreFailed, match="cannot be used"):
        SqliteStore(tmp_path / "state" / "store.sqlite")


async def test_every_commit_is_synced_and_the_log_is_written_ahead(path: Path) -> None:
    store = SqliteStore(path)
    found = await store.run(
        lambda connection: (
            connection.execute("PRAGMA synchronous").fetchone()[0],
            connection.execute("PRAGMA journal_mode").fetchone()[0],
        )
    )
    store.close()
    assert found == (2, "wal")


async def test_what_a_killed_process_put_is_there(path: Path) -> None:
    running = SqliteStore(path)
    assert await running.of(OURS).get("serial", "regio") == (b"", 0)
    ended = subprocess.run([sys.executable, "-c", _WRITES, str(path)], capture_output=True, text=True, check=False)
    assert ended.returncode == 9, ended.stderr
    assert (await running.of(OURS).get("serial", "regio"))[0] == b"from elsewhere"
    running.close()


async def test_a_lock_that_is_not_let_go_is_a_failure_and_not_a_wait_for_ever(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuts_pzp.store.sqlite._BUSY_SECONDS", 0.05)
    store = SqliteStore(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(StoreFailed, match="SQLITE_BUSY"):
        await store.of(OURS).put("serial", "regio", b"1", 0)
    assert await store.of(OURS).get("serial", "regio") == (b"", 0), "reading goes on"
    other.execute("ROLLBACK")
    assert await store.of(OURS).put("serial", "regio", b"1", 0)
    other.close()
    store.close()


def test_closing_twice_is_closing_once(path: Path) -> None:
    store = SqliteStore(path)
    store.close()
    store.close()


async def _everything_fails(path: Path, opened: SqliteStore) -> None:
    store = opened.of(OURS)
    with pytest.raises(StoreFailed, match="moved or replaced"):
        await store.versions("regio", "serial")
    with pytest.raises(StoreFailed, match="moved or replaced"):
        await store.get("serial", "regio")
    with pytest.raises(StoreFailed, match="moved or replaced"):
        await store.put("serial", "regio", b"two", 1)
    with pytest.raises(StoreFailed, match="moved or replaced"):
        [one async for one in store.scan("serial")]


@pytest.mark.parametrize("looked", [False, True])
async def test_a_backup_put_back_under_an_open_store_is_a_failure_and_no_old_answer(path: Path, looked: bool) -> None:
    """What a command records lies in the new file: whoever has the old one open would never see that refusal."""
    opened = SqliteStore(path)
    store = opened.of(OURS)
    assert await store.put("serial", "regio", b"one", 0)
    if looked:
        assert await store.versions("regio", "serial") == (1,)
    backup = path.with_name("backup.sqlite")
    with closing(sqlite3.connect(path)) as source, closing(sqlite3.connect(backup)) as copy:
        source.backup(copy)
    backup.chmod(0o600)
    backup.rename(path)
    await _everything_fails(path, opened)
    opened.close()
    again = SqliteStore(path)
    assert await again.of(OURS).get("serial", "regio") == (b"one", 1)
    again.close()


async def test_a_state_file_that_was_removed_is_a_failure(path: Path) -> None:
    opened = SqliteStore(path)
    assert await opened.of(OURS).put("serial", "regio", b"one", 0)
    path.unlink()
    await _everything_fails(path, opened)
    opened.close()


async def test_a_change_by_another_process_is_no_other_file(path: Path) -> None:
    one, two = SqliteStore(path), SqliteStore(path)
    for version in range(3):
        assert await one.of(OURS).put("serial", "regio", b"x", version)
        assert await two.of(OURS).versions("regio", "serial") == (version + 1,)
    two.close()  # folds the log, perhaps
    assert await one.of(OURS).get("serial", "regio") == (b"x", 3)
    one.close()
