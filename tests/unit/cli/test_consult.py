"""`nuts-pzp consult` tells each source as it answers, shows a region as a matrix, and gives the FHIR behind it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import respx
from click.testing import Result
from typer.testing import CliRunner

from nuts_pzp.cli import application, matrix
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.web.asked import Question as AskedOfUs
from nuts_pzp.web.asked import read as question_of

URL = "https://127.0.0.1:8444/kade/pzp/v1/consultations"
BSN = "999900006"


def _source(ura: str, name: str, status: str = "ok", **gaps: str) -> dict[str, Any]:
    missing = [{"where": where, "status": said, "reason": "x", "code": "PZP-X"} for where, said in gaps.items()]
    notice = f"{name}: {status}"
    return {"id": ura, "ura": ura, "name": name, "status": status, "notice": notice, "gaps": missing}


GREEN = _source("90000111", "Praktijk Duinzicht")
PARTLY = _source("90000222", "Ziekenhuis Meerwijck", "partial", Goal="not-authorised", references="failed")
SILENT = _source("90000333", "Hospice De Linde", "failed", patient="failed")
TOKENLESS = _source("90000444", "Thuiszorg \x1b[2JOever", "not-authorised", token="not-authorised")
REJECTED = _source("90000555", "Verpleeghuis Wilgenhof", "rejected", birth_date="rejected")
OVERVIEW = {"meldcode": "7K2QM9XD4T0A", "sources": [GREEN, PARTLY, SILENT, TOKENLESS, REJECTED]}


@pytest.fixture(scope="module")
def words(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    folder = tmp_path_factory.mktemp("ca")
    authority = Authority(folder, "Test CA")
    client = authority.client("ehr", common_name="ehr")
    (folder / "bsn").write_text(BSN, "ascii")
    files = ["--certificate", str(client.certificate_file), "--key", str(client.key_file)]
    files += ["--roots", str(authority.root_file), "--bsn-file", str(folder / "bsn")]
    return ["consult", "--url", URL, *files, "--birth-date", "1941-03-09", "--employee", "k-17", "--name", "M. Okker"]


def _run(words: list[str], *more: str) -> Result:
    return CliRunner().invoke(application(("consult",)), [*words, "--role", "huisarts", *more])


def _events(*told: tuple[str, dict[str, Any]]) -> bytes:
    return b"".join(f"event: {name}\ndata: {json.dumps(content)}\n\n".encode() for name, content in told)


def _stream(*told: tuple[str, dict[str, Any]]) -> respx.Route:
    return respx.post(URL, headers={"accept": "text/event-stream"}).respond(200, content=_events(*told))


def test_a_cell_is_green_only_for_what_was_answered() -> None:
    green, partly, silent, tokenless, rejected = matrix.rows(OVERVIEW)
    assert green.green
    assert set(green.cells) == set(matrix.QUERIES)
    assert {query for query, cell in partly.cells.items() if cell != matrix.OK} == {"Goal", "other"}
    for row, said in ((silent, "failed"), (tokenless, "not-authorised"), (rejected, "rejected")):
        assert row.cells["Patient"] == said
        assert not row.green
        assert {cell for query, cell in row.cells.items() if query != "Patient"} == {matrix.NOT_ASKED}


@respx.mock
def test_the_matrix_is_data_too(words: list[str]) -> None:
    respx.post(URL, headers={"accept": "application/json"}).respond(200, json=OVERVIEW | {"complete": False})
    done = _run(words, "--json", "--matrix")
    assert done.exit_code == 1
    shown = json.loads(done.stdout)
    assert shown["schema"] == "nuts-pzp-matrix/1"
    assert shown["meldcode"] == "7K2QM9XD4T0A"
    assert [one["green"] for one in shown["sources"]] == [True, False, False, False, False]
    assert shown["sources"][1]["queries"]["Goal"] == "not-authorised"


@respx.mock
def test_sources_are_told_as_they_answer_and_the_matrix_at_the_end(words: list[str]) -> None:
    source = {"sources": [TOKENLESS], "timings": [{"ura": "90000444", "seconds": 0.42}]}
    _stream(("source", source), ("overview", OVERVIEW | {"complete": False}))
    done = _run(words, "--matrix")
    assert done.exit_code == 1
    assert "0.42 s  Thuiszorg \ufffd[2JOever: not-authorised" in done.stderr
    assert "Praktijk" in done.stdout
    assert "\x1b[2J" not in done.output
    assert BSN not in done.output


@respx.mock
def test_who_tries_a_connection_reads_whom_each_line_is_about_why_and_the_meldcode(words: list[str]) -> None:
    refused = GREEN | {"status": "not-authorised", "notice": "Niet vrijgegeven"}
    refused |= {"gaps": [{"where": "token", "code": "PZP-SOURCE-001"}, {"where": "Goal", "code": "PZP-SOURCE-001"}]}
    unknown = SILENT | {"gaps": [{"where": "90000333", "code": "PZP-AUTHN-009"}]}
    hint = {"code": "role-unmapped", "text": "De rol staat niet in de tabel.", "ura": None}
    whole = OVERVIEW | {"complete": False, "sources": [refused, unknown], "hints": [hint]}
    _stream(
        ("source", {"sources": [refused], "timings": [{"ura": "90000111", "seconds": 0.42}]}),
        ("overview", whole),
    )
    said = _run(words, "--matrix").stderr.splitlines()
    assert said == [
        "  0.42 s  Praktijk Duinzicht: Niet vrijgegeven, PZP-SOURCE-001",
        "     -    Hospice De Linde: failed, PZP-AUTHN-009",
        "hint: role-unmapped De rol staat niet in de tabel.",
        "meldcode 7K2QM9XD4T0A",
    ]


@respx.mock
@pytest.mark.parametrize("more", [("--json",), (), ("--matrix",)])
def test_none_of_the_sources_gave_anything_and_that_is_not_partial(words: list[str], more: tuple[str, ...]) -> None:
    sources = [{**row, "phone": None, "dialect": None, "reason": None, "statements": 0} for row in (SILENT, TOKENLESS)]
    patient = {"bsn": BSN, "name": None, "birthDate": "1941-03-09", "test": True}
    empty = dict.fromkeys(("banner", "sections", "conversations", "crossChecks", "excluded", "unmapped"), ())
    nothing = {"schema": "nuts-pzp-overview/1", "rules": "6", "patient": patient, "generated": "2026-11-22T00:40:00"}
    nothing |= {"complete": False, "sources": sources, "meldcode": "7K2QM9XD4T0A"} | empty
    respx.post(URL, headers={"accept": "application/json"}).respond(200, json=nothing)
    _stream(("overview", nothing))
    assert _run(words, *more).exit_code == 4
    nothing["sources"] = [*sources, {**sources[0], "status": "partial"}]
    respx.post(URL, headers={"accept": "application/json"}).respond(200, json=nothing)
    _stream(("overview", nothing))
    assert _run(words, *more).exit_code == 1


class _Noting(httpx.AsyncByteStream):
    """A stream that says something after the overview, and notes which task came to its end."""

    def __init__(self) -> None:
        self.tasks: list[asyncio.Task[Any] | None] = []

    async def __aiter__(self) -> AsyncIterator[bytes]:
        self.tasks.append(asyncio.current_task())
        try:
            yield _events(("overview", OVERVIEW | {"complete": False}))
            yield b": that was all\n\n"
        finally:
            self.tasks.append(asyncio.current_task())


@respx.mock
def test_a_stream_is_read_to_its_end_by_who_began_it(words: list[str]) -> None:
    stream = _Noting()
    respx.post(URL, headers={"accept": "text/event-stream"}).respond(200, stream=stream)
    assert _run(words, "--matrix").exit_code == 1
    opened, closed = stream.tasks
    assert opened is not None
    assert opened is closed


@respx.mock
def test_a_stream_that_ends_in_a_problem_is_no_answer(words: list[str]) -> None:
    problem = {"code": "PZP-LOCATE-001", "title": "De verwijsindex is niet bereikbaar.", "meldcode": "7K2QM9XD4T0A"}
    _stream(("source", {"sources": [GREEN], "timings": [{"seconds": 0.1}]}), ("problem", problem))
    done = _run(words)
    assert done.exit_code == 4
    assert "PZP-LOCATE-001" in done.stderr
    assert "7K2QM9XD4T0A" in done.stderr


@respx.mock
def test_a_stream_that_breaks_off_is_no_answer(words: list[str]) -> None:
    _stream(("source", {"sources": [GREEN], "timings": [{"seconds": 0.1}]}))
    assert _run(words).exit_code == 4


@respx.mock
@pytest.mark.parametrize(
    ("issues", "code"), [([], 0), ([{"code": "conflict"}], 0), ([{"code": "conflict"}, {"code": "timeout"}], 1)]
)
def test_fhir_exits_by_whether_a_source_is_missing(words: list[str], issues: list[dict[str, str]], code: int) -> None:
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": issues}, "search": {"mode": "outcome"}}
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": 0, "entry": [outcome] if issues else []}
    told = {"x-meldcode": "7K2QM9XD4T0A"}
    respx.post(URL, headers={"accept": "application/fhir+json"}).respond(200, json=bundle, headers=told)
    done = _run(words, "--fhir")
    assert (done.exit_code, json.loads(done.stdout)) == (code, bundle)
    assert done.stderr == "meldcode 7K2QM9XD4T0A\n"


@respx.mock
def test_fhir_of_which_every_source_failed_says_what_each_said(words: list[str]) -> None:
    issue = {"severity": "warning", "code": "timeout", "details": {"text": "Hospice De Linde antwoordde niet"}}
    failure = {"resourceType": "OperationOutcome", "issue": [issue]}
    respx.post(URL).respond(502, json=failure, headers={"x-meldcode": "7K2QM9XD4T0A"})
    done = _run(words, "--fhir")
    assert done.exit_code == 4
    assert "Hospice De Linde antwoordde niet" in done.stderr
    assert "7K2QM9XD4T0A" in done.stderr
    assert json.loads(done.stdout) == failure


def test_fhir_and_another_form_together_are_refused(words: list[str]) -> None:
    assert _run(words, "--fhir", "--json").exit_code == 2


def _asked(words: list[str], *more: str) -> dict[str, Any]:
    """What the gateway was asked by these words."""
    route = respx.post(URL).respond(200, json=OVERVIEW | {"complete": True})
    assert _run(words, "--json", *more).exit_code == 0
    body: dict[str, Any] = json.loads(route.calls.last.request.content)
    return body


@respx.mock
def test_an_emergency_is_asked_as_an_ehr_asks_it(words: list[str], tmp_path: Path) -> None:
    text = tmp_path / "why"
    text.write_text("Gevonden op straat, geen familie bekend.\n", "utf-8")
    body = _asked(words, "--emergency", "unresponsive", "--explanation-file", str(text), "--context", "acute-admission")
    assert (body["purpose"], body["reason"], body["context"]) == ("emergency", "unresponsive", "acute-admission")
    assert body["explanation"] == "Gevonden op straat, geen familie bekend."
    assert isinstance(question_of(json.dumps(body).encode()), AskedOfUs), "the gateway takes what the command makes"


@respx.mock
def test_without_an_emergency_the_question_is_about_treatment(words: list[str]) -> None:
    body = _asked(words)
    assert body["purpose"] == "treatment"
    assert not {"reason", "explanation", "context", "localize"} & set(body)


@respx.mock
def test_a_relation_is_declared_as_an_ehr_does(words: list[str]) -> None:
    assert "relation" not in _asked(words)
    assert _asked(words, "--relation", "treating")["relation"] == {"kind": "treating"}
    body = _asked(words, "--relation", "treating", "--relation-since", "2026-01-05")
    assert body["relation"] == {"kind": "treating", "since": "2026-01-05"}
    assert isinstance(question_of(json.dumps(body).encode()), AskedOfUs), "the gateway takes what the command makes"


@respx.mock
def test_named_sources_and_the_registers_may_be_asked_together(words: list[str]) -> None:
    body = _asked(words, "--source", "90000111", "--localize")
    assert (body["sources"], body["localize"]) == (["90000111"], True)


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--emergency", "haast"), "--emergency"),
        (("--context", "thuis"), "--context"),
        (("--localize",), "--localize"),
        (("--relation", "Onze patiënt"), "--relation"),
        (("--relation-since", "2026-01-05"), "--relation-since"),
        (("--relation", "treating", "--relation-since", "2026-02-30"), "--relation-since"),
        (("--explanation-file", "/dev/null"), "--explanation-file"),
        (("--emergency", "no-time", "--explanation-file", "/dev/null"), "--explanation-file"),
        (("--emergency", "no-time", "--explanation-file", "/nowhere/at/all"), "--explanation-file"),
    ],
)
def test_what_cannot_be_asked_is_said_and_nothing_is_sent(words: list[str], more: tuple[str, ...], said: str) -> None:
    done = _run(words, *more)
    assert done.exit_code == 2
    assert said in done.stderr


@respx.mock
def test_a_token_is_read_from_a_file_and_sent_along(words: list[str], tmp_path: Path) -> None:
    route = respx.post(URL, headers={"authorization": "Bearer eyJ.abc.def"}).respond(200, json={"complete": True})
    file = tmp_path / "token"
    file.write_text("eyJ.abc.def\n")
    done = _run(words, "--json", "--token-file", str(file))
    assert (done.exit_code, route.call_count) == (0, 1)
    for unusable in ("", "two\nlines", "a b"):
        file.write_text(unusable)
        done = _run(words, "--json", "--token-file", str(file))
        assert (done.exit_code, route.call_count) == (2, 1)
        assert "--token-file" in done.stderr


@pytest.mark.parametrize(
    ("host", "said"),
    [("127.0.0.1:9", "the connection was refused"), ("nowhere.invalid", "its name is not known")],
)
def test_why_nobody_was_reached_is_said_in_words(words: list[str], host: str, said: str) -> None:
    elsewhere = [word.replace("127.0.0.1:8444", host) for word in words]
    done = _run(elsewhere)
    assert (done.exit_code, done.stderr) == (4, f"No answer: the gateway cannot be reached: {said}\n")


@respx.mock
def test_a_door_that_closes_is_one_that_may_not_know_the_certificate(words: list[str]) -> None:
    respx.post(URL).mock(side_effect=httpx.ReadError("x"))
    done = _run(words)
    assert (done.exit_code, "it closed the connection; does it trust --certificate?" in done.stderr) == (4, True)


@respx.mock
def test_a_certificate_of_ours_that_ended_is_said_to_have(words: list[str], tmp_path: Path) -> None:
    old = Authority(tmp_path / "ca", "Old CA", days=0).client("ehr", common_name="ehr")
    respx.post(URL).mock(side_effect=httpx.ReadError("x"))
    files = {"--certificate": str(old.certificate_file), "--key": str(old.key_file)}
    done = _run([files.get(before, word) for before, word in zip(["", *words], words, strict=False)])
    assert done.exit_code == 4
    assert (
        f"it closed the connection; --certificate ended on {old.certificate.not_valid_after_utc:%Y-%m-%d}"
        in done.stderr
    )
