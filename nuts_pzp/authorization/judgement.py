"""Judgements: what an engine said, and the Policy that is made of a bundle and an engine.

Room: authorization. The engine is behind `Judge`; anything but `allow` exactly true is a Deny (design D5).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any, Protocol

from ..exchange import Access
from ..fhir.capability import Capability
from ..identity import Organization
from ..outcome import Deny, Evidence, Outcome, Permit, Unavailable, Unknown
from ..reasons import Reason
from . import roles
from .bundle import Bundle, grammar
from .question import asked

_WORD = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
_MOST = 16


@dataclass(frozen=True, slots=True)
class Judgement:
    """`allow`, and the policy's own words against it (its rule `reasons`, if it has one). Words hold no values."""

    allow: bool
    words: tuple[str, ...] = ()

    @property
    def reason(self) -> Reason:
        """The reason of a refusal: the role when the policy says so, else the policy as such."""
        return Reason.POLICY_ROLE if "role" in self.words else Reason.POLICY_DENY


def judged(allow: Any, reasons: Any) -> Judgement:
    """Make a judgement of what an engine returned: only the value true allows, only plain words are kept."""
    if allow is True:
        return Judgement(True)
    words = reasons if isinstance(reasons, list | tuple | set | frozenset) else ()
    kept = sorted(word for word in words if isinstance(word, str) and _WORD.fullmatch(word))
    return Judgement(False, tuple(kept[:_MOST]))


class Judge(Protocol):
    """An engine that holds one bundle."""

    async def judge(self, question: bytes, /) -> Outcome[Judgement]:
        """Evaluate the policy input. Deny POLICY_ERROR when the engine fails, Unavailable when it cannot be reached."""
        ...


def _today() -> date:
    return datetime.now(UTC).date()


class BundlePolicy:
    """The Policy port over a bundle and a judge, for one holder. Also `outside.Living`: it tells how it is."""

    def __init__(
        self, bundle: Bundle, holder: Organization, judge: Judge, *, today: Callable[[], date] = _today
    ) -> None:
        self.bundle, self._today = bundle, today
        self._holder, self._judge = holder, judge
        self._capability = grammar(bundle)
        self._basis = f"policy:{bundle.name}"
        self._evidence = (Evidence(self._basis, bundle.version, bundle.digest),)

    @property
    def capability(self) -> Capability:
        """What the parser lets through for this policy."""
        return self._capability

    @property
    def digest(self) -> str:
        """Hex SHA-256 of the bundle."""
        return self.bundle.digest

    async def start(self) -> None:
        """Nothing to begin: an engine that cannot hold the bundle refused it when it was made."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def health(self) -> Outcome[str]:
        """Say which bundle decides; Deny POLICY_REVIEW when its role table is past the date of its review."""
        if (since := roles.overdue(self.bundle.data, self._today())) is not None:
            return Deny(Reason.POLICY_REVIEW, detail=f"since {since}; it is used all the same")
        return f"{self.bundle.name} {self.bundle.version} {self.bundle.digest[:12]}"

    async def evaluate(self, access: Access, consent: Permit, /) -> Outcome[Permit]:
        """Permit only when the policy's `allow` is exactly true. `consent` is the proof that consent is settled."""
        question = asked(access, self.bundle.stated, self._holder)
        judgement = await self._judge.judge(question)
        if isinstance(judgement, Deny | Unknown | Unavailable):
            return judgement
        if not judgement.allow:
            return Deny(judgement.reason, self._evidence, " ".join(judgement.words))
        return Permit(self._basis, self._evidence)
