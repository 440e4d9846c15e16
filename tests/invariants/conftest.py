"""The holder made of fakes, shared with the tests of the disclose room."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

_PATH = Path(__file__).parents[1] / "unit/disclose/conftest.py"
_SPEC = importlib.util.spec_from_file_location("disclose_fakes", _PATH)
assert _SPEC
assert _SPEC.loader
_FAKES = sys.modules.setdefault("disclose_fakes", importlib.util.module_from_spec(_SPEC))
_SPEC.loader.exec_module(_FAKES)

holder, fakes = _FAKES.holder, _FAKES.fakes
