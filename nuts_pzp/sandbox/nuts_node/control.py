"""Sandbox: what the region's control may see and change of a node. Served on the control port only."""

from __future__ import annotations

from dataclasses import asdict

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .faults import Fault
from .node import NutsNodeTwin


def control_app(twin: NutsNodeTwin) -> Starlette:
    """Return GET /state, GET /questions, POST and DELETE /faults, POST /restart and POST /clock."""

    async def state(_: Request) -> Response:
        subjects = {name: one.did for name, one in twin.state.subjects.items()}
        return JSONResponse(
            {"public_url": twin.state.public_url, "subjects": subjects, "shift": twin.state.clock.shift}
        )

    async def questions(_: Request) -> Response:
        return JSONResponse([asdict(question) for question in twin.state.questions])

    async def fail(request: Request) -> Response:
        asked = await request.json()
        try:
            twin.faults.set(str(asked.pop("operation", "*")), Fault(**asked))
        except TypeError:
            return JSONResponse({"error": "kind, status, seconds and times make a fault"}, 400)
        return Response(status_code=204)

    async def mend(_: Request) -> Response:
        twin.faults.clear()
        return Response(status_code=204)

    async def restart(_: Request) -> Response:
        twin.restart()
        return Response(status_code=204)

    async def clock(request: Request) -> Response:
        twin.state.clock.shift = float((await request.json())["shift"])
        return Response(status_code=204)

    return Starlette(
        routes=[
            Route("/state", state),
            Route("/questions", questions),
            Route("/faults", fail, methods=["POST"]),
            Route("/faults", mend, methods=["DELETE"]),
            Route("/restart", restart, methods=["POST"]),
            Route("/clock", clock, methods=["POST"]),
        ]
    )
