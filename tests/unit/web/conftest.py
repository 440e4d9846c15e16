"""The fakes of the consult room, behind the EHR door."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_SPEC = importlib.util.spec_from_file_location("consult_fakes", Path(__file__).parents[1] / "consult" / "conftest.py")
assert _SPEC
assert _SPEC.loader
_FAKES = sys.modules.setdefault("consult_fakes", importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(_FAKES)

region = _FAKES.region
