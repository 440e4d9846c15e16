"""What is wrong with a slot is named by its key as it stands in the tenant's file, wherever that slot is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from nuts_pzp.assembly import Estate
from nuts_pzp.settings import SettingsError
from tests.office import LOCAL_ONLY, Office

RULE = {"profile": "routekaart", "legal_basis_owner": "RvB", "decided_on": "2026-01-05"}
UNKNOWN = "unknown key (remove it or check its spelling)"
URL = "a URL such as https://host.example/path is expected, without user name, query or fragment"


async def _refused(office: Office) -> str:
    with pytest.raises(SettingsError) as error:
        async with office.gateway() as estate:
            assert isinstance(estate, Estate)
    return str(error.value).removeprefix("no tenant can be served: meerwijck: meerwijck.yaml: ")


@pytest.mark.parametrize(
    ("where", "change", "said"),
    [
        (("addressing",), {"colour": 1}, f"addressing.colour: {UNKNOWN}"),
        (("disclose", "records"), {"colour": 1}, f"disclose.records.colour: {UNKNOWN}"),
        (("disclose", "authentication"), {"issuer": "node.example"}, f"disclose.authentication.issuer: {URL}"),
        (("disclose", "policy"), {"kind": "opal"}, "disclose.policy.kind: no such adapter"),
        (("disclose", "consent", "sources", 1), {"colour": 1}, f"disclose.consent.sources.1.colour: {UNKNOWN}"),
        (
            ("disclose", "consent", "implied", "sources", 0),
            {"x": 1},
            f"disclose.consent.implied.sources.0.x: {UNKNOWN}",
        ),
    ],
)
async def test_the_key_is_named_in_full(
    tmp_path: Path, where: tuple[str | int, ...], change: dict[str, Any], said: str
) -> None:
    office = Office(tmp_path)
    implied = {"sources": [{"kind": "local_relation"}]}
    office.settle_in(LOCAL_ONLY | RULE | {"implied": implied, "sources": [{"kind": "local"}, {"kind": "local"}]})
    file = tmp_path / "tenants" / "meerwijck.yaml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    part = settings
    for key in where:
        part = part[key]
    part |= change
    file.write_text(yaml.safe_dump(settings), "utf-8")
    assert (await _refused(office)).startswith(said)


async def test_a_policy_among_several_is_named_by_its_own_name(tmp_path: Path) -> None:
    office = Office(tmp_path)
    office.settle_in(LOCAL_ONLY)
    file = tmp_path / "tenants" / "meerwijck.yaml"
    settings = yaml.safe_load(file.read_text("utf-8"))
    settings["disclose"] |= {"policies": {"pzp": settings["disclose"].pop("policy") | {"colour": 1}}}
    file.write_text(yaml.safe_dump(settings), "utf-8")
    assert await _refused(office) == f"disclose.policies.pzp.colour: {UNKNOWN}"
