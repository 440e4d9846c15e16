"""Spoedinzage as a whole loop: claim at the EHR, token, holder, queue, alert, verdict; and what does not pass."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from staging import Visitor, items_of, staged

from nuts_pzp.sandbox.officer import OfficerTwin

pytestmark = pytest.mark.asyncio(loop_scope="session")

TERLOUW, HOSPITAL, CPR = "900102007", "90000222", "treatment:89666000"
CLAIM = {"purposeOfUse": "ETREAT", "emergencyReason": "unresponsive", "emergencyText": "gevallen, geen contact"}
DOCTOR = "waarnemend huisarts"


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def visitor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visitor]:
    """A region of its own: the hospital counts every emergency of the hour."""
    async with staged(tmp_path_factory.mktemp("emergency")) as stage:
        one = Visitor(stage)
        yield one
        await one.close()


@pytest_asyncio.fixture(loop_scope="session")
async def officer(visitor: Visitor) -> AsyncIterator[OfficerTwin]:
    twin = visitor.stage.region.officer
    yield twin
    twin.down = False


class Commands:
    """Runs commands of the hospital's gateway as processes of their own, beside it."""

    def __init__(self, visitor: Visitor, folder: Path) -> None:
        self._config, self._folder = visitor.stage.region.gateways["meerwijck"].deployment_file, folder

    async def __call__(self, *words: str) -> dict[str, Any]:
        place = ("--config", str(self._config), "--tenant", "meerwijck", "--json")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nuts_pzp", *words, *place, *self._operator(words),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        found: dict[str, Any] = json.loads(out)
        return found

    @staticmethod
    def _operator(words: tuple[str, ...]) -> tuple[str, ...]:
        if words[1] == "list":
            return ()
        return "--operator", "f-1", "--operator-name", "R. Meijer", "--operator-role", "functionaris"

    async def choice(self, *words: str) -> dict[str, Any]:
        file = self._folder / "bsn"
        file.write_text(TERLOUW)
        word = ("--voice", "patient", "--form", "verbal", "--evidence", "dossier/1", "--birth-date", "1957-02-09")
        return await self("consent", *words, *word, "--bsn-file", str(file))


@pytest.fixture
def commands(visitor: Visitor, tmp_path: Path) -> Commands:
    return Commands(visitor, tmp_path)


async def alerted(officer: OfficerTwin, known: set[str]) -> dict[str, Any]:
    """The one alert that came since."""
    async with asyncio.timeout(20):
        while not (fresh := set(officer.alerts) - known):
            await asyncio.sleep(0.05)
    [id] = fresh
    return officer.alerts[id]


async def test_an_emergency_goes_all_the_way_round(visitor: Visitor, officer: OfficerTwin, commands: Commands) -> None:
    """Three emergencies, as many as the hospital takes of one organization in an hour; then no more."""
    _, before = await visitor.consult("terlouw")
    [source] = before["sources"]
    assert (source["id"], source["status"], items_of(before)[CPR]["state"]) == (
        HOSPITAL, "not-authorised", "not-recorded",
    )  # fmt: skip
    assert officer.alerts == {}

    emergency = {"purpose": "emergency", "reason": "no-time", "explanation": "gevallen, geen contact"}
    doctor = visitor.person("k-911")
    question = visitor.question("terlouw", professional=doctor, **emergency)
    question["professional"]["role"] = DOCTOR
    answer = await visitor.consultation("kade", json=question)
    assert answer.status_code == 200, answer.text
    overview = answer.json()
    assert items_of(overview)[CPR]["display"] == "Niet uitvoeren"
    assert items_of(overview)["goal:medical-policy"]["state"] == "not-recorded", "beyond the minimal set"
    assert overview["complete"] is False

    alert = await alerted(officer, set())
    assert (alert["reason"], alert["role"], alert["ura"], alert["nth"]) == ("no-time", DOCTOR, "90000444", 1)
    for secret in (TERLOUW, "Terlouw", "P. Vos", "gevallen"):
        assert secret not in json.dumps(alert)
    decisions = [
        one for one in visitor.records("meerwijck", "meerwijck", alert["meldcode"]) if one.code == "disclosure.decision"
    ]
    [decision] = decisions
    assert decision.record["legal_basis"] == "emergency-override"
    assert decision.record["event"]["kind"] == "emergency"
    assert set(decision.record["emergency"]) == {"kid", "reason_enc", "text_enc"}

    officer.down = True
    token = await visitor.token("meerwijck", role=DOCTOR, emergency=CLAIM)
    found = await visitor.patient("meerwijck", TERLOUW, token)
    assert (found.status_code, found.headers["x-break-glass"]) == (200, "recorded")
    patient_id = found.json()["entry"][0]["resource"]["id"]
    assert (await visitor.directives("meerwijck", patient_id, token)).headers["x-break-glass"] == "recorded"
    goals = await visitor.fhir("meerwijck", "/Goal", token, params={"patient": f"Patient/{patient_id}"})
    assert goals.status_code == 403
    assert len(officer.alerts) == 1, "the desk is down"
    queue = await commands("emergency", "list")
    assert [one["nth"] for one in queue["reviews"]] == [1, 2]
    officer.down = False
    assert (await alerted(officer, {alert["id"]}))["nth"] == 2, "told once the desk is up again"

    third = await visitor.token("meerwijck", role=DOCTOR, emergency=CLAIM)
    assert (await visitor.patient("meerwijck", TERLOUW, third)).status_code == 200
    fourth = await visitor.token("meerwijck", role=DOCTOR, emergency=CLAIM)
    capped = await visitor.patient("meerwijck", TERLOUW, fourth)
    assert capped.status_code == 403
    assert [one.reason for one in visitor.recorded("meerwijck", capped)] == ["PZP-EMERGENCY-005"]
    assert (await visitor.patient("meerwijck", TERLOUW, token)).status_code == 200, "what was opened stays open"

    judged = await commands("emergency", "judge", "--id", alert["id"], "--verdict", "navraag", "--evidence", "zaak/7")
    assert (judged["open"], judged["accounted"]) == (True, True)
    await commands("emergency", "judge", "--id", alert["id"], "--verdict", "rechtmatig", "--evidence", "zaak/7")
    left = await commands("emergency", "list")
    assert alert["id"] not in {one["id"] for one in left["reviews"]}
    assert len(left["reviews"]) == 2
    every = await commands("emergency", "list", "--all")
    assert [one["verdict"] for one in every["reviews"][0]["judgments"]] == ["navraag", "rechtmatig"]
    codes = [one.code for one in visitor.records("meerwijck", "meerwijck")]
    assert codes.count("emergency.judged") == 2


