"""Sandbox: the gateways of the region: who runs which, their ports, certificates and ready-to-run settings files.

`gateway_settings` returns what is written: `deployment.yaml` and one file per tenant. Adapters are named here as they
are in a settings file; nothing of the gateway is imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from .authority import Authority, Issued
from .organizations import Member, member
from .ports import Reservations

if TYPE_CHECKING:
    from .region import Region

GATEWAYS: Mapping[str, tuple[str, ...]] = {
    "kade": ("kade",),
    "meerwijck": ("meerwijck",),
    "providers": ("wilgenhof", "lindezicht", "avondrood"),
}
"""Name of a deployment -> its tenants: two sidecars and one hosted instance."""

CONSULTING = ("kade", "meerwijck", "wilgenhof")
"""Who also looks elsewhere; the others only hold."""

SCOPE, EMERGENCY_SCOPE = "pzp-gf", "pzp-spoed"
SCOPES = SCOPE, EMERGENCY_SCOPE
EMERGENCY_AT, EMERGENCY_BY = "meerwijck", "kade"
"""The one holder that takes emergencies (spoedinzage), and the one organization whose people may claim them."""
PROFESSIONAL_ROOT = "2.999.1"
"""An OID of the example arc: what makes the ids of the region's professionals unique."""

SYSTEMS = "2.999.2"
"""OIDs of the example arc: the exchange system and the source."""

_LOOPBACK = ["127.0.0.0/8", "::1/128"]
_ROLES = {
    "huisarts": "01.015",
    "waarnemend huisarts": "01.015",
    "01.015": "01.015",
    "klinisch geriater": "01.022",
    "01.022": "01.022",
    "verpleegkundige": "30.000",
    "30.000": "30.000",
}


@dataclass(frozen=True, slots=True)
class Gateway:
    """One deployment: where it listens, and what it shows and calls with. The region does not start it."""

    name: str
    folder: Path
    tenants: tuple[str, ...]
    network: int
    ehr: int
    operations: int
    server: Issued
    client: Issued

    @property
    def deployment_file(self) -> Path:
        """What `serve --config` takes."""
        return self.folder / "deployment.yaml"

    @property
    def network_url(self) -> str:
        """Origin of the listener for other organisations."""
        return f"https://127.0.0.1:{self.network}"

    @property
    def ehr_url(self) -> str:
        """Origin of the listener for the tenants' own systems."""
        return f"https://127.0.0.1:{self.ehr}"

    @property
    def operations_url(self) -> str:
        """Origin of the listener for operations."""
        return f"http://127.0.0.1:{self.operations}"

    def fhir_base(self, slug: str) -> str:
        """The external FHIR base of a tenant that holds data: what the directory lists."""
        return f"{self.network_url}/{slug}/fhir"

    def consultations(self, slug: str) -> str:
        """Where a tenant's EHR asks."""
        return f"{self.ehr_url}/{slug}/pzp/v1/consultations"


def plan(folder: Path, authority: Authority, ports: Reservations) -> dict[str, Gateway]:
    """Reserve ports and issue certificates for every gateway."""
    return {
        name: Gateway(
            name,
            folder / name,
            tenants,
            network=ports.take(),
            ehr=ports.take(),
            operations=ports.take(),
            server=authority.server(f"gateway-{name}"),
            client=authority.client(f"gateway-{name}-client", common_name=f"{name}.gateway.sandbox"),
        )
        for name, tenants in GATEWAYS.items()
    }


def gateway_settings(region: Region, name: str) -> dict[str, dict[str, Any]]:
    """Return file name -> settings of one gateway: `deployment.yaml` and `tenants/<slug>.yaml`."""
    gateway = region.gateways[name]
    files = {"deployment.yaml": _deployment(region, gateway)}
    for slug in gateway.tenants:
        if slug not in region.absent:
            files[f"tenants/{slug}.yaml"] = _tenant(region, gateway, member(slug))
    return files


def write_settings(region: Region, name: str) -> None:
    """Write the settings files of one gateway; those of an earlier region are overwritten."""
    folder = region.gateways[name].folder
    for stale in folder.glob("tenants/*.yaml"):
        stale.unlink()
    for file_name, settings in gateway_settings(region, name).items():
        file = folder / file_name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")


