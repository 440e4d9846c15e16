"""The regional file: what is wrong in one place is wrong as a whole, and whose it is can be proved."""

from __future__ import annotations

import base64
import ipaddress
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.systems.regional_file import build_directory, build_types
from nuts_pzp.systems.regional_file.directory import RegionalDirectory
from nuts_pzp.systems.regional_file.table import Table, read_table

ENTRY = {"ura": "90000111", "types": ["Z3"], "name": "De Wilgenhof"}
TABLE: dict[str, Any] = {"owner": "Regio", "review_before": date(2027, 6, 1), "organizations": [ENTRY]}


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    tenant = Tenant("kade", Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade"))
    return Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), tmp_path, tmp_path)


def write(around: Surroundings, table: object) -> Path:
    file = around.folder / "region.yaml"
    file.write_text(yaml.safe_dump(table))
    return file


def read(around: Surroundings, table: object) -> Table:
    write(around, table)
    return read_table({"file": "region.yaml"}, around)


def test_an_organization_may_have_several_types(around: Surroundings) -> None:
    table = read(around, TABLE | {"organizations": [ENTRY | {"types": ["Z3", "K3"]}]})
    assert table.organizations[0].organization == Organization(Ura("90000111"), "Z3", "De Wilgenhof", "", ("K3",))


@pytest.mark.parametrize(
    "table",
    [
        [],
        {},
        TABLE | {"owner": ""},
        TABLE | {"extra": 1},
        TABLE | {"review_before": "soon"},
        TABLE | {"organizations": [ENTRY, ENTRY | {"name": "Zelfde URA"}]},
        TABLE | {"organizations": [ENTRY, ENTRY | {"ura": "090000111"[1:]}]},
        TABLE | {"organizations": [ENTRY | {"ura": "x"}]},
        TABLE | {"organizations": [ENTRY | {"ura": 90000111}]},
        TABLE | {"organizations": [ENTRY | {"types": []}]},
        TABLE | {"organizations": [ENTRY | {"types": ["huisarts"]}]},
        TABLE | {"organizations": [ENTRY | {"phone": "bel ons"}]},
        TABLE | {"organizations": [ENTRY | {"ura": str(90000000 + n), "asked": True} for n in range(51)]},
    ],
)
def test_a_file_that_is_wrong_anywhere_is_refused(around: Surroundings, table: object) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 (pydantic words it; the class is the promise)
        read(around, table)


def test_what_is_not_yaml_or_absent_is_refused(around: Surroundings) -> None:
    (around.folder / "region.yaml").write_text("a: [")
    with pytest.raises(ValueError, match="not YAML"):
        read_table({"file": "region.yaml"}, around)
    with pytest.raises(OSError, match="elsewhere"):
        read_table({"file": "elsewhere.yaml"}, around)


def test_yaml_that_builds_objects_is_refused(around: Surroundings) -> None:
    (around.folder / "region.yaml").write_text("!!python/object/apply:os.getcwd []")
    with pytest.raises(ValueError, match="not YAML"):
        read_table({"file": "region.yaml"}, around)


def test_a_demanded_signature_must_be_of_these_bytes_by_that_key(around: Surroundings) -> None:
    file, owner = write(around, TABLE), Ed25519PrivateKey.generate()
    settings = {"file": "region.yaml", "public_key_file": "owner.pem", "signature_file": "region.sig"}
    public = owner.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (around.folder / "owner.pem").write_bytes(public)
    signature = around.folder / "region.sig"
    signature.write_bytes(base64.b64encode(owner.sign(file.read_bytes())) + b"\n")
    assert len(read_table(settings, around).organizations) == 1
    file.write_bytes(file.read_bytes() + b"\n")
    with pytest.raises(ValueError, match="signature"):
        read_table(settings, around)
    signature.write_bytes(b"not base64!")
    with pytest.raises(ValueError, match="signature"):
        read_table(settings, around)


def test_a_key_without_a_signature_is_refused(around: Surroundings) -> None:
    write(around, TABLE)
    with pytest.raises(ValueError, match="belong together"):
        build_directory({"file": "region.yaml", "public_key_file": "owner.pem"}, around)


async def test_health_names_the_owner_and_a_review_that_is_overdue(around: Surroundings) -> None:
    table = read(around, TABLE)
    today = date(2027, 6, 1)
    directory = RegionalDirectory(table, Ura("90000444"), around.outbound, lambda: today)
    assert await directory.health() == "1 organisations, owner Regio"
    today = date(2027, 6, 2)
    assert await directory.health() == "1 organisations, owner Regio; review was due on 2027-06-01"


def test_a_table_that_makes_types_is_signed_or_refused(around: Surroundings) -> None:
    write(around, TABLE)
    with pytest.raises(ValueError, match="signed"):
        build_types({"file": "region.yaml"}, around)
