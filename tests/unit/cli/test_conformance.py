"""`nuts-pzp conformance`: wrong use is told in words and exit code 2, the rules can be listed, the sources written."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner, Result

from nuts_pzp.cli import application
from nuts_pzp.conformance.rules import catalogue


def run(*words: str, typed: str = "") -> Result:
    return CliRunner().invoke(application(("conformance",)), ["conformance", *words], input=typed)


@pytest.mark.parametrize("side", ["holder", "user"])
def test_the_rules_are_listed_in_order_as_data(side: str) -> None:
    found = run("--role", side, "--list", "--json")
    ids = [rule.id for rule in catalogue().values() if rule.role == side]
    assert (found.exit_code, [one["id"] for one in json.loads(found.stdout)["rules"]]) == (0, ids)


WRONG = {
    "no target": ["--birth-date", "1941-04-17"],
    "another side": ["--role", "vendor", "--list"],
    "another language": ["--language", "fr", "--list"],
    "a rule of the other side": ["--only", "USER-001", "--list"],
    "an id that is a BSN": [
        "--target",
        "https://a.example",
        "--birth-date",
        "1941-04-17",
        "--refused-patient",
        "999930412",
    ],
    "a date that is none": ["--target", "https://a.example", "--birth-date", "1941-04-31"],
    "a node without a wallet": ["--target", "https://a.example", "--birth-date", "1941-04-17", "--node", "http://n"],
    "a user neither asked nor watched": ["--role", "user"],
    "an address that is none": ["--role", "user", "--watch", "1", "--listen", "here"],
    "sources without an address": ["--role", "user", "--prepare", "x.yaml"],
}


@pytest.mark.parametrize("words", WRONG.values(), ids=WRONG.keys())
def test_wrong_use_is_exit_2(words: list[str], tmp_path: Path) -> None:
    bsn = tmp_path / "bsn"
    bsn.write_text("999930412")
    found = run(*words, "--bsn-file", str(bsn))
    assert found.exit_code == 2
    assert "999930412" not in found.output
    assert "Traceback" not in found.output


def test_the_sources_are_prepared_for_a_directory(tmp_path: Path) -> None:
    file = tmp_path / "sources.yaml"
    found = run("--role", "user", "--server-url", "https://kit.example", "--prepare", str(file))
    assert found.exit_code == 0
    bases = [one["fhir_base"] for one in yaml.safe_load(file.read_text())["organizations"]]
    assert len(bases) == 10
    assert bases[0] == "https://kit.example/rc2/fhir"


def test_a_user_side_that_nothing_reaches_is_exit_4() -> None:
    assert run("--role", "user", "--watch", "0.05").exit_code == 4
