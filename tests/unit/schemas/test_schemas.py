"""The published schemas: true to the code, true to every answer, and a version never takes anything back."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from typer.testing import CliRunner

from nuts_pzp import schemas
from nuts_pzp.cli.overview import app

ROOT = Path(__file__).parents[3]
FOLDER = Path(schemas.__file__).parent
CASES = sorted((ROOT / "tests" / "unit" / "overview" / "cases").glob("*.json"))
FROZEN = Path(__file__).parent / "frozen"


def _tool() -> Any:
    spec = importlib.util.spec_from_file_location("schemas_tool", ROOT / "tools" / "schemas.py")
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_files_are_what_the_code_writes() -> None:
    tool = _tool()
    for name, schema in tool.made().items():
        assert (FOLDER / name).read_text("utf-8") == tool.written(schema), "run: python tools/schemas.py"


def test_every_file_is_a_schema_and_listed() -> None:
    assert {file.name for file in FOLDER.glob("*.json")} == set(schemas.SCHEMAS | schemas.PRINTED)
    for name, title in (schemas.SCHEMAS | schemas.PRINTED).items():
        found = schemas.schema(name)
        jsonschema_rs.meta.validate(found)
        kind, version = name.removesuffix(".json").rsplit("-", 1)
        assert (found["$id"], found["title"]) == (f"urn:nuts-pzp:schema:{kind}:{version}", title)


def taken_back(was: Any, now: Any, place: str = "") -> list[str]:
    """Return where the new schema takes back what the old one promised: it may add properties and parts, no more."""
    if isinstance(was, dict) and isinstance(now, dict):
        grows = place.endswith(("properties", "$defs"))
        gone = [f"{place}/{key}" for key in was if key not in now]
        added = [] if grows else [f"{place}/{key}" for key in now if key not in was and key not in _WORDS]
        inner = [
            one
            for key in was
            if key in now and key not in _WORDS
            for one in taken_back(was[key], now[key], f"{place}/{key}")
        ]
        return gone + added + inner
    if place.endswith("/required"):
        return [f"{place}/{key}" for key in was if key not in now]
    return [] if was == now else [place]


_WORDS = {"description", "title", "default"}


@pytest.mark.parametrize("name", sorted(schemas.SCHEMAS | schemas.PRINTED))
def test_a_version_takes_nothing_back(name: str) -> None:
    was = json.loads((FROZEN / name).read_text("utf-8"))
    now = schemas.schema(name)
    if name == "consultation-1.json":
        assert now["required"] == was["required"], "what clients send today must do tomorrow"
    assert taken_back(was, now) == [], f"that is a new version: write {name} with a higher number"


BROKEN = {
    "a field gone": lambda schema: schema["properties"].pop("banner"),
    "a field of another type": lambda schema: schema["properties"]["complete"].update(type="string"),
    "a field no longer promised": lambda schema: schema["required"].remove("sources"),
    "fewer words": lambda schema: schema["$defs"]["SourceRow"]["properties"]["status"]["enum"].pop(),
    "a rule more": lambda schema: schema["$defs"]["Item"].update(minProperties=3),
    "another version": lambda schema: schema["properties"]["schema"].update(const="nuts-pzp-overview/2"),
}


@pytest.mark.parametrize("breaks", BROKEN.values(), ids=BROKEN.keys())
def test_what_takes_something_back_is_noticed(breaks: Any) -> None:
    was = schemas.schema("overview-1.json")
    now = json.loads(json.dumps(was))
    breaks(now)
    assert taken_back(was, now) != []


def test_a_field_more_is_no_new_version() -> None:
    was = schemas.schema("overview-1.json")
    now = json.loads(json.dumps(was))
    now["properties"]["more"] = {"type": "string"}
    now["required"].append("more")
    assert taken_back(was, now) == []


@pytest.mark.parametrize("file", CASES, ids=lambda file: file.stem)
def test_every_case_of_the_overview_fits_its_schema(file: Path, tmp_path: Path, strict: Any) -> None:
    case = json.loads(file.read_text("utf-8"))
    arguments = ["merge", "--json", "--now", case["now"]]
    for number, (source, resources) in enumerate(case["sources"].items()):
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}
        written = tmp_path / f"{number}.json"
        written.write_text(json.dumps(bundle), "utf-8")
        arguments += ["--source", f"{source}={written}"]
    for source in case.get("failed", ()):
        arguments += ["--failed", source]
    result = CliRunner().invoke(app, arguments)
    seen = json.loads(result.stdout)
    if result.exit_code == 3:
        assert seen.keys() == {"schema", "error"}
        return
    strict("Overview").validate(seen)


def test_a_member_that_no_schema_names_is_noticed(strict: Any) -> None:
    case = json.loads(CASES[0].read_text("utf-8"))
    result = CliRunner().invoke(app, ["merge", "--json", "--now", case["now"], "--failed", "a"])
    seen = json.loads(result.stdout)
    strict("Overview").validate(seen)
    seen["sections"][0]["items"][0]["invented"] = 1
    assert not strict("Overview").is_valid(seen)
