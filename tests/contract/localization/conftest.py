"""Every locator that we ship, each in a region where it can be asked."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from nuts_pzp.accounted import Intended, Receipt
from nuts_pzp.exchange import Attempt, Caller, Inquiry
from nuts_pzp.identity import Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.localization.port import Locator
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.mitz import Choice, MitzTwin, Switches
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
from nuts_pzp.sandbox.national import NationalServices
from nuts_pzp.systems import nvi, regional_file
from nuts_pzp.systems.mitz.open_locator import build_locator as build_mitz
from nuts_pzp.web.server import Server

KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
PATIENT = Bsn("999990019")


@dataclass(frozen=True)
class Situation:
    """`furnish(uras)` returns a locator of De Kade in a region where these organisations hold data of the patient."""

    furnish: Callable[[tuple[str, ...]], Awaitable[Locator]]
    intended: Receipt[Intended]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Sandbox CA")


@pytest.fixture(params=["nvi", "regional_file", "mitz"])
async def situation(request: pytest.FixtureRequest, authority: Authority, tmp_path: Path) -> AsyncIterator[Situation]:
    outbound = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
    around = Surroundings(Tenant("kade", KADE), outbound, tmp_path, tmp_path / "state")
    made: list[Any] = []
    stopping: list[Server] = []
    national = NationalServices(authority, [ListedOrganization("90000444", "N6", "Huisartsenpost De Kade")])

    async def by_register(uras: tuple[str, ...]) -> Locator:
        await national.start()
        for ura in uras:
            await national.nvi.seed(PATIENT, Ura(ura), "ehr-1")
            await national.nvi.seed(PATIENT, Ura(ura), "ehr-2")
        await national.nvi.seed(Bsn("999990020"), Ura("90000999"), "ehr-1")
        made.append(nvi.build(national.nvi_settings(), around))
        return made[-1]

    async def by_file(uras: tuple[str, ...]) -> Locator:
        rows = [{"ura": ura, "types": ["Z3"], "name": f"Praktijk {ura}", "asked": True} for ura in uras]
        rows.append({"ura": "90000999", "types": ["Z3"], "name": "Niet gevraagd"})
        table = {"owner": "Regio", "review_before": date(2099, 1, 1), "organizations": rows}
        (tmp_path / "region.yaml").write_text(yaml.safe_dump(table))
        return regional_file.build_locator({"file": "region.yaml"}, around)

    async def by_mitz(uras: tuple[str, ...]) -> Locator:
        signing = authority.uzi("signing", organization="De Kade", locality="Almere", ura="90000444")
        twin = MitzTwin("", switches=Switches(mutual_tls=False))
        twin.signers.append(signing.certificate)
        server = Server(twin.app, host="127.0.0.1", port=0, tls=None)
        stopping.append(server)
        twin.url = f"http://127.0.0.1:{await server.start()}"
        for ura in uras:
            for kind in ("V6", "Z3"):
                held = Subscribed(
                    f"{ura}.{kind}", PATIENT.value, ura, kind, "https://x", "json", "urn:oid:2.9", "urn:oid:2.9"
                )
                twin.book.held[held.id] = held
            twin.choices.append(Choice(PATIENT.value, ura, "GGC002", "RPZAC001", "permit"))
        twin.choices.append(Choice("999990020", "90000999", "GGC002", "RPZAC001", "permit"))
        said = {"issuer": "urn:oid:2.999.1", "key_file": str(signing.key_file)}
        said["certificate_file"] = str(signing.certificate_file)
        settings = {"url": twin.url, "roles": {"huisarts": "01.015"}, "assertion": said}
        locator = build_mitz(settings | {"professional_id_root": "2.16.528.1.1007.3.1"}, around)
        made.append(locator)
        return locator

    caller = Caller(KADE, None, frozenset(), Purpose.TREATMENT, None, {}, "mtls")
    person = Professional("p1", "huisarts")
    inquiry = Inquiry(caller, person, PATIENT, date(1941, 5, 4), Purpose.TREATMENT, None, None, (), 10.0)
    furnish = {"nvi": by_register, "regional_file": by_file, "mitz": by_mitz}[request.param]
    yield Situation(furnish, Receipt(Intended(Attempt("c1"), inquiry), 0, "r1"))
    for locator in made:
        await locator.stop()
    for server in stopping:
        await server.stop(grace=0.1)
    await national.stop()
