"""Deciding a call of the decision API from given facts, without asking anybody (design section 5, `policy decide`).

Room: authorization. `patient_id`, `patient_bsn` and `mitz_consent` of the call are taken as facts, as they are nowhere
else; a fact that does not agree with the request is a refusal. What may be asked at all is checked as for a real one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from ..fhir.request import FhirRequest, headless, parse
from ..identity import Purpose, eleven_test
from ..outcome import Deny, Stop, Unavailable, Unknown
from ..reasons import Reason
from .bundle import Bundle, grammar
from .capability import unlisted
from .judgement import Judge, Judgement
from .knooppunt import FHIR_REST, Call, Misshapen, Remark, Ruling, answer, code_of, policies, read
from .policies import DEFAULT_SCOPES
from .question import Facts, Subject, agrees, compose

NO_BASE = "https://offline.invalid/fhir"
"""Nothing is at this base: a call names resources relative to the holder's own."""

_TREATMENT = frozenset({"", "treat", "treatment"})


@dataclass(frozen=True, slots=True)
class Loaded:
    """A policy that can be asked."""

    bundle: Bundle
    judge: Judge


async def decide(
    body: bytes, loaded: Mapping[str, Loaded], scopes: Mapping[str, str] = DEFAULT_SCOPES
) -> dict[str, object]:
    """Return the answer of the Knooppunt contract; raise Unparsable when the body is not JSON.

    Policies are asked in order of name until one allows. Anything that is not a clear yes is no.
    """
    try:
        call = read(body)
    except Misshapen as error:
        return answer({}, f"invalid request: {error}")
    names = policies(call.subject.scopes, scopes)
    if not names:
        return answer({}, "missing required value, no policy: input.subject.scope is empty")
    rulings: dict[str, Ruling] = {}
    for name in names:
        policy = loaded.get(name)
        rulings[name] = await _ask(call, policy) if policy else _unknown_policy()
        if rulings[name].allow:
            break
    return answer(rulings)


def _unknown_policy() -> Ruling:
    return Ruling(False, (Remark("not_implemented", "there is no policy by this name here"),))


async def _ask(call: Call, policy: Loaded) -> Ruling:
    request = _understood(call, policy.bundle)
    if isinstance(request, Ruling):
        return request
    who = _named(call.subject)
    if who is None:
        return _refused("not_allowed", Reason.TOKEN_CLAIMS, "a claim has two values under two names, or is no text")
    facts = Facts(
        call.patient_id,
        call.patient_bsn,
        call.consent is True,
        Purpose.TREATMENT.value,
        call.holder_ura,
        call.holder_type,
    )
    if (facts.bsn and not eleven_test(facts.bsn)) or not agrees(request, facts):
        return _refused("not_allowed", Reason.PATIENT_MISMATCH, "the request is not about the patient of the context")
    if call.purpose.lower() not in _TREATMENT:
        return _refused("not_allowed", Reason.PURPOSE_NOT_ALLOWED, "the scope means treatment")
    stated = policy.bundle.stated
    remarks = _capability(policy.bundle, request)
    try:
        judgement = await policy.judge.judge(compose(who, request, facts, stated))
    except TypeError:  # claims that are nested deeper than can be written down
        judgement = Deny(Reason.POLICY_ERROR)
    if isinstance(judgement, Deny | Unknown | Unavailable):
        return Ruling(False, (*remarks, _remark("internal_error", judgement.reason, "the policy could not be asked")))
    if not judgement.allow:
        return Ruling(False, (*remarks, *_against(judgement)))
    if not facts.consent:  # a policy can only refuse more
        none = _remark("not_allowed", Reason.CONSENT_NONE, "no consent, whatever the policy says")
        return Ruling(False, (none, *remarks))
    return Ruling(True, remarks)


def _named(subject: Subject) -> Subject | None:
    """Return who asks, by the contract's names or those of the nodes' definitions (spec nuts-node 3.3), as online.

    None when the two names of a claim disagree, or the nodes' one holds no text.
    """
    found = []
    for value, other in (
        (subject.user, subject.others.get("employee_identifier")),
        (subject.role, subject.others.get("employee_role")),
    ):
        if other is not None and (not isinstance(other, str) or value not in ("", other)):
            return None
        found.append(value or other or "")
    return replace(subject, user=found[0], role=found[1])


def _understood(call: Call, bundle: Bundle) -> FhirRequest | Ruling:
    """Return what is asked, or the refusal of a call that is no request of ours."""
    if not call.active:
        return _refused("not_allowed", Reason.TOKEN_INVALID, "the token is not active")
    if call.connection != FHIR_REST:
        return _refused("unexpected_input", Reason.REQUEST_UNSUPPORTED, f"connection_type_code is not {FHIR_REST}")
    request = parse(headless(call.raw), grammar(bundle), NO_BASE)
    if isinstance(request, Deny | Unknown | Unavailable):
        return _unparsed(request)
    if request.interaction == "capabilities":
        return _refused("not_allowed", Reason.RESOURCE_REFUSED, "capabilities are public and no disclosure")
    return request


def _unparsed(stop: Stop) -> Ruling:
    return _refused(code_of(stop), stop.reason, stop.detail or "the request cannot be parsed")


def _capability(bundle: Bundle, request: FhirRequest) -> tuple[Remark, ...]:
    if bundle.stated is None:
        return (Remark("info", "the policy has no CapabilityStatement"),)
    missing = unlisted(bundle.stated, request)
    if not missing:
        return ()
    return (
        _remark("not_allowed", Reason.REQUEST_UNSUPPORTED, f"not in the CapabilityStatement: {', '.join(missing)}"),
    )


def _against(judgement: Judgement) -> tuple[Remark, ...]:
    reason = Reason.CONSENT_NONE if "consent" in judgement.words else judgement.reason
    denied = _remark("not_allowed", reason, "access denied by policy")
    if not judgement.words:
        return (denied,)
    return (denied, Remark("info", f"not satisfied: {', '.join(judgement.words)}"))


def _refused(code: str, reason: Reason, description: str) -> Ruling:
    return Ruling(False, (_remark(code, reason, description),))


def _remark(code: str, reason: Reason, description: str) -> Remark:
    return Remark(code, description, reason)
