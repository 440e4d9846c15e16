"""The decision: may this caller make this request about this patient? (The PDP.)

Shared by the disclose flow and the decision API. Cheap and silent checks come first; a question to Mitz is seen by the
citizen and comes last but one (design section 2). Only values of the expected kind carry on; an exception denies.
"""

from __future__ import annotations

import asyncio
import traceback

import structlog

from ..accounted import Allowed, Decision, Denied
from ..addressing.port import Directory
from ..exchange import Access, Attempt, Caller, Generation
from ..fhir.capability import Capability
from ..fhir.envelope import RawRequest
from ..fhir.request import FhirRequest, parse
from ..house import Holding
from ..identity import Bsn, Organization, Patient, Standing, Tenant
from ..outcome import Deny, Evidence, Outcome, Permit, Stop
from ..reasons import Reason
from ..values import Value, replace
from .paging import Opened, asks_for_page, open_page
from .patient import named_in, patient_of
from .stated import NOTHING, Stated

_log = structlog.get_logger("nuts_pzp.disclose")

_TURNS = 3
"""Times that consent is asked because the patient's choice changed meanwhile."""
_ANYBODY = Bsn("999900006")
"""A number for tests, of whom no state says anything: whether it can be read is all that is asked."""
_STANDING = {Standing.UNKNOWN: Reason.PATIENT_UNKNOWN, Standing.DECEASED: Reason.PATIENT_DECEASED}


class _Asked(Value, frozen=True):
    """What is asked, and for a further page the logical id it was first decided about."""

    request: FhirRequest
    bound: str | None = None


