"""FHIR server twin: its control face, JSON, served on the region's control port only."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .twin import FhirServerTwin


def control_app(twin: FhirServerTwin) -> Starlette:
    """Return the app: GET / and /asked, POST /faults and /resources, DELETE /resources/{type}/{id}."""

    async def state(_: Request) -> Response:
        return JSONResponse({"faults": sorted(twin.faults.on), "patients": twin.count("Patient")})

    async def asked(_: Request) -> Response:
        return JSONResponse(
            [{"method": one.method, "path": one.path, "parameters": one.parameters} for one in twin.asked]
        )

    async def faults(request: Request) -> Response:
        wanted = await request.json()
        try:
            twin.faults.set(wanted["fault"], bool(wanted["on"]))
        except KeyError:
            return JSONResponse({"error": "no such fault"}, 400)
        twin.faults.slow_seconds = float(wanted.get("seconds", twin.faults.slow_seconds))
        return JSONResponse({"faults": sorted(twin.faults.on)})

    async def put(request: Request) -> Response:
        try:
            return JSONResponse(twin.put(await request.json()), 201)
        except KeyError:
            return JSONResponse({"error": "a resource of a known type, with an id, is expected"}, 400)

    async def delete(request: Request) -> Response:
        try:
            twin.delete(request.path_params["kind"], request.path_params["id"])
        except KeyError:
            return JSONResponse({"error": "no such resource"}, 404)
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/", state),
            Route("/asked", asked),
            Route("/faults", faults, methods=["POST"]),
            Route("/resources", put, methods=["POST"]),
            Route("/resources/{kind}/{id}", delete, methods=["DELETE"]),
        ]
    )
