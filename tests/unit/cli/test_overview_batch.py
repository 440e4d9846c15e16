"""A batch's answer in a file: a question in it that failed or was refused makes the source incomplete (design D9)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.cli.overview import app
from nuts_pzp.fhir.batch import failed_entries

GOAL = {
    "resourceType": "Goal",
    "id": "g",
    "lifecycleStatus": "active",
    "description": {"coding": [{"system": "http://snomed.info/sct", "code": "385987000"}]},
    "startDate": "2026-01-01",
}
FOUND = {
    "resource": {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": GOAL}]},
    "response": {"status": "200 OK"},
}


def _source(folder: Path, *entries: dict[str, Any], kind: str = "batch-response") -> tuple[bool, dict[str, Any]]:
    file = folder / "a.json"
    file.write_text(json.dumps({"resourceType": "Bundle", "type": kind, "entry": entries}), "utf-8")
    arguments = ["merge", "--json", "--now", "2026-11-22T09:00:00+01:00", "--source", f"a={file}"]
    content = json.loads(CliRunner().invoke(app, arguments).stdout)
    return content["complete"], content["sources"][0]


@pytest.mark.parametrize(
    ("status", "gap", "reason"),
    [("403", "not-authorised", "not-released"), ("401 Unauthorized", "not-authorised", "not-released")]
    + [(status, "failed", "invalid") for status in ("500", "404 Not Found", "429", 503)],
)
def test_a_question_that_failed_is_a_gap(tmp_path: Path, status: str | int, gap: str, reason: str) -> None:
    complete, row = _source(tmp_path, FOUND, {"response": {"status": status}})
    assert (complete, row["status"], row["statements"]) == (False, "partial", 1)
    assert [(one["where"], one["status"], one["reason"]) for one in row["gaps"]] == [("batch", gap, reason)]


def test_a_batch_that_was_answered_is_complete(tmp_path: Path) -> None:
    complete, row = _source(tmp_path, FOUND, {"response": {"status": "204"}})
    assert (complete, row["status"], row["gaps"]) == (True, "ok", [])


def test_everything_refused_is_a_source_that_released_nothing(tmp_path: Path) -> None:
    complete, row = _source(tmp_path, {"response": {"status": "403"}}, {"response": {"status": "403"}})
    assert (complete, row["status"], len(row["gaps"])) == (False, "not-authorised", 1)


def test_only_the_answer_to_a_batch_is_looked_at(tmp_path: Path) -> None:
    complete, row = _source(tmp_path, FOUND, {"response": {"status": "500"}}, kind="history")
    assert (complete, row["status"]) == (True, "ok")


@pytest.mark.parametrize(
    "entries", ["x", [None, 7], [{}], [{"response": 7}], [{"response": {"status": [500]}}], [{"response": {}}]]
)
def test_odd_entries_raise_nothing(entries: object) -> None:
    raw = json.dumps({"resourceType": "Bundle", "type": "batch-response", "entry": entries}).encode()
    assert failed_entries(raw) == ()


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b'{"type":7}', b"\xff"])
def test_what_is_no_bundle_has_no_failed_entries(raw: bytes) -> None:
    assert failed_entries(raw) == ()
