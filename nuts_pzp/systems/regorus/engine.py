"""The wrapper around regorus, and what it guards against (spec stack 3).

An engine may be used, and dropped, only by the thread that made it, or it panics with a BaseException: one engine per
thread, held by that thread and not by the judge, which may live and die elsewhere. After a
failed `set_input_json` the input before stays: setting and evaluating are one function, and a failure of the first
never reaches the second. Errors of builtins raise where OPA says undefined: every exception is a Deny. The engine's
error texts quote the input and are never kept. RUST_LIB_BACKTRACE=0, set before this import, keeps errors cheap.
"""

from __future__ import annotations

import asyncio
import importlib
import itertools
import json
import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import orjson

from ...authorization.bundle import Bundle
from ...authorization.judgement import Judgement, judged
from ...outcome import Deny, Outcome
from ...reasons import Reason
from .recursion import recursive


class EngineAbsent(ImportError):
    """The engine is not installed here; says what to use instead."""


class TestsFailed(ValueError):
    """The bundle fails its own tests, or does not compile."""

    __test__ = False  # not a test class, whatever its name begins with


@dataclass(slots=True)
class _Place:
    """What one judge has in one thread: its engine, and the answers it gave there."""

    judge: weakref.ref[RegorusJudge]
    engine: Any
    memo: dict[bytes, Judgement] = field(default_factory=dict)


class _Bench(threading.local):
    """The places of one thread, by number of judge. They end with the thread, or when it makes room for another."""

    def __init__(self) -> None:
        self.places: dict[int, _Place] = {}


_BENCH = _Bench()
_NUMBERS = itertools.count()


class RegorusJudge:
    """Judges by one bundle. Answers are kept, oldest out first, when the policy reads nothing but its input.

    The memo's key is the whole question; the bundle is fixed for this object's life, so its hash need not be in it.
    """

    def __init__(self, bundle: Bundle, memo: int = 4096) -> None:
        """Make an engine at once, so that a bundle it refuses is refused here: TestsFailed, EngineAbsent."""
        self._bundle = bundle
        self._memo = memo if bundle.pure else 0
        self._rule = f"data.{bundle.package}"
        self._has_reasons = any("reasons" in module.text for module in bundle.modules)
        self._prints = any("print" in module.text for module in bundle.modules)
        self._number = next(_NUMBERS)
        self.place()

    def place(self) -> _Place:
        """Return this judge's place in the current thread, made when it has none."""
        places = _BENCH.places
        found = places.get(self._number)
        if found is None:
            for number in [number for number, place in places.items() if place.judge() is None]:
                del places[number]
            found = places[self._number] = _Place(weakref.ref(self), new_engine(self._bundle))
        elif found.engine is None:
            found.engine = new_engine(self._bundle)
        return found

    async def judge(self, question: bytes, /) -> Outcome[Judgement]:
        """Evaluate in place: the engine holds the GIL anyway, and an answer takes well under a millisecond."""
        place: _Place | None = None
        try:
            place = self.place()
            if (remembered := place.memo.get(question)) is not None:
                return remembered
            judgement = self._evaluate(place.engine, question)
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        except Exception as error:
            return Deny(Reason.POLICY_ERROR, detail=type(error).__name__)
        except BaseException as panic:  # a Rust panic is no Exception; the engine may be broken: make a new one
            if place is not None:
                place.engine = None
            return Deny(Reason.POLICY_ERROR, detail=type(panic).__name__)
        if self._memo:
            if len(place.memo) >= self._memo:
                del place.memo[next(iter(place.memo))]
            place.memo[question] = judgement
        return judgement

    def _evaluate(self, engine: Any, question: bytes) -> Judgement:
        """Set and evaluate, together or not at all."""
        engine.set_input_json(question.decode())
        if self._prints:
            engine.take_prints()  # gathered so that they reach no stream, and thrown away so that they do not pile up
        if (allow := engine.eval_rule(f"{self._rule}.allow")) is True or not self._has_reasons:
            return judged(allow, ())
        try:
            reasons = engine.eval_rule(f"{self._rule}.reasons")
        except Exception:
            reasons = ()  # a refusal needs no reasons
        return judged(allow, reasons)


def run_tests(bundle: Bundle) -> Iterator[tuple[str, bool]]:
    """Run every `test_` rule of the bundle; yield its name and whether it is true. Raises TestsFailed, EngineAbsent."""
    if not bundle.tests:
        return
    engine = new_engine(bundle, with_tests=True)
    for module in bundle.tests:
        package = module.package  # found by reading the module, so once
        for name in module.tests:
            try:
                passed = engine.eval_rule(f"data.{package}.{name}") is True
            except Exception:
                passed = False
            yield f"{package}.{name}", passed


def new_engine(bundle: Bundle, with_tests: bool = False) -> Any:
    """Return an engine that holds the bundle; raise EngineAbsent or TestsFailed when it cannot."""
    try:
        regorus = importlib.import_module("regorus")
    except ImportError as error:
        raise EngineAbsent(
            "the embedded policy engine is not installed (its wheels need glibc 2.34 or newer): "
            "install nuts-pzp[embedded-policy], or choose policy kind opa and run an OPA server"
        ) from error
    engine = regorus.Engine()
    engine.set_gather_prints(True)
    name = ""
    try:
        for module in bundle.modules + (bundle.tests if with_tests else ()):
            name = module.name
            engine.add_policy(module.name, module.text)
        if itself := recursive(json.loads(engine.get_ast_as_json())):
            raise TestsFailed(f"policy {bundle.name}: the function {itself} calls itself")
        name = "data"
        engine.add_data_json(orjson.dumps(dict(bundle.data)).decode())
        if not with_tests:
            engine.set_input_json("{}")
            engine.eval_rule(f"data.{bundle.package}.allow")
    except TestsFailed:
        del engine
        raise
    except Exception as error:
        del engine  # the traceback would carry it to whatever thread collects it
        raise TestsFailed(f"policy {bundle.name}: {name} is refused by the engine: {_line(error)}") from None
    return engine


def _line(error: Exception) -> str:
    """The engine's own `error:` line, if it gives one; policies hold no patient data."""
    for line in str(error).splitlines():
        if line.startswith("error:"):
            return line.removeprefix("error:").strip()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
