"""Sandbox: the region's one control port, JSON on loopback: faults by organisation, and each twin's own control."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Mount, Route

if TYPE_CHECKING:
    from .region import Region


def control(region: Region) -> Starlette:
    """Return GET / (what region.json says), GET and POST /faults, /fhir/{slug}, /nodes/{slug}, /mitz and so on."""

    async def describe(_: Request) -> Response:
        return JSONResponse(region.describe())

    async def faults(request: Request) -> Response:
        if request.method == "POST":
            try:
                wanted = await request.json()
                region.fault(str(wanted["slug"]), str(wanted["fault"]), wanted["on"] is True)
            except (KeyError, TypeError, ValueError):
                return JSONResponse({"error": "slug, fault and on are expected, of this region"}, 400)
        return JSONResponse({slug: sorted(twin.faults.on) for slug, twin in region.fhir.items()})

    national = region.national
    return Starlette(
        routes=[
            Route("/", describe),
            Route("/faults", faults, methods=["GET", "POST"]),
            *(Mount(f"/fhir/{slug}", twin.control) for slug, twin in region.fhir.items()),
            *(Mount(f"/nodes/{slug}", node.twin.control) for slug, node in region.nodes.items()),
            Mount("/mitz", region.mitz.control),
            Mount("/officer", region.officer.control),
            Mount("/oauth", national.oauth.control),
            Mount("/prs", national.prs.control),
            Mount("/nvi", national.nvi.control),
            Mount("/lrza", national.lrza.control),
        ]
    )
