"""`nuts-pzp policy`: exit codes and output that scripts can rely on."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nuts_pzp.authorization.bundle import shipped
from nuts_pzp.cli.policy import app

CALL = {
    "input": {
        "subject": {"scope": "pzp-gf", "user_role": "huisarts", "organization_ura": "90000444"},
        "request": {"method": "GET", "path": "/Goal", "query": "patient=Patient/p1"},
        "context": {"connection_type_code": "hl7-fhir-rest", "patient_id": "p1", "mitz_consent": True},
    }
}
REGO = "package region_x\n\nimport rego.v1\n\ndefault allow := false\n\nallow if input.context.mitz_consent\n"


@pytest.fixture
def run() -> CliRunner:
    return CliRunner()


@pytest.fixture
def given(tmp_path: Path) -> Path:
    path = tmp_path / "input.json"
    path.write_text(json.dumps(CALL))
    return path


def test_a_decision_is_exit_0_and_json(run: CliRunner, given: Path) -> None:
    result = run.invoke(app, ["decide", "--input", str(given), "--json"])
    assert result.exit_code == 0
    assert json.loads(result.stdout) == {"allow": True, "policies": {"pzp": {"allow": True, "reasons": []}}}


def test_a_refusal_is_a_decision_too(run: CliRunner, given: Path) -> None:
    given.write_text(json.dumps(CALL).replace("huisarts", "tuinman"))
    result = run.invoke(app, ["decide", "--input", str(given)])
    assert result.exit_code == 0
    assert result.stdout.splitlines()[:2] == ["deny", "pzp: deny"]
    assert "not_allowed PZP-POLICY-002" in result.stdout


def test_the_call_may_come_from_standard_input(run: CliRunner) -> None:
    result = run.invoke(app, ["decide", "--input", "-", "--json"], input=json.dumps(CALL))
    assert json.loads(result.stdout)["allow"] is True


@pytest.mark.parametrize("content", ["", "{", "not json"])
def test_what_is_not_json_is_exit_2_with_an_error(run: CliRunner, given: Path, content: str) -> None:
    given.write_text(content)
    result = run.invoke(app, ["decide", "--input", str(given), "--json"])
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "not JSON" in result.stderr


def test_a_file_that_is_not_there_is_exit_2(run: CliRunner, tmp_path: Path) -> None:
    result = run.invoke(app, ["decide", "--input", str(tmp_path / "nowhere"), "--json"])
    assert result.exit_code == 2
    assert "nowhere: cannot be read (No such file" in result.stderr


def test_another_policy_can_be_loaded_and_chosen_by_scope(run: CliRunner, given: Path, tmp_path: Path) -> None:
    (tmp_path / "policy.rego").write_text(REGO)
    arguments = ["decide", "--input", str(given), "--json", "--policy", str(tmp_path), "--scope", "pzp-gf=region_x"]
    result = run.invoke(app, arguments)
    assert list(json.loads(result.stdout)["policies"]) == ["region_x"]


def test_a_region_can_bring_its_roles(run: CliRunner, given: Path, tmp_path: Path) -> None:
    roles = tmp_path / "roles.yaml"
    roles.write_text('pzp_roles:\n  owner: FG\n  review: "2027-01-01"\n  care: {wijkverpleegkundige: x}\n')
    result = run.invoke(app, ["decide", "--input", str(given), "--json", "--roles", str(roles)])
    assert json.loads(result.stdout)["allow"] is False


@pytest.mark.parametrize("wrong", [["--scope", "pzp-gf"], ["--policy", "nowhere"]])
def test_wrong_options_are_exit_2(run: CliRunner, given: Path, wrong: list[str]) -> None:
    assert run.invoke(app, ["decide", "--input", str(given), *wrong]).exit_code == 2


def test_our_own_policy_passes_its_tests(run: CliRunner) -> None:
    result = run.invoke(app, ["test"])
    assert result.exit_code == 0
    statement, *tests, last = result.stdout.splitlines()
    assert statement == "PASS  capability.json is a FHIR R4 CapabilityStatement"
    assert all(line.startswith("PASS  pzp_test.test_") for line in tests)
    assert last.startswith("pzp 1.0.1 ")
    assert last.endswith(f": {len(tests) + 1} passed, 0 failed")


def test_a_failing_test_is_exit_1_and_named(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "policy.rego").write_text(REGO)
    (tmp_path / "policy_test.rego").write_text("package region_x_test\n\nimport rego.v1\n\ntest_no if 1 == 2\n")
    result = run.invoke(app, ["test", str(tmp_path)])
    assert result.exit_code == 1
    assert "FAIL  region_x_test.test_no" in result.stdout


def test_a_policy_without_tests_has_proved_nothing(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "policy.rego").write_text(REGO)
    assert run.invoke(app, ["test", str(tmp_path)]).exit_code == 1


def test_a_policy_that_does_not_compile_is_exit_2(run: CliRunner, tmp_path: Path) -> None:
    (tmp_path / "policy.rego").write_text("package x\n\nallow if {\n")
    (tmp_path / "policy_test.rego").write_text("package x_test\n\ntest_a if true\n")
    assert run.invoke(app, ["test", str(tmp_path)]).exit_code == 2


def test_a_statement_that_is_no_capability_statement_fails_the_bundle(run: CliRunner, tmp_path: Path) -> None:
    folder = tmp_path / "pzp"
    shutil.copytree(shipped(), folder)
    statement = json.loads((folder / "capability.json").read_bytes())
    statement["kind"] = ["instance"]
    (folder / "capability.json").write_text(json.dumps(statement), "utf-8")
    done = run.invoke(app, ["test", str(folder)])
    assert done.exit_code == 1
    assert "FAIL  capability.json is a FHIR R4 CapabilityStatement" in done.output


def test_our_own_policy_for_stu3_is_tested_by_its_name(run: CliRunner) -> None:
    result = run.invoke(app, ["test", "pzp_stu3"])
    assert result.exit_code == 0
    assert "PASS  capability.json is a FHIR STU3 CapabilityStatement" in result.stdout
    assert result.stdout.splitlines()[-1].startswith("pzp_stu3 ")


def test_a_call_is_decided_in_stu3_where_a_scope_means_that(run: CliRunner, given: Path) -> None:
    query = "patient=Patient/p1&category=http://snomed.info/sct%7C11291000146105"
    call = json.dumps(CALL).replace("patient=Patient/p1", query).replace("/Goal", "/Consent")
    given.write_text(call)
    result = run.invoke(app, ["decide", "--input", str(given), "--scope", "pzp-gf=pzp_stu3", "--json"])
    assert json.loads(result.stdout)["policies"] == {"pzp_stu3": {"allow": True, "reasons": []}}
    refused = run.invoke(app, ["decide", "--input", str(given), "--json"])
    [remark] = json.loads(refused.stdout)["policies"]["pzp"]["reasons"]
    assert (remark["code"], remark["reason"]) == ("not_allowed", "PZP-REQUEST-022")
