"""The wrapper of the embedded engine: what breaks, denies; what is kept, is the same question."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.authorization.bundle import Bundle, load, shipped
from nuts_pzp.authorization.judgement import Judgement, judged
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems import regorus
from nuts_pzp.systems.regorus.engine import _BENCH, EngineAbsent, RegorusJudge, TestsFailed, new_engine, run_tests


def policy(folder: Path, body: str, tests: str = "") -> Bundle:
    (folder / "policy.rego").write_text(f"package p\n\nimport rego.v1\n\n{body}\n")
    if tests:
        (folder / "policy_test.rego").write_text(f"package p_test\n\nimport rego.v1\n\nimport data.p\n\n{tests}\n")
    return load(folder)


SAYS_YES = "default allow := false\nallow if input.x == 1"


class Broken:
    """An engine that fails as told, and counts."""

    def __init__(self, on_set: BaseException | None = None, on_eval: BaseException | None = None) -> None:
        self.on_set, self.on_eval, self.evaluated = on_set, on_eval, 0

    def set_input_json(self, text: str) -> None:
        if self.on_set:
            raise self.on_set

    def eval_rule(self, rule: str) -> Any:
        self.evaluated += 1
        if self.on_eval:
            raise self.on_eval
        return True


class Panic(BaseException):
    """As pyo3's PanicException: not an Exception."""


def broken(bundle: Bundle, engine: Broken) -> RegorusJudge:
    judge = RegorusJudge(bundle)
    judge.place().engine = engine
    return judge


async def test_after_a_failed_input_nothing_is_evaluated(tmp_path: Path) -> None:
    engine = Broken(on_set=ValueError("999911120"))
    stop = await broken(policy(tmp_path, SAYS_YES), engine).judge(b"{}")
    assert stop == Deny(Reason.POLICY_ERROR, detail="ValueError")
    assert engine.evaluated == 0


async def test_an_input_that_is_refused_never_gets_the_answer_of_the_one_before(tmp_path: Path) -> None:
    judge = RegorusJudge(policy(tmp_path, SAYS_YES), memo=0)
    assert await judge.judge(b'{"x":1}') == Judgement(True)
    assert isinstance(await judge.judge(b'{"x":1'), Deny)
    assert isinstance(await judge.judge(b"\xff"), Deny)
    assert isinstance(await judge.judge(b'{"x":' + b"[" * 200 + b"]" * 200 + b"}"), Deny)
    assert await judge.judge(b'{"x":2}') == Judgement(False)


async def test_a_panic_denies_and_the_next_question_gets_a_new_engine(tmp_path: Path) -> None:
    judge = broken(policy(tmp_path, SAYS_YES), Broken(on_eval=Panic("unsendable")))
    assert await judge.judge(b'{"x":1}') == Deny(Reason.POLICY_ERROR, detail="Panic")
    assert await judge.judge(b'{"x":1}') == Judgement(True)


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit, asyncio.CancelledError])
def test_the_end_of_the_program_is_no_answer(tmp_path: Path, error: type[BaseException]) -> None:
    judge = broken(policy(tmp_path, SAYS_YES), Broken(on_eval=error()))
    coroutine = judge.judge(b"{}")
    with pytest.raises(error):
        coroutine.send(None)  # type: ignore[attr-defined]


async def test_each_thread_has_an_engine_of_its_own(tmp_path: Path) -> None:
    judge = RegorusJudge(policy(tmp_path, SAYS_YES), memo=0)
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(asyncio.run(judge.judge(b'{"x":1}'))))
    thread.start()
    thread.join()
    assert answers == [Judgement(True)]
    assert await judge.judge(b'{"x":1}') == Judgement(True)


async def test_a_judge_may_die_in_another_thread_than_its_engines(tmp_path: Path) -> None:
    """Dropped elsewhere, an engine would complain: an unraisable error, which fails a test here."""
    holding = [RegorusJudge(policy(tmp_path, SAYS_YES))]
    number = holding[0]._number
    await holding[0].judge(b'{"x":1}')
    thread = threading.Thread(target=holding.clear)
    thread.start()
    thread.join()
    gc.collect()
    assert number in _BENCH.places
    RegorusJudge(policy(tmp_path, SAYS_YES))
    assert number not in _BENCH.places


async def test_a_pure_policy_answers_the_same_question_once(tmp_path: Path) -> None:
    engine = Broken()
    judge = broken(policy(tmp_path, SAYS_YES), engine)
    for _ in range(3):
        assert await judge.judge(b'{"x":1}') == Judgement(True)
    assert engine.evaluated == 1
    await judge.judge(b'{"x":2}')
    assert engine.evaluated == 2


async def test_a_policy_that_reads_a_clock_is_asked_every_time(tmp_path: Path) -> None:
    engine = Broken()
    judge = broken(policy(tmp_path, "allow if time.now_ns() > 0"), engine)
    await judge.judge(b"{}")
    await judge.judge(b"{}")
    assert engine.evaluated == 2


