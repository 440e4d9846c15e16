"""The name of a Unix socket: the kernel takes 107 bytes, and a state folder may lie deeper."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def at_socket(path: Path) -> Iterator[str]:
    """Give a short name for a path, by way of its open folder, for as long as the block lasts."""
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