def _deployment(region: Region, gateway: Gateway) -> dict[str, Any]:
    tls = {"certificate_file": str(gateway.server.certificate_file), "key_file": str(gateway.server.key_file)}
    mutual = {**tls, "client_roots_file": str(region.authority.root_file), "client_required": True}
    listeners: dict[str, Any] = {}
    if any(member(slug).dialect for slug in gateway.tenants):
        listeners["network"] = {"port": gateway.network, "url": gateway.network_url, **mutual}
    if any(slug in CONSULTING for slug in gateway.tenants):
        listeners["ehr"] = {"port": gateway.ehr, "url": gateway.ehr_url, **mutual}
    listeners["operations"] = {"port": gateway.operations}
    return {
        "name": gateway.name,
        "listeners": listeners,
        "audit": {
            "path": "state/ledger.sqlite",
            "keys": "state/keys",
            "anchor": {"kind": "file", "path": f"../../anchors/{gateway.name}.jsonl", "every_seconds": 10.0},
            "accept_any_filesystem": True,
        },
        "state": "state",
        "tenants": "tenants",
        "outbound": {"allowed_networks": _LOOPBACK},
        "decision_api": {"loopback": True},
        "log": {"level": "warning"},
    }


def _tenant(region: Region, gateway: Gateway, who: Member) -> dict[str, Any]:
    own = who.organization
    settings: dict[str, Any] = {
        "id": who.slug,
        "organization": {"ura": own.ura.value, "type": own.type, "name": own.name, "phone": own.phone},
        "addressing": {"kind": "lrza", **region.national.lrza_settings()},
    }
    if who.dialect:
        settings["disclose"] = _disclose(region, gateway, who)
    if who.slug in CONSULTING:
        settings["consult"] = _consult(region, gateway, who)
    return settings


def _disclose(region: Region, gateway: Gateway, who: Member) -> dict[str, Any]:
    node = region.nodes[who.slug]
    records: dict[str, Any] = {"kind": "fhir_server", "base": region.fhir_urls[who.slug]}
    if secret := region.authorization_file(who.slug):
        records["authorization_file"] = str(secret)
    settings: dict[str, Any] = {
        "authentication": {"kind": "nuts_node", "node": node.internal_url, "issuer": node.twin.issuer},
        "records": records,
        "consent": {
            "profile": "nl-pzp-strict",
            "sources": [
                {
                    "kind": "mitz",
                    "url": region.mitz.url,
                    "roots_file": str(region.authority.root_file),
                    "certificate_file": str(gateway.client.certificate_file),
                    "key_file": str(gateway.client.key_file),
                    "roles": _ROLES,
                    "professional_id_root": PROFESSIONAL_ROOT,
                    "notifications": {"fingerprints": [region.mitz_identity.sha256]},
                    "subscriptions": {
                        "subscribe_on": "first_pzp_record",
                        "endpoint": f"{gateway.network_url}/{who.slug}/mitz/notifications",
                        "format": "xml" if who.slug == "meerwijck" else "json",
                        "gateway_system": f"{SYSTEMS}.1",
                        "source_system": f"{SYSTEMS}.2",
                        "birth_dates_verified": True,
                    },
                }
            ],
        },
        "policy": {"kind": "regorus"},
        "decision": {"base": gateway.fhir_base(who.slug)},
    }
    if who.slug == EMERGENCY_AT:
        _emergency(region, settings)
    return settings


def _emergency(region: Region, settings: dict[str, Any]) -> None:
    """The hospital takes emergencies: a decision of its officer, who is told of each."""
    settings["authentication"]["scopes"] = {SCOPE: "TREAT", EMERGENCY_SCOPE: "ETREAT"}
    settings["scopes"] = dict.fromkeys(SCOPES, "pzp")
    consent = settings["consent"]
    consent |= {
        "profile": "routekaart-emergency-only",
        "legal_basis_owner": "Functionaris gegevensbescherming",
        "decided_on": "2026-11-02",
        "emergency": {
            "on_mitz_deny": "allow",
            "roles": ["huisarts", "waarnemend huisarts"],
            "most": 3,
            "alerts": [
                {"kind": "officer_webhook", "url": region.officer_url, "roots_file": str(region.authority.root_file)}
            ],
        },
    }
    consent["sources"].append({"kind": "local"})


def _consult(region: Region, gateway: Gateway, who: Member) -> dict[str, Any]:
    fingerprint = region.ehr_clients[who.slug].sha256
    claims = who.slug == EMERGENCY_BY
    scopes: dict[str, Any] = {"scopes": {"TREAT": SCOPE, "ETREAT": EMERGENCY_SCOPE}} if claims else {}
    return {
        "ehr": {"kind": "mtls", "clients": [{"name": f"EHR {who.organization.name}", "sha256": fingerprint}]},
        "localization": [{"kind": "nvi", **region.national.nvi_settings()}],
        "credentials": {
            "kind": "nuts_node",
            "node": region.nodes[who.slug].internal_url,
            "subject": who.slug,
            **scopes,
        },
        "connector": {
            "kind": "fhir_server",
            "roots_file": str(region.authority.root_file),
            "certificate_file": str(gateway.client.certificate_file),
            "key_file": str(gateway.client.key_file),
        },
        "source_deadline_seconds": 3.0,
        **({"emergency": True} if claims else {}),
    }
