"""A holder's deployment on disk: its gateway's houses in this process, its commands as an operator runs them."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from click.testing import Result
from typer.testing import CliRunner

from nuts_pzp.assembly import Estate
from nuts_pzp.audit import reading
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.cli.consent import app
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.settings import read_deployment

BSN = "999912008"
OPERATOR = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "doktersassistent")
WORD = ("--voice", "patient", "--form", "written", "--evidence", "form/17", "--birth-date", "1950-03-04")

DEPLOYMENT = {
    "name": "meerwijck.example",
    "listeners": {"operations": {"port": 0}, "network": {"port": 0, "url": "https://meerwijck.example"}},
    "audit": {"path": "ledger.sqlite", "keys": "keys", "accept_any_filesystem": True},
    "state": "state",
    "tenants": "tenants",
    "outbound": {"allowed_networks": ["127.0.0.0/8"]},
}
LOCAL_ONLY = {"mitz": "not-connected", "sources": [{"kind": "local"}]}


@dataclass
class Office:
    """The folder with the settings, and what is done in it."""

    folder: Path
    own_server: str = "http://127.0.0.1:9/fhir"

    @property
    def config(self) -> Path:
        return self.folder / "deployment.yaml"

    def settle_in(self, consent: dict[str, Any]) -> None:
        """Write the settings with this consent part."""
        tenant = {
            "id": "meerwijck",
            "organization": {"ura": "90000222", "type": "V6", "name": "Ziekenhuis Meerwijck"},
            "addressing": {"kind": "regional_file", "file": "../region.yaml"},
            "disclose": {
                "authentication": {"kind": "nuts_node", "node": "http://127.0.0.1:9", "issuer": "http://127.0.0.1:9/o"},
                "records": {"kind": "fhir_server", "base": self.own_server, "fhir_version": "R4"},
                "consent": consent,
                "policy": {"kind": "regorus"},
            },
        }
        region = {"owner": "RSO", "review_before": "2027-01-01", "organizations": []}
        (self.folder / "tenants").mkdir(exist_ok=True)
        (self.folder / "region.yaml").write_text(yaml.safe_dump(region))
        (self.folder / "tenants" / "meerwijck.yaml").write_text(yaml.safe_dump(tenant))
        self.config.write_text(yaml.safe_dump(DEPLOYMENT))
        (self.folder / "bsn").write_text(BSN)

    @asynccontextmanager
    async def gateway(self) -> AsyncIterator[Estate]:
        """The gateway's houses and ledger, running."""
        deployment = read_deployment(self.config)
        place = Place(
            self.folder / "ledger.sqlite", self.folder / "keys", "meerwijck.example", accept_any_filesystem=True
        )
        ledger = Ledger.open(place)
        estate = Estate(deployment, self.folder, ledger)
        try:
            await estate.start()
            yield estate
        finally:
            await estate.stop()
            await ledger.aclose()

    def run(self, *words: str, tenant: bool = True) -> Result:
        """Run a consent command; the BSN comes from a file."""
        common = ("--config", str(self.config), "--tenant", "meerwijck", "--bsn-file", str(self.folder / "bsn"))
        return CliRunner().invoke(app, [words[0], *(common if tenant else ()), *words[1:]])

    def record(self, *words: str) -> dict[str, Any]:
        """Record a choice as a clerk does; the answer as data."""
        done = self.run("record", *words, *WORD, *OPERATOR, "--json")
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def revoke(self, id: str) -> dict[str, Any]:
        done = self.run("revoke", "--id", id, *WORD, *OPERATOR, "--json")
        assert done.exit_code == 0, done.output
        found: dict[str, Any] = json.loads(done.stdout)
        return found

    def records(self, prefix: str) -> list[dict[str, Any]]:
        """The records of the tenant's log whose code begins so."""
        found = reading.records(self.folder / "ledger.sqlite", "meerwijck")
        return [one.record for one in found if one.code.startswith(prefix)]


async def asked(estate: Estate, ura: str = "90000444", type: str = "N6", bsn: str = BSN) -> Any:
    """What the tenant's sharing consent says about one organization."""
    caller = Caller(
        Organization(Ura(ura), type, "x"), Professional("k-17", "huisarts"), frozenset({"pzp-gf"}),
        Purpose.TREATMENT, None, {}, "nuts-bearer", token_digest=b"t" * 32,
    )  # fmt: skip
    house = estate.house("meerwijck")
    assert house is not None
    assert house.holding is not None
    return await house.holding.consent.ask(
        Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn(bsn), "1", Standing.KNOWN))
    )
