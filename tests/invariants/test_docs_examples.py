"""The settings in the docs load and become houses; every key of every adapter is written down, with its default."""

from __future__ import annotations

import base64
import json
import re
import shutil
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import Enum
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from jwt.algorithms import ECAlgorithm
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from nuts_pzp import settings
from nuts_pzp.assembly import Estate
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.slots import Slot
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.cover_table.source import CoverSettings
from nuts_pzp.systems.cover_table.table import Table as CoverTable
from nuts_pzp.systems.ehr_mtls.gatekeeper import EhrSettings
from nuts_pzp.systems.ehr_token.settings import TokenSettings
from nuts_pzp.systems.fhir_consent.source import FhirConsentSettings
from nuts_pzp.systems.fhir_relation.source import FhirRelationSettings
from nuts_pzp.systems.fhir_server import ConnectorSettings, RecordsSettings
from nuts_pzp.systems.local_consent.source import LocalSettings
from nuts_pzp.systems.local_relation.source import LocalRelationSettings
from nuts_pzp.systems.lrza.settings import LrzaSettings
from nuts_pzp.systems.mitz.consent import MitzSettings
from nuts_pzp.systems.mitz.open_settings import OpenSettings
from nuts_pzp.systems.nuts_node.settings import CredentialsSettings, GatekeeperSettings
from nuts_pzp.systems.nvi.settings import NviSettings
from nuts_pzp.systems.officer_spool import SpoolSettings
from nuts_pzp.systems.officer_webhook import WebhookSettings
from nuts_pzp.systems.opa import OpaSettings
from nuts_pzp.systems.pki import PkiSettings
from nuts_pzp.systems.regional_consent.source import RegionalConsentSettings
from nuts_pzp.systems.regional_file.table import Entry, RegionalSettings, Table
from nuts_pzp.systems.regorus import RegorusSettings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"

MODELS: dict[tuple[str, str], type[BaseModel]] = {
    ("authentication", "nuts_node"): GatekeeperSettings,
    ("client_certificates", "pki"): PkiSettings,
    ("ehr", "issued_token"): TokenSettings,
    ("ehr", "mtls"): EhrSettings,
    ("credentials", "nuts_node"): CredentialsSettings,
    ("records", "fhir_server"): RecordsSettings,
    ("connector", "fhir_server"): ConnectorSettings,
    ("consent", "fhir_consent"): FhirConsentSettings,
    ("consent", "local"): LocalSettings,
    ("consent", "mitz"): MitzSettings,
    ("consent", "regional_consent"): RegionalConsentSettings,
    ("relation", "local_relation"): LocalRelationSettings,
    ("relation", "fhir_relation"): FhirRelationSettings,
    ("relation", "cover_table"): CoverSettings,
    ("alert", "officer_webhook"): WebhookSettings,
    ("alert", "officer_spool"): SpoolSettings,
    ("policy", "regorus"): RegorusSettings,
    ("policy", "opa"): OpaSettings,
    ("localization", "mitz"): OpenSettings,
    ("localization", "nvi"): NviSettings,
    ("localization", "regional_file"): RegionalSettings,
    ("addressing", "lrza"): LrzaSettings,
    ("addressing", "regional_file"): RegionalSettings,
    ("organization_types", "regional_file"): RegionalSettings,
}

_BLOCK = re.compile(
    r"^```yaml (deployment|tenant|region|roles|cover|slot)(?:=(\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL
)


@dataclass(frozen=True)
class Block:
    """One marked example: on which page, of what, for which slot."""

    page: Path
    what: str
    slot: str
    number: int
    content: Any

    def __str__(self) -> str:
        return f"{self.page.stem}-{self.what}{self.slot}-{self.number}"


def _blocks() -> Iterator[Block]:
    for page in sorted(DOCS.glob("**/*.md")):
        for number, found in enumerate(_BLOCK.finditer(page.read_text("utf-8"))):
            yield Block(page, found[1], found[2] or "", number, yaml.safe_load(found[3]))


BLOCKS = list(_blocks())


def _of(what: str) -> list[Block]:
    return [block for block in BLOCKS if block.what == what]


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("pki"), "docs")


