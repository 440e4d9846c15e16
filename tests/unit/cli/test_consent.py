"""`nuts-pzp consent read`: files in, one JSON line and an exit code out; nothing of the patient is ever printed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.cli.consent import app
from nuts_pzp.sandbox.mitz import Asked
from nuts_pzp.sandbox.mitz.hostile import HOSTILE, honest

QUESTION: dict[str, Any] = {
    "message_id": "4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01",
    "bsn": "999912008",
    "holder": {"ura": "90000222", "type": "V6"},
    "user": {"ura": "90000444", "type": "N6"},
    "professional": {"id": "000012345", "role": "01.015"},
    "purpose": "TREAT",
    "categories": ["GGC002"],
}
ASKED = Asked(
    QUESTION["message_id"],
    "999912008",
    "90000222",
    "V6",
    "90000444",
    "N6",
    "01.015",
    "000012345",
    "",
    "TREAT",
    ("GGC002",),
)


@pytest.fixture
def read(tmp_path: Path) -> Callable[..., Any]:
    def run(answer: bytes, question: Any = QUESTION, flags: tuple[str, ...] = ("--json",)) -> Any:
        (tmp_path / "answer.xml").write_bytes(answer)
        text = question if isinstance(question, str) else json.dumps(question)
        (tmp_path / "question.json").write_text(text)
        files = ["--question", str(tmp_path / "question.json"), str(tmp_path / "answer.xml")]
        return CliRunner().invoke(app, ["read", *files, *flags])

    return run


@pytest.mark.parametrize("word", ["Permit", "Deny", "Indeterminate", "NotApplicable"])
def test_answer_is_exit_0_with_its_word(word: str, read: Any) -> None:
    done = read(honest(word, ASKED).encode())
    assert done.exit_code == 0
    assert json.loads(done.stdout) == {"outcome": "answer", "decisions": {"GGC002": word}}


@pytest.mark.parametrize(
    ("name", "error_class"),
    [
        ("billion_laughs", "doctype"),
        ("comment_suffix", "comment"),
        ("other_patient", "other-patient"),
        ("oversize", "too-large"),
        ("fault_that_names_the_patient", "fault-sender"),
        ("empty", "empty"),
    ],
)
def test_refused_is_exit_3_with_its_class(name: str, error_class: str, read: Any) -> None:
    done = read(HOSTILE[name](ASKED))
    assert done.exit_code == 3
    assert json.loads(done.stdout) == {"outcome": "refused", "decisions": {}, "class": error_class}
    assert "999912008" not in done.output


@pytest.mark.parametrize("name", ["permit_in_header_deny_in_body", "nested_permit_result"])
def test_hidden_permit_is_the_deny_it_is_hidden_in(name: str, read: Any) -> None:
    done = read(HOSTILE[name](ASKED))
    assert done.exit_code == 0
    assert json.loads(done.stdout)["decisions"] == {"GGC002": "Deny"}


def test_short_ura_and_upper_case_uuid_are_the_same_question(read: Any) -> None:
    question = {**QUESTION, "holder": {"ura": "659", "type": "V6"}, "message_id": QUESTION["message_id"].upper()}
    answer = honest("Permit", ASKED).replace('"90000222"', '"00000659"')
    assert json.loads(read(answer.encode(), question).stdout)["decisions"] == {"GGC002": "Permit"}


def test_mandated_question_is_read(read: Any) -> None:
    question = {**QUESTION, "professional": {"id": "000012345", "role": "01.015", "mandated": "000054321"}}
    assert read(honest("Permit", ASKED).encode(), question).exit_code == 0


def test_without_json_it_says_the_same_in_words(read: Any) -> None:
    assert read(honest("Deny", ASKED).encode(), flags=()).stdout == "GGC002: Deny\n"
    assert read(b"", flags=()).stdout == "refused: empty\n"


WRONG: dict[str, Any] = {
    "not json": "{",
    "a list": "[]",
    "a key twice": json.dumps(QUESTION).replace('"purpose"', '"purpose": "COC", "purpose"', 1),
    "unknown key": {**QUESTION, "fail_open": True},
    "no holder": {key: value for key, value in QUESTION.items() if key != "holder"},
    "bsn": {**QUESTION, "bsn": "123456789"},
    "bsn as number": {**QUESTION, "bsn": 999912008},
    "ura": {**QUESTION, "holder": {"ura": "X", "type": "V6"}},
    "message id": {**QUESTION, "message_id": "first"},
    "purpose": {**QUESTION, "purpose": "ETREAT"},
    "category": {**QUESTION, "categories": ["GGC001"]},
    "no category": {**QUESTION, "categories": []},
    "role": {**QUESTION, "professional": {"id": "1", "role": ""}},
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_question_is_exit_2_in_one_line_without_values(name: str, read: Any) -> None:
    done = read(honest("Permit", ASKED).encode(), WRONG[name])
    assert done.exit_code == 2
    assert done.stdout == ""
    assert done.stderr.startswith("consent read: question: ")
    assert done.stderr.count("\n") == 1
    assert "123456789" not in done.stderr
    assert "999912008" not in done.stderr


def test_file_that_is_not_there_is_exit_2(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["read", "--question", str(tmp_path / "q.json"), str(tmp_path / "a.xml"), "--json"])
    assert done.exit_code == 2
    assert done.stderr == "consent read: q.json: No such file or directory\n"
