"""Settings of sharing consent: which sources, how Mitz stands to them, and on whose decision more than that counts.

A legal profile is decided by somebody with a name, on a day; settings that say only half of it refuse the start.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, model_validator

from .consent.profile import PROFILES, STRICT
from .consent.table import MITZ_SAYS_NO, MITZ_SAYS_NOTHING, NOTHING_RECORDED
from .identity import EmergencyReason
from .reasons import Reason


class Strict(BaseModel):
    """Unknown keys refuse the start."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class SlotSettings(BaseModel):
    """A place in the house: the adapter's kind, and settings that only the adapter knows."""

    model_config = ConfigDict(extra="allow", frozen=True)

    kind: Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]

    @property
    def own(self) -> dict[str, Any]:
        """The adapter's own settings."""
        return dict(self.model_extra or {})


MITZ = "mitz"
"""The kind of source that the national register is."""


class Weight(NamedTuple):
    """What a source's verdict weighs (spec consent 6.3 rows 15 to 17)."""

    required: bool
    authoritative: bool
    yields: bool = False


TOLD = Weight(required=True, authoritative=False)
"""Of what a register told: it objects and never permits, and what cannot be read is an error of the whole."""


class ConsentSourceSettings(SlotSettings):
    """A consent source and its weight in the combination."""

    required: bool = True
    authoritative: bool = True


_Passing = Literal["deny", "allow"]
_Type = Annotated[str, Field(pattern=r"^[A-Z][A-Z0-9]{1,9}$")]
_Word = Annotated[str, Field(min_length=1, max_length=128)]
_Resource = Annotated[str, Field(pattern=r"^[A-Z][A-Za-z]{1,40}$")]


class ImpliedSettings(Strict):
    """Where the holder finds its own evidence of a relation. Only under a profile that takes such evidence."""

    on_mitz_deny: _Passing = "deny"
    """Whether such evidence stands against a no of Mitz, which may be the patient's own."""
    sources: Annotated[tuple[SlotSettings, ...], Field(min_length=1)]


class EmergencySettings(Strict):
    """Emergency access (spoedinzage): who may claim it, how often, what they get, and who is told. Absent: off."""

    on_mitz_deny: _Passing = "deny"
    """Whether it passes a no of Mitz, which may be the patient's own."""
    on_mitz_error: _Passing = "deny"
    """Whether it passes a Mitz that cannot be asked or does not decide."""
    roles: Annotated[frozenset[_Word], Field(min_length=1)]
    """As the users of this region word them; case and spaces do not matter."""
    types: frozenset[_Type] = frozenset({"N6", "V4", "V5", "V6"})
    """Out-of-hours posts and hospitals; the region's code for ambulance services must be added to count."""
    reasons: frozenset[EmergencyReason] = frozenset(EmergencyReason)
    resources: Annotated[frozenset[_Resource], Field(min_length=1)] = frozenset({"Patient", "Consent", "RelatedPerson"})
    """The minimal set: who it is, what was agreed, whom to phone."""
    most: Annotated[int, Field(ge=1, le=1000)] = 5
    """Emergencies that one organization may claim here within `within_seconds`."""
    within_seconds: Annotated[int, Field(ge=60, le=604_800)] = 3600
    alerts: Annotated[tuple[SlotSettings, ...], Field(min_length=1)]
    """How the holder's officer is told; every one of them."""

    @property
    def after(self) -> frozenset[Reason]:
        """The stops that an emergency may pass."""
        found = NOTHING_RECORDED
        if self.on_mitz_deny == "allow":
            found |= MITZ_SAYS_NO
        if self.on_mitz_error == "allow":
            found |= MITZ_SAYS_NOTHING
        return found


