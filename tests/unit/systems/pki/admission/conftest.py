"""A desk that admits certificates."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from admission_desk import Desk


@pytest.fixture
def desk(pki: Any, tmp_path: Path) -> Any:
    return lambda **settings: Desk(pki, tmp_path, **settings)