async def test_failures_are_not_kept(tmp_path: Path) -> None:
    engine = Broken(on_eval=ValueError())
    judge = broken(policy(tmp_path, SAYS_YES), engine)
    await judge.judge(b"{}")
    engine.on_eval = None
    assert await judge.judge(b"{}") == Judgement(True)


async def test_the_memo_is_bounded_and_the_oldest_goes_first(tmp_path: Path) -> None:
    engine = Broken()
    judge = RegorusJudge(policy(tmp_path, SAYS_YES), memo=2)
    judge.place().engine = engine
    for question in (b"1", b"2", b"3", b"3", b"2", b"1"):
        await judge.judge(question)
    assert engine.evaluated == 4
    assert len(judge.place().memo) == 2


def test_the_tests_of_a_bundle_are_run(tmp_path: Path) -> None:
    tests = "test_a if p.allow with input as {`x`: 1}\n\ntest_b if p.allow with input as {`x`: 2}\n\ntest_c := 1"
    assert list(run_tests(policy(tmp_path, SAYS_YES, tests))) == [
        ("p_test.test_a", True),
        ("p_test.test_b", False),
        ("p_test.test_c", False),
    ]


def test_our_own_policy_passes_its_own_tests() -> None:
    results = list(run_tests(load(shipped())))
    assert len(results) > 50
    assert [name for name, passed in results if not passed] == []


@pytest.mark.parametrize("body", ["allow if {", "allow := x", "allow if nosuch.builtin(1)", "other := true"])
def test_a_policy_that_does_not_compile_or_decide_is_refused(tmp_path: Path, body: str) -> None:
    with pytest.raises(TestsFailed, match=r"policy p: .*is refused"):
        new_engine(policy(tmp_path, body))


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    tenant = Tenant("wilgenhof", Organization(Ura("90000111"), "Z3", "De Wilgenhof"))
    return Surroundings(tenant, Outbound(), tmp_path, tmp_path)


def test_a_bundle_that_fails_its_own_tests_is_not_used(tmp_path: Path, around: Surroundings) -> None:
    policy(tmp_path, SAYS_YES, "test_b if p.allow with input as {`x`: 2}")
    with pytest.raises(TestsFailed, match=r"p_test\.test_b"):
        regorus.build({"bundle_folder": "."}, around)


def test_a_bundle_that_passed_is_not_tested_again_in_this_process(
    tmp_path: Path, around: Surroundings, monkeypatch: pytest.MonkeyPatch
) -> None:
    policy(tmp_path, SAYS_YES, "test_a if p.allow with input as {`x`: 1}")
    ran = []

    def counted(bundle: Bundle) -> Iterator[tuple[str, bool]]:
        ran.append(bundle.digest)
        return run_tests(bundle)

    monkeypatch.setattr(regorus, "run_tests", counted)
    regorus.build({"bundle_folder": "."}, around)
    regorus.build({"bundle_folder": "."}, around)
    assert len(ran) == 1

    policy(tmp_path, "default allow := false", "test_a if p.allow with input as {`x`: 1}")
    for _ in range(2):  # a changed bundle is another one, and a failure is never remembered as anything
        with pytest.raises(TestsFailed):
            regorus.build({"bundle_folder": "."}, around)
    assert len(ran) == 3


def test_our_tests_hold_with_the_role_table_of_any_region(tmp_path: Path, around: Surroundings) -> None:
    table = 'pzp_roles:\n  owner: FG\n  review: "2027-01-01"\n  care: {wijkverpleegkundige: x}\n'
    (tmp_path / "roles.yaml").write_text(table)
    built = regorus.build({"roles_file": "roles.yaml"}, around)
    assert built.digest != regorus.build({}, around).digest


def test_unknown_settings_are_refused(around: Surroundings) -> None:
    with pytest.raises(ValueError, match="surprise"):
        regorus.build({"surprise": 1}, around)


def test_without_the_engine_the_error_names_the_other_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "regorus", None)
    with pytest.raises(EngineAbsent, match="policy kind opa"):
        new_engine(load(shipped()))


@pytest.mark.parametrize("allow", ["true", 1, 1.0, [True], {"allow": True}, None, False])
def test_only_the_value_true_allows(allow: object) -> None:
    assert not judged(allow, ()).allow


def test_only_plain_words_are_kept_of_the_reasons() -> None:
    words = {"role", "consent", "999911120", "Patient/1", "a b", "x" * 41, 7}
    assert judged(False, words).words == ("consent", "role")
    assert judged(False, words).reason is Reason.POLICY_ROLE
    assert judged(False, "role").words == ()
    assert len(judged(False, [f"w{n:02}" for n in range(99)]).words) == 16
