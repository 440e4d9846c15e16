"""Sandbox: the national services as one: OAuth server, PRS, NVI and LRZa on loopback, over mutual TLS.

One client certificate with an invented OIN acts for every organisation, as a hosting party with mandates would.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from ..web.server import Server, ServerTls
from .authority import Authority, Issued
from .lines import Lines
from .lrza import ListedOrganization, LrzaTwin
from .nvi import NviTwin, Quirks
from .oauth import Gateway, Mandate, OAuthTwin
from .prs import PrsTwin
from .switches import App

OIN = "00000009900000001000"
"""The client that acts for all organisations."""

NVI_RECIPIENT = {"service_2026_08": "oin:00000009900000009000", "ig_0_10": "ura:90000901"}
COMMON_NAME = "gateway.sandbox"

_ISSUER, _NVI, _PRS = "https://oauth.sandbox", "https://nvi.sandbox", "https://prs.sandbox"
_NVI_SCOPES = ("nvi:create", "nvi:read", "nvi:localize", "nvi:delete")

Dialect = Literal["service_2026_08", "ig_0_10"]


class NationalServices:
    """The four twins (`oauth`, `prs`, `nvi`, `lrza`) and their listeners; `client` is the certificate to call with."""

    def __init__(
        self,
        authority: Authority,
        organizations: Sequence[ListedOrganization],
        *,
        dialect: Dialect = "service_2026_08",
        quirks: Quirks | None = None,
        page_size: int = 50,
        lines: Lines | None = None,
    ) -> None:
        """List these organisations, and give the client a mandate for each of them."""
        self.client: Issued = authority.client("national-client", common_name=COMMON_NAME, serial_number=OIN)
        self._authority, self._dialect = authority, dialect
        self._recipient = NVI_RECIPIENT[dialect]
        mandates = [
            Mandate(OIN, COMMON_NAME, each.ura, _NVI_SCOPES, each.name, f"gateway-{each.ura}") for each in organizations
        ]
        mandates.append(Mandate(OIN, COMMON_NAME, OIN, ("prs:read",), "Sandbox"))
        self.oauth = OAuthTwin(_ISSUER, mandates)
        self.prs = PrsTwin(Gateway(_ISSUER, _PRS, self.oauth.jwks), dialect=dialect)
        self.nvi = NviTwin(
            Gateway(_ISSUER, _NVI, self.oauth.jwks), self.prs, organization=self._recipient, quirks=quirks
        )
        self.lrza = LrzaTwin("", organizations, page_size=page_size)
        tls = authority.server("national-services")
        self._tls = ServerTls(tls.certificate_file, tls.key_file, authority.root_file, client_required=True)
        self._lines = lines or Lines()
        self._servers: dict[str, Server] = {}

    async def start(self, ports: Mapping[str, int] | None = None) -> None:
        """Listen on loopback; `ports` by name (`oauth`, `prs`, `nvi`, `lrza`), free ones for the rest."""
        apps: dict[str, App] = {
            "oauth": self.oauth.app,
            "prs": self.prs.app,
            "nvi": self.nvi.app,
            "lrza": self.lrza.app,
        }
        for name, app in apps.items():
            watched = self._lines.watch(name, app)
            self._servers[name] = Server(watched, host="127.0.0.1", port=(ports or {}).get(name, 0), tls=self._tls)
            await self._servers[name].start()
        self.lrza.url = f"{self.origin('lrza')}/fhir"

    async def stop(self) -> None:
        """Stop listening; idempotent."""
        servers, self._servers = self._servers, {}
        await asyncio.gather(*(server.stop(grace=0.2) for server in servers.values()))

    def origin(self, name: str) -> str:
        """Return where a service listens."""
        return f"https://127.0.0.1:{self._servers[name].port}"

    def nvi_settings(self) -> dict[str, Any]:
        """Return the settings with which a gateway localizes here."""
        token_url = f"{self.origin('oauth')}/oauth/token"
        return {
            "url": f"{self.origin('nvi')}/fhir",
            "token_url": token_url,
            "audience": _NVI,
            "pseudonyms": {
                "url": self.origin("prs"),
                "token_url": token_url,
                "audience": _PRS,
                "organization_id": OIN,
                "dialect": self._dialect,
                "recipient_organization": self._recipient,
            },
            "tls": self._client_tls(),
        }

    def lrza_settings(self) -> dict[str, Any]:
        """Return the settings with which a gateway addresses here."""
        return {"url": self.lrza.url, "tls": self._client_tls()}

    def _client_tls(self) -> dict[str, str]:
        return {
            "roots_file": str(self._authority.root_file),
            "certificate_file": str(self.client.certificate_file),
            "key_file": str(self.client.key_file),
        }
