"""Acceptance: every case of `cases/` through `nuts-pzp overview merge`, with real files.

A case says what the sources hold and what a reader must see. What is expected was written from the information standard
and not from the program; it names only the fields that matter. `cases/README.md` tells how to read one.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.cli.overview import app

FOLDER = Path(__file__).parent / "cases"
CASES = sorted(FOLDER.glob("*.json"))


def _run(case: dict[str, Any], folder: Path) -> tuple[int, dict[str, Any], str]:
    arguments = ["merge", "--json", "--now", case["now"]]
    for number, (source, resources) in enumerate(case["sources"].items()):
        file = folder / f"{number}.json"
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}
        file.write_text(json.dumps(bundle), "utf-8")
        arguments += ["--source", f"{source}={file}"]
    for source in case.get("failed", ()):
        arguments += ["--failed", source]
    if not case.get("checks", True):
        arguments.append("--no-checks")
    result = CliRunner().invoke(app, arguments)
    return result.exit_code, json.loads(result.stdout), result.stdout


def _codes(node: Any) -> None:
    """Add to everything that has `attention` its codes, sorted."""
    if isinstance(node, dict):
        if isinstance(node.get("attention"), list):
            node["attentionCodes"] = sorted(one["code"] for one in node["attention"])
        for child in list(node.values()):
            _codes(child)
    elif isinstance(node, list):
        for child in node:
            _codes(child)


def _view(exit_code: int, seen: dict[str, Any]) -> dict[str, Any]:
    """The overview as cases speak of it: items by key, sources by id, checks by code."""
    _codes(seen)
    sections = seen.get("sections", [])
    return {
        **seen,
        "exit": exit_code,
        "items": {item["key"]: item for section in sections for item in section["items"]},
        "keys": {section["id"]: [item["key"] for item in section["items"]] for section in sections},
        "sections": [section["id"] for section in sections],
        "sources": {row["id"]: row for row in seen.get("sources", ())},
        "crossChecks": [check["code"] for check in seen.get("crossChecks", ())],
        "checks": {check["code"]: check for check in seen.get("crossChecks", ())},
    }


def _differences(expected: Any, seen: Any, where: str) -> list[str]:
    """What is not as expected: objects may hold more than is named, lists may not."""
    if isinstance(expected, dict) and isinstance(seen, dict):
        return [
            difference
            for name, value in expected.items()
            for difference in _differences(value, seen.get(name, "(absent)"), f"{where}.{name}")
        ]
    if isinstance(expected, list) and isinstance(seen, list) and len(expected) == len(seen):
        pairs = enumerate(zip(expected, seen, strict=True))
        return [line for number, (one, other) in pairs for line in _differences(one, other, f"{where}[{number}]")]
    return [] if expected == seen else [f"{where}: expected {expected!r}, saw {seen!r}"]


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_case(path: Path, tmp_path: Path) -> None:
    case = json.loads(path.read_text("utf-8"))
    expect = case["expect"]
    exit_code, seen, printed = _run(case, tmp_path)
    view = _view(exit_code, seen)
    special = {"absent", "nowhere", "states"}
    found = _differences({"exit": 0} | {key: expect[key] for key in expect.keys() - special}, view, "")
    found += [f"{key} is there" for key in expect.get("absent", ()) if key in view["items"]]
    found += [f"{text} was printed" for text in expect.get("nowhere", ()) if text in printed]
    for start, states in expect.get("states", {}).items():
        own = [item["state"] for key, item in view["items"].items() if key.startswith(start)]
        found += _differences(states, own, start)
    assert found == [], case["title"]


def test_there_are_cases_for_every_rule() -> None:
    rules = " ".join(json.loads(path.read_text("utf-8"))["rule"] for path in CASES)
    wanted = ["0 fact 5", "0.1", "1.2", "1.3", "3.2", "3.3", "3.4", "3.5", "3.8", "3.9", "design 5", "--now"]
    wanted += [f"3.6 rule {number}" for number in (1, 2, 3, 4, 5, 6, 7, 9)] + [f"X{number}" for number in range(1, 9)]
    assert [rule for rule in wanted if rule not in rules] == []
    assert len(CASES) >= 60
