"""An OPA server as the policy engine, over its REST API (design D5, ADR 0040).

Serves authorization. Kind `opa` of slot `policy`. The server holds the bundle; this adapter holds it against the
bundle in the settings, so that the hash in the audit log is that of the policy which decided.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from ...authorization.bundle import OWN, Shipped, load, shipped
from ...outside import Peer, Surroundings, TlsFiles
from .server import OpaJudge, OpaPolicy

__all__ = ["OpaJudge", "OpaPolicy", "OpaSettings", "build"]


class OpaSettings(BaseModel):
    """`url`: the OPA server. `token_file`: its bearer token. `recheck_seconds`: how long a comparison holds.

    `bundle`: which of our own policies; `bundle_folder`: a region's instead. `roles_file`: its role table.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    url: str
    bundle: Shipped | None = None
    bundle_folder: Path | None = None
    roles_file: Path | None = None
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    token_file: Path | None = None
    total_seconds: Annotated[float, Field(gt=0, le=30)] = 2.0
    recheck_seconds: Annotated[float, Field(ge=1, le=3600)] = 60.0


def build(settings: Mapping[str, Any], around: Surroundings) -> OpaPolicy:
    """Return the policy of one holder; raise NotABundle, ValueError or OSError for settings that cannot work.

    The server need not be up: until it answers and holds this bundle, nothing is permitted.
    """
    chosen = OpaSettings.model_validate(dict(settings))
    if chosen.bundle and chosen.bundle_folder:
        raise ValueError("bundle and bundle_folder: one of them")
    folder = around.path(chosen.bundle_folder) if chosen.bundle_folder else shipped(chosen.bundle or OWN)
    bundle = load(folder, around.path(chosen.roles_file) if chosen.roles_file else None)
    files = (chosen.roots_file, chosen.certificate_file, chosen.key_file)
    peer = Peer(
        chosen.url,
        around.outbound,
        tls=TlsFiles(*(around.path(name) if name else None for name in files)),
        total=chosen.total_seconds,
        limit=4 * 1024 * 1024,
    )
    token = around.path(chosen.token_file).read_text("utf-8").strip() if chosen.token_file else ""
    judge = OpaJudge(bundle, peer, token, recheck=chosen.recheck_seconds)
    return OpaPolicy(bundle, around.tenant.organization, judge)
