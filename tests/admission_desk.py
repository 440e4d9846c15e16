"""Certificates, lists and tokens around the admission of a client."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from nuts_pzp.authentication.port import Admitted
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.systems.pki.admission import PkiAdmission
from nuts_pzp.systems.pki.authorities import Authorities
from nuts_pzp.systems.pki.fetching import Fetcher
from nuts_pzp.systems.pki.revocation import Revocation
from nuts_pzp.systems.pki.settings import PkiSettings

KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")


class Desk:
    """An admission at a fixed time, with lists from files that a test may change."""

    def __init__(self, pki: Any, folder: Path, **settings: Any) -> None:
        self.pki, self.folder, self.now = pki, folder, pki.NOW
        self.files = {"root": folder / "root.crl", "issuing": folder / "issuing.crl"}
        self.settings = settings
        self.authorities = Authorities.read(settings.pop("pem", pki.pem))

    def lists(self, root: bytes | None, issuing: bytes | None) -> Desk:
        for name, raw in (("root", root), ("issuing", issuing)):
            if raw is not None:
                self.files[name].write_bytes(raw)
        self.settings["crls"] = [{"file": str(file)} for file in self.files.values() if file.exists()]
        return self

    async def open(self) -> PkiAdmission:
        settings = PkiSettings.model_validate({"authorities_file": "x", **self.settings})
        sources = tuple(Fetcher.of_file(Path(str(crl.file))) for crl in settings.crls)
        revocation = Revocation(
            self.authorities, sources, settings.refresh_seconds, settings.grace_hours * 3600, lambda: self.now
        )
        self.revocation = revocation
        admission = PkiAdmission(settings, self.authorities, revocation, lambda: self.now)
        await admission.start()
        return admission


async def said(desk: Desk, der: bytes | None) -> Any:
    admission = await desk.open()
    try:
        outcome = await admission.admit(der)
    finally:
        await admission.stop()
    return outcome if isinstance(outcome, Admitted) else outcome.reason


LISTED = {"name": "De Kade", "common_name": "gateway.kade.example", "organizations": ["90000444"]}
