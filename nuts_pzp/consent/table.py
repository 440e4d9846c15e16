"""The decision table of spec consent 6.3, as data: what each numbered row says, and how the combining rows are applied.

Rows that other rooms decide (who asks, which patient, whether it is recorded) stand here for the reader; what combines
the verdicts of the sources stands here as functions, in the order in which they are tried. The first to hold decides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from operator import attrgetter

from ..outcome import Deny, Outcome, Permit, Unavailable, Unknown
from ..reasons import Reason
from .port import Verdict

HIGHEST = 4
"""The specificity that nothing outranks; on a tie an objection wins."""
NO_DECISION = frozenset({Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE})
MITZ_SAYS_NO = frozenset({Reason.MITZ_DENY, Reason.CONSENT_CONFLICT})
"""Rows 8 and 16: perhaps an objection, perhaps no choice at all; Mitz does not say which."""
MITZ_SAYS_NOTHING = NO_DECISION | {
    Reason.MITZ_UNAVAILABLE,
    Reason.MITZ_TIMEOUT,
    Reason.MITZ_MALFORMED,
    Reason.MITZ_REJECTED,
    Reason.MITZ_THROTTLED,
}
"""Rows 10 to 12c."""
NOTHING_RECORDED = frozenset({Reason.CONSENT_NONE})
"""Row 18."""


class Said:
    """One source's verdict, with that source's weight, and what it comes to: read again and again by the rows.

    `permits`: the explicit Permit of an authoritative source, which is all that counts as a yes by itself. `denies`: a
    no, whatever is behind it. `objects`: a no that is the patient's own recorded word. `failed`: could not be asked.
    """

    __slots__ = ("denies", "failed", "objects", "permits", "required", "specificity", "verdict", "yields")

    def __init__(self, verdict: Verdict, required: bool, authoritative: bool, yields: bool = False) -> None:
        self.verdict, self.required, self.yields = verdict, required, yields
        outcome, self.specificity = verdict.outcome, verdict.specificity
        self.permits = isinstance(outcome, Permit) and verdict.explicit and authoritative
        self.denies = isinstance(outcome, Deny)
        self.objects = self.denies and verdict.explicit
        self.failed = isinstance(outcome, Unavailable)


Heard = Sequence[Said]
Combine = Callable[[Heard], Outcome[Permit] | None]
"""The outcome when the row's condition holds, else None."""


def highest(heard: Heard, which: Callable[[Said], bool]) -> Said | None:
    """Return the most specific of those, the first of equals."""
    found: Said | None = None
    for said in heard:
        if which(said) and (found is None or said.specificity > found.specificity):
            found = said
    return found


def rank(said: Said | None) -> int:
    """Return its specificity, -1 for none."""
    return said.specificity if said else -1


PERMITS: Callable[[Said], bool] = attrgetter("permits")
OBJECTS: Callable[[Said], bool] = attrgetter("objects")


def objection(heard: Heard) -> Outcome[Permit] | None:
    """Row 6: a recorded objection at least as specific as any permit, also when another source failed."""
    objecting = highest(heard, OBJECTS)
    if objecting is None or rank(objecting) < rank(highest(heard, PERMITS)):
        return None
    return objecting.verdict.outcome


def required_failed(heard: Heard) -> Outcome[Permit] | None:
    """Rows 11 to 12c, 17 and 19: no source stands in for a required one that could not be asked."""
    for said in heard:
        if said.required and said.failed:
            return said.verdict.outcome
    return None


def denied(heard: Heard) -> Outcome[Permit] | None:
    """Rows 8 to 10 and 16: a no at least as specific as any permit; of Mitz against a permit elsewhere, a conflict.

    Only that one: a conflict may be passed where a no of Mitz may, and rows 1, 2, 9 and 20 never are.
    """
    permitting = highest(heard, PERMITS)
    denying = highest(heard, lambda said: said.denies and not (said.yields and permitting))
    if denying is None or rank(denying) < rank(permitting):
        return None
    outcome = denying.verdict.outcome
    if permitting is None or not isinstance(outcome, Deny) or outcome.reason is not Reason.MITZ_DENY:
        return outcome
    return Deny(Reason.CONSENT_CONFLICT, permitting.verdict.outcome.evidence + outcome.evidence)


def permitted(heard: Heard) -> Outcome[Permit] | None:
    """Rows 7 and 15: an explicit permit that nothing above spoke against."""
    permitting = highest(heard, PERMITS)
    return permitting.verdict.outcome if permitting else None


def optional_failed(heard: Heard) -> Outcome[Permit] | None:
    """Nobody spoke and somebody could not be asked: that is not the same as no choice."""
    return next((said.verdict.outcome for said in heard if said.failed), None)


def none(heard: Heard) -> Outcome[Permit] | None:
    """Row 18: all were asked and none knows of a choice."""
    return Unknown(Reason.CONSENT_NONE)


COMBINING: tuple[Combine, ...] = (objection, required_failed, denied, permitted, optional_failed, none)
"""In this order. Rows 13 and 14 come after them, by the legal profile: they look at what these came to."""


def combine(heard: Heard) -> Outcome[Permit]:
    """Return what the first row that holds says."""
    return next(outcome for row in COMBINING if (outcome := row(heard)) is not None)


