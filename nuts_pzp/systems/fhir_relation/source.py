"""The source: one search per type at the holder's own server, all at once. One page each: more would only deny less."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field, model_validator

from ...exchange import Access
from ...identity import Ura
from ...outcome import Evidence, Outcome, Permit, Unavailable, Unknown
from ...outside import Bounds, Heard, Line, Surroundings, TlsFiles, Trouble
from ...reasons import Reason
from .reading import INCLUDES, Json, Sought, organizations, shows

_LIMIT = 2 * 1024 * 1024
_JSON = frozenset({"application/fhir+json", "application/json"})
_Type = Literal["CareTeam", "ServiceRequest", "EpisodeOfCare", "Encounter"]

Clock = Callable[[], datetime]


class FhirRelationSettings(BaseModel):
    """`implied.sources: {kind: fhir_relation, ...}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    """FHIR R4 base of the holder's own server."""
    authorization_file: Path | None = None
    """Holds the value of one Authorization header."""
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    resources: Annotated[tuple[_Type, ...], Field(min_length=1)] = ("CareTeam", "ServiceRequest")
    """What is looked at; the server must know how to search it by patient."""
    recent_days: Annotated[int, Field(ge=1, le=730)] = 365
    """How long a referral or a transfer shows a relation."""
    total_seconds: Annotated[float, Field(gt=0, le=30)] = 3.0

    @model_validator(mode="after")
    def _whole_certificate(self) -> FhirRelationSettings:
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file without certificate_file")
        return self


class FhirRelation:
    """What the holder's own server says of who treats its patients. Also `outside.Living`."""

    def __init__(
        self, settings: FhirRelationSettings, line: Line, authorization: str, clock: Clock = lambda: datetime.now(UTC)
    ) -> None:
        self._settings, self._line, self._clock = settings, line, clock
        self._base = settings.base.rstrip("/")
        self._headers = {"accept": "application/fhir+json"} | (
            {"authorization": authorization} if authorization else {}
        )

    async def ground(self, access: Access, /) -> Outcome[Permit]:
        """Return the first resource that shows a relation; Unavailable when none did and a search failed."""
        patient, user = access.patient.logical_id, access.caller.organization.ura
        if patient is None:
            return Unavailable(Reason.RELATION_UNKNOWN, detail="a patient without an id at the own server")
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                found = await asyncio.gather(*(self._search(one, patient) for one in self._settings.resources))
        except TimeoutError:
            return Unavailable(Reason.RELATION_UNKNOWN, detail="timeout")
        for resources in found:
            if not isinstance(resources, Unavailable) and (permit := self._shown(resources, patient, user)):
                return permit
        return next((one for one in found if isinstance(one, Unavailable)), Unknown(Reason.CONSENT_NONE))

    def _shown(self, resources: list[Json], patient: str, user: Ura) -> Permit | None:
        sought = Sought(
            patient, user, self._clock(), self._base, timedelta(days=self._settings.recent_days),
            organizations(resources, user),
        )  # fmt: skip
        for one in resources:
            if (kind := shows(one, sought)) is not None:
                digest = hashlib.sha256(orjson.dumps(one, option=orjson.OPT_SORT_KEYS)).hexdigest()
                reference = f"{one['resourceType']}/{one.get('id', '')}"
                return Permit(f"implied:{kind}", (Evidence("fhir_relation", reference, digest),))
        return None

    async def start(self) -> None:
        """Nothing to begin: the first call connects."""

    async def stop(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def health(self) -> Outcome[str]:
        """Ask for the server's capabilities, about no patient."""
        heard = await self._call("GET", "/metadata", None)
        return heard if isinstance(heard, Unavailable) else "answers"

    async def _search(self, kind: str, patient: str) -> list[Json] | Unavailable:
        form = {"patient": f"Patient/{patient}", "_include": INCLUDES[kind], "_count": "100"}
        heard = await self._call("POST", f"/{kind}/_search", urlencode(form).encode())
        if isinstance(heard, Unavailable):
            return heard
        try:
            bundle = orjson.loads(heard.body)
        except orjson.JSONDecodeError:
            return _broken("not JSON")
        if not isinstance(bundle, dict) or (bundle.get("resourceType"), bundle.get("type")) != ("Bundle", "searchset"):
            return _broken("not a searchset")
        entries = bundle.get("entry", [])
        if not isinstance(entries, list):
            return _broken("entry")
        resources = [one.get("resource") for one in entries if isinstance(one, dict)]
        found = {orjson.dumps(one): one for one in resources if isinstance(one, dict)}.values()
        names = [(str(one.get("resourceType")), str(one["id"])) for one in found if "id" in one]
        return list(found) if len(set(names)) == len(names) else _broken("one resource in two versions")

    async def _call(self, method: str, path: str, form: bytes | None) -> Heard | Unavailable:
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"} if form else self._headers
        heard = await self._line.call(method, self._base + path, headers, form, repeatable=True)
        if isinstance(heard, Trouble):
            return _broken(heard.value)
        if heard.status != 200:
            return _broken(f"HTTP {heard.status}")
        return heard if heard.media_type in _JSON else _broken("not JSON by its media type")


def _broken(detail: str) -> Unavailable:
    return Unavailable(Reason.RELATION_UNKNOWN, detail=detail)


def build(settings: Mapping[str, Any], around: Surroundings) -> FhirRelation:
    """Make the source of one tenant; ValidationError, ValueError or OSError for what cannot work."""
    own = FhirRelationSettings.model_validate(dict(settings))
    if why := around.outbound.refuses(own.base):
        raise ValueError(f"base: {why}")
    files = (own.roots_file, own.certificate_file, own.key_file)
    tls = TlsFiles(*(around.path(name) if name else None for name in files)).context_for(own.base)
    line = Line(around.outbound, tls, Bounds(2.0, own.total_seconds, _LIMIT))
    authorization = around.path(own.authorization_file).read_text("utf-8").strip() if own.authorization_file else ""
    if any(not character.isprintable() for character in authorization):
        raise ValueError("authorization_file: not the value of an Authorization header")
    return FhirRelation(own, line, authorization)
