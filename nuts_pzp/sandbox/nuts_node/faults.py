"""Sandbox: faults that a test or the region can put before a node: an error, a delay, a dropped connection."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass
from typing import Any, Literal

from .answers import problem

App = Callable[[Any, Any, Any], Awaitable[None]]

OPERATIONS: dict[str, str] = {
    "/internal/auth/v2/accesstoken/introspect": "introspect",
    "/internal/auth/v2/dpop/validate": "validate-proof",
    "/internal/auth/v2/dpop/": "make-proof",
    "/request-service-access-token": "request-token",
    "/.well-known/oauth-authorization-server": "metadata",
    "/presentation_definition": "definition",
    "/did.json": "did",
    "/token": "token",
    "/status": "status",
}
"""Part of the path -> operation; the first that fits."""


@dataclass(frozen=True, slots=True)
class Fault:
    """What goes wrong: an HTTP status, a delay in seconds before the right answer, or a connection that drops."""

    kind: Literal["status", "delay", "drop"]
    status: int = 500
    seconds: float = 0.0
    times: int = 1_000_000


class Faults:
    """The faults of one node by operation; `*` is every operation."""

    def __init__(self) -> None:
        """None."""
        self._by_operation: dict[str, Fault] = {}

    def set(self, operation: str, fault: Fault) -> None:
        """Let that operation fail so from now on, `fault.times` times."""
        self._by_operation[operation] = fault

    def clear(self) -> None:
        """Let everything work again."""
        self._by_operation.clear()

    def take(self, operation: str) -> Fault | None:
        """Return the fault for this call and count it."""
        name = operation if operation in self._by_operation else "*"
        fault = self._by_operation.get(name)
        if fault is None:
            return None
        left = Fault(fault.kind, fault.status, fault.seconds, fault.times - 1)
        self._by_operation[name] = left
        if left.times <= 0:
            del self._by_operation[name]
        return fault


def operation_of(path: str) -> str:
    """Return the operation a path belongs to, or the empty text."""
    return next((name for part, name in OPERATIONS.items() if part in path), "")


def faulty(app: App, faults: Faults, record: Callable[[str, int], None]) -> App:
    """Put the faults in front of an app; `record` hears operation and status of each call, 0 for a drop."""

    async def wrapped(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
        operation = operation_of(scope["path"])
        fault = faults.take(operation)

        async def watched(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                record(operation, message["status"])
            await send(message)

        if fault is not None and fault.kind == "drop":
            record(operation, 0)
            await drop(send)
        elif fault is not None and fault.kind == "status":
            await problem(fault.status, "Operation failed", "injected fault")(scope, receive, watched)
        else:
            if fault is not None:
                await asyncio.sleep(fault.seconds)
            await app(scope, receive, watched)

    return wrapped


async def drop(send: Any) -> None:
    """Begin an answer and leave: the server closes the connection in the middle."""
    headers = [(b"content-type", b"application/json"), (b"content-length", b"2")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
