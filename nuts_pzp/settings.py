"""Settings: one YAML file per deployment, one per tenant. Unknown keys are refused by name (design D14).

A slot of a tenant's house is `function: {kind: <adapter>, ...}`: the adapter owns the rest of its settings. Secrets are
never inline: they stand in files (`*_file`) or in the environment (`*_env`).
"""

from __future__ import annotations

import ipaddress
from pathlib import Path
from typing import Annotated, Literal, TypeVar

import yaml
from pydantic import Field, ValidationError, field_validator, model_validator

from . import plain_yaml
from .authorization.bundle import OWN as OWN_POLICY
from .authorization.policies import DEFAULT_SCOPES
from .consent_settings import MITZ as MITZ
from .consent_settings import TOLD as TOLD
from .consent_settings import ConsentSettings as ConsentSettings
from .consent_settings import ConsentSourceSettings as ConsentSourceSettings
from .consent_settings import SlotSettings as SlotSettings
from .consent_settings import Strict
from .decision_settings import DecisionApiSettings as DecisionApiSettings
from .decision_settings import DecisionSettings
from .identity import NotAnIdentifier, Organization, Tenant, Ura
from .listener_settings import Listeners
from .outside import Outbound
from .protection.settings import ProtectionSettings
from .settings_words import in_words
from .state_settings import PostgresState, StateSettings


class SettingsError(Exception):
    """Names the file and the key, and says what would be right. Carries no values."""


class FileAnchor(Strict):
    """Signed checkpoints, appended to a file on another volume."""

    kind: Literal["file"]
    path: Path
    every_seconds: Annotated[float, Field(gt=0, le=3600)] = 60.0


class AuditSettings(Strict):
    """The ledger of this deployment. `keys` holds the signing, encryption and lookup keys, 0600."""

    kind: Literal["sqlite"] = "sqlite"
    path: Path
    keys: Path
    anchor: FileAnchor | None = None
    epoch: Annotated[int, Field(ge=1, le=9_999)] = 1
    """Part of every log's origin. One higher, with a new `path`, begins anew after a log that was damaged."""
    accept_any_filesystem: bool = False


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


PUBLIC = "public"
"""Stands in a list of networks for all public addresses."""


class OutboundSettings(Strict):
    """What may be dialled: public addresses only, unless networks are listed; `public` among them keeps those."""

    allowed_networks: tuple[str, ...] = ()

    @field_validator("allowed_networks")
    @classmethod
    def _networks(cls, networks: tuple[str, ...]) -> tuple[str, ...]:
        try:
            for network in set(networks) - {PUBLIC}:
                ipaddress.ip_network(network)
        except ValueError:
            raise ValueError("each a network such as 10.0.0.0/24 (its first address), or public") from None
        return networks

    def outbound(self) -> Outbound:
        """Return the rule that adapters dial by."""
        listed = [network for network in self.allowed_networks if network != PUBLIC]
        return Outbound(tuple(ipaddress.ip_network(network) for network in listed), PUBLIC in self.allowed_networks)


class LogSettings(Strict):
    """The application's own log: JSON lines on standard error, masked."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class Deployment(Strict):
    """One gateway: its name (in the origin of the audit log), doors, ledger, and the folder of its tenants."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9.-]{1,60}$")]
    listeners: Listeners
    audit: AuditSettings
    state: StateSettings
    tenants: Path
    outbound: OutboundSettings = OutboundSettings()
    decision_api: DecisionApiSettings | None = None
    """Decisions for other enforcement points, at the operations listener. Off when absent."""
    adapters: tuple[str, ...] = ()
    """Distribution names of adapters that are not ours and may be used."""
    log: LogSettings = LogSettings()
    indicators: bool = False
    """Show the indicators of the last complete month as metrics, for each tenant that consults (ADR 0015)."""
    workers: Annotated[int, Field(ge=1, le=32)] = 1
    """Processes that answer. With more than one, another writes the ledger and one more keeps them."""

    @property
    def state_folder(self) -> Path:
        """Where this machine keeps what is its own, wherever the small state lies."""
        return self.state.folder if isinstance(self.state, PostgresState) else self.state

    @model_validator(mode="after")
    def _decisions_are_guarded(self) -> Deployment:
        door, api = self.listeners.operations, self.decision_api
        if api and api.loopback and not _is_loopback(door.host):
            raise ValueError("decision_api.loopback needs listeners.operations.host on loopback")
        if api and api.clients and door.client_roots_file is None:
            raise ValueError("decision_api.clients needs listeners.operations.client_roots_file")
        return self


class OrganizationSettings(Strict):
    """The care organisation itself; `type` is a code of 2.16.840.1.113883.2.4.15.1060."""

    ura: str
    type: Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,3}$")]
    name: Annotated[str, Field(min_length=1, max_length=120)]
    phone: str = ""

    @field_validator("ura")
    @classmethod
    def _ura(cls, ura: str) -> str:
        return _padded(ura)


def _padded(ura: str) -> str:
    try:
        return Ura.parse(ura).value
    except NotAnIdentifier as error:
        raise ValueError(str(error)) from None


