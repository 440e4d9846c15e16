"""A house says what its settings cannot do: emergencies that are offered and cannot be claimed."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from nuts_pzp.furnished import Furnished
from nuts_pzp.house import House
from nuts_pzp.identity import Organization, Purpose, Tenant, Ura
from nuts_pzp.outside import Outbound
from nuts_pzp.systems.nuts_node.credentials import NutsCredentials
from nuts_pzp.systems.nuts_node.settings import CredentialsSettings

TENANT = Tenant("kade", Organization(Ura("90000444"), "N6", "De Kade"))


def house(credentials: Any, *, emergency: bool) -> House:
    consulting: Any = SimpleNamespace(emergency=emergency, credentials=credentials)
    return House(TENANT, None, consulting)


def nuts(**scopes: str) -> NutsCredentials:
    read = CredentialsSettings.model_validate({"node": "http://127.0.0.1:1", "subject": "kade", "scopes": scopes})
    node: Any = object()
    return NutsCredentials(node, read, Outbound())


@pytest.mark.parametrize(
    ("scopes", "ok"), [({"TREAT": "pzp-gf"}, False), ({"TREAT": "pzp-gf", "ETREAT": "pzp-spoed"}, True)]
)
async def test_an_emergency_that_would_be_asked_as_treatment_is_told_of(scopes: dict[str, str], ok: bool) -> None:
    [check] = await Furnished(house(nuts(**scopes), emergency=True)).checks()
    assert (check.what, check.ok, "ETREAT" in check.says) == ("kade: consult.emergency", ok, not ok)
    assert not check.critical, "one tenant's mistake does not take the others along"


async def test_who_offers_no_emergency_needs_no_scope_for_it() -> None:
    assert await Furnished(house(nuts(TREAT="pzp-gf"), emergency=False)).checks() == []


async def test_credentials_that_do_not_say_are_not_accused() -> None:
    assert await Furnished(house(object(), emergency=True)).checks() == []
    assert nuts(TREAT="pzp-gf").purposes == {Purpose.TREATMENT}
