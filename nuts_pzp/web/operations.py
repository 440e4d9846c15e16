"""The operations listener: health, readiness with reasons, metrics. No patient data, no BSN, nothing to change."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that should work: which tenant and slot, whether it does, and in a word what it says.

    `critical`: without it this gateway serves nobody. One tenant's own server is not: the others must not suffer.
    """

    what: str
    ok: bool
    says: str
    critical: bool = False


Checks = Callable[[], Awaitable[list[Check]]]


def operations(checks: Checks, registry: CollectorRegistry) -> Starlette:
    """Return the app: `/health` (the process lives), `/ready` (503 with reasons until it can serve), `/metrics`."""

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(_: Request) -> Response:
        found = await checks()
        fine = all(check.ok for check in found if check.critical)
        degraded = not all(check.ok for check in found)
        content = {"ready": fine, "degraded": degraded, "checks": [asdict(check) for check in found]}
        return JSONResponse(content, status_code=200 if fine else 503)

    async def metrics(_: Request) -> Response:
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return Starlette(routes=[Route("/health", health), Route("/ready", ready), Route("/metrics", metrics)])
