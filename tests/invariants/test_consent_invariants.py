"""The fail-closed invariants of spec consent 6.4, over random sources and random questions (8: 137)."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from dataclasses import dataclass
from typing import TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st

from nuts_pzp.consent.cache import Reuse
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.consent.table import MITZ_SAYS_NO, MITZ_SAYS_NOTHING, NOTHING_RECORDED
from nuts_pzp.consent_settings import ConsentSettings, EmergencySettings, ImpliedSettings
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Ura
from nuts_pzp.outcome import Deny, Outcome, Permit, Stop, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

T = TypeVar("T")


def run(awaitable: Awaitable[T]) -> T:
    """Run on a loop of its own: hypothesis calls a test many times."""

    async def main() -> T:
        return await awaitable

    return asyncio.run(main())


@dataclass(frozen=True)
class Saying:
    """A source that says this, or raises."""

    verdict: Verdict | None

    async def ask(self, _: Access) -> Verdict:
        if self.verdict is None:
            raise RuntimeError("bug")
        return self.verdict


PERMITS = st.just(Permit("explicit-consent:x"))
DENIES = st.sampled_from(
    [
        Deny(Reason.CONSENT_OBJECTION),
        Deny(Reason.MITZ_DENY),
        Deny(Reason.MITZ_PARTIAL),
        Deny(Reason.MITZ_INDETERMINATE),
        Deny(Reason.MITZ_NOT_APPLICABLE),
        Deny(Reason.CONSENT_ROLE_UNMAPPED),
    ]
)
ERRORS = st.sampled_from([Unavailable(Reason.MITZ_TIMEOUT), Unavailable(Reason.CONSENT_STATIC_INVALID)])
OUTCOMES = st.one_of(PERMITS, DENIES, ERRORS, st.just(Unknown(Reason.CONSENT_NONE)))
VERDICTS = st.builds(Verdict, OUTCOMES, st.booleans(), st.integers(0, 4), st.sampled_from([0.0, 60.0]))
SAYING = st.builds(Saying, st.one_of(VERDICTS, VERDICTS, st.none()))


@dataclass(frozen=True)
class Bounded(Saying):
    """A source that keeps its word about how specific its permits are."""

    highest_permit: int = 0


BOUNDED = st.builds(Bounded, st.one_of(VERDICTS, st.none()), st.integers(0, 4)).map(
    lambda one: replace(one, verdict=one.verdict and replace(one.verdict, specificity=_kept(one)))
)
"""Its denies may be of any rank."""


def _kept(one: Bounded) -> int:
    assert one.verdict is not None
    rank = one.verdict.specificity
    return min(rank, one.highest_permit) if isinstance(one.verdict.outcome, Permit) else rank


RANKED = st.builds(
    Ranked, st.one_of(SAYING, BOUNDED), st.booleans(), st.booleans(), st.sampled_from([False, False, True])
)
SOURCES = st.lists(RANKED, min_size=1, max_size=5).map(
    lambda sources: (*sources[:-1], replace(sources[-1], authoritative=True))
)

ORGANIZATIONS = st.builds(
    Organization, st.sampled_from([Ura("90000111"), Ura("90000444")]), st.sampled_from(["Z3", "N6"]), st.just("x")
)
PEOPLE = st.builds(Professional, st.sampled_from(["1", "2"]), st.sampled_from(["huisarts", "internist"]))
CALLERS = st.builds(
    Caller,
    ORGANIZATIONS,
    PEOPLE,
    st.just(frozenset({"pzp-gf"})),
    st.sampled_from(Purpose),
    st.none(),
    st.just({}),
    st.just("nuts-bearer"),
    st.sampled_from([b"", b"a" * 32, b"b" * 32]),
)
PATIENTS = st.builds(
    Patient, st.sampled_from([Bsn("999912008"), Bsn("999912033")]), st.just("1"), st.just(Standing.KNOWN)
)
ACCESSES = st.builds(Access, CALLERS, st.just(FhirRequest("search-type", "Consent")), PATIENTS)


@dataclass(frozen=True)
class Finds:
    """What the holder itself finds: a relation, none, that it could not look; or it raises."""

    says: Outcome[Permit] | None

    async def ground(self, _: Access) -> Outcome[Permit]:
        if self.says is None:
            raise RuntimeError("bug")
        return self.says


@dataclass(frozen=True)
class Opens:
    """A glass that gives way, does not, or raises."""

    after: frozenset[Reason]
    gives_way: bool | None

    async def open(self, _: Access, stop: Stop) -> Outcome[Permit]:
        if self.gives_way is None:
            raise RuntimeError("bug")
        return Permit(f"emergency-override:{stop.reason.code}") if self.gives_way else stop


GROUNDS = st.lists(
    st.builds(
        Finds,
        st.sampled_from(
            [
                Permit("implied:treatment"),
                Permit("cover:1"),
                Unknown(Reason.CONSENT_NONE),
                Unavailable(Reason.RELATION_UNKNOWN),
                None,
            ]
        ),
    ),
    max_size=2,
)
PASSING = [
    NOTHING_RECORDED,
    NOTHING_RECORDED | MITZ_SAYS_NO,
    NOTHING_RECORDED | MITZ_SAYS_NOTHING,
    NOTHING_RECORDED | MITZ_SAYS_NO | MITZ_SAYS_NOTHING,
]
GLASSES = st.one_of(
    st.none(), st.builds(Opens, st.sampled_from(PASSING), st.sampled_from([True, True, True, False, None]))
)


@dataclass(frozen=True)
class Legal:
    """A profile with what it accepts."""

    profile: str = "nl-pzp-strict"
    grounds: tuple[Finds, ...] = ()
    implied_over_deny: bool = False
    emergency: Opens | None = None

    def over(self, sources: tuple[Ranked, ...]) -> SharingConsent:
        more = {"grounds": self.grounds, "implied_over_deny": self.implied_over_deny, "emergency": self.emergency}
        return SharingConsent(self.profile, sources, **more)  # type: ignore[arg-type]


STRICT_ONLY = st.just(Legal())
LEGAL = st.one_of(
    STRICT_ONLY,
    st.builds(Legal, st.just("routekaart"), GROUNDS.map(tuple), st.booleans(), GLASSES),
    st.builds(Legal, st.just("routekaart-emergency-only"), st.just(()), st.just(False), GLASSES),
)
"""Every profile, furnished in every way that it may be."""


def asked(sources: tuple[Ranked, ...], access: Access, legal: Legal | None = None) -> Outcome[Permit]:
    return run((legal or Legal()).over(sources).ask(access))


def explicit(outcome: Outcome[Permit]) -> bool:
    """True for a permit that rests on the patient's own word."""
    return isinstance(outcome, Permit) and outcome.basis.startswith("explicit-consent:")


