"""The decision API before several processes: the supervisor has the listener, a worker has the houses.

A call travels whole, over the line that supervisor and worker hold: what was asked, by whose certificate, from where.
The worker answers it as a single process would, its record included. The supervisor keeps and reads nothing of it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Sequence
from typing import Any

import structlog
from starlette.responses import JSONResponse

from ..authorization.knooppunt import LARGEST
from ..web import door
from ..web.server import App
from .control import Message
from .member import Member

_LONGEST = 30.0
"""Seconds that a decision may take."""
_log = structlog.get_logger("nuts_pzp.crew")


class Relay:
    """An ASGI app at the supervisor's operations listener."""

    def __init__(self, workers: Callable[[], Sequence[Member]]) -> None:
        self._workers = workers
        self._turn = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Let a worker that is ready answer; 503 when there is none, or when it is lost meanwhile."""
        try:
            told = written(scope, await _body(receive))
            answer = await self._next().ask(told, _LONGEST)
        except door.ClientLeft:
            return
        except (ConnectionError, TimeoutError) as error:
            _log.error("decision.not-relayed", error=type(error).__name__)
            answer = {}
        if "status" not in answer:
            away = JSONResponse({"status": "starting"}, status_code=503, headers={"retry-after": "5"})
            await away(scope, receive, send)
            return
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer["headers"]]
        await send({"type": "http.response.start", "status": answer["status"], "headers": headers})
        await send({"type": "http.response.body", "body": base64.b64decode(answer["body"])})

    def _next(self) -> Member:
        ready = [one for one in self._workers() if one.ready]
        if not ready:
            raise ConnectionError
        self._turn += 1
        return ready[self._turn % len(ready)]


async def _body(receive: Any) -> bytes:
    """Read the body; one that is too large is cut where the API still sees that it is."""
    parts = bytearray()
    more = True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise door.ClientLeft
        if len(parts) <= LARGEST:
            parts += message.get("body", b"")
        more = message.get("more_body", False)
    return bytes(parts[: LARGEST + 1])


def written(scope: Any, body: bytes) -> Message:
    """Return a call as it travels."""
    certificate = scope.get("client_certificate")
    return {
        "do": "decide",
        "method": scope["method"],
        "raw_path": scope["raw_path"].decode("latin-1"),
        "query": scope["query_string"].decode("latin-1"),
        "headers": [(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]],
        "client": list(scope["client"]) if scope.get("client") else None,
        "certificate": base64.b64encode(certificate).decode() if certificate else "",
        "body": base64.b64encode(body).decode(),
    }


async def answered(api: App, told: Message) -> Message:
    """Let the API of this worker answer a call that travelled; return its answer as it travels."""
    path = told["raw_path"].encode("latin-1")
    scope = {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "method": told["method"],
        "path": told["raw_path"],
        "raw_path": path,
        "query_string": told["query"].encode("latin-1"),
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in told["headers"]],
        "client": tuple(told["client"]) if told["client"] else None,
        "client_certificate": base64.b64decode(told["certificate"]) or None,
    }
    parts: list[Message] = []

    async def receive() -> Message:
        return {"type": "http.request", "body": base64.b64decode(told["body"]), "more_body": False}

    async def send(message: Message) -> None:
        parts.append(message)

    await api(scope, receive, send)
    if not parts:
        return {}
    start, *bodies = parts
    headers = [(name.decode("latin-1"), value.decode("latin-1")) for name, value in start["headers"]]
    body = b"".join(one.get("body", b"") for one in bodies)
    return {"status": start["status"], "headers": headers, "body": base64.b64encode(body).decode()}
