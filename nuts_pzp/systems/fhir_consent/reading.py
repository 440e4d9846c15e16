"""From one Consent resource to what it says about one question, or to nothing at all (spec consent 7.1, 3.3).

PZP itself is FHIR Consent: a treatment directive says `permit` and means a treatment. Those are passed over by scope
and by category. In a notification of Mitz `inactive` is an objection, elsewhere it is no consent at all.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import orjson

from ...consent.choice import CONTEXT, HOLDER, Finding
from ...consent.period import NotAMoment, Period
from ...identity import BSN_SYSTEM
from ...outcome import Evidence
from .criteria import Applies, Asked, Fit, Json, Unreadable, child, children, codings, fit, is_holder, text
from .performers import may_permit

SCOPE = ("http://terminology.hl7.org/CodeSystem/consentscope", "patient-privacy")
CLINICAL = frozenset(
    {
        ("http://snomed.info/sct", "129125009"),
        ("http://terminology.hl7.org/CodeSystem/consentcategorycodes", "acd"),
    }
)
"""Categories of PZP's own Consents: procedure with explicit context (treatment directive), advance care directive."""
NOTIFICATION = "http://vzvz.nl/fhir/StructureDefinition/Consent-Mitz-Notify"
USER_CATEGORY = "http://fhir.nl/StructureDefinition/OTV-ProviderCategory"

_USER_SYSTEM = "http://fhir.nl/otv/CodeSystem/raadplegende-zorgaanbiedercategorie"
ACTS = "http://terminology.hl7.org/CodeSystem/v3-ActCode"
_OPT_OUT = frozenset({"OPTOUT", "OPTOUTE"})
_NOT_IN_FORCE = frozenset({"draft", "proposed", "rejected", "inactive", "entered-in-error"})
_CATEGORY_OF = {
    **dict.fromkeys(("H1", "Z3", "N6"), "RPZAC001"),
    "G5": "RPZAC003",
    **dict.fromkeys(("X3", "R5", "M1", "T2"), "RPZAC004"),
    **dict.fromkeys(("A1", "J8", "K9"), "RPZAC005"),
    "JGZ": "RPZAC103",
    **dict.fromkeys(("V4", "V5", "V6", "BRA", "DIA", "P4", "L1", "Z4", "Z5", "B2"), "RPZAC104"),
}
"""Type of organization -> category of users in Mitz, as far as it is clear. Only ever narrows an objection."""
_CATEGORIES = frozenset(_CATEGORY_OF.values()) | {"RPZAC200"}


class AnotherPatient(Unreadable):
    """The Consent is about somebody else than was asked for."""


@dataclass(frozen=True, slots=True)
class _Said:
    permits: bool
    user: int
    context: int


def finding(consent: Json, asked: Asked) -> Finding | None:
    """Return what this Consent says about the question, None when it is no sharing consent or does not apply.

    Unreadable when it is no Consent, AnotherPatient when it is not this patient's.
    """
    if text(consent, "resourceType") != "Consent":
        raise Unreadable("resourceType")
    if not _is_sharing(consent):
        return None
    plain = _plain(consent)
    cap = min(plain, _patient(consent, asked), _given(consent, asked), _verified(consent), _voice(consent, asked))
    if any(profile.partition("|")[0] == NOTIFICATION for profile in _profiles(consent)):
        return _notified(consent, asked)
    if text(consent, "status") in _NOT_IN_FORCE:
        return None
    if text(consent, "status") != "active":
        cap = Applies.PERHAPS
    holder, provision = _organization(consent, asked), child(consent, "provision")
    if _opts_out(consent) and not text(provision, "type"):
        cap, provision = Applies.PERHAPS, {**provision, "type": "deny"}
    around = Fit(min(cap, holder), most_context=0 if plain is Applies.SURELY else CONTEXT)
    said = _weigh(provision, asked, around, None)
    if said is None:
        return None
    ours = holder is Applies.SURELY or (not said.permits and bool(consent.get("organization")))
    return Finding(said.permits, (HOLDER if ours else 0) + said.user + said.context, _evidence(consent))


def _is_sharing(consent: Json) -> bool:
    if SCOPE not in codings(child(consent, "scope")):
        return False
    categories = [pair for concept in children(consent, "category") for pair in codings(concept)]
    return not categories or not all(pair in CLINICAL for pair in categories)


def _plain(consent: Json) -> Applies:
    """Perhaps, when something on the resource changes its meaning in a way that is not known here."""
    categories = [pair for concept in children(consent, "category") for pair in codings(concept)]
    strange = consent.get("modifierExtension") or consent.get("implicitRules")
    mixed = codings(child(consent, "scope")) != [SCOPE] or any(pair in CLINICAL for pair in categories)
    return Applies.PERHAPS if strange or mixed else Applies.SURELY


def _profiles(consent: Json) -> list[str]:
    found = child(consent, "meta").get("profile", [])
    if not isinstance(found, list) or not all(isinstance(one, str) for one in found):
        raise Unreadable("meta.profile")
    return found


