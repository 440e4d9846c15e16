"""What every command has in common: no number of a patient in an error, an exit code about what was done."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from nuts_pzp.cli import application

BSN = "999930412"
NINE = "nine digits that pass the eleven-test are expected, and nothing else"


def run(*words: str, stdout: int = subprocess.PIPE, encoding: str = "utf-8") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "nuts_pzp", *words]
    env = os.environ | {"PYTHONIOENCODING": encoding}
    return subprocess.run(command, stdout=stdout, stderr=subprocess.PIPE, check=False, env=env)


def test_the_version_is_that_of_the_package() -> None:
    told = run("--version")
    assert (told.returncode, told.stdout.decode()) == (0, f"nuts-pzp {version('nuts-pzp')}\n")


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((BSN,), 2),
        (("conformance", "--rate", BSN + "x"), 2),
        (("audit", "verify", "ledger.sqlite", BSN), 4),
    ],
)
def test_a_bsn_that_was_typed_is_not_repeated(words: tuple[str, ...], code: int) -> None:
    """An error ends up in the logs of a pipeline; what was typed does not have to."""
    done = run(*words)
    assert done.returncode == code
    assert BSN.encode() not in done.stderr
    assert b"Traceback" not in done.stderr


@pytest.mark.parametrize("words", [("conformance", "--list"), ("conformance", "--list", "--json")])
def test_a_reader_that_left_is_no_verdict(words: tuple[str, ...]) -> None:
    """1 would say that the log was changed, that a rule failed or that an answer is partial."""
    ours, theirs = os.pipe()
    os.close(ours)
    try:
        done = run(*words, stdout=theirs)
    finally:
        os.close(theirs)
    assert (done.returncode, done.stderr) == (74, b"")


def test_an_answer_that_cannot_be_written_is_said_so() -> None:
    with Path("/dev/full").open("wb") as full:
        done = run("conformance", "--list", "--json", stdout=full.fileno())
    assert (done.returncode, done.stderr.count(b"\n")) == (74, 1)
    assert b"standard output" in done.stderr


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_a_terminal_that_lacks_a_letter_is_told_all_the_same(encoding: str) -> None:
    done = run("conformance", "--list", encoding=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"HOLD-905" in done.stdout


@pytest.mark.parametrize("folder", ["/dev/null", "/proc/nowhere"])
def test_a_demo_in_a_folder_that_cannot_be_is_wrong_use(folder: str) -> None:
    done = CliRunner().invoke(application(("demo",)), ["demo", "--json", "--folder", folder])
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (2, False)
    assert done.stderr == "--folder: no folder that can be written in\n"


@pytest.mark.parametrize("folder", ["/dev/null", "/proc/nowhere"])
def test_a_sandbox_in_a_folder_that_cannot_be_is_wrong_use(folder: str) -> None:
    done = CliRunner().invoke(application(("sandbox",)), ["sandbox", "--folder", folder])
    assert (done.exit_code, done.stderr) == (2, "--folder: no folder that can be written in\n")


def test_a_demo_about_nobody_is_wrong_use_before_anything_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuts_pzp.cli.demo._perform", None)
    done = CliRunner().invoke(application(("demo",)), ["demo", "--json", "--patient", "nobody"])
    assert (done.exit_code, json.loads(done.stdout)["ok"]) == (2, False)
    assert "postma" in done.stderr


ASKING = ["conformance", "--target", "http://127.0.0.1:9/fhir", "--birth-date", "1941-04-17"]


def asked(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(application(("conformance",)), [*ASKING, *words], input=typed)


def test_without_a_terminal_the_bsn_is_read_from_standard_input() -> None:
    done = asked(typed=f"{BSN}\n")
    assert (done.exit_code, done.stderr.count("\n")) == (4, 1)


@pytest.mark.parametrize("typed", ["", "\n", "123\n", f"\ufeff{BSN}x\n", "x" * 10_000])
def test_a_prompt_without_an_answer_is_wrong_use(typed: str) -> None:
    """1, with which an aborted prompt would end, says that a rule failed or that an answer is partial."""
    done = asked(typed=typed)
    assert (done.exit_code, done.stderr) == (2, f"BSN: {NINE}\n")


@pytest.mark.parametrize("content", [f"{BSN}\r\n", f"\ufeff{BSN}\r\n", f"  {BSN}\n\n"])
def test_a_bsn_file_of_any_editor_is_read(content: str, tmp_path: Path) -> None:
    file = tmp_path / "bsn"
    file.write_text(content, "utf-8", newline="")
    assert asked("--bsn-file", str(file)).exit_code == 4


@pytest.mark.parametrize("content", [b"", b"\xff\xfe9\x009\x00", BSN.encode() * 2, b"123456789"])
def test_a_bsn_file_of_something_else_is_refused(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "bsn"
    file.write_bytes(content)
    done = asked("--bsn-file", str(file))
    assert (done.exit_code, done.stderr) == (2, f"--bsn-file: {NINE}\n")


def test_a_bsn_file_without_an_end_is_refused_at_once() -> None:
    assert asked("--bsn-file", "/dev/zero").exit_code == 2
