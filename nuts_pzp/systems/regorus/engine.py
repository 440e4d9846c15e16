"""The wrapper around regorus, and what it guards against (spec stack 3).

An engine may be used only by the thread that made it, or it panics with a BaseException: one engine per thread. After a
failed `set_input_json` the input before stays: setting and evaluating are one function, and a failure of the first
never reaches the second. Errors of builtins raise where OPA says undefined: every exception is a Deny. The engine's
error texts quote the input and are never kept. RUST_LIB_BACKTRACE=0, set before this import, keeps errors cheap.
"""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Iterator
from typing import Any

import orjson

from ...authorization.bundle import Bundle
from ...authorization.judgement import Judgement, judged
from ...outcome import Deny, Outcome
from ...reasons import Reason


class EngineAbsent(ImportError):
    """The engine is not installed here; says what to use instead."""


class TestsFailed(ValueError):
    """The bundle fails its own tests, or does not compile."""

    __test__ = False  # not a test class, whatever its name begins with


class _Desk(threading.local):
    """What belongs to one thread: its engine and the answers it gave."""

    engine: Any = None
    memo: dict[bytes, Judgement]

    def __init__(self) -> None:
        self.memo = {}


class RegorusJudge:
    """Judges by one bundle. Answers are kept, oldest out first, when the policy reads nothing but its input.

    The memo's key is the whole question; the bundle is fixed for this object's life, so its hash need not be in it.
    """

    def __init__(self, bundle: Bundle, memo: int = 4096) -> None:
        self._bundle = bundle
        self._memo = memo if bundle.pure else 0
        self._rule = f"data.{bundle.package}"
        self._has_reasons = any("reasons" in module.text for module in bundle.modules)
        self._prints = any("print" in module.text for module in bundle.modules)
        self._desk = _Desk()
        self._desk.engine = new_engine(bundle)

    async def judge(self, question: bytes, /) -> Outcome[Judgement]:
        """Evaluate in place: the engine holds the GIL anyway, and an answer takes well under a millisecond."""
        known = self._desk.memo
        if (remembered := known.get(question)) is not None:
            return remembered
        try:
            judgement = self._evaluate(question)
        except (KeyboardInterrupt, SystemExit, asyncio.CancelledError):
            raise
        except Exception as error:
            return Deny(Reason.POLICY_ERROR, detail=type(error).__name__)
        except BaseException as panic:  # a Rust panic is no Exception; the engine may be broken: make a new one
            self._desk.engine = None
            return Deny(Reason.POLICY_ERROR, detail=type(panic).__name__)
        if self._memo:
            if len(known) >= self._memo:
                del known[next(iter(known))]
            known[question] = judgement
        return judgement

    def _evaluate(self, question: bytes) -> Judgement:
        """Set and evaluate, together or not at all."""
        desk = self._desk
        if desk.engine is None:
            desk.engine = new_engine(self._bundle)
        engine = desk.engine
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
        name = "data"
        engine.add_data_json(orjson.dumps(dict(bundle.data)).decode())
        if not with_tests:
            engine.set_input_json("{}")
            engine.eval_rule(f"data.{bundle.package}.allow")
    except Exception as error:
        raise TestsFailed(f"policy {bundle.name}: {name} is refused by the engine: {_line(error)}") from None
    return engine


def _line(error: Exception) -> str:
    """The engine's own `error:` line, if it gives one; policies hold no patient data."""
    for line in str(error).splitlines():
        if line.startswith("error:"):
            return line.removeprefix("error:").strip()
    return str(error).splitlines()[0] if str(error) else type(error).__name__
