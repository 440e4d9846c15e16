"""Mitz: asks one closed question over mutual TLS, within five seconds, and says which Reason a failure is.

Trusts only an HTTP 200 with a SOAP body that the strict reader takes; every other end is a Stop (spec consent 1.1, 1.6,
1.8, 6.3). Every question is shown to the citizen, so at most one more is sent, and only when the first cannot have been
heard. Nothing of a question or an answer is ever logged.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass, replace

from ...outcome import Evidence, Unavailable
from ...outside import Breaker, Heard, Peer, Trouble
from ...reasons import Reason
from . import codes
from .answer import Decided, Decision, Refused, Rules, read
from .flaw import Flaw
from .question import Question, build

TOTAL = 5.0
"""Seconds for a question with its one retry."""
REST = 30.0
LONGEST_HOLD = 300.0

_TROUBLES = {
    # A certificate that we refuse and one that they refuse read alike from here.
    Trouble.ADDRESS: Reason.MITZ_UNAVAILABLE,
    Trouble.NAME: Reason.MITZ_UNAVAILABLE,
    Trouble.REFUSED: Reason.MITZ_UNAVAILABLE,
    Trouble.TLS: Reason.MITZ_UNAVAILABLE,
    Trouble.BROKEN: Reason.MITZ_UNAVAILABLE,
    Trouble.OPEN: Reason.MITZ_UNAVAILABLE,
    Trouble.TIMEOUT: Reason.MITZ_TIMEOUT,
    Trouble.REDIRECT: Reason.MITZ_REJECTED,
    Trouble.OVERSIZE: Reason.MITZ_MALFORMED,
}
_FAULTS = {
    Flaw.FAULT_SENDER: Reason.MITZ_REJECTED,
    Flaw.FAULT_OTHER: Reason.MITZ_REJECTED,
    Flaw.FAULT_RECEIVER: Reason.MITZ_UNAVAILABLE,
}
_DOWN = (Reason.MITZ_UNAVAILABLE, Reason.MITZ_TIMEOUT)


@dataclass(frozen=True, slots=True)
class Answered:
    """What Mitz decided, and the evidence of it: our MessageID and the SHA-256 of the answer's bytes."""

    decisions: tuple[tuple[str, Decision], ...]
    evidence: Evidence


