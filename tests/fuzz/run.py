"""Run a target under atheris: `python tests/fuzz/run.py TARGET [libFuzzer options]`. Needs requirements-deep.lock."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import atheris

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))


def main() -> None:
    """Instrument the package while it is imported, then let inputs grow from the seeds into a folder of their own."""
    name, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["nuts_pzp", name]):
        target = importlib.import_module(name)
    atheris.Setup([sys.argv[0], *options], target.one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
