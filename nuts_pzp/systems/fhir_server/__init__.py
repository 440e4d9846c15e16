"""FHIR servers over HTTP: the tenant's own, and other holders' gateways. The hot path (design section 4, ADR 0093).

Serves forwarding. Kind `fhir_server` of slots `records` and `connector`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...forwarding.port import Connector
from ...outside import Bounds, Line, Surroundings, TlsFiles
from .server import HttpConnector, Records
from .version import Named

__all__ = ["ConnectorSettings", "RecordsSettings", "build_connector", "build_records"]

_LIMIT = 8 * 1024 * 1024  # the largest body that is read (design D2)
_SOURCES_CONNECTIONS = 512  # one consultation has 300 requests in hand at most (descriptors.OUTWARD)
_ACCEPT = {"accept": "application/fhir+json"}
_Seconds = Annotated[float, Field(gt=0, le=120)]
_HEADER = re.compile(r"[\x21-\x7e]+(?: [\x21-\x7e]+)*")


class _Wire(BaseModel):
    """`roots_file`: PEM roots, else the system's. `certificate_file`, `key_file`: our client certificate."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    connect_seconds: _Seconds = 2.0
    total_seconds: _Seconds = 10.0

    @model_validator(mode="after")
    def _whole_certificate(self) -> _Wire:
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file without certificate_file")
        return self

    def line(self, around: Surroundings, base: str = "https:", connections: int = 200) -> Line:
        """Return the line to a base that these settings describe; raise OSError or ssl.SSLError for bad files."""
        tls = TlsFiles(*(around.path(name) if name else None for name in self._files()))
        bounds = Bounds(self.connect_seconds, self.total_seconds, _LIMIT)
        return Line(around.outbound, tls.context_for(base), bounds, _ACCEPT, connections)

    def _files(self) -> tuple[Path | None, Path | None, Path | None]:
        return self.roots_file, self.certificate_file, self.key_file


class RecordsSettings(_Wire):
    """`base`: the FHIR base of the tenant's own server. `authorization_file`: holds one Authorization header value."""

    base: str
    authorization_file: Path | None = None
    fhir_version: Named = "auto"
    """What the server speaks; `auto` asks it, and takes R4 only. A server is asked in STU3 where this says STU3."""


class ConnectorSettings(_Wire):
    """How other holders are called; whom is found at run time."""


def build_records(settings: Mapping[str, Any], around: Surroundings) -> Records:
    """Return the tenant's own FHIR server; raise ValueError when its base may not be dialled or the secret is none."""
    chosen = RecordsSettings.model_validate(dict(settings))
    if why := around.outbound.refuses(chosen.base):
        raise ValueError(f"base: {why}")
    secret, line = chosen.authorization_file, chosen.line(around, chosen.base)
    authorization = _authorization(around.path(secret)) if secret else ""
    return Records(chosen.base, line, authorization=authorization, version=chosen.fhir_version)


def build_connector(settings: Mapping[str, Any], around: Surroundings) -> Connector:
    """Return the connector to other holders."""
    line = ConnectorSettings.model_validate(dict(settings)).line(around, connections=_SOURCES_CONNECTIONS)
    return HttpConnector(line, around.outbound)


def _authorization(path: Path) -> str:
    value = path.read_text("utf-8").strip()
    if not _HEADER.fullmatch(value):
        raise ValueError("authorization_file: not the value of an Authorization header")
    return value
