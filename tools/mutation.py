"""Mutation testing of what reads and decides: `make mutation`, or `python tools/mutation.py [--only deciding,dates]`.

Which modules, and by which tests, is in pyproject.toml (`tool.mutmut`). Prints per module how many of the changed
programs a test noticed, and the changes that none did. Goes on where it stopped: remove `mutants/` to begin anew.
Exit code 1 when less than the floor is noticed.
"""

from __future__ import annotations

import argparse
import re
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path

FLOOR = 0.90
"""A little under what was measured (docs/reference/mutation-testing.md)."""
NOTICED, MISSED = ("killed", "timeout", "suspicious"), ("survived", "no tests")
_LINE = re.compile(r"\s*(nuts_pzp\.[\w.]*\.(\w+)\.\w*?\S*?__mutmut_\d+): ([\w ]+)")


def main() -> int:
    """Run the mutants, print the table, return whether enough were noticed."""
    parser = argparse.ArgumentParser(description="Mutation testing of nuts_pzp/overview.")
    parser.add_argument("--only", default="", help="modules, comma separated")
    parser.add_argument("--children", default="2", help="mutants at the same time")
    given = parser.parse_args()
    names = [f"nuts_pzp.overview.{module}.*" for module in given.only.split(",") if module]
    mutmut = str(Path(sys.executable).with_name("mutmut"))
    if subprocess.run([mutmut, "run", "--max-children", given.children, *names]).returncode:
        print("The mutants could not be run; mutmut's message above says why.", file=sys.stderr)
        return 1
    listed = subprocess.run([mutmut, "results", "--all", "true"], capture_output=True, text=True, check=True).stdout
    return _report(listed)


def _report(listed: str) -> int:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    missed = []
    for line in listed.splitlines():
        match = _LINE.match(line)
        if match is None or match[3] not in (*NOTICED, *MISSED):
            continue
        found[match[2]]["noticed" if match[3] in NOTICED else "missed"] += 1
        if match[3] in MISSED:
            missed.append(match[1])
    print(f"\n{'module':20} {'mutants':>8} {'noticed':>8} {'score':>7}")
    for module, counted in sorted(found.items()):
        print(_row(module, counted))
    whole = sum(found.values(), Counter())
    print(_row("all", whole))
    print("\nNot noticed (mutmut show NAME):", *missed, sep="\n  ")
    return 0 if whole["noticed"] >= FLOOR * whole.total() else 1


def _row(name: str, counted: Counter[str]) -> str:
    return f"{name:20} {counted.total():8} {counted['noticed']:8} {counted['noticed'] / max(1, counted.total()):7.1%}"


if __name__ == "__main__":
    raise SystemExit(main())
