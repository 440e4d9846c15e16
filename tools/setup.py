"""Make the virtual environment from the hashed locks: `python tools/setup.py .venv`.

Standard library only: it runs before anything is installed. The embedded policy engine has wheels for glibc 2.34 and
newer; where its wheel is missing the install still works, and this says which engine to use instead.
"""

from __future__ import annotations

import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def main() -> int:
    """Create the environment and install; return 0, or 1 with a sentence that says what is wrong."""
    if sys.version_info < (3, 11):  # noqa: UP036 (this file is what tells who runs an older one)
        print("nuts-pzp needs Python 3.11 or newer; name one with: make PYTHON=python3.12 ...", file=sys.stderr)
        return 1
    target = ROOT / (sys.argv[1] if len(sys.argv) > 1 else ".venv")
    python = target / "bin" / "python"
    if not python.exists():
        print(f"Making {target.name} ...", flush=True)
        venv.create(target, with_pip=True)
    pip = [str(python), "-m", "pip", "--disable-pip-version-check", "--quiet", "install"]
    print("Installing the locked dependencies (about half a minute the first time) ...", flush=True)
    if subprocess.run([*pip, "--require-hashes", "-r", str(ROOT / "requirements-dev.lock")]).returncode:
        print("The dependencies could not be installed; pip's message above says why.", file=sys.stderr)
        return 1
    engine = [*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements-engine.lock")]
    if subprocess.run(engine).returncode:
        print(
            "NOTE: there is no wheel of the embedded policy engine for this machine (it needs glibc 2.34).\n"
            "      The gateway works with an OPA server instead: policy: {kind: opa, base: http://127.0.0.1:8181}.\n"
            "      Tests that need the embedded engine are skipped and say so.",
            file=sys.stderr,
        )
    return subprocess.run([*pip, "--no-deps", "--no-build-isolation", "--editable", str(ROOT)]).returncode


if __name__ == "__main__":
    raise SystemExit(main())
