"""Looks at the modes of the files with keys and passwords that settings name: nobody else may read them.

Reads no file. What the gateway makes itself, and its page and facade keys, are refused when others may read them;
keys of TLS and passwords come from elsewhere, in modes that others chose: of those it is said, and they are used.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from .keys import refusal
from .unfit_files import files_in
from .web.operations import Check

_NAMES = frozenset({"authorization_file", "token_file", "dsn_file"})

Named = tuple[str, Path]
"""The key of a file in full, and the file."""


def secret_files(settings: object, folder: Path, where: str) -> Iterator[Named]:
    """Yield every file with a secret that settings name, at any depth. Relative names are of `folder`."""
    for group, files in files_in(settings, f"{where}."):
        for key, name in files.items():
            if _secret(key, files):
                yield f"{group}{key}", folder / Path(name).expanduser()


def exposed(files: Iterable[Named]) -> Iterator[tuple[str, str]]:
    """Yield the key of each that somebody else may read, and which file and why; one that is gone is not named."""
    for key, path in files:
        try:
            why = refusal(path.stat())
        except OSError:
            continue  # whoever needs it says so
        if why:
            yield key, f"{path}: {why}"


def checks(files: Iterable[Named]) -> list[Check]:
    """Say that nobody else may read these files, or of each that somebody may."""
    known = dict(files)
    found = [Check(f"secret file: {key}", False, says) for key, says in exposed(known.items())]
    return found or [Check("secret files", True, f"{len(known)}, for their owner only" if known else "none are named")]


def _secret(key: str, beside: Mapping[str, str | Path]) -> bool:
    """A certificate without a key beside it holds the key itself."""
    if key == "certificate_file":
        return "key_file" not in beside
    return key in _NAMES or (key.endswith("key_file") and not key.endswith("public_key_file"))
