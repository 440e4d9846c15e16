"""A meldcode read out on the phone finds what happened, and nothing about the patient."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from nuts_pzp.accounted import Denied
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.cli import application
from nuts_pzp.exchange import Attempt
from nuts_pzp.identity import Bsn, Organization, Patient, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

CODE = "7K2QM9XD4T0A"


@pytest.fixture
def deployment(tmp_path: Path) -> Path:
    place = Place(tmp_path / "ledger.sqlite", tmp_path / "keys", "gw.example", accept_any_filesystem=True)

    async def record() -> None:
        ledger = Ledger.open(place)
        tenant = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
        patient = Patient(Bsn("999900006"), "p1", Standing.KNOWN)
        denied = Denied(Attempt(CODE, patient=patient), Deny(Reason.MITZ_DENY))
        await ledger.of(tenant).append(denied)
        await ledger.aclose()

    asyncio.run(record())
    file = tmp_path / "deployment.yaml"
    file.write_text(
        "name: gw.example\nlisteners: {operations: {port: 1}}\naudit: {path: ledger.sqlite, keys: keys}\n"
        "state: state\ntenants: tenants\n",
        "utf-8",
    )
    return file


def trace(deployment: Path, *words: str) -> tuple[int, str]:
    done = CliRunner().invoke(application(("trace",)), ["trace", *words, "--config", str(deployment)])
    return done.exit_code, done.output


def test_a_refusal_is_explained_without_the_patient(deployment: Path) -> None:
    code, told = trace(deployment, CODE)
    assert code == 0
    assert "PZP-CONSENT-010: Mitz geeft geen toestemming." in told
    assert "999900006" not in told


@pytest.mark.parametrize(
    "spoken", ["7k2qm9xd4toa", "7K2Q-M9XD-4T0A", " 7K2QM9XD4T0A ", "7K2Q M9XD 4T0A", "7k2q\u00a0m9xd\u20114t0a"]
)
def test_a_code_as_people_write_it_is_found(deployment: Path, spoken: str) -> None:
    code, told = trace(deployment, spoken, "--json")
    assert code == 0
    assert [(step["tenant"], step["reason"]) for step in json.loads(told)["steps"]] == [
        ("meerwijck", "PZP-CONSENT-010")
    ]


def test_a_ledger_that_is_not_there_is_named(deployment: Path) -> None:
    deployment.write_text(deployment.read_text("utf-8").replace("ledger.sqlite", "elsewhere.sqlite"), "utf-8")
    assert trace(deployment, CODE) == (2, "audit.path: no such file\n")


def test_an_unknown_code_says_so(deployment: Path) -> None:
    assert trace(deployment, "000000000000")[0] == 1


@pytest.mark.parametrize("code", ["123", "7K2QM9XD4T0U", "' OR 1=1 --x"])
def test_what_is_no_code_is_refused(deployment: Path, code: str) -> None:
    assert trace(deployment, code)[0] == 2
