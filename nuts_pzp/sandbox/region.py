"""Sandbox: the whole region on loopback: its services, one control, and what a gateway needs to start beside them.

`async with Region(folder) as region:` starts the services and writes `region.json` and ready-to-run gateway settings
below `gateways/`. It starts no gateway and knows none of their code.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..web.server import Server
from .fhir_server import NAMES
from .gateway_settings import write_settings
from .gateways import CONSULTING, SCOPE
from .organizations import MEMBERS, Member
from .people import PEOPLE, Person
from .ports import Reservations
from .region_control import control
from .services import Hospice, Services


class Region(Services):
    """The simulated region. What it says of itself is in `describe()`, and in `region.json` while it is up."""

    def __init__(
        self,
        folder: Path,
        *,
        people: Sequence[Person] = PEOPLE,
        hospice: Hospice = "hangs",
        control_port: int = 0,
    ) -> None:
        """Everything is written below `folder`. `hospice`: its server hangs (default), answers, or has no gateway."""
        super().__init__(folder, people=people, hospice=hospice)
        self.control_url = ""
        self._control_port = control_port

    async def _start(self, ports: Reservations) -> None:
        await super()._start(ports)
        control_server = Server(control(self, self.describe), host="127.0.0.1", port=self._control_port)
        self.control_url = f"http://127.0.0.1:{await self._serve(control_server)}"
        (self.folder / "anchors").mkdir(exist_ok=True)
        for name in self.gateways:
            write_settings(self, name)
        described = json.dumps(self.describe(), ensure_ascii=False, indent=2)
        (self.folder / "region.json").write_text(described + "\n", "utf-8")

    def describe(self) -> dict[str, Any]:
        """Return what is in `region.json`: addresses, certificate files, gateways, people. Test BSNs only."""
        return {
            "started": datetime.now(UTC).isoformat(timespec="seconds"),
            "control": self.control_url,
            "roots_file": str(self.authority.root_file),
            "scope": SCOPE,
            "officer": self.officer_url,
            "organizations": [self._organization(one) for one in MEMBERS],
            "services": {
                "mitz": self.mitz.url,
                **{name: self.national.origin(name) for name in ("oauth", "prs", "nvi", "lrza")},
            },
            "gateways": {
                name: {
                    "deployment": str(gateway.deployment_file),
                    "tenants": [slug for slug in gateway.tenants if slug not in self.absent],
                    "operations": gateway.operations_url,
                }
                for name, gateway in self.gateways.items()
            },
            "people": [
                {
                    "slug": person.slug,
                    "name": person.name,
                    "bsn": person.bsn.value,
                    "birthDate": person.birth_date.isoformat(),
                    "holders": list(person.charts),
                }
                for person in self.people
            ],
            "faults": list(NAMES),
        }

    def _organization(self, one: Member) -> dict[str, Any]:
        own, gateway, node = one.organization, self.gateway_of(one.slug), self.nodes[one.slug]
        described: dict[str, Any] = {
            "slug": one.slug,
            "ura": one.ura,
            "type": own.type,
            "name": own.name,
            "phone": own.phone,
            "gateway": gateway.name,
            "node": {"internal": node.internal_url, "public": node.public_url, "issuer": node.twin.issuer},
        }
        if one.dialect:
            described |= {"dialect": one.dialect, "fhir": self.fhir_urls[one.slug]}
            described["network"] = gateway.fhir_base(one.slug)
            if file := self.authorization_file(one.slug):
                described["fhir_authorization_file"] = str(file)
        if one.slug in CONSULTING:
            client = self.ehr_clients[one.slug]
            described["consultations"] = gateway.consultations(one.slug)
            described["ehr_certificate_file"] = str(client.certificate_file)
            described["ehr_key_file"] = str(client.key_file)
        return described
