"""Sandbox: the request lines that the twins saw, whole, as the access log of a server or proxy would keep them.

What must never be in a URL is looked for here (spec audit: no BSN in a request line).
"""

from __future__ import annotations

from collections import deque
from collections.abc import MutableMapping
from dataclasses import dataclass, field
from typing import Any

from .switches import App


@dataclass(frozen=True, slots=True)
class Line:
    """One request at one twin (`fhir:wilgenhof`, `mitz`, `nvi`). `target` is path and query as they came in."""

    service: str
    method: str
    target: str


@dataclass(slots=True)
class Lines:
    """The last request lines of all twins, oldest first."""

    seen: deque[Line] = field(default_factory=lambda: deque(maxlen=20_000))

    def watch(self, service: str, app: App) -> App:
        """Put the register in front of a twin's protocol face."""

        async def watched(scope: MutableMapping[str, Any], receive: Any, send: Any) -> None:
            query = f"?{scope['query_string'].decode('latin-1')}" if scope["query_string"] else ""
            self.seen.append(Line(service, scope["method"], scope["raw_path"].decode("latin-1") + query))
            await app(scope, receive, send)

        return watched