def objected(heard: Heard) -> bool:
    """True when any source knows of an objection, also one that a permit outranks: rows 13 and 14 never pass that."""
    return any(said.objects for said in heard)


@dataclass(frozen=True, slots=True)
class Line:
    """One numbered row: its condition, what comes of it by reason or by basis, and which room decides it."""

    number: str
    when: str
    reasons: tuple[Reason, ...]
    room: str
    basis: str = ""
    note: str = ""


_WHO, _WHOM, _SOURCE, _COMBINED = "who asks", "which patient", "a source", "the combination"

TABLE: tuple[Line, ...] = (
    Line("1", "organization, type or role is missing or not verified",
         (Reason.TOKEN_CLAIMS, Reason.TYPE_MISMATCH, Reason.ORGANIZATION_UNKNOWN, Reason.CONSENT_ATTRIBUTES,
          Reason.CONSENT_ROLE_UNMAPPED), _WHO),
    Line("2", "a purpose that is none of treatment, coordination with evidence, emergency",
         (Reason.PURPOSE_NOT_ALLOWED,), _SOURCE),
    Line("3", "no BSN, a wrong one, or more than one patient meant",
         (Reason.REQUEST_BSN, Reason.REQUEST_PATIENT, Reason.PATIENT_AMBIGUOUS), _WHOM,
         note="more than one patient with that BSN here is the uniform 403: what is known here does not show"),
    Line("4", "this holder does not know the patient; Mitz is not asked", (Reason.PATIENT_UNKNOWN,), _WHOM),
    Line("5", "the patient has died", (Reason.PATIENT_DECEASED,), _WHOM),
    Line("6", "a recorded objection, at least as specific as any permission; also in an emergency",
         (Reason.CONSENT_OBJECTION,), _COMBINED),
    Line("7", "an authoritative source permits, and nothing above speaks against it", (), _COMBINED,
         "explicit-consent:<source>"),
    Line("8", "Mitz says no", (Reason.MITZ_DENY,), _COMBINED, note="see rows 13 and 14"),
    Line("9", "Mitz permits some categories only", (Reason.MITZ_PARTIAL,), _COMBINED,
         note="final: no profile passes it"),
    Line("10", "Mitz does not decide", (Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE), _COMBINED,
         note="alarm"),
    Line("11", "Mitz cannot be reached, fails, or rests", (Reason.MITZ_UNAVAILABLE,), _COMBINED),
    Line("12", "Mitz takes too long", (Reason.MITZ_TIMEOUT,), _COMBINED),
    Line("12a", "the answer is malformed, hostile, too large or answers something else", (Reason.MITZ_MALFORMED,),
         _COMBINED, note="alarm"),
    Line("12b", "Mitz refuses the question itself", (Reason.MITZ_REJECTED,), _COMBINED, note="alarm"),
    Line("12c", "Mitz asks for patience", (Reason.MITZ_THROTTLED,), _COMBINED),
    Line("13", "nothing is recorded, or row 8 with `implied.on_mitz_deny: allow`; the profile takes a relation; the "
         "holder itself has evidence of one; no objection is known", (), _COMBINED,
         "implied:treatment, implied:referral or cover:<arrangement>",
         "changed: never after rows 10 to 12c; a failure of Mitz permits nothing"),
    Line("14", "nothing is recorded, or row 8 with `emergency.on_mitz_deny: allow`, or rows 10 to 12c with "
         "`emergency.on_mitz_error: allow`; the profile takes an emergency; the claim is complete; no objection known",
         (Reason.EMERGENCY_INCOMPLETE, Reason.EMERGENCY_ROLE, Reason.EMERGENCY_TYPE, Reason.EMERGENCY_BEYOND,
          Reason.EMERGENCY_CAP, Reason.EMERGENCY_UNRECORDED, Reason.EMERGENCY_UNLAWFUL), _COMBINED,
         "emergency-override:<prior reason>",
         "changed: coded reason, and a cap per organization; the reasons are those of a claim that is not complete"),
    Line("15", "an own source permits, and Mitz is not connected", (), _COMBINED, "explicit-consent:<source>"),
    Line("16", "an own source permits, and Mitz says no", (Reason.CONSENT_CONFLICT,), _COMBINED,
         note="permits with `local_permit_overrides_mitz_deny`; Mitz is not asked then"),
    Line("17", "an own source permits, and Mitz cannot be asked", (Reason.MITZ_UNAVAILABLE, Reason.MITZ_TIMEOUT,
         Reason.MITZ_MALFORMED, Reason.MITZ_REJECTED, Reason.MITZ_THROTTLED), _COMBINED),
    Line("18", "nobody knows of a choice; without any source the gateway does not start", (Reason.CONSENT_NONE,),
         _COMBINED),
    Line("19", "the region's file is out of date, not signed by the region, or older than one before",
         (Reason.CONSENT_STATIC_INVALID,), _SOURCE),
    Line("20", "a kind of organization that may not ask", (Reason.CONSENT_CATEGORY,), _SOURCE),
    Line("21", "the holder asks itself", (Reason.OWN_ORGANIZATION,), _WHO, note="no exchange; consent is not asked"),
    Line("22", "what is decided cannot be recorded", (Reason.NOT_RECORDED,), "the audit ledger"),
)  # fmt: skip
"""All rows. The page docs/reference/decision-table.md is made of them; a test shows each."""
