"""Sandbox: one simulated Nuts node, two listeners. Several live in one process and meet over https."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from .answers import problem
from .credentials import issue, issue_x509
from .did import Resolver
from .faults import App, Faults, faulty
from .guard import ApiGuard
from .internal import InternalApi, create_subject
from .presentation import Shape
from .public import PublicApi
from .state import Question, Resident, State
from .token_request import Requester

_ROLE_LIFE = timedelta(days=30).total_seconds()


class NutsNodeTwin:
    """One node of one organisation. Serve `internal` on loopback, `public` over https."""

    def __init__(
        self,
        resident: Resident,
        *,
        ca_root: x509.Certificate,
        policy: Mapping[str, Any],
        trust: Path,
        shape: Shape = "v6.2",
        guard: ApiGuard | None = None,
    ) -> None:
        """`ca_root` issued the resident's certificate; `policy` is a policy file; `trust` holds the region's roots."""
        self.resident, self.faults, self.state = resident, Faults(), State(policy)
        self._ca_root = ca_root
        context = ssl.create_default_context(cafile=str(trust))
        self._client = httpx.AsyncClient(verify=context, trust_env=False, timeout=10.0)
        self._resolver = Resolver(self._client, self.state.own_document)
        self._requester = Requester(self.state, self._client, shape)
        internal = faulty(
            _app(InternalApi(self.state, self._resolver, self._requester).routes()), self.faults, self._record
        )
        self.internal: App = guard.around(internal, self.state.clock) if guard else internal
        self.public: App = faulty(_app(PublicApi(self.state, self._resolver).routes()), self.faults, self._record)

    async def prepare(self, public_url: str) -> None:
        """Make the subject with its key, and fill its wallet. `public_url` is where `public` is served, over https."""
        self.state.public_url = public_url.rstrip("/")
        subject = create_subject(self.state, self.resident.subject)
        now = self.state.clock()
        role = {
            "@context": ["https://www.w3.org/2018/credentials/v1"],
            "type": ["VerifiableCredential", "HealthcareProviderRoleTypeCredential"],
            "credentialSubject": {"id": subject.did, "roleCodeNL": self.resident.facility_type},
        }
        subject.wallet += [
            issue_x509(self.resident.uzi, self._ca_root, subject.did),
            issue(subject.key, role, now=now, until=now + _ROLE_LIFE),
        ]

    @property
    def issuer(self) -> str:
        """The authorization server of the resident: what others ask for tokens, and the `iss` of its tokens."""
        return self.state.issuer(self.resident.subject)

    def restart(self) -> None:
        """Come back without the tokens given out; those got elsewhere are still served to the gateway."""
        self.state.restart()
        self._requester.forget()

    async def close(self) -> None:
        """Close the connections to other nodes."""
        await self._client.aclose()

    def _record(self, operation: str, status: int) -> None:
        self.state.questions.append(Question(self.state.clock(), operation, status))


def _app(routes: list[Any]) -> Starlette:
    return Starlette(routes=routes, exception_handlers={HTTPException: _unknown})


async def _unknown(_: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 500
    return problem(status, "Operation failed", "Not Found" if status == 404 else "the request cannot be handled")