def _patient(consent: Json, asked: Asked) -> Applies:
    """Surely when it is this patient by BSN or by the server's own reference; AnotherPatient when it is not."""
    patient = child(consent, "patient")
    identifier = child(patient, "identifier")
    applies = Applies.PERHAPS
    if text(identifier, "system") == BSN_SYSTEM:
        if text(identifier, "value") != asked.bsn.value:
            raise AnotherPatient("patient")
        applies = Applies.SURELY
    reference = text(patient, "reference").removeprefix(f"{asked.base}/").partition("/_history/")[0]
    if reference.startswith("Patient/"):
        if reference != f"Patient/{asked.logical_id}":
            raise AnotherPatient("patient")
        applies = Applies.SURELY
    return applies


def _given(consent: Json, asked: Asked) -> Applies:
    """Perhaps, when it was given on a day that has not surely come, or that cannot be read."""
    try:
        return Applies.SURELY if Period(start=text(consent, "dateTime")).surely(asked.now) else Applies.PERHAPS
    except NotAMoment:
        return Applies.PERHAPS


def _verified(consent: Json) -> Applies:
    """Perhaps, when it says that it was to be verified, and not that it was."""
    found = children(consent, "verification")
    return Applies.SURELY if not found or any(one.get("verified") is True for one in found) else Applies.PERHAPS


def _opts_out(consent: Json) -> bool:
    """True when its provision builds on a rule that nothing is shared: without a word of its own it objects."""
    return any(system == ACTS and code in _OPT_OUT for system, code in codings(child(consent, "policyRule")))


def _voice(consent: Json, asked: Asked) -> Applies:
    """Perhaps, when whose word it is could not permit, or does so no more: a permit needs more, an objection less."""
    return Applies.SURELY if may_permit(consent, asked) else Applies.PERHAPS


def _organization(consent: Json, asked: Asked) -> Applies:
    """Whose consent it is: surely ours when we are named, not ours when only others are, else perhaps."""
    named = [is_holder(one, asked) for one in children(consent, "organization")]
    return max(named, default=Applies.PERHAPS)


def _weigh(provision: Json, asked: Asked, outer: Fit, parent: bool | None) -> _Said | None:
    """Say what a provision with its exceptions comes down to. `parent`: what the one around it says, None for none.

    A nested provision is an exception: where it applies it turns its parent over. An objection applies perhaps already,
    a permit only surely, so doubt ends on the side of the objection at every depth.
    """
    if not provision:
        return None
    own = fit(provision, asked)
    here = outer.within(own)
    if here.applies is Applies.NO:
        return None
    permits = _effect(provision, parent)
    nested = [_weigh(one, asked, here, permits) for one in children(provision, "provision")]
    exceptions = [one for one in nested if one is not None and (permits is not None or not one.permits)]
    if exceptions:
        return min(exceptions, key=lambda one: one.permits)
    if permits is None or (permits and (here.applies is not Applies.SURELY or not here.user)):
        return None  # a permit applies surely, and names who may look
    return _Said(True, here.user, here.context) if permits else _Said(False, here.most_user, here.most_context)


def _effect(provision: Json, parent: bool | None) -> bool | None:
    """True for permit, False for deny; without a type the opposite of its parent.

    An unknown word is a deny, and so is one that is kept back (`_type` alone).
    """
    said = text(provision, "type")
    if not said and "_type" not in provision:
        return None if parent is None else not parent
    return said == "permit"


def _notified(consent: Json, asked: Asked) -> Finding | None:
    """A notification of Mitz never permits; whatever is not plainly a permission objects for the users it names."""
    provision, status = child(consent, "provision"), text(consent, "status")
    strange = consent.get("modifierExtension") or provision.get("modifierExtension") or provision.get("provision")
    permits = status == "active" and text(provision, "type") == "permit" and not strange
    if permits or status in _NOT_IN_FORCE - {"inactive"}:
        return None
    holders = [
        is_holder(child(actor, "reference"), asked)
        for actor in children(provision, "actor")
        if any(code == "CST" for _, code in codings(child(actor, "role")))
    ]
    if max(holders, default=Applies.PERHAPS) is Applies.NO or not _names(consent, asked):
        return None
    return Finding(False, HOLDER + 1, _evidence(consent))


def _names(consent: Json, asked: Asked) -> bool:
    """True unless every category of users that it names is known and surely another one than the user's."""
    own = _CATEGORY_OF.get(asked.user.type)
    named = [
        {code for system, code in codings(child(extension, "valueCodeableConcept")) if system == _USER_SYSTEM}
        for extension in children(consent, "extension")
        if text(extension, "url") == USER_CATEGORY
    ]
    return own is None or not named or any(not codes or own in codes or codes - _CATEGORIES for codes in named)


def _evidence(consent: Json) -> Evidence:
    version = text(child(consent, "meta"), "versionId")
    reference = f"Consent/{text(consent, 'id')}" + (f"/_history/{version}" if version else "")
    digest = hashlib.sha256(orjson.dumps(consent, option=orjson.OPT_SORT_KEYS)).hexdigest()
    return Evidence("fhir_consent", reference, digest)
