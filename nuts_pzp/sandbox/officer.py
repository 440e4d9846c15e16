"""Sandbox: the desk of a holder's officer: takes alerts of emergency accesses, or is down; its control tells."""

from __future__ import annotations

import json
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

_LIMIT = 64 * 1024


class OfficerTwin:
    """Keeps each alert by its id: one that comes twice is one."""

    def __init__(self) -> None:
        self.alerts: dict[str, dict[str, Any]] = {}
        self.down = False
        self.app = Starlette(routes=[Route("/alerts", self._take, methods=["POST"])])
        self.control = Starlette(routes=[Route("/", self._tell, methods=["GET", "POST"])])

    async def _take(self, request: Request) -> Response:
        if self.down:
            return Response(status_code=503)
        body = await request.body()
        if len(body) > _LIMIT:
            return Response(status_code=413)
        try:
            alert = json.loads(body)
            self.alerts[str(alert["id"])] = alert
        except (ValueError, KeyError, TypeError):
            return Response(status_code=400)
        return Response(status_code=204)

    async def _tell(self, request: Request) -> Response:
        """GET: the alerts. POST {"down": true|false}: whether the desk takes any."""
        if request.method == "POST":
            self.down = (await request.json()).get("down") is True
        return JSONResponse({"down": self.down, "alerts": list(self.alerts.values())})
