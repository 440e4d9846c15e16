"""`nuts-pzp mitz` as an operator runs it: processes of their own, beside the running gateway of the hospital."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from staging import Visitor

from nuts_pzp.sandbox.mitz import Choice

pytestmark = pytest.mark.asyncio(loop_scope="session")

HENDRIKS, VISSER, MEERWIJCK = "900101635", "900100825", "90000222"
OPERATOR = ("--operator", "b-7", "--operator-name", "L. Smeets", "--operator-role", "beheerder")


async def mitz(visitor: Visitor, folder: Path, *words: str, bsn: str = "", ends: int = 0) -> dict[str, Any]:
    """Run one command at the hospital; its answer as data."""
    gateway = visitor.stage.region.gateways["meerwijck"]
    about: tuple[str, ...] = ()
    if bsn:
        (folder / "bsn").write_text(bsn)
        about = ("--bsn-file", str(folder / "bsn"))
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nuts_pzp", "mitz", words[0], "--config", str(gateway.deployment_file),
        "--tenant", "meerwijck", *about, *words[1:], "--json",
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    out, err = await process.communicate()
    assert process.returncode == ends, out.decode() + err.decode()
    return dict(json.loads(out)) if out else {"error": err.decode()}


def held(visitor: Visitor) -> dict[str, str]:
    """Which patients Mitz has a subscription of the hospital for, and the birth date it was told."""
    book = visitor.stage.region.mitz.book
    return {one.bsn: one.birth_date for one in book.held.values() if one.provider == MEERWIJCK}


def codes(visitor: Visitor) -> list[str]:
    return [one.code for one in visitor.records("meerwijck", "meerwijck") if one.code.startswith("mitz.")]


async def test_ping_reaches_mitz_and_asks_nothing(visitor: Visitor, tmp_path: Path) -> None:
    asked = len(visitor.stage.region.mitz.questions)
    assert await mitz(visitor, tmp_path, "ping") == {"schema": "nuts-pzp-mitz-ping/1", "reachable": True, "why": ""}
    assert len(visitor.stage.region.mitz.questions) == asked


async def test_a_list_is_subscribed_shown_and_ended(visitor: Visitor, tmp_path: Path) -> None:
    listed = tmp_path / "patients"
    listed.write_text(f"{HENDRIKS}\n{VISSER}\n{VISSER}\n")
    refused = await mitz(visitor, tmp_path, "subscribe", "--bsn-list", str(listed), *OPERATOR, ends=2)
    assert refused == {"error": "error: --bsn-list: others can read it; set its mode to 0600\n"}
    listed.chmod(0o600)
    said = await mitz(visitor, tmp_path, "subscribe", "--bsn-list", str(listed), *OPERATOR)
    assert said["to_be_sent"] == 0
    assert {HENDRIKS, VISSER} <= held(visitor).keys()
    assert held(visitor)[VISSER] == "", "nobody said that it was verified"

    shown = await mitz(visitor, tmp_path, "show", *OPERATOR, bsn=VISSER)
    assert shown["subscription"]["state"] == "accepted"
    await mitz(visitor, tmp_path, "reconcile", *OPERATOR)
    assert (await mitz(visitor, tmp_path, "show", *OPERATOR, bsn=VISSER))["subscription"]["state"] == "confirmed"

    await mitz(visitor, tmp_path, "unsubscribe", *OPERATOR, bsn=HENDRIKS)
    assert HENDRIKS not in held(visitor)
    gone = await mitz(visitor, tmp_path, "unsubscribe", *OPERATOR, bsn=HENDRIKS, ends=2)
    assert "not subscribed" in gone["error"]
    async with asyncio.timeout(5):
        while codes(visitor)[-1:] != ["mitz.unsubscribed"]:
            await asyncio.sleep(0.1)
    assert codes(visitor) == [
        "mitz.subscribed", "mitz.subscribed", "mitz.shown", "mitz.reconciled", "mitz.shown", "mitz.unsubscribed",
    ]  # fmt: skip


async def test_what_was_told_is_shown_and_undone_with_its_record(visitor: Visitor, tmp_path: Path) -> None:
    region = visitor.stage.region
    await mitz(visitor, tmp_path, "subscribe", "--verified-birth-date", "1971-07-07", *OPERATOR, bsn=VISSER)
    assert held(visitor)[VISSER] in ("", "1971-07-07")
    refusal = Choice(VISSER, MEERWIJCK, "GGC002", "RPZAC001", "deny")
    [told] = await region.mitz.choose(refusal, deceased="2026-11-20")
    assert told.status == 200
    token = await visitor.token("meerwijck")
    refused = await visitor.patient("meerwijck", VISSER, token)
    assert refused.status_code == 403
    assert [one.reason for one in visitor.recorded("meerwijck", refused)] == ["PZP-PATIENT-002"]

    shown = await mitz(visitor, tmp_path, "show", *OPERATOR, bsn=VISSER)
    assert (shown["objections"][0]["users"], shown["deceased"]["date"]) == ("RPZAC001", "2026-11-20")
    assert (await mitz(visitor, tmp_path, "undo", "--what", "death", *OPERATOR, bsn=VISSER))["undone"] == 1
    refused = await visitor.patient("meerwijck", VISSER, token)
    assert [one.reason for one in visitor.recorded("meerwijck", refused)] == ["PZP-CONSENT-004"]
    await region.mitz.choose(Choice(VISSER, MEERWIJCK, "GGC002", "RPZAC001", "permit"))
    assert (await mitz(visitor, tmp_path, "undo", "--what", "objections", *OPERATOR, bsn=VISSER))["undone"] == 1
    assert (await visitor.patient("meerwijck", VISSER, token)).status_code == 200
    nothing = await mitz(visitor, tmp_path, "undo", "--what", "objections", *OPERATOR, bsn=VISSER, ends=1)
    assert nothing["why"] == "there is nothing to undo"
    assert codes(visitor).count("mitz.undone") == 2
    assert (await mitz(visitor, tmp_path, "status"))["last_notified"] is not None


async def test_nobody_works_without_a_name_or_a_bsn_in_an_argument(visitor: Visitor, tmp_path: Path) -> None:
    nameless = ("--operator", "b-7", "--operator-name", " ", "--operator-role", "beheerder")
    assert "who you are" in (await mitz(visitor, tmp_path, "show", *nameless, bsn=VISSER, ends=2))["error"]
    await mitz(visitor, tmp_path, "show", *OPERATOR, "--bsn", VISSER, ends=2)
