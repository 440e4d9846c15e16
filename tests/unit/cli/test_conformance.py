"""`nuts-pzp conformance`: wrong use is told in words and exit code 2, the rules can be listed, the sources written."""

from __future__ import annotations

import json
import xml.etree.ElementTree as Xml
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
import yaml
from typer.testing import CliRunner, Result

from nuts_pzp.cli import application
from nuts_pzp.conformance.rules import catalogue
from nuts_pzp.schemas import schema


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
    "a date in another form": ["--target", "https://a.example", "--birth-date", "19410417"],
    "a week": ["--target", "https://a.example", "--birth-date", "1941-W16-4"],
    "a password in the address": ["--target", "https://me:secret@a.example/fhir", "--birth-date", "1941-04-17"],
    "a query in the address": ["--target", "https://a.example/fhir?x=1", "--birth-date", "1941-04-17"],
    "an address without a host": ["--target", "https:///fhir", "--birth-date", "1941-04-17"],
    "brackets without an end": ["--target", "https://[/fhir", "--birth-date", "1941-04-17"],
    "a key without a certificate": ["--target", "https://a.example", "--birth-date", "1941-04-17", "--key", "k.pem"],
    "roots that are not there": ["--target", "https://a.example", "--birth-date", "1941-04-17", "--roots", "no.pem"],
    "half of the sources' TLS": ["--role", "user", "--watch", "1", "--server-certificate", "c.pem"],
    "TLS files of the sources that are not there": [
        "--role",
        "user",
        "--watch",
        "1",
        "--server-certificate",
        "c.pem",
        "--server-key",
        "k.pem",
    ],
    "a target that is no address": ["--role", "user", "--target", "here", "--employee", "k", "--name", "n"],
    "a name that is none": ["--role", "user", "--watch", "1", "--listen", "no.such.host.example:0"],
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


NAMED = {
    "--roots": ["--roots", "no.pem"],
    "--certificate": ["--certificate", "no.pem", "--key", "no.key"],
    "--bsn-file": ["--bsn-file", "no"],
    "--refused-bsn-file": ["--refused-bsn-file", "no"],
    "--token-file": ["--token-file", "no"],
    "--expired-token-file": ["--expired-token-file", "no"],
    "--junit": ["--junit", "no/such/folder.xml"],
}


@pytest.mark.parametrize(("option", "words"), NAMED.items(), ids=NAMED.keys())
def test_the_file_that_cannot_be_used_is_named(option: str, words: list[str], tmp_path: Path) -> None:
    bsn = tmp_path / "bsn"
    bsn.write_text("999930412")
    given = ["--target", "http://127.0.0.1:9", "--birth-date", "1941-04-17", "--bsn-file", str(bsn), *words]
    found = run(*given)
    assert (found.exit_code, found.stderr.count("\n")) == (2, 1)
    assert found.stderr.startswith(option)


def reached(found: Result) -> Any:
    told = json.loads(found.stdout)
    jsonschema_rs.validate(schema("conformance-1.json"), told)
    return told


@pytest.mark.parametrize("words", [["--rate", "100"], ["--only", "HOLD-103"]])
def test_a_target_that_gives_no_answer_is_data_and_junit_as_well(words: list[str], tmp_path: Path) -> None:
    bsn, junit = tmp_path / "bsn", tmp_path / "report.xml"
    bsn.write_text("999930412")
    given = ["--target", "http://127.0.0.1:9/fhir", "--birth-date", "1941-04-17", "--bsn-file", str(bsn)]
    found = run(*given, *words, "--json", "--junit", str(junit))
    told = reached(found)
    assert (found.exit_code, told["ok"], told["error"]) == (4, False, "no answer (the connection was refused)")
    assert {one["verdict"] for one in told["findings"]} == {"not-run"}
    suite = Xml.fromstring(junit.read_text())
    assert (suite.attrib["errors"], suite.attrib["tests"]) == ("1", str(1 + len(told["findings"])))
    assert len(list(suite.iter("testcase"))) == int(suite.attrib["tests"])
    assert [case.find("error") is not None for case in suite.iter("testcase")].count(True) == 1


@pytest.mark.parametrize("words", [["--birth-date", "x", "--target", "https://a.example"], ["--only", "HOLD-999"]])
def test_wrong_use_is_data_as_well(words: list[str], tmp_path: Path) -> None:
    bsn = tmp_path / "bsn"
    bsn.write_text("999930412")
    found = run(*words, "--bsn-file", str(bsn), "--json")
    assert (found.exit_code, reached(found)["findings"]) == (2, [])
    assert reached(found)["error"] == found.stderr.strip()


def test_a_user_side_that_nothing_reaches_is_data_as_well() -> None:
    found = run("--role", "user", "--watch", "0.05", "--json")
    assert (found.exit_code, reached(found)["role"]) == (4, "user")


def test_junit_that_cannot_be_written_costs_no_verdict(tmp_path: Path) -> None:
    """It is found out before anything is asked."""
    found = run("--role", "user", "--watch", "3600", "--junit", str(tmp_path))
    assert found.exit_code == 2
    assert found.stderr == "--junit: cannot be written\n"
