"""One month of one tenant, counted from the ledger file: for the command, and as a process of its own for the metrics.

Run: python -m nuts_pzp.audit.counted LEDGER KEYS TENANT MONTH. It prints what `Counting.told` returns and exits with 0,
or says on standard error why it cannot and exits with 1. A process of its own, at a low priority, for it reads a whole
log and opens every BSN in it while the gateway answers.
"""

from __future__ import annotations

import json
import os
import sys
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from . import reading
from .indicators import AMSTERDAM, Counting
from .material import Unreadable
from .seal import reader

SETTLED = timedelta(hours=1)
"""After the end of a month its last consultations have their end on record too."""

_NICE = 10


def counted(ledger: Path, keys: Path, tenant: str, month: str) -> dict[str, Any]:
    """Return the figures of a month (`YYYY-MM`), schema `nuts-pzp-indicators/1`; Unreadable when there is no log.

    `keys`: the folder of this tenant's keys. Without them people are not counted.
    """
    counting = Counting(month, reader(keys, tenant))
    counting.add(entry.record for entry in reading.records(ledger, tenant))
    return counting.told()


def last_month(now: datetime) -> str:
    """Return the last month that is complete, Amsterdam time, and has been so for an hour."""
    today = (now - SETTLED).astimezone(AMSTERDAM)
    return f"{today.replace(day=1) - timedelta(days=1):%Y-%m}"


def main(words: list[str]) -> int:
    """Count what the arguments name."""
    ledger, keys, tenant, month = words
    os.nice(_NICE)
    try:
        sys.stdout.write(json.dumps(counted(Path(ledger), Path(keys), tenant, month)))
    except Unreadable as error:
        sys.stderr.write(f"{error}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
