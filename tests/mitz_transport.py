"""Papers, a twin of Mitz that listens with TLS, and an adapter that asks it."""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import Choice, MitzTwin
from nuts_pzp.systems.mitz.consent import MitzConsent, build
from nuts_pzp.web.server import ServerTls

BSN = "999912008"


LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))


HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")


GP_MAY = Choice(BSN, "90000222", "GGC002", "RPZAC001", "permit")


@dataclass(frozen=True)
class Papers:
    """Two authorities: the one both sides trust, and one nobody does."""

    trusted: Authority
    other: Authority
    server: Issued
    client: Issued
    stranger: Issued


@dataclass
class Region:
    """A running twin and the adapter that asks it."""

    twin: MitzTwin
    mitz: MitzConsent


def adapter(url: str, papers: Papers, folder: Path, **own: Any) -> MitzConsent:
    settings = {
        "url": url,
        "roots_file": str(papers.trusted.root_file),
        "certificate_file": str(papers.client.certificate_file),
        "key_file": str(papers.client.key_file),
        "roles": {"huisarts": "01.015"},
        "professional_id_root": "2.16.528.1.1007.3.1",
        **own,
    }
    return build(settings, Surroundings(Tenant("meerwijck", HOLDER), LOOPBACK, folder, folder))


def listening(papers: Papers, certificate: Issued | None = None) -> ServerTls:
    shown = certificate or papers.server
    return ServerTls(shown.certificate_file, shown.key_file, papers.trusted.root_file, client_required=True)


def access(bsn: str = BSN, kind: str = "N6", ura: str = "90000444") -> Access:
    caller = Caller(
        Organization(Ura(ura), kind, "Huisartsenpost De Kade"),
        Professional("000012345", "huisarts"),
        frozenset({"pzp-gf"}),
        Purpose.TREATMENT,
        None,
        {},
        "nuts-bearer",
        token_digest=b"t" * 32,
    )
    return Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn(bsn), "1", Standing.KNOWN))
