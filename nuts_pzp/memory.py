"""What a process that serves does not hold: memory that was given up, and drawing on terminals.

glibc learns from the first large block that is given up to keep later ones like it among the small ones, where what
lies between them holds them for ever. A connection over TLS has a block of 256 KiB of which it touches some pages: 300
that had once been written cost a gateway ten megabytes more. Other C libraries are left as they are.
"""

from __future__ import annotations

import ctypes
import sys
from contextlib import suppress
from importlib import import_module

LARGE = 256 * 1024
"""Bytes from which a block comes from the system and goes back there: uvloop's for a connection over TLS."""
SPARE = 8 * 1024 * 1024
"""Bytes of small blocks that may stay at the end of the heap: with one MiB, what a policy takes and gives up for each
request went back and forth, at 60 us each time."""

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3  # malloc.h


def give_back() -> bool:
    """Have large blocks go back to the system; False where the C library has no such choice."""
    with suppress(OSError, AttributeError):
        choose = ctypes.CDLL(None).mallopt
        return bool(choose(_MMAP_THRESHOLD, LARGE)) and bool(choose(_TRIM_THRESHOLD, SPARE))
    return False


def log_without_drawing() -> None:
    """Import structlog without rich, which it takes wherever that is installed: four megabytes, for lines of JSON.

    To be called before anything else imports structlog. A command that draws imports rich itself.
    """
    if "structlog" not in sys.modules and "rich" not in sys.modules:
        sys.modules["rich"] = None  # type: ignore[assignment]
        try:
            import_module("structlog")
        finally:
            del sys.modules["rich"]
