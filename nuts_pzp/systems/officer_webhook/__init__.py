"""Tells the holder's officer by a webhook (kind `officer_webhook`): a POST of JSON over checked TLS. Serves emergency.

Trusts the receiver for nothing but its 2xx: then it has the alert.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...emergency.port import Alert
from ...outcome import Outcome, Unavailable
from ...outside import Heard, Peer, Surroundings, TlsFiles
from ...reasons import Reason

__all__ = ["OfficerWebhook", "WebhookSettings", "build"]


class WebhookSettings(BaseModel):
    """`emergency.alerts: {kind: officer_webhook, ...}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: str
    """Where alerts are posted; https, by the rules of `outbound`."""
    authorization_file: Path | None = None
    """Holds the value of one Authorization header."""
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    total_seconds: Annotated[float, Field(gt=0, le=30)] = 5.0

    @model_validator(mode="after")
    def _plain(self) -> WebhookSettings:
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file without certificate_file")
        return self


class OfficerWebhook:
    """One receiver."""

    def __init__(self, peer: Peer, path: str, authorization: str) -> None:
        self._peer, self._path = peer, path
        self._headers = {"content-type": "application/json", "accept": "*/*"}
        if authorization:
            self._headers["authorization"] = authorization

    async def tell(self, alert: Alert, /) -> Outcome[None]:
        """Post it once; anything but a 2xx means that it has not arrived."""
        headers = {**self._headers, "idempotency-key": alert.id}
        heard = await self._peer.send("POST", self._path, headers=headers, content=orjson.dumps(alert.written()))
        if isinstance(heard, Heard):
            if 200 <= heard.status < 300:
                return None
            return Unavailable(Reason.EMERGENCY_UNALERTED, detail=f"HTTP {heard.status}")
        return Unavailable(Reason.EMERGENCY_UNALERTED, detail=heard.value)

    async def start(self) -> None:
        """Nothing to begin: the first alert connects."""

    async def stop(self) -> None:
        """Close all connections."""
        await self._peer.close()

    async def health(self) -> Outcome[str]:
        """The desk says what waits; nothing is sent to find out."""
        return "set"


def build(settings: Mapping[str, Any], around: Surroundings) -> OfficerWebhook:
    """Make the webhook of one tenant; ValidationError, ValueError or OSError for what cannot work."""
    own = WebhookSettings.model_validate(dict(settings))
    parts = urlsplit(own.url)
    origin, path = f"{parts.scheme}://{parts.netloc}", parts.path or "/"
    if parts.query or parts.fragment:
        raise ValueError("url: no query and no fragment")
    files = (own.roots_file, own.certificate_file, own.key_file)
    tls = TlsFiles(*(around.path(name) if name else None for name in files))
    secret = around.path(own.authorization_file).read_text("utf-8").strip() if own.authorization_file else ""
    if any(not character.isprintable() for character in secret):
        raise ValueError("authorization_file: not the value of an Authorization header")
    return OfficerWebhook(Peer(origin, around.outbound, tls=tls, total=own.total_seconds), path, secret)
