from __future__ import annotations

from pathlib import Path

import pytest

from nuts_pzp.audit.ledger.disk import MIB, Reserve, Room, Space, Thresholds, filesystem, is_durable

MOUNTS = """\
22 1 254:1 / / rw,relatime shared:1 - ext4 /dev/vda1 rw
23 22 0:20 / /var rw - xfs /dev/vdb rw
24 23 0:21 / /var/lib/audit\\040log rw - nfs4 server:/x rw
25 22 0:22 / /tmp rw - tmpfs tmpfs rw
nonsense
"""


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/etc", "ext4"),
        ("/var/lib", "xfs"),
        ("/var/lib/audit log/x", "nfs4"),
        ("/tmp", "tmpfs"),
        ("/tmpx", "ext4"),
    ],
)
def test_the_longest_mount_point_says_the_kind(tmp_path: Path, path: str, kind: str) -> None:
    (tmp_path / "mounts").write_text(MOUNTS)
    assert filesystem(Path(path), tmp_path / "mounts") == kind


def test_an_unreadable_mount_table_says_unknown(tmp_path: Path) -> None:
    assert filesystem(Path("/"), tmp_path / "absent") == "unknown"


@pytest.mark.parametrize("kind", ["nfs", "nfs4", "cifs", "tmpfs", "ramfs", "overlay", "fuse.sshfs", "fuse"])
def test_kinds_that_forget_are_not_durable(kind: str) -> None:
    assert not is_durable(kind)


@pytest.mark.parametrize("kind", ["ext4", "xfs", "btrfs", "zfs", "unknown"])
def test_local_disks_are_durable(kind: str) -> None:
    assert is_durable(kind)


@pytest.mark.parametrize(
    ("free", "hour", "room"),
    [
        (500, 0, Room.ENOUGH),
        (199, 0, Room.WARN),
        (99, 0, Room.ALARM),
        (49, 0, Room.STOP),
        (500, 501, Room.STOP),
        (150, 140, Room.WARN),
    ],
)
def test_room_is_judged_by_fraction_bytes_and_an_hour_of_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, hour: int, room: Room
) -> None:
    class Figures:
        f_bavail, f_frsize, f_blocks = free, MIB, 1_000

    monkeypatch.setattr("nuts_pzp.audit.ledger.disk.os.statvfs", lambda folder: Figures())
    space = Space(tmp_path, Thresholds(0.2, 0.1, 50 * MIB))
    space.wrote(100, hour * MIB // 2)
    space.wrote(100, hour * MIB - hour * MIB // 2)
    assert space.room(100) is room
    assert space.room(161) is not Room.STOP or free < 50


def test_the_reserve_takes_room_and_gives_it_back(tmp_path: Path) -> None:
    reserve = Reserve(tmp_path / "r", 2 * MIB)
    assert reserve.hold()
    assert (tmp_path / "r").stat().st_blocks * 512 >= 2 * MIB
    reserve.release()
    reserve.release()
    assert not (tmp_path / "r").exists()


def test_a_reserve_that_does_not_fit_leaves_nothing_behind(tmp_path: Path) -> None:
    assert not Reserve(tmp_path / "r", 1 << 60).hold()
    assert not (tmp_path / "r").exists()
