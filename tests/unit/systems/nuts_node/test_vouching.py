"""An introspection answer that somebody else shows is held to every rule of the network door."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.emergency.claim import Rule, plain
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, EmergencyReason, Patient, Purpose, Standing
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nuts_node.settings import GatekeeperSettings
from nuts_pzp.systems.nuts_node.vouching import vouched
from nuts_pzp.values import replace

NOW = 1_790_000_100.0
ISSUER = "https://node.meerwijck.example/oauth2/meerwijck"


def settings(**changes: Any) -> GatekeeperSettings:
    return GatekeeperSettings.model_validate({"node": "http://127.0.0.1:8081", "issuer": ISSUER} | changes)


GOOD: dict[str, Any] = {
    "active": True,
    "iss": ISSUER,
    "client_id": "https://node.wilgenhof.example/oauth2/wilgenhof",
    "scope": "pzp-gf",
    "iat": 1_790_000_000,
    "exp": 1_790_000_900,
    "organization_ura": "90000111",
    "organization_name": "Huisartsenpraktijk De Wilgenhof",
    "organization_facility_type": "Z3",
    "employee_identifier": "e-1001",
    "employee_role": "Huisarts",
    "employee_name": "A. Verhoeven",
}


def judged(said: dict[str, Any], instead: str = "", **changes: Any) -> Any:
    return vouched(said, settings(**changes), instead=instead, digest=b"", now=NOW)


def test_a_good_answer_makes_a_caller_whose_means_says_who_introspected() -> None:
    caller = judged(GOOD)
    assert isinstance(caller, Caller)
    assert (caller.means, caller.token_digest, caller.scopes) == ("introspection", b"", {"pzp-gf"})
    assert caller.expires == 1_790_000_900.0


@pytest.mark.parametrize("claim", sorted(set(GOOD) - {"client_id"}))
def test_every_claim_is_demanded(claim: str) -> None:
    assert isinstance(judged({name: value for name, value in GOOD.items() if name != claim}), Deny)
    assert isinstance(judged(GOOD | {claim: None}), Deny)
    assert isinstance(judged(GOOD | {claim: [GOOD[claim]]}), Deny)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"active": False}, Reason.TOKEN_INVALID),
        ({"active": "true"}, Reason.TOKEN_INVALID),
        ({"iss": ISSUER + "/"}, Reason.TOKEN_ISSUER),
        ({"exp": 1_790_000_100}, Reason.TOKEN_INVALID),
        ({"iat": 1_790_000_900, "exp": 1_790_001_000}, Reason.TOKEN_INVALID),
        ({"scope": "bgz-gf"}, Reason.TOKEN_SCOPE),
        ({"organization_ura": "111"}, Reason.TOKEN_CLAIMS),
        ({"cnf": {"x5t#S256": "a"}}, Reason.TOKEN_INVALID),
    ],
)
def test_what_the_door_refuses_is_refused(changes: dict[str, Any], reason: Reason) -> None:
    refused = judged(GOOD | changes)
    assert isinstance(refused, Deny)
    assert refused.reason is reason


def test_the_contract_s_own_names_for_user_and_role_are_taken() -> None:
    plain = {name: value for name, value in GOOD.items() if name not in ("employee_identifier", "employee_role")}
    caller = judged(plain | {"user_id": "k-17", "user_role": "huisarts"})
    assert isinstance(caller, Caller)
    assert caller.professional is not None
    assert (caller.professional.id, caller.professional.role) == ("k-17", "huisarts")


@pytest.mark.parametrize("alias", [{"user_id": "someone"}, {"user_role": "tuinman"}])
def test_two_names_with_two_values_are_refused(alias: dict[str, str]) -> None:
    refused = judged(GOOD | alias)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.TOKEN_CLAIMS
    assert isinstance(judged(GOOD | {"user_id": "e-1001", "user_role": "Huisarts"}), Caller)


def test_an_unlisted_scope_counts_alone_and_means_treatment() -> None:
    scopes = {"pzp-gf": "TREAT", "pzp-spoed": "ETREAT"}
    caller = judged(GOOD | {"scope": "bgz pzp-spoed"}, instead="bgz", scopes=scopes)
    assert isinstance(caller, Caller)
    assert (caller.scopes, caller.purpose) == ({"bgz"}, Purpose.TREATMENT)


def test_two_listed_scopes_are_refused() -> None:
    scopes = {"pzp-gf": "TREAT", "pzp-spoed": "ETREAT"}
    assert isinstance(judged(GOOD | {"scope": "pzp-gf pzp-spoed"}, scopes=scopes), Deny)


def test_a_tenant_that_demands_bound_tokens_refuses_one_that_is_not() -> None:
    refused = judged(GOOD, require_proof=True)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.PROOF_ABSENT
    assert isinstance(judged(GOOD | {"cnf": {"jkt": "a" * 43}}, require_proof=True), Caller)


def test_an_emergency_without_the_token_itself_is_no_complete_claim() -> None:
    scopes = {"pzp-gf": "TREAT", "pzp-spoed": "ETREAT"}
    claimed = {"scope": "pzp-spoed", "purpose_of_use": "ETREAT", "emergency_reason": "unresponsive"}
    caller = judged(GOOD | claimed, scopes=scopes)
    assert isinstance(caller, Caller)
    assert caller.purpose is Purpose.EMERGENCY
    everything = Rule(
        frozenset({plain(GOOD["employee_role"])}), frozenset({"Z3"}), frozenset(EmergencyReason), frozenset({"Consent"})
    )
    patient = Patient(Bsn("999912008"), "1", Standing.KNOWN)

    def refused(caller: Caller) -> Deny | None:
        return everything.refuses(Access(caller, FhirRequest("search-type", "Consent"), patient, "MELD12345678"))

    found = refused(caller)
    assert found is not None
    assert found.reason is Reason.EMERGENCY_INCOMPLETE
    assert refused(replace(caller, token_digest=b"t" * 32)) is None, "the token is all that it lacks"


def test_claims_of_a_scope_are_read_by_the_names_that_the_door_reads() -> None:
    """A token may carry the usual name as well, for something that its definition never proved."""
    own = {"scope_claims": {"pzp-gf": {"organization_ura": "ura", "employee_identifier": "badge"}}}
    said = {**GOOD, "ura": "90000333", "badge": "e-7"}
    caller = judged(said, **own)
    assert isinstance(caller, Caller)
    assert caller.organization.ura.value == "90000333"
    assert caller.professional is not None
    assert caller.professional.id == "e-7"
    assert judged(GOOD, **own).reason is Reason.TOKEN_CLAIMS
    assert judged({**said, "user_id": "e-8"}, **own).reason is Reason.TOKEN_CLAIMS
    assert judged({**said, "scope": "pzp"}, instead="pzp", **own).organization.ura.value == "90000111"
