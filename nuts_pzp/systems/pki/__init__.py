"""Client certificates at the network door: a PKIoverheid-style chain, a list, revocation lists (ADR 0036)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...outside import Bounds, Line, Surroundings, TlsFiles
from .admission import PkiAdmission
from .authorities import Authorities
from .fetching import Fetcher
from .revocation import Revocation
from .settings import PkiSettings

__all__ = ["PkiSettings", "build"]

_LARGEST = 32 * 1024 * 1024


def build(settings: Mapping[str, Any], around: Surroundings) -> PkiAdmission:
    """Make the admission from its settings; raises ValidationError, ValueError or OSError for what cannot work."""
    chosen = PkiSettings.model_validate(dict(settings))
    authorities = Authorities.read(around.path(chosen.authorities_file).read_bytes())
    sources = []
    for number, crl in enumerate(chosen.crls):
        if crl.file is not None:
            sources.append(Fetcher.of_file(around.path(crl.file)))
            continue
        assert crl.url is not None
        if why := around.outbound.refuses(crl.url.replace("http:", "https:", 1)):
            raise ValueError(f"crls.{number}.url: {why}")
        line = Line(around.outbound, TlsFiles().context_for(crl.url), Bounds(5.0, 60.0, _LARGEST))
        sources.append(Fetcher.of_url(crl.url, line, around.state))
    revocation = Revocation(authorities, tuple(sources), chosen.refresh_seconds, chosen.grace_hours * 3600.0)
    return PkiAdmission(chosen, authorities, revocation)
