"""The operations listener: health, readiness with reasons, metrics, and the decision API where it is offered."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass
from typing import Any

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ..schemas import operations_api
from .decision import routed
from .server import App


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
Scraped = Callable[[], Awaitable[None]]


def operations(
    checks: Checks,
    registry: CollectorRegistry,
    deciding: Callable[[], App | None] | None = None,
    scraped: Scraped | None = None,
) -> App:
    """Return the app: `/health` (the process lives), `/ready` (503 with reasons until it can serve), `/metrics`.

    `deciding` gives the decision API, or None while it cannot answer yet. Without it there is none. `scraped` brings
    the registry up to date first, where what it shows is counted in other processes.
    """

    async def health(_: Request) -> Response:
        return JSONResponse({"status": "up"})

    async def ready(_: Request) -> Response:
        found = await checks()
        fine = all(check.ok for check in found if check.critical)
        degraded = not all(check.ok for check in found)
        content = {"ready": fine, "degraded": degraded, "checks": [asdict(check) for check in found]}
        return JSONResponse(content, status_code=200 if fine else 503)

    async def metrics(_: Request) -> Response:
        if scraped is not None:
            await scraped()
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    async def description(_: Request) -> Response:
        return JSONResponse(operations_api())

    plain = Starlette(
        routes=[
            Route("/health", health),
            Route("/ready", ready),
            Route("/metrics", metrics),
            Route("/openapi.json", description),
        ]
    )
    return _beside(plain, deciding) if deciding else plain


def _beside(plain: App, deciding: Callable[[], App | None]) -> App:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http" or routed(scope["raw_path"].decode("latin-1")) is None:
            await plain(scope, receive, send)
        elif (api := deciding()) is not None:
            await api(scope, receive, send)
        else:
            starting = JSONResponse({"status": "starting"}, status_code=503, headers={"retry-after": "5"})
            await starting(scope, receive, send)

    return app