class _Files:
    """Puts a usable file wherever an example names one."""

    def __init__(self, folder: Path, authority: Authority) -> None:
        self._folder, self._authority = folder, authority
        self._leaf = authority.uzi("docs client", organization="docs", locality="Almere", ura="90000111")
        self._owner = Ed25519PrivateKey.generate()
        self._region = yaml.safe_dump(_of("region")[0].content, allow_unicode=True).encode()
        self._cover = yaml.safe_dump(_of("cover")[0].content, allow_unicode=True).encode()
        self._signed = self._region

    def for_all(self, document: Any) -> None:
        """Look at every key of an example, at any depth."""
        for key, value in document.items() if isinstance(document, Mapping) else ():
            self.for_all(value)
            if isinstance(value, str) and (key.endswith("_file") or key == "file"):
                self._put(self._folder / value, self._content(key))
            if key == "public_key_files":
                for name in value.values():
                    self._put(self._folder / name, self._public())
            if key == "folder":
                (self._folder / value).mkdir(parents=True)
            if key == "bundle_folder":
                shutil.copytree(shipped(), self._folder / value)
        for one in document if isinstance(document, list) else ():
            self.for_all(one)

    def _content(self, key: str) -> bytes:
        if key in ("file", "table_file"):
            self._signed = self._region if key == "file" else self._cover
            return self._signed
        made = {
            "roots_file": self._authority.root_file.read_bytes,
            "authorities_file": self._authority.root_file.read_bytes,
            "client_roots_file": self._authority.root_file.read_bytes,
            "certificate_file": self._leaf.certificate_file.read_bytes,
            "key_file": self._leaf.key_file.read_bytes,
            "authorization_file": lambda: b"Bearer example\n",
            "token_file": lambda: b"example\n",
            "page_key_file": lambda: b"00" * 32,
            "pseudonym_key_file": lambda: b"00" * 32,
            "jwks_file": self._key_set,
            "roles_file": (shipped() / "roles.yaml").read_bytes,
            "public_key_file": self._public,
            "signature_file": self._signature,
        }
        return made[key]()

    def _public(self) -> bytes:
        return self._owner.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)

    @staticmethod
    def _key_set() -> bytes:
        public = ECAlgorithm.to_jwk(generate_private_key(SECP256R1()).public_key(), as_dict=True)
        return json.dumps({"keys": [public | {"kid": "k1", "alg": "ES256"}]}).encode()

    def _signature(self) -> bytes:
        return base64.b64encode(self._owner.sign(self._signed))

    @staticmethod
    def _put(path: Path, content: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(0o600)


def _needs_engine(document: Any) -> None:
    if "kind: regorus" in yaml.safe_dump(document):
        pytest.importorskip("regorus", reason="the embedded policy engine has no wheel here")


def test_every_adapter_of_the_project_is_looked_at() -> None:
    own = {
        (entry.group.removeprefix("nuts_pzp."), entry.name)
        for group in {slot for slot, _ in MODELS}
        for entry in entry_points(group=f"nuts_pzp.{group}")
        if entry.dist is not None and entry.dist.name == "nuts-pzp"
    }
    assert set(MODELS) == own
    shown = {(block.slot, block.content["kind"]) for block in _of("slot")}
    assert shown == own


@pytest.mark.parametrize("block", _of("slot"), ids=str)
def test_an_example_of_a_slot_builds_its_adapter(block: Block, tmp_path: Path, authority: Authority) -> None:
    _needs_engine(block.content)
    _Files(tmp_path / "tenants", authority).for_all(block.content)
    own = Organization(Ura("90000111"), "Z3", "Huisartsenpraktijk De Wilgenhof")
    tenant, store = Tenant("wilgenhof", own), SqliteStore(tmp_path / "state" / "store.sqlite")
    around = Surroundings(tenant, Outbound(), tmp_path / "tenants", tmp_path / "state", store.of(tenant))
    slot: Slot[object] = Slot(block.slot)
    assert slot.fill(settings.SlotSettings.model_validate(block.content), around, frozenset()) is not None
    store.close()


@pytest.mark.parametrize("block", _of("deployment"), ids=str)
def test_an_example_of_a_deployment_loads(block: Block, tmp_path: Path, authority: Authority) -> None:
    _Files(tmp_path, authority).for_all(block.content)
    (tmp_path / "deployment.yaml").write_text(yaml.safe_dump(block.content), "utf-8")
    read = settings.read_deployment(tmp_path / "deployment.yaml")
    for listener in (read.listeners.network, read.listeners.ehr, read.listeners.operations):
        tls = listener.tls(tmp_path) if listener else None
        if tls:
            tls.context()


@pytest.mark.parametrize("block", _of("tenant"), ids=str)
async def test_an_example_of_a_tenant_becomes_a_house(block: Block, tmp_path: Path, authority: Authority) -> None:
    _needs_engine(block.content)
    folder = tmp_path / "tenants"
    folder.mkdir()
    _Files(folder, authority).for_all(block.content)
    (folder / f"{block.content['id']}.yaml").write_text(yaml.safe_dump(block.content), "utf-8")
    deployment = settings.Deployment.model_validate(
        {
            "name": "docs",
            "listeners": {"network": {"port": 0, "url": "https://gateway.example"}, "operations": {"port": 0}},
            "audit": {"path": "ledger.sqlite", "keys": "keys"},
            "state": "state",
            "tenants": "tenants",
        }
    )
    ledger = Ledger.open(Place(tmp_path / "ledger.sqlite", tmp_path / "keys", "docs", accept_any_filesystem=True))
    estate = Estate(deployment, tmp_path, ledger)
    try:
        await estate.reload()
        assert estate.broken == {}
        house = estate.house(block.content["id"])
        assert house is not None
        assert (house.holding is not None) == ("disclose" in block.content)
        assert (house.consulting is not None) == ("consult" in block.content)
    finally:
        await estate.stop()
        await ledger.aclose()


@pytest.mark.parametrize("block", _of("region"), ids=str)
def test_an_example_of_a_regional_list_is_one(block: Block) -> None:
    Table.model_validate(block.content)


@pytest.mark.parametrize("block", _of("cover"), ids=str)
def test_an_example_of_a_cover_table_is_one(block: Block) -> None:
    CoverTable.model_validate(block.content)


@pytest.mark.parametrize("block", _of("roles"), ids=str)
def test_an_example_of_a_role_table_is_one(block: Block, tmp_path: Path) -> None:
    (tmp_path / "roles.yaml").write_text(yaml.safe_dump(block.content), "utf-8")
    assert load(shipped(), tmp_path / "roles.yaml").data["pzp_roles"]["owner"]


def _fields(model: type[BaseModel], prefix: str = "") -> Iterator[tuple[str, FieldInfo, bool]]:
    """Every key with its field, and whether it stands in a part that may be left out."""
    for name, field in model.model_fields.items():
        inner = list(_models(field.annotation))
        for one in inner:
            for key, below, optional in _fields(one, f"{prefix}{name}."):
                yield key, below, optional or not field.is_required()
        if not inner:
            yield prefix + name, field, False


def _models(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in getattr(annotation, "__args__", ()):
        yield from _models(part)


def _section(page: str, heading: str) -> str:
    """The text under a heading of the second or third level, up to the next of its level."""
    level = heading.partition(" ")[0]
    _, _, after = page.partition(f"\n{heading}\n")
    assert after, f"no section {heading}"
    return re.split(rf"^{level} ", after, maxsplit=1, flags=re.MULTILINE)[0]


def _rows(text: str) -> dict[str, list[str]]:
    """Table rows by the code word in their first cell."""
    cells = [
        [cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in text.splitlines() if "|" in line
    ]
    return {row[0].strip("`"): row[1:] for row in cells if row[0].startswith("`")}


_ADAPTERS = (DOCS / "reference/adapters.md").read_text("utf-8")


@pytest.mark.parametrize(("slot", "kind"), MODELS)
def test_every_key_of_an_adapter_is_documented_with_its_default(slot: str, kind: str) -> None:
    rows = _rows(_section(_ADAPTERS, f"## {slot}: {kind}"))
    wrong = []
    for key, field, optional in _fields(MODELS[slot, kind]):
        said = rows[key][-1].strip("`") if key in rows else None
        if said is None or (not optional and said not in _defaults(field)):
            wrong.append((key, said))
    assert wrong == []


def _defaults(field: FieldInfo) -> tuple[str, ...]:
    """How the page may write this default. Empty: any way, for what is no plain value."""
    if field.is_required():
        return ("required",)
    value = field.default
    if isinstance(value, Enum):
        return (str(value.value),)
    if isinstance(value, bool):
        return (str(value).lower(),)
    if isinstance(value, int | float):
        return (f"{value:g}", str(value))
    if value is None or value in ("", frozenset(), {}):
        return ("none", "the system's", "")
    return (str(value), "the known one", "AdvanceDirective", "pzp-gf: TREAT", "TREAT: pzp-gf")


def test_every_key_of_an_organization_in_a_regional_list_is_documented() -> None:
    page = _section(_ADAPTERS, "## addressing: regional_file")
    assert [key for key in Entry.model_fields if key not in _rows(page)] == []
    assert [key for key in Table.model_fields if f"\n{key}:" not in page] == []
