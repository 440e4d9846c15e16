"""Sandbox: what the twins of the national services share: faults, a register of what was asked, a control app.

The register keeps method, path, names of query parameters and status; never a value, for pseudonyms are values.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

App = Callable[[Any, Any, Any], Awaitable[None]]

_LOOK = 0.02
"""Seconds between two looks whether a service still hangs."""


@dataclass(slots=True)
class Faults:
    """What is wrong with the service now. `lying` is a twin's own word for how it lies; `delay` is in seconds.

    While it `hangs`, whoever asks waits; then they are answered as if they had just asked.
    """

    down: bool = False
    delay: float = 0.0
    hangs: bool = False
    throttled: bool = False
    retry_after: int = 1
    lying: str = ""

    def clear(self) -> None:
        """Let everything work again."""
        self.down, self.delay, self.hangs, self.throttled = False, 0.0, False, False
        self.retry_after, self.lying = 1, ""


@dataclass(frozen=True, slots=True)
class Question:
    """One request as it came in, without values."""

    method: str
    path: str
    parameters: tuple[str, ...]
    status: int


@dataclass(slots=True)
class Register:
    """The last questions, oldest first."""

    questions: deque[Question] = field(default_factory=lambda: deque(maxlen=1000))

    def count(self, method: str = "", path: str = "") -> int:
        """Count the questions of this method, to paths that end so."""
        return sum(1 for q in self.questions if q.method.startswith(method) and q.path.endswith(path))


def fronted(app: App, faults: Faults, register: Register) -> App:
    """Put faults and register in front of a twin's protocol face."""

    async def front(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            return
        names = tuple(name for name, _ in parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                register.questions.append(Question(scope["method"], scope["path"], names, message["status"]))
            await send(message)

        if faults.delay:
            await asyncio.sleep(faults.delay)
        while faults.hangs:  # noqa: ASYNC110 (a switch is a plain value, set like the others)
            await asyncio.sleep(_LOOK)
        if faults.down:
            await Response("Service Unavailable", 503)(scope, receive, watched)
        elif faults.throttled:
            await Response("Too Many Requests", 429, {"retry-after": str(faults.retry_after)})(scope, receive, watched)
        else:
            await app(scope, receive, watched)

    return front


def control_app(faults: Faults, register: Register, lies: tuple[str, ...] = (), routes: tuple[Route, ...] = ()) -> App:
    """Return the control face: GET and DELETE /questions, GET and POST /faults, and the twin's own `routes`."""

    async def questions(request: Request) -> Response:
        if request.method == "DELETE":
            register.questions.clear()
        return JSONResponse([asdict(question) for question in register.questions])

    async def switch(request: Request) -> Response:
        if request.method == "POST":
            wanted = await request.json()
            trouble = _wrong(wanted, lies)
            if trouble:
                return JSONResponse({"error": trouble, "lies": lies}, 400)
            faults.clear()
            for name, value in wanted.items():
                setattr(faults, name, value)
        return JSONResponse(asdict(faults))

    return Starlette(
        routes=[
            Route("/questions", questions, methods=["GET", "DELETE"]),
            Route("/faults", switch, methods=["GET", "POST"]),
            *routes,
        ]
    )


def _wrong(wanted: object, lies: tuple[str, ...]) -> str:
    """Say why these faults cannot be set, or nothing."""
    kinds: dict[str, tuple[type, ...]] = {
        "down": (bool,),
        "delay": (int, float),
        "hangs": (bool,),
        "throttled": (bool,),
        "retry_after": (int,),
        "lying": (str,),
    }
    if not isinstance(wanted, dict):
        return "not an object"
    for name, value in wanted.items():
        if name not in kinds or not isinstance(value, kinds[name]):
            return "not a fault"
    return "" if wanted.get("lying", "") in ("", *lies) else "not a lie of this twin"