async def test_with_consent_an_emergency_is_an_ordinary_disclosure(visitor: Visitor, commands: Commands) -> None:
    known = await commands("emergency", "list", "--all")
    token = await visitor.token("meerwijck", role=DOCTOR, emergency=CLAIM)
    found = await visitor.patient("meerwijck", "999930412", token)
    assert found.status_code == 200
    assert "x-break-glass" not in found.headers
    assert await commands("emergency", "list", "--all") == known, "nothing to judge, and nothing to tell the officer"


async def test_a_holder_without_that_policy_answers_as_for_treatment(visitor: Visitor) -> None:
    question = visitor.question("hofstra", purpose="emergency", reason="unresponsive")
    answer = await visitor.consultation("kade", json=question)
    assert answer.status_code == 200
    [practice] = answer.json()["sources"]
    assert (practice["id"], practice["status"]) == ("90000111", "ok")
    own = visitor.records("kade", "kade", answer.json()["meldcode"])
    theirs = visitor.joined(own, "wilgenhof")
    assert {one.record["purpose"] for one in theirs} == {"TREAT"}


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ({"role": "verpleegkundige"}, "PZP-EMERGENCY-002"),
        ({"role": DOCTOR, "user": "wilgenhof"}, "PZP-EMERGENCY-003"),
    ],
)
async def test_who_may_not_claim_an_emergency_is_refused(
    how: dict[str, str], reason: str, visitor: Visitor, officer: OfficerTwin
) -> None:
    known = set(officer.alerts)
    token = await visitor.token("meerwijck", emergency=CLAIM, **how)  # type: ignore[arg-type]
    answer = await visitor.patient("meerwijck", TERLOUW, token)
    assert answer.status_code == 403
    assert [one.reason for one in visitor.recorded("meerwijck", answer)] == [reason]
    assert set(officer.alerts) == known


@pytest.mark.parametrize(
    "claim",
    [
        {},
        {"purposeOfUse": "ETREAT"},
        {"emergencyReason": "no-time"},
        {"purposeOfUse": "TREAT", "emergencyReason": "no-time"},
        {"purposeOfUse": "ETREAT", "emergencyReason": "haast"},
    ],
)
async def test_a_claim_that_lacks_something_gets_no_token(claim: dict[str, str], visitor: Visitor) -> None:
    await visitor.token("meerwijck", role=DOCTOR, emergency=claim, expect=412)


async def test_an_emergency_that_a_header_claims_is_ignored(visitor: Visitor, officer: OfficerTwin) -> None:
    known, token = set(officer.alerts), await visitor.token("meerwijck", role=DOCTOR)
    headers = {
        "x-break-glass": "true", "x-purpose-of-use": "ETREAT", "purpose": "ETREAT", "emergency_reason": "no-time",
        "x-emergency": "no-time", "prefer": "purpose=ETREAT",
    }  # fmt: skip
    answer = await visitor.patient("meerwijck", TERLOUW, token, headers=headers)
    assert answer.status_code == 403
    assert "x-break-glass" not in answer.headers
    [one] = visitor.recorded("meerwijck", answer)
    assert (one.reason, one.record["purpose"]) == ("PZP-CONSENT-010", "TREAT")
    assert set(officer.alerts) == known


async def test_a_known_objection_stops_an_emergency(visitor: Visitor, commands: Commands) -> None:
    known = await commands("emergency", "list", "--all")
    recorded = await commands.choice("record", "--objection")
    try:
        token = await visitor.token("meerwijck", role=DOCTOR, emergency=CLAIM)
        answer = await visitor.patient("meerwijck", TERLOUW, token)
        assert answer.status_code == 403
        assert [one.reason for one in visitor.recorded("meerwijck", answer)] == ["PZP-CONSENT-004"]
        assert await commands("emergency", "list", "--all") == known
    finally:
        await commands.choice("revoke", "--id", recorded["id"])


async def test_the_desk_and_the_legal_basis_show_in_readiness_and_metrics(visitor: Visitor) -> None:
    _, checks = await visitor.ready("meerwijck")
    assert checks["meerwijck: emergency alerts"]["ok"] is True
    assert "decided by Functionaris gegevensbescherming on 2026-11-02" in checks["meerwijck: consent.profile"]["says"]
    _, others = await visitor.ready("providers")
    assert others["wilgenhof: consent.profile"]["says"] == "nl-pzp-strict"
    metrics = (await visitor.operations("meerwijck", "/metrics")).text
    assert 'nuts_pzp_emergency_alerts_waiting{tenant="meerwijck"} 0.0' in metrics
    assert 'nuts_pzp_emergency_alert_age_seconds{tenant="meerwijck"} 0.0' in metrics
