"""The gateway's LRZa adapter against the directory's twin, over mutual TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.national import NationalServices

BASE = "https://127.0.0.1:8443"


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Sandbox CA")


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    tenant = Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
    return Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path / "state")


@pytest.fixture
async def national(authority: Authority) -> AsyncIterator[NationalServices]:
    listed = [
        ListedOrganization("90000111", "Z3", "Huisartsenpraktijk De Wilgenhof", "0570-555111", f"{BASE}/wilgenhof"),
        ListedOrganization("90000222", "V6", "Ziekenhuis Meerwijck", "0570-555222", f"{BASE}/meerwijck"),
        ListedOrganization("90000333", "T2", "Thuiszorg Lindezicht", "0570-555333", f"{BASE}/lindezicht"),
    ]
    services = NationalServices(authority, listed, page_size=2)
    await services.start()
    yield services
    await services.stop()
