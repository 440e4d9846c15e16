"""`nuts-pzp overview merge` on files: what it prints, how it refuses, what it never prints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.cli.overview import app

BSN = "900010009"
CPR = "treatment:89666000"


def _run(*arguments: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, ["merge", *arguments])
    return result.exit_code, result.stdout, result.stderr


def _patient(bsn: str = BSN) -> dict[str, Any]:
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": bsn}]
    name = [{"text": "Toos van den Akker"}]
    return {"resourceType": "Patient", "id": "p", "identifier": identifier, "birthDate": "1941-05-09", "name": name}


def _consent(kind: str, date: str, id: str = "c") -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": id,
        "status": "active",
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "129125009"}]}],
        "patient": {"reference": "Patient/p"},
        "dateTime": date,
        "provision": {"type": kind, "code": [{"coding": [{"system": "http://snomed.info/sct", "code": "89666000"}]}]},
    }


def _bundle(*resources: dict[str, Any], kind: str = "searchset", **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": kind, "entry": [{"resource": one} for one in resources], **more}


class Files:
    """Writes files and gives the option that names them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.count = 0

    def __call__(self, source: str, content: Any) -> tuple[str, str]:
        self.count += 1
        path = self.folder / f"{source}-{self.count}.json"
        path.write_bytes(content if isinstance(content, bytes) else json.dumps(content).encode())
        return "--source", f"{source}={path}"


@pytest.fixture
def files(tmp_path: Path) -> Files:
    return Files(tmp_path)


def _item(content: dict[str, Any], key: str = CPR) -> dict[str, Any]:
    return next(item for section in content["sections"] for item in section["items"] if item["key"] == key)


def test_json_has_the_schema_and_the_newest_answer(files: Files) -> None:
    code, out, _ = _run(
        *files("huisarts", _bundle(_patient(), _consent("permit", "2020-01-01"))),
        *files("ziekenhuis", _bundle(_patient(), _consent("deny", "2024-01-01"))),
        *("--failed", "vvt", "--now", "2026-11-22T00:40:00+01:00", "--json"),
    )
    content = json.loads(out)
    assert code == 0
    assert content["schema"] == "nuts-pzp-overview/1"
    assert content["generated"] == "2026-11-22T00:40:00+01:00"
    assert content["complete"] is False
    assert {row["id"]: row["status"] for row in content["sources"]} == {
        "huisarts": "ok",
        "ziekenhuis": "ok",
        "vvt": "failed",
    }
    assert (_item(content)["value"]["kind"], _item(content)["source"]["id"]) == ("deny", "ziekenhuis")


@pytest.mark.parametrize("kind", ["searchset", "collection", "transaction"])
def test_a_bundle_of_any_type_is_read(files: Files, kind: str) -> None:
    _, out, _ = _run(*files("a", _bundle(_consent("deny", "2024-01-01"), kind=kind)), "--json")
    assert _item(json.loads(out))["ref"] == "Consent/c"


def test_a_single_resource_and_a_nested_bundle_are_read(files: Files) -> None:
    _, single, _ = _run(*files("a", _consent("deny", "2024-01-01")), "--json")
    _, nested, _ = _run(*files("a", _bundle(_bundle(_consent("deny", "2024-01-01")))), "--json")
    assert _item(json.loads(single))["value"]["kind"] == _item(json.loads(nested))["value"]["kind"] == "deny"


def test_a_repeated_id_appends_to_that_source(files: Files) -> None:
    _, out, _ = _run(
        *files("a", _bundle(_consent("permit", "2020-01-01"))),
        *files("a", b"\xef\xbb\xbf" + json.dumps(_bundle(_consent("deny", "2024-01-01", id="x"))).encode()),
        "--json",
    )
    content = json.loads(out)
    assert [(row["id"], row["statements"]) for row in content["sources"]] == [("a", 2)]
    assert _item(content)["value"]["kind"] == "deny"


def test_a_next_page_that_was_not_given_makes_the_source_incomplete(files: Files) -> None:
    first = _bundle(_consent("deny", "2024-01-01"), link=[{"relation": "next", "url": "https://a.example?page=2"}])
    second = _bundle(link=[{"relation": "self", "url": "https://a.example?page=2"}])
    _, half, _ = _run(*files("a", first), "--json")
    _, whole, _ = _run(*files("a", first), *files("a", second), "--json")
    assert json.loads(half)["complete"] is False
    assert json.loads(half)["sources"][0]["reason"] == "truncated"
    assert json.loads(whole)["complete"] is True


@pytest.mark.parametrize(("total", "complete"), [(2, True), (1, True), (3, False), ("3", True), (None, True)])
def test_an_answer_that_counts_more_than_it_gives_is_incomplete(files: Files, total: Any, complete: bool) -> None:
    given = _bundle(_patient(), _consent("deny", "2024-01-01"), total=total)
    content = json.loads(_run(*files("a", given), "--json")[1])
    assert content["complete"] is complete
    assert content["sources"][0]["reason"] == (None if complete else "truncated")


