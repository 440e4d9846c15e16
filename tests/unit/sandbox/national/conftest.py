"""The twins of the national services, called in process with a client certificate in the scope."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.lrza import ListedOrganization
from nuts_pzp.sandbox.national import NationalServices

MEMBERS = [
    ListedOrganization("90000111", "Z3", "De Wilgenhof", "0570-555111", "https://127.0.0.1/w", "https://127.0.0.1/o"),
    ListedOrganization("90000222", "V6", "Ziekenhuis Meerwijck"),
]


@dataclass
class Region:
    """The services, and a client for each that presents this certificate (None: none)."""

    services: NationalServices
    client: Callable[..., httpx.AsyncClient]

    async def token(self, organization: str, scope: str, audience: str, source: str = "") -> dict[str, str]:
        """Return the header of a token for this organisation."""
        form = {
            "grant_type": "client_credentials",
            "scope": scope,
            "target_audience": audience,
            "organization_id": organization,
        }
        if source:
            form["source_id"] = source
        answer = await self.client("oauth").post("/oauth/token", data=form)
        return {"authorization": f"Bearer {answer.json()['access_token']}"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "Sandbox CA")


@pytest.fixture
async def region(authority: Authority) -> AsyncIterator[Region]:
    services = NationalServices(authority, MEMBERS, page_size=2)
    ours = services.client.certificate.public_bytes(Encoding.DER)
    opened: list[httpx.AsyncClient] = []

    def client(name: str, certificate: bytes | None = ours, face: str = "app") -> httpx.AsyncClient:
        app = getattr(getattr(services, name), face)

        async def presented(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "client_certificate": certificate}, receive, send)

        transport = httpx.ASGITransport(presented)  # type: ignore[arg-type]
        opened.append(httpx.AsyncClient(transport=transport, base_url="https://twin"))
        return opened[-1]

    yield Region(services, client)
    for each in opened:
        await each.aclose()
