"""Every test starts with a disk that works."""

from __future__ import annotations

from typing import Any

import pytest
from failing_disk import Faults


@pytest.fixture(autouse=True)
def _all_well() -> Any:
    yield
    Faults.words, Faults.late = None, False
    if Faults.hold is not None:
        Faults.hold.set()
    Faults.hold = None
