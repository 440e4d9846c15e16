"""A clerk records beside the gateway, running or not; it counts as the rules say and stands in the log (ADR 0055)."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from nuts_pzp.outcome import Deny, Permit, Unknown
from nuts_pzp.reasons import Reason

TO_THE_POST = ("--permit", "--user-ura", "90000444")


async def test_a_permission_recorded_while_the_gateway_runs_counts_at_once(office: Any, ask: Any) -> None:
    async with office.gateway() as estate:
        assert await ask(estate) == Unknown(Reason.CONSENT_NONE)
        said = await asyncio.to_thread(office.record, *TO_THE_POST)
        assert said["counts"] is True
        found = await ask(estate)
        assert isinstance(found, Permit)
        assert found.basis == "explicit-consent:local"
        assert found.evidence[0].reference == said["id"]
        assert await ask(estate, "90000111", "Z3") == Unknown(Reason.CONSENT_NONE)
    [record] = office.records("sharing_consent")
    assert (record["event"]["code"], record["correlation"]) == ("sharing_consent.recorded", said["id"])
    assert (record["user"]["id"], record["detail"]["voice"]) == ("m-3", "patient")


async def test_an_objection_counts_at_the_next_question(office: Any, ask: Any) -> None:
    async with office.gateway() as estate:
        await asyncio.to_thread(office.record, *TO_THE_POST)
        assert isinstance(await ask(estate), Permit)
        said = await asyncio.to_thread(office.record, "--objection")
        assert said["counts"] is True
        found = await ask(estate)
        assert isinstance(found, Deny)
        assert found.reason is Reason.CONSENT_OBJECTION


async def test_what_is_recorded_without_a_gateway_is_in_the_log_when_it_starts(office: Any, ask: Any) -> None:
    said = await asyncio.to_thread(office.record, *TO_THE_POST)
    assert said["counts"] is False
    async with office.gateway() as estate:
        assert isinstance(await ask(estate), Permit), "the doors open after the books are up to date"
        assert len(office.records("sharing_consent.recorded")) == 1
    async with office.gateway() as estate:
        assert isinstance(await ask(estate), Permit)
    assert len(office.records("sharing_consent.recorded")) == 1, "accounted for once"


async def test_revoking_a_permission_counts_at_once_and_is_in_the_log(office: Any, ask: Any) -> None:
    async with office.gateway() as estate:
        said = await asyncio.to_thread(office.record, *TO_THE_POST)
        await asyncio.to_thread(office.revoke, said["id"])
        assert await ask(estate) == Unknown(Reason.CONSENT_NONE)
    [record] = office.records("sharing_consent.revoked")
    assert record["detail"]["choice"] == said["id"]


async def test_a_reload_keeps_the_books(office: Any, ask: Any) -> None:
    async with office.gateway() as estate:
        await estate.reload()
        await asyncio.to_thread(office.record, *TO_THE_POST)
        assert isinstance(await ask(estate), Permit)
    assert len(office.records("sharing_consent.recorded")) == 1


async def test_check_takes_nothing_out_of_the_outbox(office: Any, ask: Any) -> None:
    from typer.testing import CliRunner

    from nuts_pzp.cli import application

    await asyncio.to_thread(office.record, *TO_THE_POST)
    checked = await asyncio.to_thread(
        CliRunner().invoke, application(("check",)), ["check", "--config", str(office.config), "--json"]
    )
    assert '"what": "meerwijck: consent.local", "ok": true' in checked.stdout
    async with office.gateway() as estate:
        assert isinstance(await ask(estate), Permit)
    assert len(office.records("sharing_consent.recorded")) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--permit",), "--user-type"),
        (("--permit", "--user-type", "Z3;"), "--user-type"),
        (("--objection", "--user-type", "n6"), "--user-type"),
        (("--objection", "--until", "2020-01-01"), "that choice would be over"),
        (("--permit", "--user-ura", "x"), "--user-ura"),
        ((*TO_THE_POST, "--until", "2020-01-01"), "--until"),
        ((*TO_THE_POST, "--since", "soon"), "--since"),
        ((*TO_THE_POST, "--since", "20261201"), "--since"),
        ((*TO_THE_POST, "--since", "2026-W01-1"), "--since"),
        ((*TO_THE_POST, "--since", "0001-01-01"), "from 1900 on"),
        ((*TO_THE_POST, "--objection"), "not both"),
        (("--objection", *TO_THE_POST), "not both"),
        ((*TO_THE_POST, "--voice", "parents"), "from 16 the patient speaks"),
        ((*TO_THE_POST, "--voice", "representative"), "--relation"),
        ((*TO_THE_POST, "--relation", "partner"), "--relation"),
        ((*TO_THE_POST, "--evidence", "form of A. Postma"), "--evidence"),
        ((*TO_THE_POST, "--evidence", "form-999912008"), "--evidence"),
        ((*TO_THE_POST, "--operator-name", " "), "--operator"),
        ((*TO_THE_POST, "--tenant", "../x"), "--tenant"),
        ((*TO_THE_POST, "--tenant", "elsewhere"), "no such file"),
    ],
)
def test_what_cannot_be_recorded_is_said_in_one_line_and_leaves_no_trace(
    office: Any, words: tuple[str, ...], said: str
) -> None:
    word = ("--voice", "patient", "--form", "written", "--evidence", "form/17", "--birth-date", "1950-03-04")
    operator = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
    done = office.run("record", *word, *operator, *words)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "999912008" not in done.output
    assert len(done.stderr.strip().splitlines()) == 1


def test_a_child_s_permission_ends_on_the_eve_of_the_birthday(office: Any) -> None:
    operator = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
    done = office.run(
        "record", *TO_THE_POST, "--voice", "parents", "--form", "verbal", "--evidence", "dossier/4",
        "--birth-date", "2020-05-06", "--until", "2040-01-01", *operator,
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "until 2032-05-05" in done.stdout
    assert "no gateway has taken it yet" in done.stderr


def test_without_a_source_that_reads_it_nothing_is_recorded(office: Any) -> None:
    office.settle_in({"sources": [{"kind": "mitz", "url": "http://127.0.0.1:9", "roles": {"huisarts": "01.015"}}]})
    operator = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
    word = ("--voice", "patient", "--form", "written", "--evidence", "form/17", "--birth-date", "1950-03-04")
    done = office.run("record", *TO_THE_POST, *word, *operator)
    assert done.exit_code == 2
    assert "kind local" in done.stderr


def test_revoking_what_is_not_there_or_of_another_patient_is_refused(office: Any) -> None:
    said = office.record("--objection")
    operator = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
    word = ("--form", "written", "--evidence", "form/17")
    for wrong in (
        ("--id", "x", "--voice", "patient", "--birth-date", "1950-03-04"),
        ("--id", said["id"], "--voice", "patient", "--birth-date", "1951-03-04"),
        ("--id", said["id"], "--voice", "parents", "--birth-date", "1950-03-04"),
    ):
        assert office.run("revoke", *wrong, *word, *operator).exit_code == 2
