"""The source: searches the patient's sharing consents, follows every page, and lets the most specific one count.

A page that fails, is too much or leads elsewhere is a failure of the whole: half of what a patient chose is no answer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlencode

import orjson
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from ...consent.choice import verdict
from ...consent.port import Verdict
from ...exchange import Access
from ...fhir.request import stays_below
from ...identity import Ura
from ...outcome import Outcome, Unavailable
from ...outside import Bounds, Breaker, Heard, Line, Surroundings, TlsFiles, Trouble
from ...reasons import Reason
from .criteria import Asked, Json, Unreadable
from .reading import AnotherPatient, finding

MOST_PAGES = 20
_LIMIT = 2 * 1024 * 1024
_JSON = frozenset({"application/fhir+json", "application/json"})
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope|patient-privacy"
_Seconds = Annotated[float, Field(gt=0, le=30)]
_Reference = Annotated[str, StringConstraints(pattern=r"^Organization/[A-Za-z0-9.-]{1,64}$")]

Clock = Callable[[], datetime]


class FhirConsentSettings(BaseModel):
    """`consent: {kind: fhir_consent, ...}`."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    base: str
    """FHIR R4 base of the server that holds the consents."""
    authorization_file: Path | None = None
    """Holds the value of one Authorization header."""
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    own_organization: frozenset[_Reference] = frozenset()
    """How the server refers to the holder, where its consents name no URA."""
    type_extension: str = ""
    """URL of the extension by which an actor is a type of organization."""
    total_seconds: _Seconds = 4.0
    """For all pages together."""

    @model_validator(mode="after")
    def _whole_certificate(self) -> FhirConsentSettings:
        if self.key_file and not self.certificate_file:
            raise ValueError("key_file without certificate_file")
        return self


