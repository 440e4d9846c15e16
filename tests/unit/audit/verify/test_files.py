"""What is no ledger, has no key, or runs while it is verified."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from whole_log import Whole

from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.material import Unreadable, opened
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.identity import Organization, Tenant, Ura


def test_a_log_without_its_key_is_wrong_use_not_a_verdict(whole: Whole) -> None:
    with opened(whole.place.path) as ledger:
        report = verify(ledger, [whole.key], whole.anchor)
    by_tenant = {log.tenant: log.verdict for log in report.logs}
    assert by_tenant == {"meerwijck": Verdict.OK, "system": Verdict.USAGE}
    assert report.verdict is Verdict.USAGE
    with opened(whole.place.path) as ledger:
        assert verify(ledger, [whole.key], tenant="nobody").verdict is Verdict.USAGE


def test_another_logs_key_proves_nothing(whole: Whole) -> None:
    system = VerifierKey.parse((whole.place.keys / "system" / "audit-1.pub").read_text())
    with opened(whole.place.path) as ledger:
        assert verify(ledger, [system], tenant="meerwijck").verdict is Verdict.TAMPERED


@pytest.mark.parametrize("content", [b"", b"not a database at all", b"SQLite format 3\x00" + bytes(100)])
def test_what_is_no_ledger_is_unreadable(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(content)
    with pytest.raises(Unreadable), opened(path):
        pass
    with pytest.raises(Unreadable), opened(tmp_path / "absent"):
        pass


def test_a_page_of_the_file_overwritten_is_never_a_success(whole: Whole) -> None:
    content = whole.place.path.read_bytes()
    for page in range(1, len(content) // 4096):
        damaged = bytearray(content)
        damaged[page * 4096 : page * 4096 + 64] = b"\xff" * 64
        whole.place.path.write_bytes(damaged)
        try:
            verdict = whole.verdict().verdict
        except Unreadable:
            continue
        if verdict is Verdict.OK:  # a page of another log, or one that holds nothing
            whole.place.path.write_bytes(content)
            assert not _holds_meerwijck(whole.place.path, page)
    whole.place.path.write_bytes(content)


def _holds_meerwijck(path: Path, page: int) -> bool:
    with path.open("rb") as file:
        file.seek(page * 4096)
        return b'"tenant":"meerwijck"' in file.read(4096)


async def test_a_running_ledger_can_be_verified(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening(place).of(tenant)
    for number in range(20):
        await audit.append(events.denied(f"c{number}"))
        with opened(place.path) as ledger:
            report = verify(ledger, [audit.log.signer.verifier], tenant="meerwijck").logs[0]
        assert (report.verdict, report.proven) == (Verdict.INCOMPLETE, number + 2)


def test_a_copied_ledger_without_write_permission_can_be_verified(whole: Whole, tmp_path: Path) -> None:
    folder = tmp_path / "cd"
    folder.mkdir()
    copy = Path(shutil.copy(whole.place.path, folder / "audit.db"))
    copy.chmod(0o400)
    folder.chmod(0o500)
    try:
        with opened(copy) as ledger:
            assert verify(ledger, [whole.key], whole.anchor, tenant="meerwijck").verdict is Verdict.OK
    finally:
        folder.chmod(0o700)


async def test_records_of_another_tenant_cannot_be_moved_in(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(place)
    other = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof"))
    audit = ledger.of(tenant)
    for one in (audit, ledger.of(other)):
        await one.append(events.denied("c1"))
    await ledger.aclose()
    with closing(sqlite3.connect(place.path, isolation_level=None)) as database:
        database.execute("DELETE FROM log_record WHERE tenant = 'meerwijck' AND idx = 1")
        database.execute("UPDATE log_record SET tenant = 'meerwijck' WHERE tenant = 'wilgenhof' AND idx = 1")
    with opened(place.path) as material:
        report = verify(material, [audit.log.signer.verifier], tenant="meerwijck").logs[0]
    assert (report.verdict, report.first_bad) == (Verdict.TAMPERED, 1)
