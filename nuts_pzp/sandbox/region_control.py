"""Sandbox: the region's one control port, JSON on loopback: faults by organisation, and each twin's own control."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

from .fhir_server.control import control_app as fhir_server_control
from .mitz.control import control_app as mitz_control
from .nuts_node.control import control_app as nuts_node_control
from .services import Services


def control(services: Services, described: Callable[[], dict[str, Any]]) -> Starlette:
    """Return GET / (what region.json says), GET and POST /faults, /fhir/{slug}, /nodes/{slug}, /mitz and so on."""

    async def describe(_: Request) -> Response:
        return JSONResponse(described())

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                wanted = await request.json()
                services.fault(str(wanted["slug"]), str(wanted["fault"]), wanted["on"] is True)
            except (KeyError, TypeError, ValueError):
                return JSONResponse({"error": "slug, fault and on are expected, of this region"}, 400)
        return JSONResponse({slug: sorted(twin.faults.on) for slug, twin in services.fhir.items()})

    national = services.national
    return Starlette(
        routes=[
            Route("/", describe),
            Route("/faults", faults, methods=["GET", "POST"]),
            *(Mount(f"/fhir/{slug}", fhir_server_control(twin)) for slug, twin in services.fhir.items()),
            *(Mount(f"/nodes/{slug}", nuts_node_control(node.twin)) for slug, node in services.nodes.items()),
            Mount("/mitz", mitz_control(services.mitz)),
            Mount("/officer", services.officer.control),
            Mount("/oauth", national.oauth.control),
            Mount("/prs", national.prs.control),
            Mount("/nvi", national.nvi.control),
            Mount("/lrza", national.lrza.control),
        ]
    )
