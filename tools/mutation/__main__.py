"""Mutation testing of what reads and decides: `make mutation`, or `python tools/mutation [--only deciding,dates]`.

Changes the functions of nuts_pzp/overview in many small ways, one at a time, and counts how many of the changed
programs a test of tests/unit/overview notices. Goes on where it stopped, unless the program or a test has changed
since. Exit code 1 when less than the floor is noticed, 2 when there was nothing to count.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.machinery
import importlib.util
import json
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Sequence
from pathlib import Path
from types import CodeType, ModuleType

import pytest
from changes import FOLDER, PACKAGE, ROOT, Change, changes_of
from trial import Trials

FLOOR = 0.95
"""A little under what was measured (docs/reference/mutation-testing.md)."""
MODULES = tuple(sorted(path.stem for path in FOLDER.glob("*.py") if path.stem != "__init__"))
TESTS = ROOT / "tests/unit/overview"
KEPT = ROOT / "mutants/outcomes.jsonl"
NOTICED = ("noticed", "timeout")
# Left out is what takes long for each change that is missed, and what reads source text.
PYTEST = ["-q", "-s", "--tb=no", "-p", "no:cacheprovider", str(TESTS)]
PYTEST += [f"--ignore={TESTS / name}.py" for name in ("test_differential", "test_hostile", "test_reference_page")]


def main() -> int:
    """Try the changes, print the table, return whether enough were noticed."""
    parser = argparse.ArgumentParser(description="Mutation testing of nuts_pzp/overview.")
    parser.add_argument("--only", default=",".join(MODULES), help="modules, comma separated (default: all)")
    parser.add_argument("--missed", action="store_true", help="try only what the run before missed; counts for nothing")
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.alone is not None:
        return _alone(given.alone)
    changes = [change for module in given.only.split(",") for change in changes_of(module)]
    kept = Kept()
    if given.missed:
        changes = [change for change in changes if kept.before.get(_key(change)) not in (None, *NOTICED)]
    else:
        kept.begin()
    begun = time.monotonic()
    left = [change for change in changes if given.missed or _key(change) not in kept.outcomes]
    code = pytest.main(PYTEST, plugins=[Trials(left, kept.add)]) if left else 0
    if code not in (0, 5):
        return 2
    print(f"\n{len(left)} changes tried in {time.monotonic() - begun:.0f} s")
    return _report(changes, kept.outcomes)


class Kept:
    """The outcomes so far, a line each, below a digest of the program and its tests."""

    def __init__(self) -> None:
        lines = KEPT.read_text("utf-8").splitlines() if KEPT.exists() else []
        self._digest, self._writes = _digest(), False
        self._same = bool(lines) and lines[0] == self._digest
        self.before: dict[str, str] = dict(json.loads(line) for line in lines[1:])
        self.outcomes: dict[str, str] = {}

    def begin(self) -> None:
        """Go on with the outcomes of before when they are of this program; write what is added."""
        self._writes = True
        if self._same:
            self.outcomes = self.before
            return
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_text(self._digest + "\n", "utf-8")

    def add(self, change: Change, outcome: str) -> None:
        """Keep one outcome."""
        self.outcomes[_key(change)] = outcome
        if self._writes:
            with KEPT.open("a", encoding="utf-8") as file:
                file.write(json.dumps([_key(change), outcome]) + "\n")


def _key(change: Change) -> str:
    return f"{change.name} {hashlib.sha256(change.after.encode()).hexdigest()[:16]}"


def _digest() -> str:
    found = hashlib.sha256()
    folders = [folder.rglob("*") for folder in (ROOT / "nuts_pzp", TESTS, Path(__file__).parent)]
    for files in (*folders, (ROOT / "tests").glob("*.py")):
        for path in sorted(one for one in files if one.suffix in (".py", ".json", ".toml")):
            found.update(path.read_bytes())
    return found.hexdigest()


def _report(changes: Sequence[Change], outcomes: dict[str, str]) -> int:
    found: dict[str, Counter[str]] = defaultdict(Counter)
    for change in changes:
        found[change.module][outcomes[_key(change)]] += 1
    print(f"\n{'module':20} {'changes':>8} {'noticed':>8} {'score':>7}")
    for module, counted in sorted(found.items()):
        print(_row(module, counted))
    whole = sum(found.values(), Counter())
    print(_row("all", whole))
    for change in changes:
        if outcomes[_key(change)] not in NOTICED:
            print(f"\n{change.name} ({outcomes[_key(change)]})", *change.lines(), sep="\n  ")
    if not whole:
        return 2
    return 0 if sum(whole[name] for name in NOTICED) >= FLOOR * whole.total() else 1


def _row(name: str, counted: Counter[str]) -> str:
    noticed = sum(counted[outcome] for outcome in NOTICED)
    return f"{name:20} {counted.total():8} {noticed:8} {noticed / max(1, counted.total()):7.1%}"


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads one module from a text in place of its file."""

    def __init__(self, module: str, text: str) -> None:
        super().__init__(module, str(FOLDER / f"{module.rpartition('.')[2]}.py"))
        self._text = text

    def get_code(self, fullname: str) -> CodeType:
        return compile(self._text, self.path, "exec", dont_inherit=True)

    def find_spec(self, name: str, _path: object, _target: ModuleType | None = None) -> object:
        return importlib.util.spec_from_loader(name, self) if name == self.name else None


def _alone(name: str) -> int:
    """Run the tests in this process on a module that is changed before it is imported; without a name on none."""
    for change in changes_of(name.partition(".")[0]) if name else ():
        if change.name == name:
            sys.meta_path.insert(0, _Changed(f"{PACKAGE}.{change.module}", change.whole()))
    return int(pytest.main(["-x", *PYTEST]))


if __name__ == "__main__":
    raise SystemExit(main())