class ConsentSettings(Strict):
    """Which legal profile combines which sources, and how Mitz stands to the others. No source refuses the start."""

    profile: str = STRICT
    mitz: Literal["leading", "additional", "not-connected"] = "leading"
    """Leading: only Mitz permits. Additional: the holder's own sources permit too. Not connected: only those."""
    local_permit_overrides_mitz_deny: bool = False
    """Only while additional: Mitz does not speak against an explicit permission of the holder's own, nor asked."""
    legal_basis_owner: str = ""
    """Who decided on another profile, or on the former, by name or function. Needed for nothing else."""
    decided_on: date | None = None
    implied: ImpliedSettings | None = None
    emergency: EmergencySettings | None = None
    sources: Annotated[tuple[ConsentSourceSettings, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _mitz_stands_somewhere(self) -> ConsentSettings:
        asked = [one for one in self.sources if one.kind == MITZ]
        if self.mitz == "not-connected" and asked:
            raise ValueError("mitz is not-connected, yet there is a source of kind mitz")
        if self.mitz != "not-connected" and len(asked) != 1:
            raise ValueError(f"mitz is {self.mitz}: that takes one source of kind mitz (or say mitz: not-connected)")
        if asked and not (asked[0].required and asked[0].authoritative):
            raise ValueError(f"mitz is {self.mitz}: its source is required and authoritative")
        if self.local_permit_overrides_mitz_deny and self.mitz != "additional":
            raise ValueError("local_permit_overrides_mitz_deny goes with mitz: additional only")
        return self

    @model_validator(mode="after")
    def _profile_is_whole(self) -> ConsentSettings:
        """Half of a legal decision is none: what a profile takes is furnished, what it does not take is not there."""
        accepts = PROFILES.get(self.profile)
        if accepts is None:
            raise ValueError(f"consent profile is not one of: {', '.join(PROFILES)}")
        if self.implied and not accepts.implied:
            raise ValueError(f"implied goes with the profile routekaart, not with {self.profile}")
        if self.emergency and not accepts.emergency:
            raise ValueError(f"emergency goes with a profile that takes it, not with {self.profile}")
        if accepts.implied and not self.implied:
            raise ValueError(f"the profile {self.profile} wants implied: where the holder finds evidence of a relation")
        if accepts.emergency and not accepts.implied and not self.emergency:
            raise ValueError(f"the profile {self.profile} wants emergency: who may claim it, and who is told")
        if self.mitz == "not-connected" and self._passes_mitz:
            raise ValueError("on_mitz_deny and on_mitz_error say nothing while mitz is not-connected")
        decided = self.profile != STRICT or self.local_permit_overrides_mitz_deny
        if {bool(self.legal_basis_owner.strip()), bool(self.decided_on)} != {decided}:
            raise ValueError(
                "legal_basis_owner and decided_on go together, with another profile than nl-pzp-strict or with "
                "local_permit_overrides_mitz_deny"
            )
        return self

    @property
    def _passes_mitz(self) -> bool:
        emergency, implied = self.emergency, self.implied
        chosen = [implied.on_mitz_deny] if implied else []
        chosen += [emergency.on_mitz_deny, emergency.on_mitz_error] if emergency else []
        return "allow" in chosen

    @property
    def legal(self) -> str:
        """Say in words which profile stands and on whose decision."""
        words = [self.profile]
        if self.local_permit_overrides_mitz_deny:
            words.append("own permissions pass a no of Mitz")
        if self.implied:
            words.append(f"implied by {', '.join(one.kind for one in self.implied.sources)}")
            words += ["passes a no of Mitz"] if self.implied.on_mitz_deny == "allow" else []
        if self.emergency:
            words.append(f"emergency, at most {self.emergency.most} in {self.emergency.within_seconds} s")
            words += ["passes a no of Mitz"] if self.emergency.on_mitz_deny == "allow" else []
            words += ["passes a failure of Mitz"] if self.emergency.on_mitz_error == "allow" else []
        if self.legal_basis_owner:
            words.append(f"decided by {self.legal_basis_owner} on {self.decided_on}")
        return "; ".join(words)

    @property
    def weighed(self) -> tuple[tuple[ConsentSourceSettings, Weight], ...]:
        """The sources in the order in which they are asked, Mitz last: the citizen sees that it was asked."""
        ordered = sorted(self.sources, key=lambda one: one.kind == MITZ)
        return tuple((one, self._weight(one)) for one in ordered)

    def _weight(self, source: ConsentSourceSettings) -> Weight:
        if source.kind == MITZ:
            yields = self.local_permit_overrides_mitz_deny
            return Weight(required=not yields, authoritative=True, yields=yields)
        return Weight(source.required, source.authoritative and self.mitz != "leading")
