"""The localization port over the NVI: pseudonym, search, holders. A failure is a gap, never an empty list."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from ...accounted import Intended, Receipt
from ...exchange import Holder
from ...identity import Bsn
from ...outcome import Deny, Gap, Gathered, Outcome, Stop, Unavailable, Unknown
from ...outside import Heard, Peer, Surroundings, Trouble
from ...reasons import Reason
from .calls import Authorized, Call
from .grants import Grants, Want
from .lists import issue_code, read_searchset
from .pseudonyms import PseudonymSource
from .settings import NviSettings

TOKEN_SYSTEM = "http://minvws.github.io/generiekefuncties-docs/NamingSystem/nvi-identifier"  # noqa: S105 (a name)
_CATEGORY_SYSTEM = "http://minvws.github.io/generiekefuncties-docs/CodeSystem/nl-gf-data-categories-cs"
_ANSWER_LIMIT = 1_048_576


class Nvi:
    """Asks the national register which organisations registered this patient."""

    def __init__(self, settings: NviSettings, nvi: Authorized, prs: Authorized) -> None:
        self._settings, self._nvi, self._prs = settings, nvi, prs
        self._pseudonyms = PseudonymSource(prs, settings.pseudonyms)

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        """Return each organisation once, our own too; every failure is a gap at `localization`."""
        inquiry = intended.event.inquiry
        try:
            async with asyncio.timeout(min(self._settings.timeout_seconds, inquiry.deadline)):
                return await self._search(inquiry.bsn)
        except TimeoutError:
            return _missing(Unavailable(Reason.LOCALIZATION_DOWN, detail="NVI: no answer in time"))

    async def start(self) -> None:
        """Nothing runs in the background; connections open when first used."""

    async def stop(self) -> None:
        """Close all connections."""
        await self._nvi.close()
        await self._prs.close()

    async def health(self) -> Outcome[str]:
        """Ask for both tokens; sends no pseudonym."""
        for system in (self._prs, self._nvi):
            ready = await system.ready()
            if ready != "ok":
                return ready
        return "ok"

    async def _search(self, bsn: Bsn) -> Gathered[Holder]:
        heard = await self._nvi.call(lambda: self._compose(bsn))
        if isinstance(heard, Deny | Unknown | Unavailable):
            return _missing(heard)
        if isinstance(heard, Trouble):
            return _missing(Unavailable(Reason.LOCALIZATION_DOWN, detail=f"NVI: {heard.value}"))
        if heard.status != 200:
            return _missing(_refused(heard))
        return read_searchset(heard.body, frozenset(self._settings.codes))

    async def _compose(self, bsn: Bsn) -> Outcome[Call]:
        token = await self._pseudonyms.token(bsn)
        if isinstance(token, Deny | Unknown | Unavailable):
            return token
        query = f"subject:identifier={quote(f'{TOKEN_SYSTEM}|{token.value}', safe='')}"
        if self._settings.send_code_in_search:
            codes = ",".join(f"{_CATEGORY_SYSTEM}|{code}" for code in self._settings.codes)
            query += f"&code={quote(codes, safe='')}"
        return Call("GET", f"/List?{query}", {"accept": "application/fhir+json"})


def _refused(heard: Heard) -> Stop:
    detail = f"NVI: {heard.status} {issue_code(heard.body)}".strip()
    if heard.status in (401, 403):
        return Deny(Reason.LOCALIZATION_REFUSED, detail=detail)
    if heard.status == 429 or heard.status >= 500:
        return Unavailable(Reason.LOCALIZATION_DOWN, detail=detail)
    return Unavailable(Reason.LOCALIZATION_BROKEN, detail=detail)


def _missing(stop: Stop) -> Gathered[Holder]:
    return Gathered(gaps=(Gap("localization", stop),))


def build(settings: Mapping[str, Any], around: Surroundings) -> Nvi:
    """Return this tenant's locator; ValidationError on wrong settings, ValueError on an address not to be dialled."""
    checked = NviSettings.model_validate(settings)
    tls, own, prs = checked.tls.files(around), around.tenant.organization.ura, checked.pseudonyms

    def peer(url: str, limit: int = 65_536) -> Peer:
        return Peer(url, around.outbound, tls=tls, total=checked.timeout_seconds, limit=limit)

    return Nvi(
        checked,
        Authorized(
            peer(checked.url, _ANSWER_LIMIT),
            Grants(peer(checked.token_url)),
            Want(checked.audience, checked.scope, own.value, checked.source_id),
        ),
        Authorized(peer(prs.url), Grants(peer(prs.token_url)), Want(prs.audience, prs.scope, prs.organization_id)),
    )