def verdicts(sources: tuple[Ranked, ...]) -> list[tuple[Ranked, Verdict]]:
    return [(one, one.source.verdict) for one in sources if isinstance(one.source, Saying) and one.source.verdict]


@given(sources=SOURCES, access=ACCESSES, legal=LEGAL)
@settings(max_examples=500)
def test_i1_allow_needs_an_explicit_permit_or_what_the_profile_takes(
    sources: tuple[Ranked, ...], access: Access, legal: Legal
) -> None:
    found = asked(sources, access, legal)
    if explicit(found):
        assert any(
            isinstance(verdict.outcome, Permit) and verdict.explicit and one.authoritative
            for one, verdict in verdicts(sources)
        )
    elif isinstance(found, Permit) and found.basis.startswith("emergency-override:"):
        assert access.caller.purpose is Purpose.EMERGENCY
        assert legal.emergency is not None
        assert legal.emergency.gives_way
    elif isinstance(found, Permit):
        assert access.caller.purpose is Purpose.TREATMENT
        assert found.basis in {one.says.basis for one in legal.grounds if isinstance(one.says, Permit)}


@given(sources=SOURCES, access=ACCESSES, place=st.integers(0, 5), legal=LEGAL)
@settings(max_examples=400)
def test_i2_any_exception_of_a_required_source_denies(
    sources: tuple[Ranked, ...], access: Access, place: int, legal: Legal
) -> None:
    broken = Ranked(Saying(None), required=True, authoritative=True)
    assert not isinstance(asked((*sources[:place], broken, *sources[place:]), access, legal), Permit)


@given(access=ACCESSES, legal=LEGAL)
@settings(max_examples=200)
def test_i3_no_profile_fails_open(access: Access, legal: Legal) -> None:
    """Where every source is broken nothing passes, whatever the profile and however it is furnished."""
    everything = tuple(Ranked(Saying(None), required, True) for required in (True, False))
    assert not isinstance(asked(everything, access, legal), Permit)


def test_i3_no_setting_is_named_after_failing_open() -> None:
    fields = {*ConsentSettings.model_fields, *EmergencySettings.model_fields, *ImpliedSettings.model_fields}
    assert [name for name in fields if "fail" in name or "open" in name or "fallback" in name] == []


@given(sources=SOURCES, access=ACCESSES, place=st.integers(0, 5), error=ERRORS, legal=LEGAL)
@settings(max_examples=400)
def test_i4_an_error_of_a_required_source_is_never_no_opinion(
    sources: tuple[Ranked, ...], access: Access, place: int, error: Unavailable, legal: Legal
) -> None:
    """Only an emergency whose owner said so passes it, and only a failure of Mitz."""
    failing = Ranked(Saying(Verdict(error, False, 4)), required=True, authoritative=True)
    found = asked((*sources[:place], failing, *sources[place:]), access, legal)
    if isinstance(found, Permit):
        assert found.basis.startswith("emergency-override:")
        assert legal.emergency is not None
        assert legal.emergency.after >= MITZ_SAYS_NOTHING
    else:
        assert isinstance(found, Deny | Unavailable)


