"""The source: what the file in force says about one patient, this holder and one user; an objection before a permit."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Annotated, Any

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from ...consent.choice import HOLDER, Finding, Users, verdict
from ...consent.period import Period
from ...consent.port import Verdict
from ...consent.voice import outgrown
from ...exchange import Access
from ...identity import Organization
from ...keys import BadKeyFile, secret
from ...outcome import Evidence, Outcome, Unavailable
from ...outside import Surroundings
from ...reasons import Reason
from ...store.port import StoreFailed
from .document import Entry, Expected, Refused, pseudonym
from .shelf import Shelf

Clock = Callable[[], datetime]
_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]


class RegionalConsentSettings(BaseModel):
    """`consent: {kind: regional_consent, ...}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    file: Path
    """Where the region's file lies; `consent import-static` puts it there."""
    region: _Name
    public_key_files: Annotated[dict[_Name, Path], Field(min_length=1)]
    """Key id -> Ed25519 public key (PEM); two of them while the region changes keys."""
    pseudonym_key_file: Path
    """The region's 32-byte key, in hexadecimal (0600)."""
    pseudonym_key_id: _Name


class RegionalConsent:
    """The region's file for one holder."""

    highest_permit = 3

    def __init__(self, shelf: Shelf, key: bytes, clock: Clock) -> None:
        self.shelf, self._key, self._clock = shelf, key, clock

    async def ask(self, access: Access, /) -> Verdict:
        """Say what the file says; without a file in force an Unavailable."""
        try:
            volume = await self.shelf.current()
        except (Refused, StoreFailed) as error:
            stop = Unavailable(Reason.CONSENT_STATIC_INVALID, detail=str(error))
            return Verdict(stop, explicit=False, specificity=4)
        entries = volume.entries.get(pseudonym(self._key, access.patient.bsn), ())
        user, now = access.caller.organization, self._clock()
        born = access.patient.birth_date
        found = [finding for one in entries if (finding := _finding(one, user, now, volume.digest, born))]
        objections = [one for one in found if not one.permits]
        return verdict(objections or found)

    def resting(self) -> Unavailable | None:
        """Without a file in force nobody's choice can be told, whoever the patient is."""
        why = self.shelf.shut()
        return Unavailable(Reason.CONSENT_STATIC_INVALID, detail=why) if why else None

    async def start(self) -> None:
        """Nothing runs: the file is looked at when there is a question."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def health(self) -> Outcome[str]:
        """Say which serial is in force and until when."""
        try:
            volume = await self.shelf.current()
        except (Refused, StoreFailed) as error:
            return Unavailable(Reason.CONSENT_STATIC_INVALID, detail=str(error))
        return f"serial {volume.serial}, until {volume.not_after:%Y-%m-%d %H:%M} UTC"


def _finding(entry: Entry, user: Organization, now: datetime, digest: str, born: date | None) -> Finding | None:
    users = Users(frozenset(entry.requester.uras), frozenset(entry.requester.org_types))
    specificity, permits = users.specificity(user), entry.effect == "permit"
    period = Period(entry.valid_from, entry.valid_to or "")
    if specificity is None or not (period.surely(now) if permits else period.possibly(now)):
        return None
    last = outgrown(born, date.fromisoformat(entry.valid_from)) if permits and born else None
    if last and not Period(end=last.isoformat()).surely(now):
        return None
    return Finding(permits, HOLDER + specificity, Evidence("regional_consent", entry.id, digest))


def expected(settings: RegionalConsentSettings, around: Surroundings) -> Expected:
    """Return what this holder takes; ValueError or OSError for key files that cannot be used."""
    keys = {name: _public(around.path(path)) for name, path in settings.public_key_files.items()}
    return Expected(settings.region, keys, settings.pseudonym_key_id)


def _public(path: Path) -> Ed25519PublicKey:
    try:
        key = load_pem_public_key(path.read_bytes())
    except (ValueError, UnsupportedAlgorithm):
        raise ValueError("public_key_files: not a public key in PEM") from None
    if not isinstance(key, Ed25519PublicKey):
        raise ValueError("public_key_files: not an Ed25519 key")
    return key


def build(
    settings: Mapping[str, Any], around: Surroundings, clock: Clock = lambda: datetime.now(UTC)
) -> RegionalConsent:
    """Make the source of one tenant; ValueError or OSError for what cannot work. The file itself may come later."""
    own = RegionalConsentSettings.model_validate(dict(settings))
    if around.store is None:
        raise ValueError("this deployment keeps no state")
    try:
        key = secret(around.path(own.pseudonym_key_file))
    except BadKeyFile as error:
        raise ValueError(str(error)) from None
    shelf = Shelf(around.path(own.file), expected(own, around), around.tenant.organization.ura, around.store, clock)
    return RegionalConsent(shelf, key, clock)
