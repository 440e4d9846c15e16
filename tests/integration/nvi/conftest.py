"""The gateway's NVI adapter against the twins of NVI, PRS and OAuth server, over mutual TLS."""

from __future__ import annotations

import ipaddress
from collections.abc import AsyncIterator
from datetime import date
from pathlib import Path

import pytest

from nuts_pzp.accounted import Intended, Receipt
from nuts_pzp.exchange import Attempt, Caller, Inquiry
from nuts_pzp.identity import Bsn, Organization, Professional, Purpose, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.national import NationalServices
from nuts_pzp.systems import nvi

KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Sandbox CA")


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    outbound = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
    return Surroundings(Tenant("kade", KADE), outbound, tmp_path, tmp_path / "state")


@pytest.fixture
def patient() -> Bsn:
    return Bsn("999990019")


@pytest.fixture
async def national(authority: Authority, patient: Bsn) -> AsyncIterator[NationalServices]:
    listed = [ListedOrganization("90000444", "N6", "Huisartsenpost De Kade")]
    services = NationalServices(authority, listed)
    await services.nvi.seed(patient, Ura("90000111"), "ehr-1")
    await services.start()
    yield services
    await services.stop()


@pytest.fixture
async def locator(national: NationalServices, around: Surroundings) -> AsyncIterator[nvi.Nvi]:
    made = nvi.build(national.nvi_settings(), around)
    await made.start()
    yield made
    await made.stop()


@pytest.fixture
def intended(patient: Bsn) -> Receipt[Intended]:
    caller = Caller(KADE, None, frozenset(), Purpose.TREATMENT, None, {}, "mtls")
    person = Professional("p1", "huisarts")
    inquiry = Inquiry(caller, person, patient, date(1941, 5, 4), Purpose.TREATMENT, None, None, (), 10.0)
    return Receipt(Intended(Attempt("c1"), inquiry), 0, "r1")
