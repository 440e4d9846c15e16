"""A clerk beside a running gateway: an objection stops the next request, a permission serves where Mitz says no."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
import yaml
from staging import Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

POSTMA, VERMEER = "999930412", "900011233"
TO_THE_POST = ("--permit", "--user-ura", "90000444")


class Clerk:
    """Runs consent commands at De Wilgenhof as processes of their own."""

    def __init__(self, visitor: Visitor, folder: Path) -> None:
        self.visitor, self._folder = visitor, folder
        self.gateway = visitor.stage.region.gateways["providers"]
        self.tenant_file = self.gateway.folder / "tenants" / "wilgenhof.yaml"

    async def run(self, bsn: str, *words: str) -> dict[str, Any]:
        file = self._folder / "bsn"
        file.write_text(bsn)
        common = ("--config", str(self.gateway.deployment_file), "--tenant", "wilgenhof", "--bsn-file", str(file))
        word = ("--voice", "patient", "--form", "verbal", "--evidence", "dossier/1", "--birth-date", self.birth(bsn))
        operator = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "nuts_pzp", "consent", words[0], *common, *words[1:], *word, *operator, "--json",
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate()
        assert process.returncode == 0, err.decode()
        found: dict[str, Any] = json.loads(out)
        return found

    def birth(self, bsn: str) -> str:
        [person] = [one for one in self.visitor.stage.region.people if one.bsn.value == bsn]
        return person.birth_date.isoformat()

    async def settle(self, change: Any) -> None:
        """Change the tenant's consent settings and wait until its gateway works by them."""
        tenant = yaml.safe_load(self.tenant_file.read_text("utf-8"))
        change(tenant["disclose"]["consent"])
        self.tenant_file.write_text(yaml.safe_dump(tenant), "utf-8")
        local = any(one["kind"] == "local" for one in tenant["disclose"]["consent"]["sources"])
        self.visitor.stage.reload("providers")
        async with asyncio.timeout(20):
            while ("wilgenhof: consent.local" in (await self.visitor.ready("providers"))[1]) is not local:
                await asyncio.sleep(0.1)


@pytest_asyncio.fixture(loop_scope="session")
async def clerk(visitor: Visitor, tmp_path: Path) -> AsyncIterator[Clerk]:
    """De Wilgenhof moves to Mitz: its own registration still counts. Afterwards it is as it was."""
    one = Clerk(visitor, tmp_path)
    before = one.tenant_file.read_text("utf-8")

    def moving(consent: dict[str, Any]) -> None:
        consent |= {"mitz": "additional", "local_permit_overrides_mitz_deny": True}
        consent |= {"legal_basis_owner": "FG", "decided_on": "2026-11-01"}
        consent["sources"].append({"kind": "local"})

    await one.settle(moving)
    yield one
    former = yaml.safe_load(before)["disclose"]["consent"]
    await one.settle(lambda consent: (consent.clear(), consent.update(former)))


async def test_an_objection_stops_the_next_request_and_its_end_lets_it_through(clerk: Clerk) -> None:
    visitor = clerk.visitor
    token = await visitor.token("wilgenhof")
    assert (await visitor.patient("wilgenhof", POSTMA, token)).status_code == 200
    asked = len(visitor.stage.region.mitz.questions)

    said = await clerk.run(POSTMA, "record", "--objection")
    refused = await visitor.patient("wilgenhof", POSTMA, token)
    assert refused.status_code == 403
    assert [one.reason for one in visitor.recorded("wilgenhof", refused)] == ["PZP-CONSENT-004"]

    await clerk.run(POSTMA, "revoke", "--id", said["id"])
    assert (await visitor.patient("wilgenhof", POSTMA, token)).status_code == 200
    assert len(visitor.stage.region.mitz.questions) == asked + 1, "asked anew: what was kept had been dropped"
    codes = [one.code for one in visitor.records("providers", "wilgenhof") if one.code.startswith("sharing_consent")]
    assert codes[-2:] == ["sharing_consent.recorded", "sharing_consent.revoked"]


async def test_a_permission_serves_where_mitz_says_no_and_mitz_is_not_asked(clerk: Clerk) -> None:
    visitor = clerk.visitor
    token = await visitor.token("wilgenhof")
    assert (await visitor.patient("wilgenhof", VERMEER, token)).status_code == 403
    said = await clerk.run(VERMEER, "record", *TO_THE_POST)
    assert said["counts"] is True
    asked = len(visitor.stage.region.mitz.questions)
    served = await visitor.patient("wilgenhof", VERMEER, token)
    assert served.status_code == 200
    assert len(visitor.stage.region.mitz.questions) == asked
    [decision, _] = visitor.recorded("wilgenhof", served)
    assert decision.record["consent"]["basis"] == ["explicit-consent:local"]
    await clerk.run(VERMEER, "revoke", "--id", said["id"])
    assert (await visitor.patient("wilgenhof", VERMEER, token)).status_code == 403
