"""Mitz twin: its control face, JSON, served on the region's control port only."""

from __future__ import annotations

from dataclasses import asdict, fields

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from .choices import Choice
from .faults import Fault
from .hostile import HOSTILE
from .twin import MitzTwin


def control_app(twin: MitzTwin) -> Starlette:
    """Return the app: /questions, /choices, /faults, /switches, /hostile, and what is about subscriptions.

    A choice that is posted is told to whoever subscribed; all of them put at once are not. /notifications: PATCH how
    they are delivered, POST delivers anew what waits.
    """

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
                await twin.choose(Choice(**await request.json()))
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

    async def open_questions(_: Request) -> Response:
        return JSONResponse([asdict(one) for one in twin.open_questions])

    async def open_faults(request: Request) -> Response:
        twin.open_faults.clear()
        if request.method == "POST":
            try:
                twin.open_faults.set(Fault(**await request.json()))
            except (TypeError, ValueError):
                return JSONResponse({"error": "kind and its details make a fault"}, 400)
        return Response(status_code=204)

    async def switches(request: Request) -> Response:
        wanted = await request.json()
        if not wanted.keys() <= {field.name for field in fields(twin.switches)}:
            return JSONResponse({"error": "no such switch"}, 400)
        for name, on in wanted.items():
            setattr(twin.switches, name, bool(on))
        return JSONResponse(asdict(twin.switches))

    async def subscriptions(request: Request) -> Response:
        if request.method == "PATCH":
            twin.book.lazy = (await request.json()).get("lazy") is True
        found = [asdict(one) for one in twin.book.held.values()]
        return JSONResponse({"held": found, "queued": twin.book.queued, "received": twin.book.received})

    async def subscription_faults(request: Request) -> Response:
        twin.subscription_faults.clear()
        if request.method == "POST":
            try:
                twin.subscription_faults.set(Fault(**await request.json()))
            except (TypeError, ValueError):
                return JSONResponse({"error": "kind status or delay, and its details, make a fault"}, 400)
        return Response(status_code=204)

    async def notifications(request: Request) -> Response:
        if twin.channel is None:
            return JSONResponse({"error": "this twin notifies nobody"}, 409)
        if request.method == "PATCH":
            wanted = await request.json()
            if not wanted.keys() <= {field.name for field in fields(twin.channel.manner)}:
                return JSONResponse({"error": "down, duplicates or held"}, 400)
            for name, value in wanted.items():
                setattr(twin.channel.manner, name, value)
        elif request.method == "POST":
            await twin.channel.redeliver()
        attempts = [{"provider": one.provider, "status": one.status} for one in twin.channel.attempts]
        return JSONResponse({"attempts": attempts, "waiting": len(twin.channel.waiting)})

    async def hostile(_: Request) -> Response:
        return JSONResponse(sorted(HOSTILE))

    return Starlette(
        routes=[
            Route("/questions", questions, methods=["GET", "DELETE"]),
            Route("/choices", choices, methods=["GET", "PUT", "POST"]),
            Route("/faults", faults, methods=["POST", "DELETE"]),
            Route("/open-questions", open_questions, methods=["GET"]),
            Route("/open-faults", open_faults, methods=["POST", "DELETE"]),
            Route("/switches", switches, methods=["PATCH"]),
            Route("/hostile", hostile, methods=["GET"]),
            Route("/subscriptions", subscriptions, methods=["GET", "PATCH"]),
            Route("/subscription-faults", subscription_faults, methods=["POST", "DELETE"]),
            Route("/notifications", notifications, methods=["GET", "PATCH", "POST"]),
        ]
    )
