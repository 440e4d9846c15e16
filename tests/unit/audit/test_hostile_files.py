"""Files that somebody else made, offered to the verifier: they are judged, or refused in words; none runs anything."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.audit import anchors, doctor, reading
from nuts_pzp.audit.anchors import AnchorLines
from nuts_pzp.audit.bundle import Bundle, export
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.merkle import leaf_hash
from nuts_pzp.audit.material import Unreadable, opened
from nuts_pzp.audit.proof import prove
from nuts_pzp.audit.verify import LogReport, Verdict, verify
from nuts_pzp.cli.audit import app


class Offered:
    """A closed ledger of one tenant, to be damaged and verified."""

    def __init__(self, path: Path, key: VerifierKey, anchor: AnchorLines) -> None:
        self.path, self.key, self.anchor = path, key, anchor

    def change(self, *statements: str) -> None:
        with closing(sqlite3.connect(self.path, isolation_level=None)) as database:
            for statement in statements:
                database.execute(statement)

    def loosened(self) -> None:
        """Make the tables anew without types, so that anything fits in."""
        self.change(
            *(
                statement
                for table in ("log_record", "log_head", "log_checkpoint")
                for statement in (f"CREATE TABLE other AS SELECT * FROM {table}", f"DROP TABLE {table}",
                                  f"ALTER TABLE other RENAME TO {table}")
            )
        )  # fmt: skip

    def verdict(self, **given: Any) -> LogReport:
        with opened(self.path) as ledger:
            return verify(ledger, [self.key], self.anchor, tenant="meerwijck", **given).logs[0]


@pytest.fixture
async def offered(place: Place, opening: Callable[..., Ledger], tenant: Any, events: Any, clock: Any) -> Offered:
    ledger = opening(place, wall=clock.wall, monotonic=clock.monotonic)
    audit = ledger.of(tenant)
    for number in range(5):
        clock.advance(0.6)
        await audit.append(events.allowed(f"c{number}"))
        await audit.append(events.disclosed(f"c{number}"))
    await ledger.aclose()
    assert place.anchor
    return Offered(place.path, audit.log.signer.verifier, anchors.read(place.anchor))


VIEWS = {
    "a view": ("CREATE VIEW log_record AS SELECT * FROM kept",),
    "a view that never ends": (
        "CREATE VIEW log_record AS WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n)"
        " SELECT 'meerwijck' AS tenant, i AS idx, '' AS ts, x'00' AS leaf, x'00' AS body FROM n",
    ),
    "a computed column": (
        "CREATE TABLE log_record(tenant, idx, ts, leaf, raw, body AS (raw))",
        "INSERT INTO log_record(tenant, idx, ts, leaf, raw) SELECT tenant, idx, ts, leaf, body FROM kept",
    ),
    "a table kept elsewhere": ("CREATE VIRTUAL TABLE log_record USING fts5(tenant, idx, ts, leaf, body)",),
    "nothing": (),
}


@pytest.mark.parametrize("statements", VIEWS.values(), ids=VIEWS.keys())
def test_what_only_looks_like_a_table_is_refused(offered: Offered, statements: tuple[str, ...]) -> None:
    offered.change("ALTER TABLE log_record RENAME TO kept", *statements)
    with pytest.raises(Unreadable):
        offered.verdict()


def test_a_table_without_types_is_judged_by_its_content(offered: Offered) -> None:
    offered.loosened()
    assert offered.verdict().verdict is Verdict.OK


@pytest.mark.parametrize("value", ["zeroblob(100000000)", "zeroblob(1048577)", "printf('%.2000000c', 'x')"])
def test_a_record_too_large_to_be_one_is_named_and_not_loaded(offered: Offered, value: str) -> None:
    offered.change(f"UPDATE log_record SET body = CAST({value} AS BLOB) WHERE tenant = 'meerwijck' AND idx = 5")
    for fast in (True, False):
        report = offered.verdict(fast=fast)
        assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 5)


@pytest.mark.parametrize("column", ["note", "frontier"])
def test_a_huge_note_is_refused_in_words(offered: Offered, column: str) -> None:
    offered.change(f"UPDATE log_head SET {column} = zeroblob(300000000) WHERE tenant = 'meerwijck'")
    with opened(offered.path) as ledger:
        assert verify(ledger, [offered.key], offered.anchor).verdict is Verdict.UNREADABLE


def test_a_note_of_half_a_mebibyte_is_not_genuine(offered: Offered) -> None:
    offered.change("UPDATE log_head SET note = zeroblob(500000) WHERE tenant = 'meerwijck'")
    assert offered.verdict().verdict is Verdict.TAMPERED


@pytest.mark.parametrize("depth", [300, 2_000, 30_000])
def test_json_that_nests_deeper_than_anybody_writes_is_a_change(offered: Offered, depth: int) -> None:
    body = b'{"a":' + b"[" * depth + b"]" * depth + b"}"
    with closing(sqlite3.connect(offered.path, isolation_level=None)) as database:
        statement = "UPDATE log_record SET body = ?, leaf = ? WHERE tenant = 'meerwijck' AND idx = 5"
        database.execute(statement, (body, leaf_hash(body)))
    report = offered.verdict()
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 5)


def test_records_under_negative_indexes_are_found(offered: Offered) -> None:
    offered.change(
        "INSERT INTO log_record SELECT tenant, -1, ts, leaf, body FROM log_record WHERE tenant='meerwijck' AND idx = 1"
    )
    assert offered.verdict().verdict is Verdict.TAMPERED


@pytest.mark.parametrize("fast", [True, False])
def test_a_log_under_another_tenants_name_is_found(offered: Offered, fast: bool) -> None:
    for table in ("log_record", "log_head", "log_checkpoint"):
        offered.change(f"UPDATE {table} SET tenant = 'wilgenhof' WHERE tenant = 'meerwijck'")
    with opened(offered.path) as ledger:
        report = verify(ledger, [offered.key], offered.anchor, tenant="wilgenhof", fast=fast)
    assert (report.verdict, report.logs[0].reason) == (Verdict.TAMPERED, "record 0 belongs elsewhere")


def test_a_link_is_read_with_the_write_ahead_log_of_what_it_names(
    offered: Offered, place: Place, opening: Callable[..., Ledger], tenant: Any, tmp_path: Path
) -> None:
    opening(place).of(tenant)  # runs, so that its newest records are in the write-ahead log only
    link = tmp_path / "link.db"
    link.symlink_to(offered.path)
    with opened(link) as through, opened(offered.path) as directly:
        assert through.logs() == directly.logs()


def test_a_forged_write_ahead_log_changes_nothing_unseen(offered: Offered, tmp_path: Path) -> None:
    copy = tmp_path / "copy" / "audit.db"
    copy.parent.mkdir()
    shutil.copy(offered.path, copy)
    with closing(sqlite3.connect(copy, isolation_level=None)) as writing:
        writing.execute("PRAGMA wal_autocheckpoint=0")
        writing.execute("UPDATE log_record SET body = x'7b7d' WHERE tenant = 'meerwijck' AND idx = 3")
        shutil.copy(f"{copy}-wal", f"{offered.path}-wal")
    report = offered.verdict()
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 3)


@pytest.mark.parametrize("wal", [b"", b"\x00" * 4096, os.urandom(4096)])
def test_a_ruined_write_ahead_log_is_not_obeyed(offered: Offered, wal: bytes) -> None:
    Path(f"{offered.path}-wal").write_bytes(wal)
    assert offered.verdict().verdict is Verdict.OK


@pytest.fixture
def pipe(tmp_path: Path) -> Path:
    path = tmp_path / "pipe"
    os.mkfifo(path)
    return path


def test_a_pipe_is_refused_wherever_a_file_is_expected(offered: Offered, pipe: Path, place: Place) -> None:
    run = CliRunner().invoke
    key = str(offered.key)
    for given in (
        ("verify", str(pipe), "--key", key),
        ("verify", str(offered.path), "--key", key, "--anchor", str(pipe)),
        ("verify", str(offered.path), "--key", str(pipe)),
        ("check-proof", str(pipe), "--key", key),
    ):
        result = run(app, list(given))
        assert result.exit_code in (3, 4), given
        assert isinstance(result.exception, SystemExit), given
    assert any(one.state == "fail" for one in doctor.examine(offered.path, None, pipe) if one.check == "anchor")


@pytest.mark.parametrize("name", ["manifest.json", "checkpoints.ndjson", "records-000000.ndjson"])
@pytest.mark.parametrize("what", ["pipe", "/dev/zero"])
def test_an_export_with_a_pipe_or_a_device_in_it_is_unreadable(
    offered: Offered, tmp_path: Path, pipe: Path, name: str, what: str
) -> None:
    with opened(offered.path) as ledger:
        export(ledger, "meerwijck", tmp_path / "out", 0)
    (tmp_path / "out" / name).unlink()
    (tmp_path / "out" / name).symlink_to(pipe if what == "pipe" else what)
    result = CliRunner().invoke(app, ["verify", str(tmp_path / "out"), "--key", str(offered.key)])
    assert result.exit_code == 3
    assert isinstance(result.exception, SystemExit)


def test_an_export_with_something_after_its_last_line_is_changed(offered: Offered, tmp_path: Path) -> None:
    with opened(offered.path) as ledger:
        export(ledger, "meerwijck", tmp_path / "out", 0)
    with (tmp_path / "out" / "records-000000.ndjson").open("ab") as file:
        file.write(b'{"more":"records"}')
    assert verify(Bundle(tmp_path / "out"), [offered.key], offered.anchor).verdict is Verdict.TAMPERED


def test_an_endless_anchor_line_proves_nothing_and_hides_nothing(offered: Offered, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    genuine = json.dumps({"at": "2026-11-22T09:00:00Z", "note": offered.anchor.notes[-1].note.decode()})
    path.write_bytes(b"x" * 5_000_000 + b"\n" + genuine.encode() + b"\n" + b"{" * 100_000)
    lines = anchors.read(path)
    assert (lines.torn, [one.line for one in lines.notes]) == ((1, 3), [2])


def test_an_anchor_whose_time_has_no_zone_does_not_stop_the_doctor(offered: Offered, tmp_path: Path) -> None:
    path = tmp_path / "anchor"
    path.write_text(json.dumps({"at": "2026-11-22T09:00:00", "note": offered.anchor.notes[-1].note.decode()}))
    assert [one.check for one in doctor.examine(offered.path, None, path)][-1] == "anchor"


def test_a_terminal_is_not_steered_by_what_a_ledger_holds(offered: Offered) -> None:
    offered.change(
        "UPDATE log_head SET tenant = 'x' || char(27) || '[2Jmeerwijck' || char(155) || char(8238)"
        " WHERE tenant = 'meerwijck'"
    )
    result = CliRunner().invoke(app, ["verify", str(offered.path), "--key", str(offered.key)])
    assert not set(result.output) & {"\x1b", "\x9b", "\u202e"}
    assert "[2Jmeerwijck" in result.output


def test_what_is_read_back_from_a_record_is_fit_for_a_screen() -> None:
    record = {
        "ts": "2026-11-22T09:14:03.120000Z",
        "event": {"code": "disclosure.decision"},
        "outcome": {"kind": "permit"},
        "org": {"requester": {"name": "De \x1b[31mKade\x07"}, "responder": {"name": "Café Zuid"}},
        "object": {"references": ["Goal/\r\n1"]},
    }
    entry = reading.entry(0, record)
    assert (entry.requester, entry.responder) == ("De \ufffd[31mKade\ufffd", "Café Zuid")
    assert entry.references == ("Goal/\ufffd\ufffd1",)


@pytest.mark.parametrize("body", ["'text'", "x'7b'", "x'5b5d'", "x'7b7d'", "zeroblob(3000000)"])
def test_reading_proving_and_exporting_a_damaged_record_ends_in_words(
    offered: Offered, tmp_path: Path, body: str
) -> None:
    offered.loosened()
    offered.change(f"UPDATE log_record SET body = {body} WHERE tenant = 'meerwijck' AND idx = 5")
    with pytest.raises(Unreadable):
        list(reading.records(offered.path, "meerwijck"))
    with opened(offered.path) as ledger:
        if body == "'text'":
            with pytest.raises(Unreadable):
                prove(ledger, "meerwijck", "no-such-record")
            with pytest.raises(Unreadable):
                export(ledger, "meerwijck", tmp_path / "out", 0)


def test_two_keys_for_one_log_are_a_question_and_not_a_choice(offered: Offered, tmp_path: Path) -> None:
    other = VerifierKey(offered.key.name, bytes(32))
    for order in ((offered.key, other), (other, offered.key)):
        given = [part for key in order for part in ("--key", str(key))]
        assert CliRunner().invoke(app, ["verify", str(offered.path), *given]).exit_code == 4
    twice = ["--key", str(offered.key), "--key", str(offered.key)]
    assert CliRunner().invoke(app, ["verify", str(offered.path), "--tenant", "meerwijck", *twice]).exit_code == 2


@pytest.mark.parametrize("key", ["x" * 5_000, "/proc/self/mem", "\x00", "/dev/zero", "../../etc/shadow"])
def test_an_odd_key_is_wrong_use(offered: Offered, key: str) -> None:
    result = CliRunner().invoke(app, ["verify", str(offered.path), "--key", key])
    assert result.exit_code == 4
    assert isinstance(result.exception, SystemExit)


def test_a_key_file_that_is_no_text_is_wrong_use(offered: Offered, tmp_path: Path) -> None:
    (tmp_path / "key.pub").write_bytes(b"\xff\xfe\x00")
    assert CliRunner().invoke(app, ["verify", str(offered.path), "--key", str(tmp_path / "key.pub")]).exit_code == 4


@pytest.mark.parametrize("path", ["x" * 300, "/proc/self/mem", "/dev/zero", "loop"])
def test_an_odd_path_is_unreadable(offered: Offered, tmp_path: Path, path: str, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "loop").symlink_to("loop")
    result = CliRunner().invoke(app, ["verify", path, "--key", str(offered.key)])
    assert result.exit_code == 3
    assert isinstance(result.exception, SystemExit)
