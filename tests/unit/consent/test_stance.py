"""How Mitz stands to the holder's own sources: leading, additional, not connected (spec consent 6.3 rows 6, 15 to 17).

The weights come from the settings, as in a deployment; the verdicts from fakes (8: 86 to 89, 104, 105).
"""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access
from nuts_pzp.identity import Purpose
from nuts_pzp.outcome import Deny, Evidence, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.settings import ConsentSettings

LOCAL, MITZ = (Evidence("local", "1"),), (Evidence("mitz", "2"),)
LOCAL_PERMIT = Verdict(Permit("explicit-consent:local", LOCAL), True, 3)
LOCAL_OBJECTION = Verdict(Deny(Reason.CONSENT_OBJECTION, LOCAL), True, 1)
LOCAL_SILENT = Verdict(Unknown(Reason.CONSENT_NONE), False, 0)
LOCAL_BROKEN = Verdict(Unavailable(Reason.CONSENT_LOCAL_UNREADABLE), False, 4)
STATIC_PERMIT = Verdict(Permit("explicit-consent:regional", LOCAL), True, 2)
MITZ_PERMIT = Verdict(Permit("explicit-consent:mitz", MITZ), True, 0, 60.0)
MITZ_DENY = Verdict(Deny(Reason.MITZ_DENY, MITZ), False, 4, 30.0)
MITZ_UNCLEAR = Verdict(Deny(Reason.MITZ_INDETERMINATE, MITZ), False, 4)
MITZ_TIMEOUT = Verdict(Unavailable(Reason.MITZ_TIMEOUT), False, 4)

BY_LOCAL, BY_MITZ = Permit("explicit-consent:local", LOCAL), Permit("explicit-consent:mitz", MITZ)
OBJECTION = Deny(Reason.CONSENT_OBJECTION, LOCAL)
OVERRIDE = {
    "mitz": "additional",
    "local_permit_overrides_mitz_deny": True,
    "legal_basis_owner": "FG",
    "decided_on": "2026-11-01",
}


class Holder:
    """A holder with these settings; `heard` are the verdicts by kind, `asked` who was asked."""

    def __init__(self, fake: type, bounded: type, access: Access) -> None:
        self._fakes = {"local": fake, "regional_consent": fake, "mitz": bounded}
        self.access = access
        self.asked: list[str] = []

    async def __call__(self, settings: dict[str, Any], **heard: Verdict) -> Any:
        chosen = ConsentSettings.model_validate({**settings, "sources": [{"kind": kind} for kind in heard]})
        fakes = {kind: self._fakes[kind]([verdict]) for kind, verdict in heard.items()}
        ranked = tuple(Ranked(fakes[one.kind], *weight) for one, weight in chosen.weighed)
        found = await SharingConsent(chosen.profile, ranked).ask(self.access)
        self.asked = [kind for kind, fake in fakes.items() if fake.asked]
        return found


@pytest.fixture
def holder(source: type, bounded: type, access: Access) -> Holder:
    return Holder(source, bounded, access)


async def test_local_permit_no_mitz(holder: Holder) -> None:
    """Row 15."""
    assert await holder({"mitz": "not-connected"}, local=LOCAL_PERMIT) == BY_LOCAL


@pytest.mark.parametrize(
    ("mitz", "outcome"),
    [
        (MITZ_PERMIT, BY_MITZ),
        (MITZ_DENY, Deny(Reason.MITZ_DENY, MITZ)),
        (MITZ_TIMEOUT, Unavailable(Reason.MITZ_TIMEOUT)),
    ],
)
async def test_while_mitz_leads_a_local_permission_permits_nothing(holder: Holder, mitz: Verdict, outcome: Any) -> None:
    assert await holder({"mitz": "leading"}, local=LOCAL_PERMIT, mitz=mitz) == outcome


async def test_local_permit_vs_mitz_deny(holder: Holder) -> None:
    """Row 16: a conflict, denied; with the holder's decision Mitz does not speak against it and is not asked."""
    found = await holder({"mitz": "additional"}, local=LOCAL_PERMIT, mitz=MITZ_DENY)
    assert found == Deny(Reason.CONSENT_CONFLICT, LOCAL + MITZ)
    assert await holder(OVERRIDE, mitz=MITZ_DENY, local=LOCAL_PERMIT) == BY_LOCAL
    assert holder.asked == ["local"], "the citizen sees no question whose answer changes nothing"


async def test_mitz_timeout_does_not_fall_back_to_static(holder: Holder) -> None:
    """Row 17: no source stands in for Mitz."""
    for settings in ({"mitz": "leading"}, {"mitz": "additional"}):
        found = await holder(settings, regional_consent=STATIC_PERMIT, mitz=MITZ_TIMEOUT)
        assert found == Unavailable(Reason.MITZ_TIMEOUT)