PolicyName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class DiscloseSettings(Strict):
    """What a data holder needs."""

    authentication: SlotSettings
    client_certificates: SlotSettings | None = None
    """Whose certificates may connect, beside the token; needs `client_roots_file` of the network listener."""
    records: SlotSettings
    consent: ConsentSettings
    policy: SlotSettings | None = None
    """Short for `policies: {pzp: ...}`."""
    policies: dict[PolicyName, SlotSettings] = Field(default_factory=dict)
    scopes: dict[str, PolicyName] = Field(default_factory=lambda: dict(DEFAULT_SCOPES), min_length=1)
    """Which policy decides about a token of which scope. A token of another scope is refused."""
    page_key_file: Path | None = None
    protection: ProtectionSettings = ProtectionSettings()
    decision: DecisionSettings | None = None
    """Offer decisions to enforcement points of one's own; needs `decision_api` in the deployment file."""

    @model_validator(mode="after")
    def _whole(self) -> DiscloseSettings:
        if self.policy is not None and OWN_POLICY in self.policies:
            raise ValueError(f"policy and policies.{OWN_POLICY} are the same thing: write one")
        if not self.named_policies:
            raise ValueError("policy: is missing (or several under policies)")
        if missing := sorted(set(self.scopes.values()) - set(self.named_policies)):
            raise ValueError(f"scopes: a scope means policy {missing[0]}, which is not among policies")
        return self

    @property
    def named_policies(self) -> dict[str, SlotSettings]:
        """The policies by name, wherever they are written."""
        return ({OWN_POLICY: self.policy} if self.policy else {}) | self.policies


class PhoneSettings(Strict):
    """Whom to phone. `usual`: named when no register can be asked, because most patients have a record there."""

    ura: str
    name: Annotated[str, Field(min_length=1, max_length=120)]
    phone: Annotated[str, Field(pattern=r"^\+?[0-9 ()-]{3,25}$")]
    usual: bool = False

    @field_validator("ura")
    @classmethod
    def _ura(cls, ura: str) -> str:
        return _padded(ura)


class ConsultSettings(Strict):
    """What a data user needs. `records`: its own FHIR server, when it does not disclose it here too."""

    ehr: SlotSettings
    localization: Annotated[tuple[SlotSettings, ...], Field(min_length=1)]
    credentials: SlotSettings
    connector: SlotSettings
    source_deadline_seconds: Annotated[float, Field(gt=0, le=60)] = 8.0
    at_once: Annotated[int, Field(ge=1, le=1000)] = 40
    cross_checks: bool = True
    emergency: bool = False
    """Whether the EHR may ask in an emergency (spoedinzage)."""
    roles: tuple[str, ...] = ()
    """The roles of the region's role table, as far as the tenant wants its EHR to be told of others."""
    records: SlotSettings | None = None
    phones: Annotated[tuple[PhoneSettings, ...], Field(max_length=500)] = ()
    facade_key_file: Path | None = None
    """Seals the ids of the FHIR facade; made under the tenant's state when absent."""


class TenantSettings(Strict):
    """One care organisation. A flow that is not named here is not offered, and nothing demands it."""

    id: Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
    organization: OrganizationSettings
    addressing: SlotSettings
    organization_types: SlotSettings | None = None
    """What organizations are that the directory gives no type: a region's signed table."""
    disclose: DiscloseSettings | None = None
    consult: ConsultSettings | None = None

    @model_validator(mode="after")
    def _one_own_server(self) -> TenantSettings:
        if self.disclose is not None and self.consult is not None and self.consult.records is not None:
            raise ValueError("consult.records: a tenant that discloses is consulted at disclose.records; remove it")
        return self

    def tenant(self) -> Tenant:
        """Return the identity of this tenant."""
        own = self.organization
        return Tenant(self.id, Organization(Ura(own.ura), own.type, own.name, own.phone))


_Model = TypeVar("_Model", bound=Strict)


def read_deployment(file: Path) -> Deployment:
    """Read and check the deployment file; raise SettingsError that names the key."""
    return _read(file, Deployment)


def read_tenant(file: Path) -> TenantSettings:
    """Read and check one tenant file; raise SettingsError that names the key."""
    settings = _read(file, TenantSettings)
    if settings.id != file.stem:
        raise SettingsError(f"{file.name}: id must be the file's own name, {file.stem}")
    return settings


def _read(file: Path, model: type[_Model]) -> _Model:
    try:
        loaded = plain_yaml.load(file.read_text("utf-8"))
    except FileNotFoundError:
        raise SettingsError(f"{file}: there is no such file") from None
    except (OSError, UnicodeDecodeError):
        raise SettingsError(f"{file}: cannot be read") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" at line {mark.line + 1}" if mark else ""
        what = "a key stands twice, the second time" if isinstance(error, plain_yaml.KeyTwice) else "not YAML"
        raise SettingsError(f"{file.name}: {what}{where}") from None
    except RecursionError:
        raise SettingsError(f"{file.name}: nested too deeply to be settings") from None
    if not isinstance(loaded, dict):
        raise SettingsError(f"{file.name}: a mapping of settings is expected")
    try:
        return model.model_validate(loaded)
    except ValidationError as error:
        raise SettingsError(f"{file.name}: {in_words(error)}") from None
