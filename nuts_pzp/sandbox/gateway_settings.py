"""Sandbox: ready-to-run settings files of the region's gateways: `deployment.yaml` and one file per tenant.

Adapters are named here as they are in a settings file; nothing of the gateway is imported.
"""

from __future__ import annotations

from typing import Any

import yaml

from .gateways import (
    CONSULTING,
    EMERGENCY_AT,
    EMERGENCY_BY,
    EMERGENCY_SCOPE,
    PROFESSIONAL_ROOT,
    SCOPE,
    SCOPES,
    Gateway,
)
from .organizations import Member, member
from .services import Services

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


def gateway_settings(services: Services, name: str) -> dict[str, dict[str, Any]]:
    """Return file name -> settings of one gateway: `deployment.yaml` and `tenants/<slug>.yaml`."""
    gateway = services.gateways[name]
    files = {"deployment.yaml": _deployment(services, gateway)}
    for slug in gateway.tenants:
        if slug not in services.absent:
            files[f"tenants/{slug}.yaml"] = _tenant(services, gateway, member(slug))
    return files


def write_settings(services: Services, name: str) -> None:
    """Write the settings files of one gateway; those of an earlier region are overwritten."""
    folder = services.gateways[name].folder
    for stale in folder.glob("tenants/*.yaml"):
        stale.unlink()
    for file_name, settings in gateway_settings(services, name).items():
        file = folder / file_name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(yaml.safe_dump(settings, sort_keys=False, allow_unicode=True), "utf-8")


def _deployment(services: Services, gateway: Gateway) -> dict[str, Any]:
    tls = {"certificate_file": str(gateway.server.certificate_file), "key_file": str(gateway.server.key_file)}
    mutual = {**tls, "client_roots_file": str(services.authority.root_file), "client_required": True}
    listeners: dict[str, Any] = {}
    if any(member(slug).dialect for slug in gateway.tenants):
        listeners["network"] = {"port": gateway.network, "url": gateway.network_url, **mutual}
    if any(slug in CONSULTING for slug in gateway.tenants):
        listeners["ehr"] = {"port": gateway.ehr, "url": gateway.ehr_url, **mutual}
    listeners["operations"] = {"port": gateway.operations}
    decisions = {"decision_api": {"loopback": True}} if "network" in listeners else {}
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
        **decisions,
        "log": {"level": "warning"},
    }


def _tenant(services: Services, gateway: Gateway, who: Member) -> dict[str, Any]:
    own = who.organization
    settings: dict[str, Any] = {
        "id": who.slug,
        "organization": {"ura": own.ura.value, "type": own.type, "name": own.name, "phone": own.phone},
        "addressing": {"kind": "lrza", **services.national.lrza_settings()},
    }
    if who.dialect:
        settings["disclose"] = _disclose(services, gateway, who)
    if who.slug in CONSULTING:
        settings["consult"] = _consult(services, gateway, who)
    return settings


def _disclose(services: Services, gateway: Gateway, who: Member) -> dict[str, Any]:
    node = services.nodes[who.slug]
    records: dict[str, Any] = {"kind": "fhir_server", "base": services.fhir_urls[who.slug]}
    if secret := services.authorization_file(who.slug):
        records["authorization_file"] = str(secret)
    settings: dict[str, Any] = {
        "authentication": {"kind": "nuts_node", "node": node.internal_url, "issuer": node.twin.issuer},
        "records": records,
        "consent": {
            "profile": "nl-pzp-strict",
            "sources": [
                {
                    "kind": "mitz",
                    "url": services.mitz.url,
                    "roots_file": str(services.authority.root_file),
                    "certificate_file": str(gateway.client.certificate_file),
                    "key_file": str(gateway.client.key_file),
                    "roles": _ROLES,
                    "professional_id_root": PROFESSIONAL_ROOT,
                    "notifications": {"fingerprints": [services.mitz_identity.sha256]},
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
        _emergency(services, settings)
    return settings


def _emergency(services: Services, settings: dict[str, Any]) -> None:
    """The hospital takes emergencies: a decision of its officer, who is told of each."""
    settings["authentication"]["scopes"] = {SCOPE: "TREAT", EMERGENCY_SCOPE: "ETREAT"}
    settings["scopes"] = dict.fromkeys(SCOPES, "pzp")
    officer, roots = services.officer_url, str(services.authority.root_file)
    consent = settings["consent"]
    consent |= {
        "profile": "routekaart-emergency-only",
        "legal_basis_owner": "Functionaris gegevensbescherming",
        "decided_on": "2026-11-02",
        "emergency": {
            "on_mitz_deny": "allow",
            "roles": ["huisarts", "waarnemend huisarts"],
            "most": 3,
            "alerts": [{"kind": "officer_webhook", "url": officer, "roots_file": roots}],
        },
    }
    consent["sources"].append({"kind": "local"})


def _consult(services: Services, gateway: Gateway, who: Member) -> dict[str, Any]:
    fingerprint = services.ehr_clients[who.slug].sha256
    claims = who.slug == EMERGENCY_BY
    scopes: dict[str, Any] = {"scopes": {"TREAT": SCOPE, "ETREAT": EMERGENCY_SCOPE}} if claims else {}
    return {
        "ehr": {"kind": "mtls", "clients": [{"name": f"EHR {who.organization.name}", "sha256": fingerprint}]},
        "localization": [{"kind": "nvi", **services.national.nvi_settings()}],
        "credentials": {
            "kind": "nuts_node",
            "node": services.nodes[who.slug].internal_url,
            "subject": who.slug,
            **scopes,
        },
        "connector": {
            "kind": "fhir_server",
            "roots_file": str(services.authority.root_file),
            "certificate_file": str(gateway.client.certificate_file),
            "key_file": str(gateway.client.key_file),
        },
        "source_deadline_seconds": 3.0,
        **({"emergency": True} if claims else {}),
    }
