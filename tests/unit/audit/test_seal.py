from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from nuts_pzp.audit.seal import Seal, Sealed, reader
from nuts_pzp.identity import Bsn
from nuts_pzp.keys import BadKeyFile

BSN = Bsn("999900006")
NONCE = bytes(12)


def milliseconds(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_what_was_sealed_opens_in_its_place_only(tmp_path: Path) -> None:
    seal = Seal(tmp_path, "meerwijck")
    kid = seal.month(milliseconds("2026-11-22"))
    sealed = seal.close(kid, "r1|bsn", "999900006", NONCE)
    assert seal.open(kid, "r1|bsn", sealed) == "999900006"
    for bound in ("r2|bsn", "r1|name"):
        with pytest.raises(Sealed, match="belong"):
            seal.open(kid, bound, sealed)
    for damaged in (sealed[:-4], "B" + sealed[1:], "", "***"):
        with pytest.raises(Sealed):
            seal.open(kid, "r1|bsn", damaged)


def test_another_tenant_with_the_same_keys_cannot_open_it(tmp_path: Path) -> None:
    seal = Seal(tmp_path, "meerwijck")
    kid = seal.month(milliseconds("2026-11-22"))
    sealed = seal.close(kid, "r1|bsn", "999900006", NONCE)
    with pytest.raises(Sealed):
        Seal(tmp_path, "wilgenhof").open(kid, "r1|bsn", sealed)


@pytest.mark.parametrize(
    ("moment", "kid"),
    [
        ("2026-11-01T00:00:00", "2026-11"),
        ("2026-11-30T23:59:59.999", "2026-11"),
        ("2026-12-01", "2026-12"),
        ("2026-12-31T23:59:59", "2026-12"),
        ("2027-01-01", "2027-01"),
    ],
)
def test_every_month_has_its_own_key(tmp_path: Path, moment: str, kid: str) -> None:
    seal = Seal(tmp_path, "meerwijck")
    seal.month(milliseconds("2026-11-15"))
    assert seal.month(milliseconds(moment)) == kid


def test_a_clock_that_goes_back_uses_the_earlier_month_again(tmp_path: Path) -> None:
    seal = Seal(tmp_path, "meerwijck")
    assert [seal.month(milliseconds(day)) for day in ("2026-12-01", "2026-11-30", "2026-12-01")] == [
        "2026-12",
        "2026-11",
        "2026-12",
    ]


def test_destroying_a_month_makes_its_fields_unreadable(tmp_path: Path) -> None:
    seal = Seal(tmp_path, "meerwijck")
    november, december = seal.month(milliseconds("2026-11-22")), seal.month(milliseconds("2026-12-01"))
    old = seal.close(november, "r1|bsn", "999900006", NONCE)
    new = seal.close(december, "r2|bsn", "999900006", NONCE)
    (tmp_path / "dek-2026-11.wrapped").unlink()
    later = Seal(tmp_path, "meerwijck")
    with pytest.raises(Sealed, match="gone"):
        later.open(november, "r1|bsn", old)
    assert later.open(december, "r2|bsn", new) == "999900006"


def test_a_key_id_cannot_name_another_file(tmp_path: Path) -> None:
    with pytest.raises(Sealed, match="no such key"):
        Seal(tmp_path, "meerwijck").open("../../kek", "r1|bsn", "AAAA")


def test_a_month_that_others_may_read_is_refused(tmp_path: Path) -> None:
    Seal(tmp_path, "meerwijck").month(milliseconds("2026-11-22"))
    (tmp_path / "dek-2026-11.wrapped").chmod(0o644)
    with pytest.raises(BadKeyFile):
        Seal(tmp_path, "meerwijck").month(milliseconds("2026-11-22"))


def test_a_month_of_another_tenants_key_is_refused(tmp_path: Path) -> None:
    Seal(tmp_path / "a", "a").month(milliseconds("2026-11-22"))
    Seal(tmp_path / "b", "b")
    (tmp_path / "a" / "dek-2026-11.wrapped").rename(tmp_path / "b" / "dek-2026-11.wrapped")
    with pytest.raises(BadKeyFile, match="not wrapped"):
        Seal(tmp_path / "b", "b").month(milliseconds("2026-11-22"))


def test_lookup_values_differ_by_tenant_year_and_patient_and_hide_the_bsn(tmp_path: Path) -> None:
    seal, other = Seal(tmp_path / "a", "a"), Seal(tmp_path / "b", "b")
    found = {
        seal.lookup(BSN, "2026"),
        seal.lookup(BSN, "2027"),
        seal.lookup(Bsn("999900018"), "2026"),
        other.lookup(BSN, "2026"),
    }
    assert len(found) == 4
    assert all(len(value) == 32 for value in found)
    assert Seal(tmp_path / "a", "a").lookup(BSN, "2026") in found
    assert sorted(seal.lookups(BSN)) == ["2026", "2027"]


def test_a_reader_makes_no_keys(tmp_path: Path) -> None:
    assert reader(tmp_path / "none", "none") is None
    assert not (tmp_path / "none").exists()
    Seal(tmp_path / "a", "a")
    assert reader(tmp_path / "a", "a") is not None
