"""How the kit gets a token: from a Nuts node's internal API, from a file, or not at all (spec nuts-node 1.2, 1.3).

Trusts the node only. A token is never shown: it masks itself, and what went wrong is told in fixed words.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import quote

import httpx

_CONTEXTS = ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"]


class Untold(Exception):
    """There is no token; in words without anything of it."""


class Tokens(Protocol):
    """Where the headers of a call come from."""

    @property
    def kind(self) -> str:
        """`none`, `Bearer` or `DPoP`."""
        ...

    async def headers(self, method: str, url: str, /) -> Mapping[str, str]:
        """Return the headers that authorize this call; raise Untold when there is no token."""
        ...


class NoToken:
    """No token: for a server that has none before it."""

    @property
    def kind(self) -> str:
        """None."""
        return "none"

    async def headers(self, method: str, url: str, /) -> Mapping[str, str]:
        """Return nothing."""
        return {}


@dataclass(frozen=True, slots=True)
class GivenToken:
    """A Bearer token that somebody else obtained."""

    value: str = field(repr=False)
    kind: str = "Bearer"

    async def headers(self, method: str, url: str, /) -> Mapping[str, str]:
        """Return the token as it was given."""
        return {"authorization": f"Bearer {self.value}"}


@dataclass(frozen=True, slots=True)
class Employee:
    """Who asks, as the node attests it to the other side."""

    id: str
    name: str
    role: str


@dataclass(frozen=True, slots=True)
class Node:
    """A Nuts node: its internal API, whose wallet, at which authorization server, for which scope."""

    url: str
    subject: str
    server: str
    scope: str
    kind: str


class NodeTokens:
    """One token of one node, asked for once; each DPoP call gets a proof of its own."""

    def __init__(self, node: Node, employee: Employee, client: httpx.AsyncClient) -> None:
        """`client` reaches the node's internal API."""
        self._node, self._employee, self._client = node, employee, client
        self._token: tuple[str, str] | None = None

    @property
    def kind(self) -> str:
        """What was asked for."""
        return self._node.kind

    async def headers(self, method: str, url: str, /) -> Mapping[str, str]:
        """Return the token and, when it is bound, a proof for this method and URL."""
        if self._token is None:
            self._token = await self._ask()
        value, key = self._token
        if self.kind != "DPoP":
            return {"authorization": f"Bearer {value}"}
        path = f"/internal/auth/v2/dpop/{quote(key, safe='')}"
        proof = await self._post(path, {"htm": method, "htu": url, "token": value})
        return {"authorization": f"DPoP {value}", "dpop": str(proof.get("dpop", ""))}

    async def _ask(self) -> tuple[str, str]:
        who = self._employee
        subject = {"identifier": who.id, "name": who.name, "roleName": who.role}
        types = ["VerifiableCredential", "NutsEmployeeCredential"]
        body = {
            "authorization_server": self._node.server,
            "scope": self._node.scope,
            "token_type": self._node.kind,
            "credentials": [{"@context": _CONTEXTS, "type": types, "credentialSubject": subject}],
        }
        answer = await self._post(f"/internal/auth/v2/{self._node.subject}/request-service-access-token", body)
        value, key = answer.get("access_token"), answer.get("dpop_kid") or ""
        if not isinstance(value, str) or not value:
            raise Untold("the node's answer holds no access token")
        return value, str(key)

    async def _post(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        try:
            answer = await self._client.post(self._node.url.rstrip("/") + path, json=body)
            read = answer.json() if answer.status_code == 200 else None
        except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
            raise Untold(f"the node gave no answer ({type(error).__name__})") from None
        if not isinstance(read, dict):
            raise Untold(f"the node answered {answer.status_code}")
        return read
