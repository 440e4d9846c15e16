"""Mitz as a source of sharing consent: from a verified access to one closed question, and back to a verdict.

Trusts the caller as the gatekeeper and the directory confirmed it, and this holder's own settings; takes nothing of a
question from the request (spec consent 1.4, 4.5, 6.1). What cannot be asked truthfully is not asked.
"""

from __future__ import annotations

import asyncio
import ssl
import uuid
from collections.abc import Mapping
from typing import Any, Literal
from urllib.parse import urlsplit

import structlog

from ...consent.notice import Correspondence
from ...consent.port import Verdict
from ...exchange import Access
from ...identity import Organization, Professional, Purpose
from ...outcome import Deny, Outcome, Permit, Unavailable
from ...outside import Outbound, Peer, Surroundings, TlsFiles, Trouble
from ...reasons import Reason
from . import codes
from .answer import Rules
from .client import ClosedQuestion, why_not
from .correspondence import Letters
from .corresponding import letters
from .flaw import Flaw
from .question import NotAQuestion, Party, Question
from .settings import MitzSettings
from .who import Roster

PERMIT_SERVES = 60.0
DENY_SERVES = 30.0
"""Seconds that one decision may serve the same question of the same token (design D3, spec consent 6.6)."""

_log = structlog.get_logger("nuts_pzp.mitz")


class MitzConsent:
    """The closed question as a source for one holder. Permits are explicit and general, denies of unknown origin."""

    highest_permit = 0
    presumes: Literal[True] = True

    def __init__(
        self,
        holder: Organization,
        settings: MitzSettings,
        client: ClosedQuestion,
        tls: TlsFiles | None,
        out: Outbound,
        letters: Letters | None = None,
    ) -> None:
        """Raise NotAQuestion when the holder itself cannot be named in a question."""
        self.letters = letters
        self._holder = Party(holder.ura, holder.type)
        self._roster = Roster(settings.roles, settings.professional_id_root)
        self._types = codes.ORGANIZATION_TYPES | settings.user_types
        self._url, self._client, self._tls, self._outbound = settings.url, client, tls, out

    async def ask(self, access: Access, /) -> Verdict:
        """Ask Mitz once. What cannot be asked is a Deny, what failed an Unavailable; neither may be reused."""
        question = self.question(access)
        if isinstance(question, Deny):
            return Verdict(question, explicit=False, specificity=4)
        found = await self._client.ask(question)
        if isinstance(found, Unavailable):
            _tell(found)
            return Verdict(found, explicit=False, specificity=4)
        reason = why_not(found)
        if reason is None:
            explicit = question.purpose is Purpose.TREATMENT
            permit = Permit("explicit-consent:mitz" if explicit else "presumed-consent:mitz", (found.evidence,))
            return Verdict(permit, explicit=explicit, specificity=0, cacheable_for=PERMIT_SERVES)
        decided = reason in (Reason.MITZ_DENY, Reason.MITZ_PARTIAL)
        deny = Deny(reason, (found.evidence,))
        return Verdict(deny, explicit=False, specificity=4, cacheable_for=DENY_SERVES if decided else 0.0)

    def sameness(self, access: Access, /) -> bytes | None:
        """Every field of the access that `question` looks at: this holder and its settings do not change.

        As `repr`, which no two values share and which takes any text a token may hold.
        """
        caller, who = access.caller, access.caller.professional
        if who is None:
            return None
        return repr(
            (
                access.patient.bsn.value,
                caller.organization.ura.value,
                caller.organization.type,
                caller.purpose.value,
                access.presumed,
                _fields(who),
                _fields(who.mandated_by) if who.mandated_by else None,
                bool(who.mandated_by and who.mandated_by.mandated_by),
            )
        ).encode()

    def resting(self) -> Unavailable | None:
        """The breaker is open or Mitz asked for patience: then nobody's question is sent."""
        return self._client.resting()

    def question(self, access: Access) -> Question | Deny:
        """Make the one question of this access: PZP is GGC002.

        An emergency cannot be told to Mitz: it is asked as treatment. COC says that consent may be presumed: asked only
        where the holder itself has evidence and its profile says so, instead of TREAT and never after it; what a
        caller claims is refused rather than asked (spec consent 4.4, 6.1).
        """
        caller = access.caller
        if caller.organization.ura == self._holder.ura:
            return Deny(Reason.OWN_ORGANIZATION)
        if caller.purpose not in (Purpose.TREATMENT, Purpose.EMERGENCY):
            return Deny(Reason.PURPOSE_NOT_ALLOWED)
        if not caller.organization.type or caller.professional is None:
            return Deny(Reason.CONSENT_ATTRIBUTES)
        if caller.organization.type not in self._types:
            return Deny(Reason.CONSENT_CATEGORY)
        try:
            who = self._roster.responsible(caller.professional)
            if isinstance(who, Deny):
                return who
            user = Party(caller.organization.ura, caller.organization.type)
            presumed = access.presumed and caller.purpose is Purpose.TREATMENT
            purpose = Purpose.COORDINATION if presumed else Purpose.TREATMENT
            return Question(uuid.uuid4(), access.patient.bsn, self._holder, user, who, purpose)
        except NotAQuestion as error:
            return Deny(Reason.CONSENT_ATTRIBUTES, detail=str(error))

    @property
    def correspondence(self) -> Correspondence | None:
        """Its letters; None without state to keep them in."""
        letters = self.letters
        return Correspondence(letters.told, letters, letters) if letters else None

    async def start(self) -> None:
        """Begin to send what is due; connections are made when there is something to say."""
        if self.letters:
            await self.letters.start()

    async def stop(self) -> None:
        """Close all connections."""
        if self.letters:
            await self.letters.stop()
        await self._client.close()

    async def health(self) -> Outcome[str]:
        """Connect and shake hands, ask nothing; and say what waits to be sent."""
        found = await self.ping()
        waits = self.letters.health if self.letters else ""
        return f"{found}; {waits}" if isinstance(found, str) and waits else found

    async def ping(self) -> Outcome[str]:
        """Connect and shake hands, ask nothing. When Mitz refuses our certificate it closes the connection."""
        parts = urlsplit(self._url)
        host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
        try:
            async with asyncio.timeout(2.0):
                found = await self._outbound.addresses(host, port)
                if isinstance(found, Trouble):
                    return Unavailable(Reason.MITZ_UNAVAILABLE, detail=found.value)
                return await _handshake(found[0], port, host, self._tls)
        except (OSError, TimeoutError) as error:
            kind = "tls" if isinstance(error, ssl.SSLError) else "connection-refused"
            return Unavailable(Reason.MITZ_UNAVAILABLE, detail=kind)


