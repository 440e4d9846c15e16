"""Settings of the doors: where each listens, and with what it proves who it is."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import Field, model_validator

from .consent_settings import Strict
from .outside import BaseUrlOrNone, Host
from .web.server import ServerTls


class ListenerSettings(Strict):
    """Where one listener binds. `url` is how others reach it: origin and prefix, never taken from Host."""

    host: Host = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)]
    url: BaseUrlOrNone = ""
    certificate_file: Path | None = None
    key_file: Path | None = None
    client_roots_file: Path | None = None
    client_required: bool = False

    @model_validator(mode="after")
    def _whole(self) -> ListenerSettings:
        """Half of what TLS needs is none of it: a listener never does with less than its file asks for."""
        if (self.certificate_file is None) != (self.key_file is None):
            raise ValueError("certificate_file and key_file belong together")
        if self.client_roots_file is not None and self.certificate_file is None:
            raise ValueError("client_roots_file needs certificate_file and key_file")
        if self.client_required and self.client_roots_file is None:
            raise ValueError("client_required needs client_roots_file")
        return self

    def tls(self, folder: Path) -> ServerTls | None:
        """Return the TLS of this listener, or None for plain http."""
        if self.certificate_file is None or self.key_file is None:
            return None
        roots = folder / self.client_roots_file if self.client_roots_file else None
        return ServerTls(folder / self.certificate_file, folder / self.key_file, roots, self.client_required)


class Listeners(Strict):
    """The doors. Each has its own bind address; nothing of one is reachable on another (design D12)."""

    network: ListenerSettings | None = None
    ehr: ListenerSettings | None = None
    operations: ListenerSettings