@given(
    sources=SOURCES,
    access=ACCESSES,
    place=st.integers(0, 5),
    verdict=VERDICTS,
    deny=DENIES,
    ranks=st.tuples(st.booleans(), st.booleans()),
    legal=LEGAL,
)
@settings(max_examples=600)
def test_i5_adding_a_deny_never_turns_deny_into_allow(
    sources: tuple[Ranked, ...],
    access: Access,
    place: int,
    verdict: Verdict,
    deny: Deny,
    ranks: tuple[bool, bool],
    legal: Legal,
) -> None:
    """Of the patient's word under any profile; of anything else where a no of Mitz is passed by nothing.

    Where an owner let a no of Mitz be passed, that no may stand where the failure of another source stood before.
    """
    denying = Ranked(Saying(replace(verdict, outcome=deny)), *ranks)
    before, after = asked(sources, access, legal), asked((*sources[:place], denying, *sources[place:]), access, legal)
    assert explicit(before) or not explicit(after)
    passed = legal.implied_over_deny or (legal.emergency is not None and legal.emergency.after > NOTHING_RECORDED)
    if not isinstance(before, Permit) and not passed:
        assert not isinstance(after, Permit)


@given(sources=SOURCES, access=ACCESSES)
@settings(max_examples=200)
def test_i6_emergency_gets_nothing_more_under_the_strict_profile(sources: tuple[Ranked, ...], access: Access) -> None:
    treatment = replace(access, caller=replace(access.caller, purpose=Purpose.TREATMENT))
    emergency = replace(access, caller=replace(access.caller, purpose=Purpose.EMERGENCY, emergency_reason="x"))
    assert asked(sources, treatment) == asked(sources, emergency)


@given(sources=SOURCES, access=ACCESSES, place=st.integers(0, 5), rank=st.integers(0, 4), legal=LEGAL)
@settings(max_examples=600)
def test_i6_no_emergency_and_no_relation_overrides_a_known_objection(
    sources: tuple[Ranked, ...], access: Access, place: int, rank: int, legal: Legal
) -> None:
    objecting = Ranked(Saying(Verdict(Deny(Reason.CONSENT_OBJECTION), True, rank)), False, False)
    found = asked((*sources[:place], objecting, *sources[place:]), access, legal)
    assert explicit(found) or not isinstance(found, Permit)


@given(sources=SOURCES, access=ACCESSES)
@settings(max_examples=300)
def test_a_furnished_profile_takes_nothing_away(sources: tuple[Ranked, ...], access: Access) -> None:
    """What the strict profile permits, the others permit too, and on the same basis."""
    strict = asked(sources, access)
    legal = Legal("routekaart", (Finds(Permit("implied:treatment")),), True, Opens(PASSING[-1], True))
    if isinstance(strict, Permit):
        assert asked(sources, access, legal) == strict


@given(sources=SOURCES, access=ACCESSES)
@settings(max_examples=400)
def test_not_asking_where_it_changes_nothing_changes_nothing(sources: tuple[Ranked, ...], access: Access) -> None:
    """Sources that do not say how specific their permits are, are all asked: the same yes or no comes of it."""
    unbounded = tuple(
        replace(one, source=Saying(one.source.verdict)) if isinstance(one.source, Bounded) else one for one in sources
    )
    assert isinstance(asked(sources, access), Permit) == isinstance(asked(unbounded, access), Permit)


@given(sources=SOURCES, access=ACCESSES, rank=st.integers(0, 4))
@settings(max_examples=300)
def test_i8_an_objection_of_the_highest_rank_is_never_outvoted(
    sources: tuple[Ranked, ...], access: Access, rank: int
) -> None:
    objection = Ranked(Saying(Verdict(Deny(Reason.CONSENT_OBJECTION), True, rank)), False, False)
    outcome = asked((*sources, objection), access)
    if isinstance(outcome, Permit):
        permits = [
            one for one, said in verdicts(sources) if isinstance(said.outcome, Permit) and said.specificity > rank
        ]
        assert permits, "only a more specific permit supersedes an objection"


class Deciding:
    """A repeatable source that permits every second question it is asked."""

    def __init__(self) -> None:
        self.answers: dict[tuple[bytes, bytes], Outcome[Permit]] = {}

    def sameness(self, access: Access) -> bytes | None:
        caller = access.caller
        return repr((access.patient.bsn.value, caller.organization, caller.professional, caller.purpose)).encode()

    async def ask(self, access: Access) -> Verdict:
        key = (access.caller.token_digest, self.sameness(access) or b"")
        permit = Permit(f"explicit-consent:{len(self.answers)}")
        self.answers[key] = permit if len(self.answers) % 2 else Deny(Reason.MITZ_DENY)
        return Verdict(self.answers[key], True, 0, 60.0)


@given(accesses=st.lists(ACCESSES, min_size=1, max_size=30))
@settings(max_examples=150)
def test_i7_a_decision_is_bound_to_its_exact_question_and_token(accesses: list[Access]) -> None:
    source = Deciding()

    async def all_of_them() -> None:
        consent = SharingConsent("nl-pzp-strict", (Ranked(source, True, True),), Reuse(clock=lambda: 0.0))
        for access in accesses:
            found = await consent.ask(access)
            assert found == source.answers[(access.caller.token_digest, source.sameness(access))]

    run(all_of_them())
