"""Every claim of a token is checked, and nothing but an exact yes makes a caller."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.exchange import Caller
from nuts_pzp.identity import Assurance, Purpose
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.nuts_node.claims import Expected, Introspected, read
from nuts_pzp.systems.nuts_node.settings import ClaimNames

NOW = 1_790_000_100.0
ISSUER = "https://node.meerwijck.example/oauth2/meerwijck"
EXPECTED = Expected(ISSUER, {"pzp-gf": Purpose.TREATMENT, "pzp-spoed": Purpose.EMERGENCY}, ClaimNames())


def said(**changes: Any) -> dict[str, Any]:
    """What the node says of a good token; a change of `...` leaves the claim out."""
    good: dict[str, Any] = {
        "active": True,
        "iss": ISSUER,
        "client_id": "https://node.wilgenhof.example/oauth2/wilgenhof",
        "scope": "pzp-gf",
        "iat": 1_790_000_000,
        "exp": 1_790_000_900,
        "organization_ura": "90000111",
        "organization_name": "Huisartsenpraktijk De Wilgenhof",
        "organization_city": "Deventer",
        "organization_facility_type": "Z3",
        "employee_identifier": "e-1001",
        "employee_role": "Huisarts",
        "employee_name": "A. Verhoeven",
    }
    return {name: value for name, value in {**good, **changes}.items() if value is not ...}


SPOED = {"scope": "pzp-spoed", "purpose_of_use": "ETREAT", "emergency_reason": "no-time"}


def caller(**changes: Any) -> Caller:
    found = read(said(**changes), EXPECTED, digest=b"d", now=NOW)
    assert isinstance(found, Introspected), found
    return found.caller


def test_a_good_token_makes_a_caller_with_a_self_attested_professional() -> None:
    made = caller()
    assert (made.organization.ura.value, made.organization.type) == ("90000111", "Z3")
    assert made.professional is not None
    assert made.professional.assurance is Assurance.SELF_ATTESTED
    assert (made.professional.id, made.professional.role, made.professional.name) == (
        "e-1001",
        "Huisarts",
        "A. Verhoeven",
    )
    assert (made.purpose, made.emergency_reason, made.means) == (Purpose.TREATMENT, None, "nuts-bearer")
    assert (made.token_digest, made.expires) == (b"d", 1_790_000_900.0)


def test_the_policy_sees_string_claims_of_the_definition_and_nothing_else() -> None:
    claims = caller(optional=None, listed=["a"], nested={"a": "b"}, cnf={"jkt": "a" * 43}).claims
    assert sorted(claims) == [
        "employee_identifier",
        "employee_name",
        "employee_role",
        "organization_city",
        "organization_facility_type",
        "organization_name",
        "organization_ura",
    ]


def test_client_id_is_no_identity() -> None:
    assert caller(client_id=...) == caller(client_id="https://anybody.example")


def test_only_the_configured_scope_is_kept() -> None:
    assert caller(scope="openid pzp-gf alles").scopes == {"pzp-gf"}


def test_emergency_is_a_scope_of_its_own_with_a_coded_reason() -> None:
    made = caller(scope="pzp-spoed", purpose_of_use="ETREAT", emergency_reason="no-time", emergency_text=None)
    assert (made.purpose, made.emergency_reason, made.emergency_text) == (Purpose.EMERGENCY, "no-time", "")


def test_what_is_added_to_an_emergency_is_kept_and_hidden_from_the_policy() -> None:
    told = {"purpose_of_use": "ETREAT", "emergency_reason": "no-time", "emergency_text": "gevallen"}
    made = caller(scope="pzp-spoed", **told)
    assert made.emergency_text == "gevallen"
    assert "gevallen" not in str(dict(made.claims)) + repr(made)


def test_a_reason_claim_does_not_make_an_emergency() -> None:
    assert caller(emergency_reason="unconscious").emergency_reason is None


@pytest.mark.parametrize("begins", [None, int(NOW) + 60, 1])
def test_a_token_may_say_from_when_it_is_valid(begins: int | None) -> None:
    assert caller(nbf=begins).scopes == frozenset({"pzp-gf"})


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"active": False}, Reason.TOKEN_INVALID),
        ({"active": "true"}, Reason.TOKEN_INVALID),
        ({"active": 1}, Reason.TOKEN_INVALID),
        ({"active": ...}, Reason.TOKEN_INVALID),
        ({"iss": f"{ISSUER}/"}, Reason.TOKEN_ISSUER),
        ({"iss": ISSUER.upper()}, Reason.TOKEN_ISSUER),
        ({"iss": [ISSUER]}, Reason.TOKEN_ISSUER),
        ({"iss": ...}, Reason.TOKEN_ISSUER),
        ({"exp": ...}, Reason.TOKEN_INVALID),
        ({"exp": "1790000900"}, Reason.TOKEN_INVALID),
        ({"exp": True}, Reason.TOKEN_INVALID),
        ({"exp": int(NOW)}, Reason.TOKEN_INVALID),
        ({"exp": 1_790_000_000 + 3601}, Reason.TOKEN_INVALID),
        ({"iat": ...}, Reason.TOKEN_INVALID),
        ({"iat": int(NOW) + 61}, Reason.TOKEN_INVALID),
        ({"nbf": int(NOW) + 61}, Reason.TOKEN_INVALID),
        ({"nbf": str(int(NOW))}, Reason.TOKEN_INVALID),
        ({"scope": "pzp"}, Reason.TOKEN_SCOPE),
        ({"scope": "pzp-gfx"}, Reason.TOKEN_SCOPE),
        ({"scope": "PZP-GF"}, Reason.TOKEN_SCOPE),
        ({"scope": ["pzp-gf"]}, Reason.TOKEN_SCOPE),
        ({"scope": ...}, Reason.TOKEN_SCOPE),
        ({"scope": "pzp-gf pzp-spoed"}, Reason.TOKEN_SCOPE),
        ({"organization_ura": ...}, Reason.TOKEN_CLAIMS),
        ({"organization_ura": None}, Reason.TOKEN_CLAIMS),
        ({"organization_ura": ["90000111"]}, Reason.TOKEN_CLAIMS),
        ({"organization_ura": 90000111}, Reason.TOKEN_CLAIMS),
        ({"organization_ura": "9000111"}, Reason.TOKEN_CLAIMS),
        ({"organization_ura": "90000111\n"}, Reason.TOKEN_CLAIMS),
        ({"organization_ura": "٩0000111"}, Reason.TOKEN_CLAIMS),
        ({"organization_facility_type": ""}, Reason.TOKEN_CLAIMS),
        ({"organization_facility_type": "z3"}, Reason.TOKEN_CLAIMS),
        ({"organization_facility_type": ["Z3"]}, Reason.TOKEN_CLAIMS),
        ({"organization_name": {"nl": "x"}}, Reason.TOKEN_CLAIMS),
        ({"employee_identifier": None}, Reason.TOKEN_CLAIMS),
        ({"employee_identifier": " "}, Reason.TOKEN_CLAIMS),
        ({"employee_identifier": "e" * 129}, Reason.TOKEN_CLAIMS),
        ({"employee_role": ...}, Reason.TOKEN_CLAIMS),
        ({"employee_role": "Huis\x00arts"}, Reason.TOKEN_CLAIMS),
        ({"employee_name": ""}, Reason.TOKEN_CLAIMS),
        ({"scope": "pzp-spoed"}, Reason.TOKEN_CLAIMS),
        ({"scope": "pzp-spoed", "emergency_reason": "no-time"}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "purpose_of_use": "TREAT"}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "purpose_of_use": None}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "emergency_reason": "want het moest"}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "emergency_reason": None}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "emergency_text": "x" * 401}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "emergency_text": ["gevallen"]}, Reason.TOKEN_CLAIMS),
        ({**SPOED, "emergency_text": "a\nb"}, Reason.TOKEN_CLAIMS),
        ({"cnf": None}, Reason.TOKEN_INVALID),
        ({"cnf": {}}, Reason.TOKEN_INVALID),
        ({"cnf": {"x5t#S256": "a" * 43}}, Reason.TOKEN_INVALID),
        ({"cnf": {"jkt": "short"}}, Reason.TOKEN_INVALID),
    ],
)
def test_anything_less_is_refused(changes: dict[str, Any], reason: Reason) -> None:
    found = read(said(**changes), EXPECTED, digest=b"d", now=NOW)
    assert isinstance(found, Deny)
    assert found.reason is reason


def test_a_refusal_never_repeats_what_the_token_said() -> None:
    for name in ("organization_ura", "employee_identifier", "employee_name"):
        found = read(said(**{name: "GEHEIM\x00"}), EXPECTED, digest=b"d", now=NOW)
        assert isinstance(found, Deny)
        assert "GEHEIM" not in repr(found)


def test_claim_names_are_the_regions_own() -> None:
    names = ClaimNames(employee_identifier="user_id", employee_role="user_role")
    expected = Expected(ISSUER, {"pzp-gf": Purpose.TREATMENT}, names)
    other = said(employee_identifier=..., employee_role=..., user_id="u-7", user_role="Arts")
    found = read(other, expected, digest=b"", now=NOW)
    assert isinstance(found, Introspected)
    assert found.caller.professional is not None
    assert found.caller.professional.id == "u-7"
    assert isinstance(read(said(), expected, digest=b"", now=NOW), Deny)


def test_a_bound_token_names_its_key() -> None:
    found = read(said(cnf={"jkt": "k" * 43}), EXPECTED, digest=b"", now=NOW)
    assert isinstance(found, Introspected)
    assert found.thumbprint == "k" * 43
    assert found.caller.means == "nuts-dpop"
