from __future__ import annotations

import json
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.reading import records
from nuts_pzp.cli.audit import app
from nuts_pzp.identity import Organization, Tenant, Ura


@dataclass
class Log:
    place: Place
    key: str

    def run(self, *given: str) -> tuple[int, str]:
        done = CliRunner().invoke(app, list(given))
        return done.exit_code, done.stdout


@pytest.fixture
def log(tmp_path: Path) -> Log:
    place = Place(
        tmp_path / "audit.db",
        tmp_path / "keys",
        "gw.example",
        tmp_path / "elsewhere" / "notes",
        accept_any_filesystem=True,
        thresholds=Thresholds(0.0, 0.0, 0, 0),
    )
    ledger = Ledger.open(place)
    audit = ledger.of(Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")))
    for number in range(5):
        audit.keep("policy.activated", {"number": str(number)}).result(5)
    ledger.close()
    return Log(place, (place.keys / "meerwijck" / "audit-1.pub").read_text().strip())


def test_an_unchanged_log_exits_zero(log: Log) -> None:
    code, said = log.run("verify", str(log.place.path), "--key", str(log.place.keys), "--anchor", str(log.place.anchor))
    assert code == 0
    assert "meerwijck: Logboek ongewijzigd" in said
    assert "system: Logboek ongewijzigd" in said


def test_the_json_answer_is_complete(log: Log) -> None:
    code, said = log.run(
        "verify", str(log.place.path), "--key", log.key, "--tenant", "meerwijck", "--json", "--fast"
    )  # fmt: skip
    assert code == 2
    document = json.loads(said)
    assert document["schema"] == "nuts-pzp-audit-verification/1"
    assert document["verdict"] == "incomplete"
    found = document["logs"][0]
    assert (found["tenant"], found["size"], found["proven"], found["first_bad"]) == ("meerwijck", 7, 7, None)
    assert found["words"] == "Onvolledig: geen extern ijkpunt"


def test_a_changed_log_exits_one_and_names_the_line(log: Log) -> None:
    content = log.place.path.read_bytes()
    assert content.count(b'"number":"3"') == 1
    log.place.path.write_bytes(content.replace(b'"number":"3"', b'"number":"4"'))
    code, said = log.run("verify", str(log.place.path), "--key", log.key, "--tenant", "meerwijck")
    assert code == 1
    assert "Logboek gewijzigd vanaf regel 4" in said


def test_what_is_no_ledger_exits_three(log: Log, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x" * 9_000)
    assert log.run("verify", str(tmp_path / "x"), "--key", log.key)[0] == 3
    code, said = log.run("verify", str(tmp_path / "absent"), "--key", log.key, "--json")
    assert (code, json.loads(said)["verdict"]) == (3, "unreadable")


@pytest.mark.parametrize(
    "given",
    [
        ("--key", "not a key"),
        ("--key", "KEY", "--anchor", "absent"),
        ("--key", "KEY", "--tenant", "nobody"),
        ("--key", "KEY"),  # the system log's key is missing
    ],
)
def test_wrong_use_exits_four(log: Log, given: tuple[str, ...]) -> None:
    words = [log.key if word == "KEY" else word for word in given]
    assert log.run("verify", str(log.place.path), *words)[0] == 4


def test_a_key_that_is_none_is_named_by_its_file_and_never_repeated(log: Log, tmp_path: Path) -> None:
    secret = "-----BEGIN PRIVATE KEY-----MC4CAQ"
    (tmp_path / "own.key").write_text(secret)
    for given, words in (
        (str(tmp_path / "own.key"), "own.key: cannot be read, or does not hold"),
        (secret * 99, "neither"),
    ):
        done = CliRunner().invoke(app, ["verify", str(log.place.path), "--key", given])
        assert (done.exit_code, words in done.stderr, "MC4CAQ" in done.output) == (4, True, False)


@pytest.mark.parametrize("given", [(), ("--key", "x", "--unheard-of"), ("--key",)])
def test_wrong_use_of_the_parser_exits_four_too(log: Log, given: tuple[str, ...]) -> None:
    assert log.run("verify", str(log.place.path), *given)[0] == 4
    assert log.run("verify", "--help")[0] == 0


def test_a_proof_is_made_and_checked(log: Log, tmp_path: Path) -> None:
    record_id = [entry.record["id"] for entry in records(log.place.path, "meerwijck")][3]
    code, said = log.run("prove", str(log.place.path), "--tenant", "meerwijck", "--record", record_id)
    assert code == 0
    (tmp_path / "proof.json").write_text(said)
    code, said = log.run("check-proof", str(tmp_path / "proof.json"), "--key", log.key)
    assert (code, said) == (0, "Bewezen: regel 3 van gw.example/nuts-pzp/90000222/1\n")
    code, said = log.run("check-proof", str(tmp_path / "proof.json"), "--key", log.key, "--json")
    assert json.loads(said)["record"]["detail"] == {"number": "2"}
    assert json.loads(said)["proven"] is True
    forged = (tmp_path / "proof.json").read_text().replace("policy.activated", "policy.withdrawn")
    (tmp_path / "proof.json").write_text(forged)
    assert log.run("check-proof", str(tmp_path / "proof.json"), "--key", log.key)[0] == 1
    assert log.run("check-proof", str(tmp_path / "absent"), "--key", log.key)[0] == 3
    assert log.run("prove", str(log.place.path), "--tenant", "meerwijck", "--record", "none")[0] == 3


@pytest.mark.parametrize(
    ("content", "code", "reason"), [("{}", 1, "not a proof"), ("{", 3, "the proof is not readable")]
)
def test_a_program_reads_that_nothing_was_proven(
    log: Log, tmp_path: Path, content: str, code: int, reason: str
) -> None:
    (tmp_path / "proof.json").write_text(content)
    done, said = log.run("check-proof", str(tmp_path / "proof.json"), "--key", log.key, "--json")
    answer = json.loads(said.splitlines()[0])
    assert (done, answer["schema"], answer["proven"]) == (code, "nuts-pzp-audit-proven/1", False)
    assert reason in answer["reason"]


def test_an_export_is_written_and_verifies(log: Log, tmp_path: Path) -> None:
    folder = tmp_path / "export"
    assert log.run("export", str(log.place.path), "--to", str(folder), "--tenant", "meerwijck")[0] == 0
    assert log.run("verify", str(folder), "--key", log.key, "--anchor", str(log.place.anchor))[0] == 0
    assert log.run("export", str(log.place.path), "--to", str(folder), "--tenant", "meerwijck")[0] == 4
    assert log.run("export", str(log.place.path), "--to", str(folder), "--tenant", "x", "--format", "pdf")[0] == 4
    assert log.run("export", str(log.place.path), "--to", str(folder / "y"), "--tenant", "nobody")[0] == 3


def test_the_doctor_says_what_it_found(log: Log) -> None:
    code, said = log.run("doctor", str(log.place.path), "--keys", str(log.place.keys), "--json")
    found = {one["check"]: one["state"] for one in json.loads(said)["findings"]}
    assert set(found) == {"filesystem", "fsync", "space", "lock", "ledger", "keys", "anchor"}
    assert code == int("fail" in found.values())
    (log.place.keys / "system" / "kek.key").chmod(0o604)
    assert log.run("doctor", str(log.place.path), "--keys", str(log.place.keys))[0] == 1


def test_who_asks_about_one_log_hears_nothing_of_the_others_that_keys_and_anchor_are_of(log: Log) -> None:
    of_all = ("--key", str(log.place.keys), "--anchor", str(log.place.anchor), "--json")
    for tenant in ("meerwijck", "system"):
        code, said = log.run("verify", str(log.place.path), "--tenant", tenant, *of_all)
        assert (code, [one["tenant"] for one in json.loads(said)["logs"]]) == (0, [tenant])


def test_an_export_of_one_log_is_whole_without_the_others(log: Log, tmp_path: Path) -> None:
    assert log.run("export", str(log.place.path), "--tenant", "meerwijck", "--to", str(tmp_path / "out"))[0] == 0
    of_all = ("--key", str(log.place.keys), "--anchor", str(log.place.anchor), "--json")
    code, said = log.run("verify", str(tmp_path / "out"), *of_all)
    assert (code, [one["verdict"] for one in json.loads(said)["logs"]]) == (0, ["ok"])


def test_a_tenant_that_is_not_there_is_wrong_use_when_no_log_is_missing(log: Log) -> None:
    of_all = ("--key", str(log.place.keys), "--anchor", str(log.place.anchor))
    code, said = log.run("verify", str(log.place.path), "--tenant", "nobody", *of_all, "--json")
    [found] = json.loads(said)["logs"]
    assert (code, found["tenant"], found["reason"]) == (4, "nobody", "no log of this tenant")


def test_a_tenant_whose_log_was_deleted_is_told_so(log: Log) -> None:
    with closing(sqlite3.connect(log.place.path, isolation_level=None)) as database:
        for table in ("log_record", "log_head", "log_checkpoint"):
            database.execute(f"DELETE FROM {table} WHERE tenant = 'meerwijck'")
    of_all = ("--key", str(log.place.keys), "--anchor", str(log.place.anchor))
    for about in (("--tenant", "meerwijck"), ()):
        code, said = log.run("verify", str(log.place.path), *about, *of_all)
        assert code == 1
        assert "the log is gone, but checkpoints of it were anchored" in said


def test_a_folder_without_a_key_is_wrong_use_of_a_proof(log: Log, tmp_path: Path) -> None:
    wanted = next(entry for entry in records(log.place.path, "meerwijck") if entry.code == "policy.activated")
    code, said = log.run("prove", str(log.place.path), "--tenant", "meerwijck", "--record", wanted.record["id"])
    assert code == 0
    (tmp_path / "proof.json").write_text(said)
    (tmp_path / "none").mkdir()
    assert log.run("check-proof", str(tmp_path / "proof.json"), "--key", str(tmp_path / "none"))[0] == 4
    assert log.run("check-proof", str(tmp_path / "proof.json"), "--key", str(tmp_path / "absent"))[0] == 4


@pytest.mark.parametrize("command", ["verify", "check-proof"])
@pytest.mark.parametrize("given", [("--key", "not a key"), ("--key", "KEY", "--anchor", "absent"), ("--key", "EMPTY")])
def test_a_program_reads_wrong_use_as_data(log: Log, tmp_path: Path, command: str, given: tuple[str, ...]) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "proof.json").write_text("{}")
    if command == "check-proof" and "--anchor" in given:
        given = ("--key", "")
    names = {"KEY": log.key, "EMPTY": str(tmp_path / "empty")}
    path = log.place.path if command == "verify" else tmp_path / "proof.json"
    code, said = log.run(command, str(path), *(names.get(word, word) for word in given), "--json")
    document = json.loads(said)
    assert code == 4
    assert document["schema"] == f"nuts-pzp-audit-{'verification' if command == 'verify' else 'proven'}/1"
    assert document.get("verdict", "usage") == "usage"
    assert document.get("proven", False) is False


@pytest.mark.parametrize("command", ["prove", "export", "doctor"])
@pytest.mark.parametrize("path", ["absent/absent", "/" + "a" * 5000, "folder"])
def test_a_path_that_leads_nowhere_is_told_in_a_line(log: Log, tmp_path: Path, command: str, path: str) -> None:
    (tmp_path / "folder").mkdir()
    more = {"prove": ("--tenant", "x", "--record", "x"), "export": ("--tenant", "x", "--to", str(tmp_path / "to"))}
    done = CliRunner().invoke(app, [command, str(tmp_path / path), *more.get(command, ())])
    assert isinstance(done.exception, SystemExit), done.exception
    assert done.exit_code == (1 if command == "doctor" else 3)
    assert done.stderr.startswith("LEDGER: ") or command == "doctor"


def test_a_folder_that_cannot_be_made_is_named(log: Log, tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["export", str(log.place.path), "--tenant", "meerwijck", "--to", "/proc/a/b"])
    assert (done.exit_code, done.stderr) == (4, "--to: No such file or directory\n")


def test_a_key_folder_without_keys_is_not_in_order(log: Log, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    _, said = log.run("doctor", str(log.place.path), "--keys", str(tmp_path / "empty"), "--json")
    assert {one["check"]: one["state"] for one in json.loads(said)["findings"]}["keys"] == "warn"


def test_of_several_keys_the_one_of_the_log_says_why_nothing_is_proven(log: Log, tmp_path: Path) -> None:
    """Else a changed record reads as a signature of somebody else."""
    for tenant in ("system", "meerwijck"):
        record = next(iter(records(log.place.path, tenant))).record["id"]
        _, said = log.run("prove", str(log.place.path), "--tenant", tenant, "--record", record)
        (tmp_path / "proof.json").write_text(said.replace('\\"idx\\":0', '\\"idx\\":1'))
        code, said = log.run("check-proof", str(tmp_path / "proof.json"), "--key", str(log.place.keys))
        assert (code, said) == (1, "Niet bewezen: the record is not in the log of this checkpoint\n")
