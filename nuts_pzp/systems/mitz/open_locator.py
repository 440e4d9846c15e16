"""Mitz as a locator: which holders may be asked about this patient by this user (IHE ITI-56; spec consent 2).

Candidates only. Whom it names still asks the closed question itself before anything is disclosed, and is found in the
directory, never dialled from here. Asked once, without a retry; what fails is a gap, never an empty list.
"""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import structlog

from ...accounted import Intended, Receipt
from ...exchange import Holder, Inquiry
from ...identity import Organization
from ...keys import BadKeyFile
from ...outcome import Deny, Gap, Gathered, Outcome, Stop, Unavailable
from ...outside import Breaker, Heard, Peer, Surroundings, TlsFiles, Trouble
from ...reasons import Reason
from . import codes, open_codes
from .answer import Refused
from .client import is_soap, retry_after
from .flaw import Flaw
from .open_answer import Located, read
from .open_assertion import Signer
from .open_question import OpenQuestion, build
from .open_settings import OpenSettings
from .question import NotAQuestion, Party
from .who import Roster

FOUND_BY = "mitz"
_DOWN = frozenset({Trouble.NAME, Trouble.REFUSED, Trouble.TLS, Trouble.TIMEOUT, Trouble.BROKEN, Trouble.OPEN})

_log = structlog.get_logger("nuts_pzp.mitz")


