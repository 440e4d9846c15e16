"""Reading files that somebody else may have made: regular ones only, and never more than was expected."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def regular(path: Path) -> Iterator[BinaryIO]:
    """Open a file to read; OSError for what is no regular file: a pipe would never answer, a device never end."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(descriptor, "rb") as file:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        yield file


def whole(path: Path, largest: int) -> bytes:
    """Return a regular file's content; OSError when there is more of it than that many bytes."""
    with regular(path) as file:
        content = file.read(largest + 1)
    if len(content) > largest:
        raise OSError(errno.EFBIG, "too large")
    return content


def lines(path: Path, largest: int) -> Iterator[bytes | None]:
    """Yield a regular file's lines without their ends, None for one that is longer than that many bytes."""
    with regular(path) as file:
        while line := file.readline(largest + 1):
            if line.endswith(b"\n") or len(line) <= largest:
                yield line.removesuffix(b"\n")
                continue
            while (rest := file.readline(largest)) and not rest.endswith(b"\n"):
                pass
            yield None
