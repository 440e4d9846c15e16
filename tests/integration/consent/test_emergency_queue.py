"""An emergency in a deployment: the spool, the queue and its verdicts, as an officer meets them on the command line."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.assembly import Estate
from nuts_pzp.cli.emergency import app
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

BSN = "999912008"
OFFICER = ("--operator", "f-1", "--operator-name", "R. Meijer", "--operator-role", "functionaris")
CONSENT = {
    "profile": "routekaart-emergency-only",
    "legal_basis_owner": "FG Meerwijck",
    "decided_on": "2026-11-02",
    "mitz": "not-connected",
    "sources": [{"kind": "local"}],
    "emergency": {
        "roles": ["SEH-arts"],
        "most": 2,
        "alerts": [{"kind": "officer_spool", "folder": "../spool"}],
    },
}
CALLER = Caller(
    Organization(Ura("90000444"), "N6", "De Kade"), Professional("k-17", "SEH-arts", "M. Okker"),
    frozenset({"pzp-spoed"}), Purpose.EMERGENCY, "incapable", {}, "nuts-bearer", token_digest=b"t" * 32,
    emergency_text="over 999912008: geen contact",
)  # fmt: skip


@pytest.fixture
def hospital(office: Any) -> Any:
    (office.folder / "spool").mkdir()
    office.settle_in(CONSENT)
    return office


async def emergency(estate: Estate, token: bytes = b"t") -> Any:
    house = estate.house("meerwijck")
    assert house is not None
    assert house.holding is not None
    caller = replace(CALLER, token_digest=token * 32)
    patient = Patient(Bsn(BSN), "1", Standing.KNOWN)
    return await house.holding.consent.ask(
        Access(caller, FhirRequest("search-type", "Consent"), patient, "MELD12345678")
    )


def run(office: Any, *words: str) -> Any:
    place = ("--config", str(office.config), "--tenant", "meerwijck")
    return CliRunner().invoke(app, [words[0], *place, *words[1:]])


def queue(office: Any, *words: str) -> list[dict[str, Any]]:
    done = run(office, "list", "--json", *words)
    assert done.exit_code == 0, done.output
    reviews: list[dict[str, Any]] = json.loads(done.stdout)["reviews"]
    return reviews


async def spooled(office: Any, many: int) -> list[dict[str, Any]]:
    async with asyncio.timeout(10):
        while len(found := sorted((office.folder / "spool").glob("*.json"))) < many:
            await asyncio.sleep(0.05)
    return [json.loads(one.read_text("utf-8")) for one in found]


async def test_an_emergency_is_spooled_queued_judged_and_shows_nobody(hospital: Any) -> None:
    async with hospital.gateway() as estate:
        assert await emergency(estate) == await emergency(estate), "the second request is the same emergency"
        [alert] = await spooled(hospital, 1)
        [review] = await asyncio.to_thread(queue, hospital)
        assert (review["id"], review["reason"], review["open"]) == (alert["id"], "incapable", True)
        assert review["professional"] == {"id": "k-17", "name": "M. Okker"}
        words = ("judge", "--id", alert["id"], "--verdict", "onrechtmatig", "--evidence", "zaak/7", *OFFICER)
        done = await asyncio.to_thread(run, hospital, *words)
        assert done.exit_code == 0, done.output
        assert done.stdout.startswith("Onrechtmatig: ")
        found = await emergency(estate)
        assert isinstance(found, Deny)
        assert found.reason is Reason.EMERGENCY_UNLAWFUL
        again = await asyncio.to_thread(run, hospital, *words)
        assert (again.exit_code, "judged before" in again.stderr) == (1, True)
        assert await asyncio.to_thread(queue, hospital) == []
        shown = await asyncio.to_thread(run, hospital, "list", "--all")
        assert "Spoedinzages: 1" in shown.stdout
        assert alert["id"] in shown.stdout, "what is typed over is not cut off"
        assert "MELD12345678" in shown.stdout
        assert BSN not in json.dumps([alert, review]) + shown.stdout
    [record] = hospital.records("emergency")
    assert (record["event"]["code"], record["detail"]["verdict"]) == ("emergency.judged", "onrechtmatig")
    assert record["detail"]["meldcode"] == "MELD12345678"


async def test_the_count_and_the_queue_outlive_the_gateway(hospital: Any) -> None:
    async with hospital.gateway() as estate:
        assert isinstance(await emergency(estate, b"1"), Permit)
    async with hospital.gateway() as estate:
        assert isinstance(await emergency(estate, b"2"), Permit)
        found = await emergency(estate, b"3")
        assert isinstance(found, Deny)
        assert found.reason is Reason.EMERGENCY_CAP
        assert len(await spooled(hospital, 2)) == 2
    assert [one["nth"] for one in await asyncio.to_thread(queue, hospital)] == [1, 2]


async def test_a_spool_that_is_gone_is_told_of_later_and_health_says_so(hospital: Any) -> None:
    spool = hospital.folder / "spool"
    async with hospital.gateway() as estate:
        spool.rename(hospital.folder / "gone")
        assert isinstance(await emergency(estate), Permit), "the access does not wait for the desk"
        await asyncio.sleep(0.3)
        (hospital.folder / "gone").rename(spool)
        assert len(await spooled(hospital, 1)) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (("--id", "0" * 24, "--verdict", "rechtmatig", "--evidence", "zaak/7"), 1, "no emergency access"),
        (("--id", "0" * 24, "--verdict", "akkoord", "--evidence", "zaak/7"), 2, "akkoord"),
        (("--id", "0" * 24, "--verdict", "navraag", "--evidence", "zaak van 999912008"), 2, "--evidence"),
    ],
)
def test_what_cannot_be_judged_is_said(hospital: Any, words: tuple[str, ...], code: int, said: str) -> None:
    done = run(hospital, "judge", *words, *OFFICER)
    assert done.exit_code == code
    assert said in done.output
    assert BSN not in done.output
