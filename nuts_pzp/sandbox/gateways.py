"""Sandbox: the gateways of the region: who runs which, their ports and certificates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .authority import Authority, Issued
from .ports import Reservations

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
