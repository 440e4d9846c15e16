"""Every directory that we ship, each listing the same organisations."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import date
from pathlib import Path

import pytest
import yaml

from nuts_pzp.addressing.port import Directory
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.national import NationalServices
from nuts_pzp.systems import lrza, regional_file

Furnish = Callable[[Sequence[ListedOrganization]], Awaitable[Directory]]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Sandbox CA")


@pytest.fixture(params=["lrza", "regional_file"])
async def furnish(request: pytest.FixtureRequest, authority: Authority, tmp_path: Path) -> AsyncIterator[Furnish]:
    tenant = Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
    around = Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path / "state")
    undo: list[Callable[[], Awaitable[None]]] = []

    async def by_replica(listed: Sequence[ListedOrganization]) -> Directory:
        national = NationalServices(authority, listed)
        await national.start()
        directory = lrza.build(national.lrza_settings(), around)
        await directory.start()
        undo.extend([directory.stop, national.stop])
        return directory

    async def by_file(listed: Sequence[ListedOrganization]) -> Directory:
        rows = [
            {
                "ura": each.ura,
                "types": [each.type],
                "name": each.name,
                "phone": each.phone,
                "fhir_base": each.fhir_base,
                "authorization_server": each.authorization_server,
            }
            for each in listed
        ]
        table = {"owner": "Regio", "review_before": date(2099, 1, 1), "organizations": rows}
        (tmp_path / "region.yaml").write_text(yaml.safe_dump(table))
        return regional_file.build_directory({"file": "region.yaml"}, around)

    yield {"lrza": by_replica, "regional_file": by_file}[request.param]
    for step in undo:
        await step()