class MitzLocator:
    """The open question of one tenant. `clock` is monotonic seconds."""

    def __init__(
        self,
        own: Organization,
        settings: OpenSettings,
        peer: Peer,
        signer: Signer,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Raise NotAQuestion or ValueError when the organization itself cannot be named in a question."""
        self._user = Party(own.ura, own.type)
        if own.type not in codes.ORGANIZATION_TYPES | settings.user_types:
            raise ValueError("organization.type is not one that Mitz knows; user_types adds a region's own")
        self._roster = Roster(settings.roles, settings.professional_id_root)
        self._action, self._timeout = settings.expect_action, settings.timeout_seconds
        self._peer, self._signer, self._clock = peer, signer, clock
        self._breaker, self._held_until = Breaker(), float("-inf")

    async def locate(self, intended: Receipt[Intended], /) -> Gathered[Holder]:
        """Return each organization once, ours too; every failure, and every part that was left out, is a gap."""
        inquiry = intended.event.inquiry
        question = self._question(inquiry)
        if isinstance(question, Deny):
            return _missing(question)
        if self._clock() < self._held_until:
            return _missing(_down("held-by-retry-after"))
        if not self._breaker.admits(self._clock()):
            return _missing(_down(Trouble.OPEN.value))
        try:
            async with asyncio.timeout(min(self._timeout, inquiry.deadline)):
                found = await self._asked(question)
        except TimeoutError:
            found = _down(Trouble.TIMEOUT.value)
        except BaseException:
            self._breaker.abandoned()
            raise
        return self._told(found, question)

    def _question(self, inquiry: Inquiry) -> OpenQuestion | Deny:
        """Make the one question of this inquiry. An emergency is asked as treatment: Mitz knows no other."""
        try:
            who = self._roster.responsible(inquiry.professional)
            if isinstance(who, Deny):
                return Deny(Reason.LOCALIZATION_REFUSED, detail=f"Mitz: not asked, {who.reason.code}")
            return OpenQuestion(uuid.uuid4(), inquiry.bsn, self._user, who)
        except NotAQuestion as error:
            return Deny(Reason.LOCALIZATION_REFUSED, detail=f"Mitz: not asked, {error}")

    async def _asked(self, question: OpenQuestion) -> Located | Stop:
        # Signing is some milliseconds of arithmetic: not on the loop.
        assertion = await asyncio.to_thread(self._signer.assertion, question)
        content = build(question, self._peer.base + open_codes.PATH, assertion)
        headers = {
            "content-type": f'{codes.MEDIA_TYPE}; charset=UTF-8; action="{open_codes.ASK_ACTION}"',
            "accept": codes.MEDIA_TYPE,
            "x-request-id": str(question.message_id),
        }
        heard = await self._peer.send("POST", open_codes.PATH, headers=headers, content=content, within=self._timeout)
        if isinstance(heard, Trouble):
            return _down(heard.value) if heard in _DOWN else _broken(heard.value)
        return self._judged(heard, question)

    def _judged(self, heard: Heard, question: OpenQuestion) -> Located | Stop:
        """Status first, then the body, in the classes of the closed question (spec consent 1.6)."""
        if heard.status == 429 or (heard.status == 503 and "retry-after" in heard.headers):
            self._held_until = self._clock() + retry_after(heard.headers.get("retry-after", ""))
            return _down(f"http-{heard.status}")
        if heard.status in (401, 403):
            return _refused(f"http-{heard.status}")
        found = read(heard.body, question, self._action) if is_soap(heard) else Refused(Flaw.MEDIA_TYPE)
        if isinstance(found, Refused) and found.flaw in (Flaw.FAULT_SENDER, Flaw.FAULT_OTHER):
            return _refused(found.flaw.value)
        if heard.status >= 500 or (isinstance(found, Refused) and found.flaw is Flaw.FAULT_RECEIVER):
            return _down(found.flaw.value if isinstance(found, Refused) and is_soap(heard) else f"http-{heard.status}")
        if heard.status != 200:
            return _broken(f"http-{heard.status}")
        return _broken(found.flaw.value) if isinstance(found, Refused) else found

    def _told(self, found: Located | Stop, question: OpenQuestion) -> Gathered[Holder]:
        if not isinstance(found, Located):
            down = found.reason is Reason.LOCALIZATION_DOWN
            self._breaker.failed(self._clock()) if down else self._breaker.succeeded()
            _tell(found.reason, found.detail, question)
            return _missing(found)
        self._breaker.succeeded()
        for flaw in found.dropped:
            _tell(Reason.LOCALIZATION_BROKEN, f"Mitz: {flaw.value}", question, suspicious=flaw.is_suspicious)
        holders = tuple(Holder(ura, FOUND_BY) for ura in found.holders)
        return Gathered(holders, tuple(Gap("localization", _broken(flaw.value)) for flaw in found.dropped))

    async def start(self) -> None:
        """Nothing runs in the background; connections open when first used."""

    async def stop(self) -> None:
        """Close all connections."""
        await self._peer.close()

    async def health(self) -> Outcome[str]:
        """Say whether it would be asked now, and until when the signing certificate is good. Asks nothing."""
        if self._breaker.is_open or self._clock() < self._held_until:
            return _down("resting")
        return f"assertions signed until {self._signer.good_until:%Y-%m-%d}"


def _down(detail: str) -> Unavailable:
    return Unavailable(Reason.LOCALIZATION_DOWN, detail=f"Mitz: {detail}")


def _broken(detail: str) -> Unavailable:
    return Unavailable(Reason.LOCALIZATION_BROKEN, detail=f"Mitz: {detail}")


def _refused(detail: str) -> Deny:
    return Deny(Reason.LOCALIZATION_REFUSED, detail=f"Mitz: {detail}")


def _missing(stop: Stop) -> Gathered[Holder]:
    return Gathered(gaps=(Gap("localization", stop),))


def _tell(reason: Reason, detail: str, question: OpenQuestion, *, suspicious: bool = False) -> None:
    """One line for operations: the class of error and our MessageID, no content."""
    alarm = "security" if suspicious else "operations"
    _log.error("mitz.not_located", reason=reason.code, error_class=detail, message_id=question.message_urn, alarm=alarm)


def build_locator(settings: Mapping[str, Any], around: Surroundings) -> MitzLocator:
    """Make one tenant's locator. ValidationError, ValueError or OSError on what cannot work."""
    own = OpenSettings.model_validate(dict(settings))
    tls = None
    if own.roots_file and own.certificate_file and own.key_file:
        tls = TlsFiles(around.path(own.roots_file), around.path(own.certificate_file), around.path(own.key_file))
    signs = own.assertion
    try:
        signer = Signer(around.path(signs.key_file), around.path(signs.certificate_file), signs.issuer)
    except BadKeyFile as error:
        raise ValueError(str(error)) from None
    peer = Peer(own.url, around.outbound, tls=tls, total=own.timeout_seconds)
    return MitzLocator(around.tenant.organization, own, peer, signer)