def test_of_an_answer_in_pages_the_links_tell_whether_it_is_whole(files: Files) -> None:
    first = _bundle(_patient(), total=2, link=[{"relation": "next", "url": "https://a.example?page=2"}])
    second = _bundle(
        _consent("deny", "2024-01-01"), total=2, link=[{"relation": "self", "url": "https://a.example?page=2"}]
    )
    assert json.loads(_run(*files("a", first), *files("a", second), "--json")[1])["complete"] is True


def test_now_decides_what_is_future(files: Files) -> None:
    source = files("a", _bundle(_consent("deny", "2024-01-01")))
    _, before, _ = _run(*source, "--now", "2023-01-01", "--json")
    _, after, _ = _run(*source, "--now", "2025-01-01T00:00:00Z", "--json")
    assert _item(json.loads(before))["state"] == "not-recorded"
    assert _item(json.loads(after))["state"] == "current"


def test_cross_checks_can_be_switched_off(files: Files) -> None:
    ill = {
        **_patient(),
        "extension": [
            {
                "url": "x/ext-LegallyCapable-MedicalTreatmentDecisions",
                "extension": [{"url": "legallyCapable", "valueBoolean": False}],
            }
        ],
    }
    source = files("a", _bundle(ill))
    assert [one["code"] for one in json.loads(_run(*source, "--json")[1])["crossChecks"]] == ["X4"]
    assert json.loads(_run(*source, "--json", "--no-checks")[1])["crossChecks"] == []


def test_patients_that_disagree_are_an_error_with_its_own_exit_code(files: Files) -> None:
    sources = (*files("a", _bundle(_patient())), *files("b", _bundle(_patient("900010010"))))
    code, out, _ = _run(*sources, "--json")
    assert code == 3
    content = json.loads(out)
    assert (content["schema"], content["error"]["code"]) == ("nuts-pzp-overview/1", "PATIENT_DISAGREES")
    assert "9000" not in content["error"]["text"]
    code, out, err = _run(*sources)
    assert (code, out) == (3, "")
    assert err.startswith("error: Persoonsgegevens komen niet overeen: BSN")


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"not json", "not JSON"),
        (b"", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b"{}", "no resourceType"),
        (b'{"resourceType":"Bundle","entry":{}}', "a Bundle whose entries are no list"),
    ],
)
def test_bad_input_is_one_line_that_names_the_file(files: Files, content: bytes, problem: str) -> None:
    option, pair = files("bron", content)
    code, out, err = _run(option, pair, "--json")
    assert (code, out) == (2, "")
    assert err == f"error: {pair.partition('=')[2]}: {problem}, expected FHIR JSON\n"


@pytest.mark.parametrize("pair", ["huisarts", "=bron.json", "huisarts=", ""])
def test_a_source_option_of_another_form_is_refused(pair: str) -> None:
    code, _, err = _run("--source", pair)
    assert code == 2
    assert err == "error: --source number 1: expected ID=BUNDLE.json\n"


def test_a_missing_file_and_no_source_at_all_are_refused(tmp_path: Path) -> None:
    code, _, err = _run("--source", f"a={tmp_path / 'gone.json'}")
    assert code == 2
    assert err.startswith(f"error: {tmp_path / 'gone.json'}: cannot be read")
    assert _run("--json")[0] == 2
    assert _run("--failed", " ")[0] == 2


@pytest.mark.parametrize(
    "now", ["vandaag", "22-11-2026", "2026-13-01", BSN, "9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00"]
)
def test_a_malformed_moment_is_refused_without_echo(files: Files, now: str) -> None:
    code, _, err = _run(*files("a", _patient()), "--now", now)
    assert code == 2
    assert err.startswith("error: --now: expected an ISO 8601")
    assert now not in err


@pytest.mark.parametrize("now", ["", " "])
def test_an_empty_moment_is_not_the_present(files: Files, now: str) -> None:
    assert _run(*files("a", _patient()), "--now", now)[0] == 2


def test_no_error_prints_a_bsn_that_was_in_a_file_name(tmp_path: Path) -> None:
    code, _, err = _run("--source", f"a={tmp_path / BSN}.json")
    assert code == 2
    assert BSN not in err


def test_without_json_it_is_a_table_in_dutch(files: Files) -> None:
    code, out, _ = _run(
        *files("huisarts", _bundle(_patient(), _consent("permit", "2024-01-01"))),
        *files("ziekenhuis", _bundle(_patient(), _consent("deny", "2024-01-01"))),
        *("--failed", "vvt"),
    )
    assert code == 0
    flat = " ".join(out.split())
    assert "Niet volledig: vvt antwoordde niet" in flat
    assert "Tegenstrijdig" in flat
    assert BSN not in out


def test_an_object_that_names_a_key_twice_is_refused(files: Files) -> None:
    content = json.dumps(_bundle(_patient(), _consent("deny", "2025-01-01"))).encode()
    twice = content.replace(b'"status": "active"', b'"status": "entered-in-error", "status": "active"')
    assert _run(*files("a", content), "--json")[0] == 0
    code, out, err = _run(*files("a", twice), "--json")
    assert (code, out) == (2, "")
    assert err.count("\n") == 1
    assert "names a key twice" in err
