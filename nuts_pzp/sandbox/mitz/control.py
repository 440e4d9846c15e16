"""Mitz twin: its control face, JSON, served on the region's control port only."""

from __future__ import annotations

from dataclasses import asdict, fields
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .choices import Choice
from .faults import Fault
from .hostile import HOSTILE

if TYPE_CHECKING:
    from .twin import MitzTwin


def control(twin: MitzTwin) -> Starlette:
    """Return the app: /questions, /choices, /faults, /switches, and the names of the hostile answers at /hostile."""

    async def questions(request: Request) -> Response:
        if request.method == "DELETE":
            twin.questions.clear()
            return Response(status_code=204)
        return JSONResponse([{**asdict(one.asked), "became": one.became} for one in twin.questions])

    async def choices(request: Request) -> Response:
        try:
            if request.method == "PUT":
                twin.choices[:] = [Choice(**one) for one in await request.json()]
            elif request.method == "POST":
                twin.choices.append(Choice(**await request.json()))
        except TypeError:
            return JSONResponse({"error": "bsn, holder, ggc, user and effect make a choice"}, 400)
        return JSONResponse([asdict(one) for one in twin.choices])

    async def faults(request: Request) -> Response:
        if request.method == "DELETE":
            twin.faults.clear()
            return Response(status_code=204)
        wanted = await request.json()
        try:
            twin.faults.set(
                Fault(**{key: value for key, value in wanted.items() if key != "bsn"}), wanted.get("bsn", "*")
            )
        except (TypeError, ValueError):
            return JSONResponse({"error": "kind and its details make a fault; bsn is optional"}, 400)
        return Response(status_code=204)

    async def switches(request: Request) -> Response:
        wanted = await request.json()
        if not wanted.keys() <= {field.name for field in fields(twin.switches)}:
            return JSONResponse({"error": "no such switch"}, 400)
        for name, on in wanted.items():
            setattr(twin.switches, name, bool(on))
        return JSONResponse(asdict(twin.switches))

    async def hostile(_: Request) -> Response:
        return JSONResponse(sorted(HOSTILE))

    return Starlette(
        routes=[
            Route("/questions", questions, methods=["GET", "DELETE"]),
            Route("/choices", choices, methods=["GET", "PUT", "POST"]),
            Route("/faults", faults, methods=["POST", "DELETE"]),
            Route("/switches", switches, methods=["PATCH"]),
            Route("/hostile", hostile, methods=["GET"]),
        ]
    )
