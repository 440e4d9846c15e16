"""A function that calls itself is refused in words: evaluated, it would end the process (OPA: rego_recursion_error)."""

from __future__ import annotations

from pathlib import Path

import pytest

from nuts_pzp.authorization.bundle import SHIPPED, load, shipped
from nuts_pzp.systems.regorus.engine import RegorusJudge, TestsFailed, run_tests

ALLOW = "default allow := false\n"
MANIFEST = """
name: p
version: "1"
package: p
capability: report
modules: [p.rego, other.rego]
tests: [p_test.rego]
data: []
"""


def folder_of(folder: Path, body: str, other: str = "", tests: str = "") -> Path:
    for name, package, text in (
        ("p.rego", "p", f"import data.other as o\n{ALLOW}{body}"),
        ("other.rego", "other", other),
        ("p_test.rego", "p_test", f"import data.p\ntest_no if not p.allow\n{tests}"),
    ):
        (folder / name).write_text(f"package {package}\n\nimport rego.v1\n\n{text}\n")
    (folder / "manifest.yaml").write_text(MANIFEST)
    return folder


@pytest.mark.parametrize(
    ("body", "other", "named"),
    [
        ("f(x) := y if { y := f(x) }", "", "p.f"),
        ("f(x) := g(x)\ng(x) := f(x)", "", "p.f"),
        ("f(x) if { every k in x { f(k) } }", "", "p.f"),
        ("f(x) := [y | y := data.p.f(x)]", "", "p.f"),
        ('f(x) := data["p"].f(x)', "", "p.f"),
        ("f(x) := o.g(x)", "g(x) := data.p.f(x)", "other.g"),
        ("f(x) := 1 if { x == 1 } else := f(x - 1)", "", "p.f"),
    ],
)
def test_a_function_that_calls_itself_is_refused_before_it_is_evaluated(
    tmp_path: Path, body: str, other: str, named: str
) -> None:
    bundle = load(folder_of(tmp_path, body, other))
    with pytest.raises(TestsFailed, match=f"the function {named} calls itself"):
        RegorusJudge(bundle)


def test_a_test_that_calls_itself_is_refused_too(tmp_path: Path) -> None:
    bundle = load(folder_of(tmp_path, "f(x) := x", tests="loop(x) := loop(x)\ntest_loop if { loop(1) }"))
    with pytest.raises(TestsFailed, match=r"the function p_test\.loop calls itself"):
        list(run_tests(bundle))


@pytest.mark.parametrize(
    "body",
    [
        "f(x) := g(x)\ng(x) := x + 1\nh(x) := f(g(x))",
        "concat(x) := array.concat(x, x)",
        "f(x) := o.f(x)",
        "f(x) := y if { y := x.f }",
        "allow if { f(f(input.x)) == 2 }\nf(x) := x",
    ],
)
def test_calls_that_end_are_not_refused(tmp_path: Path, body: str) -> None:
    bundle = load(folder_of(tmp_path, body, "f(x) := x"))
    assert list(run_tests(bundle)) == [("p_test.test_no", True)]


@pytest.mark.parametrize("name", SHIPPED)
def test_our_own_policies_hold_none(name: str) -> None:
    RegorusJudge(load(shipped(name)))
