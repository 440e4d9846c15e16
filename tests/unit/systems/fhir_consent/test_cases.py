"""What comes of a Consent, case by case (spec consent 7.1: doubt never permits, and always objects)."""

from __future__ import annotations

import pytest
from sharing_consents import (
    ACT,
    ACTION,
    ADULT,
    GGC,
    KIND_OF_DATA,
    LOCAL,
    OTHER,
    RESEARCH,
    SCOPE,
    TREAT,
    US,
    USER,
    YEAR,
    One,
    actor,
    by_type,
    concept,
    consent,
    decision,
    narrowed,
    no,
    rule,
    without,
    yes,
    yes_type,
)

from nuts_pzp.identity import BSN_SYSTEM

CASES: dict[str, tuple[list[One], str]] = {
    # one Consent, whole
    "a permission": ([yes()], "permit"),
    "an objection": ([no()], "deny"),
    "no Consent": ([], "nothing"),
    "a permission within its period": ([narrowed("permit", period=YEAR)], "permit"),
    "a permission on the last day": ([narrowed("permit", period={"end": "2026-11-22"})], "permit"),
    "a permission from tomorrow": ([narrowed("permit", period={"start": "2026-11-23"})], "nothing"),
    "an objection until yesterday": ([narrowed("deny", period={"end": "2026-11-21"})], "nothing"),
    "an objection that ends at an unreadable day": ([narrowed("deny", period={"end": "ooit"})], "deny"),
    # status
    "an objection without a status": ([no(status=None)], "deny"),
    "a permission without a status": ([yes(status=None)], "nothing"),
    "a permission of capitals": ([yes(status="ACTIVE")], "nothing"),
    "a status that only an extension tells": ([yes(status=None, _status={"extension": []})], "nothing"),
    # dateTime
    "a permission of yesterday": ([yes(dateTime="2026-11-21")], "permit"),
    "a permission of this hour": ([yes(dateTime="2026-11-22T12:30:00+01:00")], "permit"),
    "a permission dated tomorrow": ([yes(dateTime="2026-11-23")], "nothing"),
    "a permission dated in an hour": ([yes(dateTime="2026-11-22T13:00:00Z")], "nothing"),
    "a permission dated next year": ([yes(dateTime="2027")], "nothing"),
    "a permission of an unreadable day": ([yes(dateTime="vorige week")], "nothing"),
    "a permission of this year": ([yes(dateTime="2026")], "permit"),
    "an objection dated tomorrow": ([no(dateTime="2026-11-23")], "deny"),
    "an objection of an unreadable day": ([no(dateTime="vorige week")], "deny"),
    # verification
    "a permission that was verified": ([yes(verification=[{"verified": True}])], "permit"),
    "a permission that was not verified": ([yes(verification=[{"verified": False}])], "nothing"),
    "a permission verified at last": ([yes(verification=[{"verified": False}, {"verified": True}])], "permit"),
    "a verification that says nothing": ([yes(verification=[{}])], "nothing"),
    "an objection that was not verified": ([no(verification=[{"verified": False}])], "deny"),
    "a verification that is none": ([no(verification={"verified": False})], "trouble"),
    # policy and policyRule
    "a permission under a policy": ([yes(policy=[{"uri": "https://example.org/policy"}])], "permit"),
    "a permission under opt-in": ([yes(policyRule=concept(ACT, "OPTIN"))], "permit"),
    "opt-out with an exception for the user": ([yes(policyRule=concept(ACT, "OPTOUT"))], "permit"),
    "opt-out without a provision": ([consent({}, policyRule=concept(ACT, "OPTOUT"))], "deny"),
    "opt-out without an element provision": ([without(yes(policyRule=concept(ACT, "OPTOUT")), "provision")], "deny"),
    "opt-out with exceptions, without one": ([consent({}, policyRule=concept(ACT, "OPTOUTE"))], "deny"),
    "opt-out with a provision without a type": (
        [consent(rule(None, period=YEAR), policyRule=concept(ACT, "OPTOUT"))],
        "deny",
    ),
    "opt-out that is over": (
        [consent(rule(None, period={"end": "2026-01-01"}), policyRule=concept(ACT, "OPTOUT"))],
        "nothing",
    ),
    "opt-out with a nested permission": (
        [consent(rule(None, provision=[rule("permit", actor(USER))]), policyRule=concept(ACT, "OPTOUT"))],
        "deny",
    ),
    "opt-out with a nested permission for another": (
        [consent(rule(None, provision=[rule("permit", actor(OTHER))]), policyRule=concept(ACT, "OPTOUT"))],
        "deny",
    ),
    "opt-out of another patient's holder": (
        [consent({}, policyRule=concept(ACT, "OPTOUT"), organization=[OTHER])],
        "nothing",
    ),
    "opt-out that is inactive": ([consent({}, policyRule=concept(ACT, "OPTOUT"), status="inactive")], "nothing"),
    "opt-out and a permission by name": ([consent({}, policyRule=concept(ACT, "OPTOUT")), yes(id="c2")], "permit"),
    "opt-in without a provision": ([consent({}, policyRule=concept(ACT, "OPTIN"))], "nothing"),
    "opt-in with a nested objection": (
        [consent(rule(None, provision=[rule("deny", actor(USER))]), policyRule=concept(ACT, "OPTIN"))],
        "deny",
    ),
    # a type that only an extension tells
    "a rule whose type is kept back": ([consent(rule(None, actor(USER), _type={"extension": [{"url": "x"}]}))], "deny"),
    "the same for another": ([consent(rule(None, actor(OTHER), _type={"extension": [{"url": "x"}]}))], "nothing"),
    "an exception whose type is kept back": (
        [consent(rule("deny", provision=[rule(None, actor(USER), _type={"extension": [{"url": "x"}]})]))],
        "deny",
    ),
    # organization
    "a permission of another holder": ([yes(organization=[OTHER])], "nothing"),
    "a permission of two holders": ([yes(organization=[OTHER, US])], "permit"),
    "a permission without a holder": ([yes(organization=None)], "nothing"),
    "an objection without a holder": ([no(organization=None)], "deny"),
    "an objection at a holder nobody knows": ([no(organization=[LOCAL])], "deny"),
    "the same, against a permission by name": ([no(organization=[LOCAL]), yes(id="c2")], "deny"),
    # custodians
    "an objection of two custodians": (
        [consent(rule("deny", actor(USER), actor(US, "CST"), actor(OTHER, "CST")))],
        "deny",
    ),
    "a permission of two custodians": (
        [consent(rule("permit", actor(USER), actor(US, "CST"), actor(OTHER, "CST")))],
        "nothing",
    ),
    "an objection of another custodian": ([consent(rule("deny", actor(USER), actor(OTHER, "CST")))], "nothing"),
    "an objection of a custodian nobody knows": ([consent(rule("deny", actor(USER), actor(LOCAL, "CST")))], "deny"),
    # recipients
    "a permission for the type": ([yes_type()], "permit"),
    "a permission for another type": ([consent(rule("permit", actor(by_type("V6"))))], "nothing"),
    "one organization that is of the type": ([consent(rule("permit", actor(by_type("N6", **LOCAL))))], "nothing"),
    "one organization, by another number, of the type": (
        [consent(rule("permit", actor(by_type("N6", identifier={"system": "http://fhir.nl/agb", "value": "1"}))))],
        "nothing",
    ),
    "an objection to one organization of the type": ([consent(rule("deny", actor(by_type("N6", **LOCAL))))], "deny"),
    "a permission for two, one nobody knows": ([consent(rule("permit", actor(LOCAL), actor(USER)))], "permit"),
    "an objection to the user beside others": ([consent(rule("deny", actor(OTHER), actor(USER)))], "deny"),
    "an objection to others only": ([consent(rule("deny", actor(OTHER)))], "nothing"),
    "a permission to nobody": ([consent(rule("permit"))], "nothing"),
    "an objection to everybody": ([consent(rule("deny"))], "deny"),
    # action
    "a permission to look": ([narrowed("permit", action=[concept(ACTION, "access")])], "permit"),
    "a permission to collect": ([narrowed("permit", action=[concept(ACTION, "collect")])], "nothing"),
    "an objection to use": ([narrowed("deny", action=[concept(ACTION, "use")])], "nothing"),
    "an objection to disclosure": ([narrowed("deny", action=[concept(ACTION, "disclose")])], "deny"),
    "an objection to an action without a code": ([narrowed("deny", action=[{"text": "alles"}])], "deny"),
    "a permission of an action without a code": ([narrowed("permit", action=[{"text": "alles"}])], "nothing"),
    # purpose
    "a permission to treat": ([narrowed("permit", purpose=[TREAT])], "permit"),
    "a permission for research": ([narrowed("permit", purpose=[RESEARCH])], "nothing"),
    "an objection to research": ([narrowed("deny", purpose=[RESEARCH])], "nothing"),
    "an objection to research and treatment": ([narrowed("deny", purpose=[RESEARCH, TREAT])], "deny"),
    "TREAT of another system": ([narrowed("permit", purpose=[{**TREAT, "system": "urn:x"}])], "nothing"),
    "an objection in emergencies": ([narrowed("deny", purpose=[{**TREAT, "code": "ETREAT"}])], "deny"),
    # class, code
    "a permission of treatment data": ([narrowed("permit", **{"class": [GGC]})], "permit"),
    "a permission of results": ([narrowed("permit", **{"class": [{**GGC, "code": "GGC012"}]})], "nothing"),
    "an objection to results": ([narrowed("deny", **{"class": [{**GGC, "code": "GGC012"}]})], "deny"),
    "treatment data, of one code": (
        [narrowed("permit", **{"class": [GGC], "code": [concept("http://loinc.org", "75320-2")]})],
        "nothing",
    ),
    "treatment data as code, of one type": (
        [
            narrowed(
                "permit",
                **{
                    "class": [{"system": "http://hl7.org/fhir/resource-types", "code": "Goal"}],
                    "code": [concept(KIND_OF_DATA, "GGC002")],
                },
            )
        ],
        "nothing",
    ),
    "treatment data and results": ([narrowed("permit", **{"class": [GGC, {**GGC, "code": "GGC012"}]})], "permit"),
    "a code without coding": ([narrowed("permit", code=[{"text": "alles"}])], "nothing"),
    "no class at all": ([narrowed("permit", **{"class": []})], "permit"),
    # modifiers
    "a modifier": ([yes(modifierExtension=[{"url": "x"}])], "nothing"),
    "an objection with a modifier of its own": ([no(modifierExtension=[{"url": "x"}])], "deny"),
    "rules nobody knows": ([yes(implicitRules="https://example.org")], "nothing"),
    "an extension that modifies nothing": ([yes(extension=[{"url": "x"}])], "permit"),
    # patient
    "a patient that is contained": ([yes(patient={"reference": "#p"})], "nothing"),
    "an objection of a patient that is contained": ([no(patient={"reference": "#p"})], "deny"),
    "another patient": ([yes(patient={"reference": "Patient/p2"})], "trouble"),
    "another BSN": ([yes(patient={"identifier": {"system": BSN_SYSTEM, "value": "999912033"}})], "trouble"),
    # scope and category
    "a treatment directive": ([yes(scope=concept(SCOPE, "treatment"))], "nothing"),
    "an advance directive": ([yes(scope=concept(SCOPE, "adr"))], "nothing"),
    "a directive by category": ([yes(category=[concept("http://snomed.info/sct", "129125009")])], "nothing"),
    "a permission without a category": ([yes(category=None)], "permit"),
}


@pytest.mark.parametrize("name", CASES)
def test_what_comes_of_it(name: str) -> None:
    consents, expected = CASES[name]
    assert decision(ADULT, *consents) == expected
    assert decision(ADULT, *reversed(consents)) == expected