async def _handshake(address: str, port: int, host: str, tls: TlsFiles | None) -> Outcome[str]:
    context = tls.context() if tls else None
    reader, writer = await asyncio.open_connection(
        address, port, ssl=context, server_hostname=host if context else None
    )
    try:
        # In TLS 1.3 a refused client certificate is told after the handshake: wait for what should not come.
        await asyncio.wait_for(reader.read(1), 0.1)
    except TimeoutError:
        return "reachable"
    finally:
        writer.transport.abort()
    return Unavailable(Reason.MITZ_UNAVAILABLE, detail="closed-after-handshake")


def build(settings: Mapping[str, Any], around: Surroundings) -> MitzConsent:
    """Make the adapter of one tenant. Raises pydantic's ValidationError, ValueError or OSError on what cannot work."""
    own = MitzSettings.model_validate(dict(settings))
    tls = None
    if own.roots_file and own.certificate_file and own.key_file:
        tls = TlsFiles(around.path(own.roots_file), around.path(own.certificate_file), around.path(own.key_file))
    client = ClosedQuestion(Peer(own.url, around.outbound, tls=tls), Rules(own.expect_action, own.require_relates_to))
    return MitzConsent(around.tenant.organization, own, client, tls, around.outbound, letters(own, around, tls))


def _fields(who: Professional) -> tuple[str, str, str]:
    return who.id, who.role, who.assurance.value


def _tell(stop: Unavailable) -> None:
    """One line for operations: the reason and the class of error. No content, no identifiers but our MessageID."""
    suspicious = any(stop.detail == flaw.value for flaw in Flaw if flaw.is_suspicious)
    _log.error(
        "mitz.no_answer",
        reason=stop.reason.code,
        error_class=stop.detail,
        message_id=stop.evidence[0].reference if stop.evidence else "",
        alarm="security" if suspicious else "operations",
    )
