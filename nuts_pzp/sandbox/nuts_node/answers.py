"""Sandbox: forms as a node reads them, and its errors: problem+json inside, OAuth outside (spec nuts-node 1.0)."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from .state import MAX_AGE

KEPT = {"cache-control": f"max-age={MAX_AGE}"}


class OAuthProblem(Exception):
    """An OAuth error: its code, and the node's description."""

    def __init__(self, code: str, description: str) -> None:
        """Both end up on the wire."""
        super().__init__(" - ".join(part for part in (code, description) if part))
        self.code, self.description = code, description


class Refused(Exception):
    """An error of the internal API: HTTP status and the text for `detail`."""

    def __init__(self, status: int, detail: str) -> None:
        """Both end up on the wire."""
        super().__init__(detail)
        self.status, self.detail = status, detail


async def read_form(request: Request) -> dict[str, str]:
    """Read an urlencoded body; of a repeated name the first counts."""
    pairs = parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True)
    return dict(reversed(pairs))


def problem(status: int, title: str, detail: str) -> Response:
    """Return RFC 7807."""
    return JSONResponse(
        {"title": title, "status": status, "detail": detail}, status, media_type="application/problem+json"
    )


def oauth_error(request: Request, error: OAuthProblem, headers: Mapping[str, str]) -> Response:
    """Return RFC 6749 JSON to those who speak JSON, an HTML page to everybody else; always 400 or 500."""
    status = 500 if error.code == "server_error" else 400
    spoken = (request.headers.get("accept", ""), request.headers.get("content-type", ""))
    if any("application/json" in header for header in spoken):
        return JSONResponse({"error": error.code, "error_description": error.description}, status, headers)
    return HTMLResponse("<!DOCTYPE html><title>Error</title><p>The request failed.</p>", status, headers)
