"""Fuzz what reads hostile bytes: `make fuzz`, `make fuzz FUZZ_SECONDS=600`, or `python tools/fuzz.py --only TARGET`.

Each target of tests/fuzz gets so many seconds, from its seeds. An input that breaks a promise ends it, is kept in
`fuzz/` with what grew from the seeds, and makes the exit code 1; once mended it is copied to the seeds.
"""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
HERE, KEPT = ROOT / "tests" / "fuzz", ROOT / "fuzz"
TARGETS = ("request_parser", "answer_check", "key_proof")


def main() -> int:
    """Run the targets one after another; return 1 when one found something."""
    parser = argparse.ArgumentParser(description="Fuzz the request parser, the answer check and the judge of proofs.")
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--only", choices=TARGETS)
    given = parser.parse_args()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: pip install --require-hashes -r requirements-deep.lock", file=sys.stderr)
        return 2
    return max(run(name, given.seconds) for name in ([given.only] if given.only else TARGETS))


def run(name: str, seconds: int) -> int:
    """Run one target; print how much it tried, or what it found."""
    grown = KEPT / name
    grown.mkdir(parents=True, exist_ok=True)
    options = [f"-max_total_time={seconds}", "-max_len=4096", f"-dict={HERE / 'words.dict'}",
               f"-artifact_prefix={grown}-", str(grown), str(HERE / "seeds" / name)]  # fmt: skip
    done = subprocess.run([sys.executable, str(HERE / "run.py"), name, *options], capture_output=True, text=True)
    told = done.stdout + done.stderr
    if done.returncode:
        print(f"{name}: FOUND SOMETHING\n{told[-3000:]}", file=sys.stderr)
        return 1
    runs = re.search(r"Done ([0-9]+) runs in ([0-9]+) second", told)
    print(
        f"{name}: {runs[1]} inputs in {runs[2]} s, nothing found" if runs else f"{name}: did not finish\n{told[-500:]}"
    )
    return 0 if runs else 1


if __name__ == "__main__":
    sys.exit(main())