class FhirConsent:
    """Sharing consents of one holder on one server."""

    def __init__(
        self, own: Ura, settings: FhirConsentSettings, line: Line, authorization: str, clock: Clock | None = None
    ) -> None:
        self._own, self._settings, self._line = own, settings, line
        self._base = settings.base.rstrip("/")
        self._headers = {"accept": "application/fhir+json"}
        if authorization:
            self._headers["authorization"] = authorization
        self._clock = clock or (lambda: datetime.now(UTC))
        self._breaker = Breaker()

    async def ask(self, access: Access, /) -> Verdict:
        """Search, read, and let the most specific count. What cannot be read whole is an Unavailable."""
        logical_id = access.patient.logical_id
        if logical_id is None:
            return _failed(Reason.CONSENT_FHIR_BROKEN, "a patient without an id at the own server")
        asked = Asked(
            access.patient.bsn,
            logical_id,
            self._own,
            access.caller.organization,
            self._clock(),
            self._base,
            self._settings.own_organization,
            self._settings.type_extension,
            access.patient.birth_date,
        )
        consents = await self._found(logical_id)
        if isinstance(consents, Unavailable):
            return Verdict(consents, explicit=False, specificity=4)
        try:
            found = [finding(one, asked) for one in consents]
        except AnotherPatient:
            return _failed(Reason.CONSENT_FHIR_BROKEN, "a consent of another patient")
        except Unreadable as error:
            return _failed(Reason.CONSENT_FHIR_BROKEN, f"unreadable: {error}")
        return verdict(one for one in found if one is not None)

    def resting(self) -> Unavailable | None:
        """A server that keeps failing is left alone for a while: then nobody's consents are asked for."""
        return _RESTING if self._breaker.holds() else None

    async def start(self) -> None:
        """Nothing to begin: the first call connects."""

    async def stop(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def health(self) -> Outcome[str]:
        """Ask for the server's capabilities, about no patient."""
        heard = await self._call("GET", f"{self._base}/metadata")
        if isinstance(heard, Unavailable):
            return heard
        self._breaker.succeeded()
        return "answers"

    async def _found(self, logical_id: str) -> list[Json] | Unavailable:
        """Search within the time for it, unless the server is left alone. One answer that is broken does not count."""
        if not self._breaker.admits():
            return _RESTING
        try:
            async with asyncio.timeout(self._settings.total_seconds):
                found = await self._search(logical_id)
        except TimeoutError:
            found = Unavailable(Reason.CONSENT_FHIR_TIMEOUT, detail="timeout")
        except BaseException:
            self._breaker.abandoned()
            raise
        if not isinstance(found, Unavailable):
            self._breaker.succeeded()
        elif found.reason is Reason.CONSENT_FHIR_BROKEN:
            self._breaker.abandoned()
        else:
            self._breaker.failed()
        return found

    async def _search(self, logical_id: str) -> list[Json] | Unavailable:
        """Return every resource of every page, or why not all of them could be had."""
        form = urlencode({"patient": f"Patient/{logical_id}", "scope": _SCOPE, "_count": "100"}).encode()
        heard = await self._call("POST", f"{self._base}/Consent/_search", form)
        found: dict[bytes, Json] = {}
        seen: set[str] = set()
        came, total = 0, 0
        while True:
            if isinstance(heard, Unavailable):
                return heard
            try:
                resources, link, said = _page(heard)
            except (Unreadable, orjson.JSONDecodeError) as error:
                return _broken(f"not a searchset: {error}" if isinstance(error, Unreadable) else "not JSON")
            found |= {orjson.dumps(one): one for one in resources}
            came, total = came + len(resources), max(total, said)
            if link is None:
                return _whole(list(found.values())) if came >= total else _broken("fewer than its total")
            further = self._further(link)
            if further is None:
                return _broken("a next link outside the base")
            if len(seen) >= MOST_PAGES - 1 or further in seen:
                return _broken("too many pages, or one twice")
            seen.add(further)
            heard = await self._call("GET", further)

    async def _call(self, method: str, url: str, form: bytes | None = None) -> Heard | Unavailable:
        headers = {**self._headers, "content-type": "application/x-www-form-urlencoded"} if form else self._headers
        heard = await self._line.call(method, url, headers, form, repeatable=True)
        if isinstance(heard, Trouble):
            return _unreached(heard)
        if heard.status in (429, 502, 503):
            return Unavailable(Reason.CONSENT_FHIR_UNAVAILABLE, detail=f"HTTP {heard.status}")
        if heard.status == 504:
            return Unavailable(Reason.CONSENT_FHIR_TIMEOUT, detail="HTTP 504")
        if heard.status != 200:
            return _broken(f"HTTP {heard.status}")
        return heard if heard.media_type in _JSON else _broken("not JSON by its media type")

    def _further(self, link: str) -> str | None:
        """Return the address of a further page: on the server's own origin, below its own base; None for any other."""
        below = link.removeprefix(f"{self._base}/") if link.startswith(f"{self._base}/") else link
        if below.startswith(f"{self._base}?"):
            below = below[len(self._base) :]
        elif not below or "://" in below or below.startswith("/"):
            return None
        else:
            below = below if below.startswith("?") else f"/{below}"
        return self._base + below if stays_below(below) else None


_LEFT_OUT = frozenset({"suppressed", "incomplete", "too-costly", "timeout", "throttled", "transient", "exception"})
"""Codes of issues that say, also as a warning, that the answer is not whole."""


def _whole(consents: list[Json]) -> list[Json] | Unavailable:
    """Return the consents unless one is there in two versions: which of them holds is not known."""
    ids = [one["id"] for one in consents if "id" in one]
    return consents if len({str(id) for id in ids}) == len(ids) else _broken("one consent in two versions")


def _page(heard: Heard) -> tuple[list[Json], str | None, int]:
    """Return the consents of one page, where it goes on and how many it says there are (0 when it does not say).

    Unreadable when it is no searchset or tells of trouble.
    """
    bundle = orjson.loads(heard.body)
    if not isinstance(bundle, dict) or (bundle.get("resourceType"), bundle.get("type")) != ("Bundle", "searchset"):
        raise Unreadable("resourceType")
    links = [one for one in _objects(bundle, "link") if one.get("relation") == "next"]
    if len(links) > 1 or (links and not isinstance(links[0].get("url"), str)):
        raise Unreadable("link")
    resources: list[Json] = []
    for entry in _objects(bundle, "entry"):
        resource = entry.get("resource")
        if not isinstance(resource, dict):
            raise Unreadable("entry.resource")
        if resource.get("resourceType") == "OperationOutcome":
            for issue in _objects(resource, "issue"):
                if issue.get("severity") not in ("information", "warning") or issue.get("code") in _LEFT_OUT:
                    raise Unreadable("OperationOutcome")
            continue
        resources.append(resource)
    total = bundle.get("total", 0)
    if type(total) is not int:
        raise Unreadable("total")
    return resources, links[0]["url"] if links else None, total


def _objects(element: Mapping[str, Any], name: str) -> list[dict[str, Any]]:
    found = element.get(name, [])
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise Unreadable(name)
    return found


_RESTING = Unavailable(Reason.CONSENT_FHIR_UNAVAILABLE, detail=Trouble.OPEN.value)


def _unreached(trouble: Trouble) -> Unavailable:
    if trouble.reached_nobody:
        return Unavailable(Reason.CONSENT_FHIR_UNAVAILABLE, detail=trouble.value)
    late = trouble is Trouble.TIMEOUT
    return Unavailable(Reason.CONSENT_FHIR_TIMEOUT if late else Reason.CONSENT_FHIR_BROKEN, detail=trouble.value)


def _broken(detail: str) -> Unavailable:
    return Unavailable(Reason.CONSENT_FHIR_BROKEN, detail=detail)


def _failed(reason: Reason, detail: str) -> Verdict:
    return Verdict(Unavailable(reason, detail=detail), explicit=False, specificity=4)


def build(settings: Mapping[str, Any], around: Surroundings) -> FhirConsent:
    """Make the source of one tenant; ValueError or OSError for what cannot work."""
    own = FhirConsentSettings.model_validate(dict(settings))
    if why := around.outbound.refuses(own.base):
        raise ValueError(f"base: {why}")
    files = (own.roots_file, own.certificate_file, own.key_file)
    tls = TlsFiles(*(around.path(name) if name else None for name in files)).context()
    line = Line(around.outbound, tls, Bounds(2.0, own.total_seconds, _LIMIT))
    authorization = around.path(own.authorization_file).read_text("utf-8").strip() if own.authorization_file else ""
    if any(not character.isprintable() for character in authorization):
        raise ValueError("authorization_file: not the value of an Authorization header")
    return FhirConsent(around.tenant.organization.ura, own, line, authorization)
