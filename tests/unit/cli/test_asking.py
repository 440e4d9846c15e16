"""`nuts-pzp consult` asks as an EHR does, and says in words what came of it."""

from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest
import respx
from typer.testing import CliRunner

from nuts_pzp.cli import application
from nuts_pzp.cli.asking import Door, NoAnswer, Person, Question, ask
from nuts_pzp.identity import Bsn
from nuts_pzp.sandbox.authority import Authority

URL = "https://127.0.0.1:8444/kade/pzp/v1/consultations"
QUESTION = Question(Bsn("999900006"), "1941-03-09", Person("k-17", "M. Okker", "huisarts"), sources=("90000222",))


@pytest.fixture(scope="module")
def door(tmp_path_factory: pytest.TempPathFactory) -> Door:
    authority = Authority(tmp_path_factory.mktemp("ca"), "Test CA")
    client = authority.client("ehr", common_name="ehr")
    return Door(URL, authority.root_file, client.certificate_file, client.key_file)


@respx.mock
async def test_the_question_is_the_documented_body(door: Door) -> None:
    route = respx.post(URL).respond(200, json={"schema": "nuts-pzp-overview/1", "complete": True})
    assert await ask(door, QUESTION) == {"schema": "nuts-pzp-overview/1", "complete": True}
    assert json.loads(route.calls.last.request.content) == {
        "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
        "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
        "purpose": "treatment",
        "sources": ["90000222"],
    }


@respx.mock
async def test_a_problem_is_told_with_its_meldcode(door: Door) -> None:
    problem = {"code": "PZP-AUTHN-013", "title": "Niet toegelaten.", "meldcode": "7K2QM9XD4T0A"}
    respx.post(URL).respond(401, json=problem)
    with pytest.raises(NoAnswer, match=r"PZP-AUTHN-013.*7K2QM9XD4T0A") as told:
        await ask(door, QUESTION)
    assert told.value.problem == problem


@respx.mock
@pytest.mark.parametrize(
    "answer",
    [httpx.Response(502, text="<html>"), httpx.Response(200, json=["x"]), httpx.Response(200, text="")],
)
async def test_an_answer_that_is_none_is_no_answer(door: Door, answer: httpx.Response) -> None:
    respx.post(URL).mock(return_value=answer)
    with pytest.raises(NoAnswer):
        await ask(door, QUESTION)


@respx.mock
async def test_a_gateway_out_of_reach_is_said_without_the_patient(door: Door) -> None:
    respx.post(URL).mock(side_effect=httpx.ConnectError("999900006"))
    with pytest.raises(NoAnswer) as told:
        await ask(door, QUESTION)
    assert "999900006" not in str(told.value)


@respx.mock
@pytest.mark.parametrize(("complete", "code"), [(True, 0), (False, 1)])
def test_the_exit_code_says_whether_it_is_complete(door: Door, tmp_path: Path, complete: bool, code: int) -> None:
    respx.post(URL).respond(200, json={"schema": "nuts-pzp-overview/1", "complete": complete})
    file = tmp_path / "bsn"
    file.write_text("999900006\n", "ascii")
    words = ["--url", URL, "--certificate", str(door.certificate), "--key", str(door.key), "--roots", str(door.roots)]
    words += ["--birth-date", "1941-03-09", "--employee", "k-17", "--name", "M. Okker", "--role", "huisarts"]
    done = CliRunner().invoke(application(("consult",)), ["consult", *words, "--bsn-file", str(file), "--json"])
    assert done.exit_code == code


@pytest.mark.parametrize("text", ["999900007", "", "abc", "9999000061", "é"])
def test_what_is_no_bsn_is_refused_unseen(door: Door, tmp_path: Path, text: str) -> None:
    file = tmp_path / "bsn"
    file.write_text(text, "utf-8")
    words = ["--url", URL, "--certificate", "c", "--key", "k", "--roots", "r", "--birth-date", "1941-03-09"]
    words += ["--employee", "k-17", "--name", "M. Okker", "--role", "huisarts", "--bsn-file", str(file)]
    done = CliRunner().invoke(application(("consult",)), ["consult", *words])
    assert done.exit_code == 2
    assert not text or text not in done.output