@pytest.mark.parametrize("settings", [{"mitz": "leading"}, {"mitz": "additional"}, OVERRIDE])
async def test_local_specific_deny_beats_mitz_permit(holder: Holder, settings: dict[str, Any]) -> None:
    """Row 6; and since no permit of Mitz could change it, Mitz is not asked."""
    assert await holder(settings, mitz=MITZ_PERMIT, local=LOCAL_OBJECTION) == OBJECTION
    assert holder.asked == ["local"]


@pytest.mark.parametrize("settings", [{"mitz": "leading"}, {"mitz": "additional"}, OVERRIDE])
@pytest.mark.parametrize(
    ("mitz", "outcome"),
    [
        (MITZ_PERMIT, BY_MITZ),
        (MITZ_DENY, Deny(Reason.MITZ_DENY, MITZ)),
        (MITZ_UNCLEAR, Deny(Reason.MITZ_INDETERMINATE, MITZ)),
        (MITZ_TIMEOUT, Unavailable(Reason.MITZ_TIMEOUT)),
    ],
)
async def test_without_a_choice_here_mitz_decides(
    holder: Holder, settings: dict[str, Any], mitz: Verdict, outcome: Any
) -> None:
    assert await holder(settings, local=LOCAL_SILENT, mitz=mitz) == outcome


@pytest.mark.parametrize("settings", [{"mitz": "leading"}, {"mitz": "additional"}, OVERRIDE])
async def test_an_unreadable_own_source_stops_before_mitz(holder: Holder, settings: dict[str, Any]) -> None:
    found = await holder(settings, local=LOCAL_BROKEN, mitz=MITZ_PERMIT)
    assert found == Unavailable(Reason.CONSENT_LOCAL_UNREADABLE)
    assert holder.asked == ["local"]


async def test_an_unclear_mitz_keeps_its_alarm_beside_a_local_permission(holder: Holder) -> None:
    found = await holder({"mitz": "additional"}, local=LOCAL_PERMIT, mitz=MITZ_UNCLEAR)
    assert found == Deny(Reason.MITZ_INDETERMINATE, MITZ)


@pytest.mark.parametrize("purpose", list(Purpose))
async def test_emergency_vs_local_objection_denied(holder: Holder, changed: Any, purpose: Purpose) -> None:
    holder.access = changed(purpose=purpose, emergency_reason="reanimatie")
    assert await holder({"mitz": "additional"}, local=LOCAL_OBJECTION, mitz=MITZ_PERMIT) == OBJECTION


async def test_emergency_on_mitz_deny_default_denied(holder: Holder, changed: Any) -> None:
    holder.access = changed(purpose=Purpose.EMERGENCY, emergency_reason="reanimatie")
    found = await holder({"mitz": "leading"}, local=LOCAL_SILENT, mitz=MITZ_DENY)
    assert found == Deny(Reason.MITZ_DENY, MITZ)


MITZ_SOURCE, LOCAL_SOURCE = {"kind": "mitz"}, {"kind": "local"}
WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "mitz where it is not connected": ({"mitz": "not-connected", "sources": [MITZ_SOURCE]}, "not-connected"),
    "no mitz where it leads": ({"mitz": "leading", "sources": [LOCAL_SOURCE]}, "one source of kind mitz"),
    "no mitz without a word": ({"sources": [LOCAL_SOURCE]}, "one source of kind mitz"),
    "two of them": ({"sources": [MITZ_SOURCE, MITZ_SOURCE]}, "one source of kind mitz"),
    "mitz that may fail": ({"sources": [{**MITZ_SOURCE, "required": False}]}, "required and authoritative"),
    "mitz that may not permit": ({"sources": [{**MITZ_SOURCE, "authoritative": False}]}, "required and authoritative"),
    "override while leading": ({**OVERRIDE, "mitz": "leading", "sources": [MITZ_SOURCE]}, "additional only"),
    "override without owner": ({**OVERRIDE, "legal_basis_owner": "", "sources": [MITZ_SOURCE]}, "go together"),
    "override without date": ({**OVERRIDE, "decided_on": None, "sources": [MITZ_SOURCE]}, "go together"),
    "an owner of nothing": ({"legal_basis_owner": "FG", "decided_on": "2026-11-01", "sources": [MITZ_SOURCE],
                             "local_permit_overrides_mitz_deny": True}, "additional only"),
    "no source at all": ({"sources": []}, "sources"),
    "a fourth way": ({"mitz": "sometimes", "sources": [MITZ_SOURCE]}, "mitz"),
}  # fmt: skip


@pytest.mark.parametrize(("settings", "said"), WRONG.values(), ids=WRONG.keys())
def test_no_source_configured_refuses_start_and_so_does_what_contradicts(settings: dict[str, Any], said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        ConsentSettings.model_validate(settings)