class ClosedQuestion:
    """The client of one tenant. `clock` is monotonic seconds."""

    def __init__(self, peer: Peer, rules: Rules, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`peer` has the client certificate and the pinned roots; its base is Mitz' base URL."""
        self._peer, self._rules, self._clock = peer, rules, clock
        self._endpoint = peer.base + codes.PATH
        self._breaker = Breaker(rest=REST)
        self._rests_until = 0.0
        self._probing = False
        self._held: tuple[float, Reason] = (0.0, Reason.MITZ_THROTTLED)

    def resting(self) -> Unavailable | None:
        """Say why no question would be sent now, whoever the patient is; None when one would. Changes nothing."""
        now = self._clock()
        until, reason = self._held
        if now < until:
            return _unavailable(reason, "held-by-retry-after")
        if self._breaker.is_open and (self._probing or now < self._rests_until):
            return _unavailable(Reason.MITZ_UNAVAILABLE, Trouble.OPEN.value)
        return None

    async def ask(self, question: Question) -> Answered | Unavailable:
        """Send the question, at most once more with a new MessageID, within five seconds in all. Never raises."""
        if (resting := self.resting()) is not None:
            return resting
        if not self._breaker.admits(self._clock()):
            return _unavailable(Reason.MITZ_UNAVAILABLE, Trouble.OPEN.value)
        probe = self._probing = self._breaker.is_open
        try:
            async with asyncio.timeout(TOTAL):
                found = await self._ask(question)
        except TimeoutError:
            found = _unavailable(Reason.MITZ_TIMEOUT, Trouble.TIMEOUT.value, question)
        except BaseException:
            self._breaker.abandoned()
            raise
        finally:
            self._probing = self._probing and not probe
        self._count(found)
        return found

    def _count(self, found: Answered | Unavailable) -> None:
        """Only what says that Mitz is down counts against it; a malformed or refusing Mitz is up."""
        if isinstance(found, Unavailable) and found.reason in _DOWN:
            now = self._clock()
            self._breaker.failed(now)
            if self._breaker.is_open:
                self._rests_until = now + REST
        else:
            self._breaker.succeeded()

    async def _ask(self, question: Question) -> Answered | Unavailable:
        heard = await self._send(question)
        if _was_not_heard(heard):
            question = replace(question, message_id=uuid.uuid4())
            heard = await self._send(question)
        if isinstance(heard, Trouble):
            detail = Flaw.TOO_LARGE.value if heard is Trouble.OVERSIZE else heard.value
            return _unavailable(_TROUBLES[heard], detail, question)
        return self._judge(heard, question)

    async def _send(self, question: Question) -> Heard | Trouble:
        headers = {
            "content-type": f'{codes.MEDIA_TYPE}; charset=UTF-8; action="{codes.ASK_ACTION}"',
            "accept": codes.MEDIA_TYPE,
            "x-request-id": str(question.message_id),
        }
        return await self._peer.send("POST", codes.PATH, headers=headers, content=build(question, self._endpoint))

    def _judge(self, heard: Heard, question: Question) -> Answered | Unavailable:
        """Status first, then the body: only a 200 can decide, and a fault's code is worth more than a 4xx or 5xx."""
        digest = hashlib.sha256(heard.body).hexdigest()
        if heard.status == 429 or (heard.status == 503 and "retry-after" in heard.headers):
            reason = Reason.MITZ_THROTTLED if heard.status == 429 else Reason.MITZ_UNAVAILABLE
            self._held = (self._clock() + retry_after(heard.headers.get("retry-after", "")), reason)
            return _unavailable(reason, f"http-{heard.status}", question, digest)
        found = read(heard.body, question, self._rules) if is_soap(heard) else Refused(Flaw.MEDIA_TYPE)
        if heard.status == 200 and isinstance(found, Decided):
            return Answered(found.decisions, Evidence("mitz", question.message_urn, digest))
        if isinstance(found, Refused) and found.flaw in _FAULTS and heard.status not in (401, 403):
            return _unavailable(_FAULTS[found.flaw], found.flaw.value, question, digest)
        if heard.status == 200 and isinstance(found, Refused):
            return _unavailable(Reason.MITZ_MALFORMED, found.flaw.value, question, digest)
        if heard.status < 400:
            return _unavailable(Reason.MITZ_MALFORMED, Flaw.HTTP_STATUS.value, question, digest)
        reason = Reason.MITZ_UNAVAILABLE if heard.status >= 500 else Reason.MITZ_REJECTED
        return _unavailable(reason, f"http-{heard.status}", question, digest)

    async def close(self) -> None:
        """Close all connections."""
        await self._peer.close()


def why_not(answered: Answered) -> Reason | None:
    """Return None when every category is permitted, else the reason why not (spec consent 6.3, rows 7 to 10)."""
    words = {word for _, word in answered.decisions}
    if words == {Decision.PERMIT}:
        return None
    if Decision.INDETERMINATE in words:
        return Reason.MITZ_INDETERMINATE
    if Decision.NOT_APPLICABLE in words:
        return Reason.MITZ_NOT_APPLICABLE
    return Reason.MITZ_DENY if words == {Decision.DENY} else Reason.MITZ_PARTIAL


def _was_not_heard(heard: Heard | Trouble) -> bool:
    """True when the question cannot have been registered: no connection, or a 503 of a door before the service."""
    if isinstance(heard, Trouble):
        return heard.reached_nobody
    return heard.status == 503 and not is_soap(heard) and "retry-after" not in heard.headers


def is_soap(heard: Heard) -> bool:
    """True for the media type of SOAP 1.2, in UTF-8."""
    charset = [
        value.strip(' "').lower()
        for name, _, value in (part.partition("=") for part in heard.headers.get("content-type", "").split(";")[1:])
        if name.strip().lower() == "charset"
    ]
    return heard.media_type == codes.MEDIA_TYPE and all(name == "utf-8" for name in charset)


def retry_after(text: str) -> float:
    """Retry-After in seconds, within 1 and 300; a date or nonsense counts as 30."""
    return min(max(float(text), 1.0), LONGEST_HOLD) if text.isascii() and text.isdigit() else REST


def _unavailable(reason: Reason, detail: str, question: Question | None = None, digest: str = "") -> Unavailable:
    evidence = (Evidence("mitz", question.message_urn, digest),) if question else ()
    return Unavailable(reason, evidence, detail)
