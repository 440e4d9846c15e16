"""`nuts-pzp consult` given wrong words, and before what is no gateway: one line and a documented code."""

from __future__ import annotations

import json
from typing import Any

import pytest
import respx
from click.testing import Result
from typer.testing import CliRunner

from nuts_pzp.cli import application
from nuts_pzp.sandbox.authority import Authority

URL = "https://127.0.0.1:8444/kade/pzp/v1/consultations"


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    folder = tmp_path_factory.mktemp("ca")
    authority = Authority(folder, "Test CA")
    client, other = (authority.client(name, common_name=name) for name in ("ehr", "other"))
    (folder / "bsn").write_text("999900006", "ascii")
    return {
        "--url": URL, "--certificate": str(client.certificate_file), "--key": str(client.key_file),
        "--roots": str(authority.root_file), "--bsn-file": str(folder / "bsn"), "--birth-date": "1941-03-09",
        "--employee": "k-17", "--name": "M. Okker", "--role": "huisarts", "other": str(other.key_file),
    }  # fmt: skip


def consult(given: dict[str, str], *more: str) -> Result:
    words = [word for name, value in given.items() if name.startswith("--") for word in (name, value)]
    return CliRunner().invoke(application(("consult",)), ["consult", *words, *more])


WRONG = [
    ("--url", ""),
    ("--url", "nonsense"),
    ("--url", "http://127.0.0.1:8444/kade/pzp/v1/consultations"),
    ("--url", "https://127.0.0.1:99999/x"),
    ("--url", "https://127.0.0.1:8444/\n"),
    ("--url", "https://["),
    ("--url", "https://me:secret@127.0.0.1/x"),
    ("--birth-date", "19410309"),
    ("--birth-date", "1941-02-30"),
    ("--birth-date", ""),
    ("--certificate", "/nowhere/at/all"),
    ("--key", "other"),
    ("--roots", "/dev/null"),
    ("--roots", "/"),
]


@pytest.mark.parametrize(("option", "value"), WRONG)
def test_the_option_that_is_wrong_is_named_and_nothing_is_sent(
    given: dict[str, str], option: str, value: str, respx_mock: respx.MockRouter
) -> None:
    done = consult(given | {option: given.get(value, value)})
    assert (done.exit_code, done.stderr.count("\n"), done.stdout) == (2, 1, "")
    assert option in done.stderr
    assert "secret" not in done.stderr
    assert not respx_mock.calls


STRANGE: dict[str, Any] = {
    "nothing": {},
    "no list of sources": {"sources": None, "complete": True},
    "sources that are none": {"sources": [1, None], "complete": False},
    "gaps that are none": {"sources": [{"status": "ok", "gaps": 7}], "complete": True},
    "an outcome of odd parts": {"resourceType": "OperationOutcome", "issue": [1, {"details": 4}, {"code": []}]},
    "entries that are none": {"resourceType": "Bundle", "entry": [1, {"search": 4}, {"resource": 5}]},
    "something that steers a terminal": {"title": "\x1b[2J", "code": "\x1b[31m", "detail": "\x07"},
    "a list": [],
    "a number": 7,
}


@pytest.mark.parametrize("form", [(), ("--json",), ("--fhir",), ("--matrix",), ("--matrix", "--json")])
@pytest.mark.parametrize("status", [200, 400, 502])
def test_something_that_is_no_gateway_is_no_answer(
    given: dict[str, str], form: tuple[str, ...], status: int, respx_mock: respx.MockRouter
) -> None:
    bodies = [json.dumps(content).encode() for content in STRANGE.values()]
    events = [b"event: overview\ndata: " + body + b"\n\n" for body in bodies]
    events += [b"event: source\ndata: " + body + b"\n\n" for body in bodies]
    for body in (*bodies, *events, b"", b"<html>", b"\xff\xfe", b"[" * 100_000, b'{"sources":[]', b"data: {\n\n"):
        respx_mock.post(URL).respond(status, content=body)
        done = consult(given, *form)
        assert done.exception is None or isinstance(done.exception, SystemExit), (body[:60], done.exception)
        assert done.exit_code == 4, (body[:60], done.output)
        assert "\x1b" not in done.output
        if "--json" in form or "--fhir" in form:
            json.loads(done.stdout)
