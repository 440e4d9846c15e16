"""A pytest plugin that collects once, then tries each change in a process of its own on the tests that reach it."""

from __future__ import annotations

import gc
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType

import pytest
from changes import PACKAGE, Change

Place = tuple[str, str]
Reached = dict[str, tuple[frozenset[Place], float]]
"""Test -> the functions it calls, and the processor time it takes."""


class Trials:
    """Runs the changes; `done` is told each outcome: noticed, timeout, missed or unreached."""

    def __init__(self, changes: list[Change], done: Callable[[Change, str], None]) -> None:
        self._changes, self._done = changes, done
        self._files = frozenset(change.place[0] for change in changes)
        self._called: set[Place] = set()
        self._failed = False
        sys.setprofile(self._note)  # what is called while modules are imported

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Remember that a test failed."""
        self._failed = self._failed or report.failed

    def pytest_runtestloop(self, session: pytest.Session) -> bool:
        """Take the place of running the tests."""
        sys.setprofile(None)
        at_import = frozenset(self._called)
        gc.freeze()  # a process that is forked then copies less
        reached = self._reach(session.items)
        items = {item.nodeid: item for item in session.items}
        noticed: dict[Place, Counter[str]] = defaultdict(Counter)
        if any(change.place in at_import for change in self._changes) and _alone("") != "missed":
            raise pytest.UsageError("The tests do not succeed in an interpreter of their own.")
        for change in self._changes:
            place, before = change.place, noticed[change.place]
            tests = [name for name, (places, _) in reached.items() if place in places]
            own = f"/test_{change.module}.py::"
            tests.sort(key=lambda name: (-before[name], own not in name, reached[name][1]))
            if place in at_import:
                self._done(change, _alone(change.name))
            elif not tests:
                self._done(change, "unreached")
            else:
                outcome, by = self._try(change, [(items[name], reached[name][1]) for name in tests])
                before.update(by)
                self._done(change, outcome)
        return True

    def _note(self, frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename in self._files:
            self._called.add((frame.f_code.co_filename, frame.f_code.co_qualname.partition(".<locals>")[0]))

    def _reach(self, items: list[pytest.Item]) -> Reached:
        """Run all tests once, unchanged, in a process of their own: what they remember must not help a change later."""

        def run() -> Iterator[object]:
            for item in items:
                self._called.clear()
                _forget()
                spent = time.process_time()
                sys.setprofile(self._note)
                self._run(item)
                sys.setprofile(None)
                if self._failed:
                    raise AssertionError(f"{item.nodeid} fails without any change")
                yield item.nodeid, (frozenset(self._called), time.process_time() - spent)

        status, told = _forked(run)
        if status:
            raise pytest.UsageError("The tests do not succeed on the program as it is.")
        return dict(told)  # type: ignore[arg-type]

    def _try(self, change: Change, tests: list[tuple[pytest.Item, float]]) -> tuple[str, list[str]]:
        """A test may take ten times its processor time and a second; a busy machine changes nothing to that."""

        def run() -> Iterator[object]:
            change.apply()
            for item, spent in tests:
                signal.setitimer(signal.ITIMER_PROF, 1 + 10 * spent)
                self._run(item)
                if self._failed:
                    yield item.nodeid
                    return

        status, told = _forked(run)
        if status == -signal.SIGPROF:
            return "timeout", []
        if status:
            raise RuntimeError(f"{change.name} could not be tried")
        return ("noticed" if told else "missed"), [str(name) for name in told]

    def _run(self, item: pytest.Item) -> None:
        item.config.hook.pytest_runtest_protocol(item=item, nextitem=None)


def _forget() -> None:
    """Empty the caches of the overview: what one test read there, the next one must be seen to reach as well."""
    for name, module in list(sys.modules.items()):
        if name.startswith(PACKAGE):
            for one in vars(module).values():
                if hasattr(one, "cache_clear"):
                    one.cache_clear()


def _forked(run: Callable[[], Iterator[object]]) -> tuple[int, list[object]]:
    """Return the exit status of a process that does this, and what it yielded."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, 1)
            content = pickle.dumps(list(run()))
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(content)
            status = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        content = pipe.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), pickle.loads(content) if content else []


def _alone(name: str) -> str:
    """Try a change to what runs at import, or none: in an interpreter of its own, which imports the changed module."""
    program = [sys.executable, str(Path(__file__).parent), f"--alone={name}"]
    return "noticed" if subprocess.run(program, capture_output=True).returncode else "missed"