async def decide(
    house: Holding, attempt: Attempt, who: Outcome[Caller], raw: RawRequest, now: float, *, stated: Stated = NOTHING
) -> Decision:
    """Return Allowed with its grounds, or Denied with the first stop and what was known by then.

    `now` is Unix time in seconds; `stated` is what an enforcement point says of its question, and must
    agree. Whatever goes wrong in a room is a Denied with INTERNAL, logged without content.
    """
    deciding = _Deciding(house, attempt, now, stated)
    try:
        return await deciding.decided(who, raw)
    except (asyncio.CancelledError, KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # the policy engine's panics are no Exception
        return Denied(deciding.attempt, internal(error, attempt.correlation), deciding.policy)


def internal(error: BaseException, correlation: str) -> Deny:
    """Log where a room broke, without content, and return the Deny that it is."""
    frames = traceback.extract_tb(error.__traceback__)
    where = f"{frames[-1].filename.rpartition('/')[2]}:{frames[-1].lineno}" if frames else ""
    kind = type(error).__name__
    _log.error("disclose.room-broke", error=kind, where=where, meldcode=correlation)
    return Deny(Reason.INTERNAL, detail=f"{kind} at {where}")


class _Deciding:
    """One decision under way: what is known so far, for whoever must record how it ended."""

    def __init__(self, house: Holding, attempt: Attempt, now: float, stated: Stated) -> None:
        self._house, self._attempt, self._now, self._stated = house, attempt, now, stated
        self._caller, self._request, self._known = attempt.caller, attempt.request, attempt.patient
        self._policy = ""

    @property
    def attempt(self) -> Attempt:
        """What is known so far."""
        return replace(self._attempt, caller=self._caller, request=self._request, patient=self._known)

    @property
    def policy(self) -> str:
        """The hash of the policy that the token's scope chose; empty until then."""
        return self._policy

    async def decided(self, who: Outcome[Caller], raw: RawRequest) -> Decision:
        """Go through the rooms in order; the first that does not say yes decides."""
        house, stated = self._house, self._stated
        if not isinstance(who, Caller):
            return self._denied(who)
        self._caller = who
        if (crowded := house.guard.admits(who.organization.ura.value)) is not None:
            return self._denied(crowded)
        if (stop := stated.here(house.tenant) or stated.by(who)) is not None:
            return self._denied(stop)

        policy = house.policies.of(who.scopes)
        if isinstance(policy, Stop):
            return self._denied(policy)
        self._policy = policy.digest

        asked = _asked(house, who, raw, policy.capability, self._now)
        if not isinstance(asked, _Asked):
            return self._denied(asked)
        self._request = asked.request
        if (crowded := house.guard.about(who.organization.ura.value, asked.request)) is not None:
            return self._denied(crowded)
        if (stop := stated.of(asked.request)) is not None:
            return self._denied(stop)

        caller = await confirm(who, house.tenant, house.directory)
        if not isinstance(caller, Caller):
            return self._denied(caller)
        self._caller = caller

        if (resting := house.consent.resting(caller)) is not None:
            return self._denied(resting)
        patient = await self._patient(asked.request, caller.token_digest)
        if not isinstance(patient, Patient):
            return self._denied(await self._as_of_anybody(patient))
        self._known = patient
        if (stop := _standing(patient, asked) or stated.about(patient)) is not None:
            return self._denied(await self._as_of_anybody(stop))

        access = Access(caller, asked.request, patient, self._attempt.correlation)
        consented = await consent_of(house, access)
        if not isinstance(consented, Consented):
            return self._denied(consented)
        consent, generation = consented.permit, consented.generation
        permit = await policy.evaluate(access, consent)
        if not isinstance(permit, Permit):
            return self._denied(permit, consent.evidence)
        return Allowed(self.attempt, access, (consent, permit), self._policy, generation)

    async def _patient(self, request: FhirRequest, token: bytes) -> Outcome[Patient]:
        """Whose data it is; a search by id may use what the same token looked up within ten seconds (ADR 0033)."""
        house, named = self._house, named_in(request)
        if named is not None and token and (known := house.recent.get(token, named)) is not None:
            return known
        patient = await patient_of(request, house.records, house.base)
        if isinstance(patient, Patient):
            house.recent.keep(token, patient)
        else:
            house.recent.forget(token)
        return patient

    async def _as_of_anybody(self, stop: object) -> object:
        """State that cannot be read is told of who is known here: so it is of everybody, or it would show who is."""
        if not isinstance(stop, Deny) or stop.reason is Reason.SOURCE_OTHER_PATIENT:
            return stop
        now = await self._house.generations.generation(_ANYBODY)
        return stop if isinstance(now, Generation) else now

    def _denied(self, stop: object, asked: tuple[Evidence, ...] = ()) -> Denied:
        """Only a Stop says why; anything else that is not the expected value is a bug, and denies.

        `asked` is what was heard of consent before: the citizen sees that Mitz was asked, so the record tells it too.
        """
        if not isinstance(stop, Stop):
            stop = Deny(Reason.INTERNAL, detail="a room gave neither its value nor a stop")
        return Denied(self.attempt, replace(stop, evidence=asked + stop.evidence), self._policy)


class Consented(Value, frozen=True):
    """A permit, and the generation of the patient's choice that all of it was asked in."""

    permit: Permit
    generation: Generation


async def consent_of(house: Holding, access: Access) -> Outcome[Consented]:
    """Ask for consent until the patient's choice did not change meanwhile; Deny when it keeps changing.

    A source may have been asked before the change and another after it: such a permit is none. The look before
    serves the sources as well, so that one question is one look and the one that holds it against what is true now.
    """
    for _ in range(_TURNS):
        generation = await house.generations.generation(access.patient.bsn)
        if not isinstance(generation, Generation):
            return generation
        consent = await house.consent.ask(replace(access, seen=generation))
        if not isinstance(consent, Permit):
            return consent
        if generation == await house.generations.generation(access.patient.bsn):
            return Consented(consent, generation)
    return Deny(Reason.CONSENT_CONFLICT, detail="changed-while-asked")


def _asked(house: Holding, caller: Caller, raw: RawRequest, capability: Capability, now: float) -> Outcome[_Asked]:
    """What is asked, one meaning; the gateway's own CapabilityStatement is not a decision."""
    if caller.expires and now >= caller.expires:
        return Deny(Reason.TOKEN_INVALID, detail="the token expired on the way")
    if asks_for_page(raw):
        opened = open_page(house, caller, raw, capability, now)
        return _Asked(opened.request, opened.patient) if isinstance(opened, Opened) else opened
    request = parse(raw, capability, house.base)
    if not isinstance(request, FhirRequest):
        return request
    if request.interaction == "capabilities":
        return Deny(Reason.RESOURCE_REFUSED, detail="capabilities are public and no disclosure")
    return _Asked(request)


async def confirm(caller: Caller, tenant: Tenant, directory: Directory) -> Outcome[Caller]:
    """Return the caller as the directory knows it; Deny a type it does not list, and the holder asking itself."""
    claimed = caller.organization
    if claimed.ura == tenant.organization.ura:
        return Deny(Reason.OWN_ORGANIZATION)
    known = await directory.organization(claimed.ura)
    if not isinstance(known, Organization):
        return known
    if known.ura != claimed.ura:
        return Deny(Reason.ORGANIZATION_UNKNOWN, detail="the directory gave another organization")
    if not claimed.type or claimed.type not in (known.type, *known.other_types):
        return Deny(Reason.TYPE_MISMATCH)
    return replace(caller, organization=known if claimed.type == known.type else replace(known, type=claimed.type))


def _standing(patient: Patient, asked: _Asked) -> Deny | None:
    if patient.standing is not Standing.KNOWN:
        return Deny(_STANDING[patient.standing])
    if asked.bound is not None and asked.bound != patient.logical_id:
        return Deny(Reason.PAGE_TOKEN, detail="a page of another patient")
    return None
