from __future__ import annotations

import os
from pathlib import Path

import pytest

from nuts_pzp import keys


def test_a_made_secret_is_loaded_again_and_is_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "kek.key"
    made = keys.secret_or_new(path)
    assert len(made) == 32
    assert keys.secret_or_new(path) == made
    assert path.stat().st_mode & 0o777 == 0o600
    assert [one.name for one in path.parent.iterdir()] == ["kek.key"]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o601])
def test_a_key_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "kek.key"
    keys.secret_or_new(path)
    path.chmod(mode)
    with pytest.raises(keys.BadKeyFile, match="group or others"):
        keys.secret(path)


def test_a_symbolic_link_is_refused(tmp_path: Path) -> None:
    keys.secret_or_new(tmp_path / "real.key")
    (tmp_path / "link.key").symlink_to(tmp_path / "real.key")
    with pytest.raises(keys.BadKeyFile):
        keys.secret(tmp_path / "link.key")


def test_a_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "folder.key").mkdir(mode=0o700)
    with pytest.raises(keys.BadKeyFile):
        keys.secret(tmp_path / "folder.key")


def test_another_users_key_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kek.key"
    keys.secret_or_new(path)
    found = list(path.stat())
    found[4] = os.geteuid() + 4_711
    assert keys.refusal(os.stat_result(found)) == "owned by another user"


@pytest.mark.parametrize("content", [b"", b"00" * 31, b"00" * 33, b"zz" * 32, b"\xff" * 32])
def test_anything_but_32_bytes_in_hexadecimal_is_no_secret(tmp_path: Path, content: bytes) -> None:
    keys.write_private(tmp_path / "bad.key", content)
    with pytest.raises(keys.BadKeyFile) as found:
        keys.secret(tmp_path / "bad.key")
    assert content.decode("latin-1") not in str(found.value) or not content


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    keys.write_private(tmp_path / "a.key", b"one")
    with pytest.raises(FileExistsError):
        keys.write_private(tmp_path / "a.key", b"two")
    assert (tmp_path / "a.key").read_bytes() == b"one"


def test_a_signing_key_signs_the_same_after_loading(tmp_path: Path) -> None:
    made = keys.signer_or_new(tmp_path / "signing.key")
    assert keys.signer_or_new(tmp_path / "signing.key").sign(b"x") == made.sign(b"x")


def test_a_secret_is_not_a_signing_key(tmp_path: Path) -> None:
    keys.secret_or_new(tmp_path / "kek.key")
    with pytest.raises(keys.BadKeyFile, match="PEM"):
        keys.signer(tmp_path / "kek.key")
