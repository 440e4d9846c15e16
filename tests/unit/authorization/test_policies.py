"""A token's scope chooses the policy; one that leaves the choice open gets none."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pytest

from nuts_pzp.authorization.policies import Policies
from nuts_pzp.authorization.roles import overdue
from nuts_pzp.fhir.capability import Capability, ResourceCapability
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason


@dataclass
class Named:
    """A policy that is only looked at."""

    digest: str
    capability: Capability

    async def evaluate(self, *_: object) -> Deny:
        return Deny(Reason.POLICY_DENY)


def listing(*types: str) -> Capability:
    some = ResourceCapability(frozenset({"read"}), frozenset(), frozenset())
    return Capability(dict.fromkeys(types, some), "0" * 64)


PZP, BGZ = Named("a" * 64, listing("Consent", "Goal")), Named("b" * 64, listing("Condition"))
BOTH = Policies({"pzp": PZP, "bgz": BGZ}, {"pzp-gf": "pzp", "pzp-spoed": "pzp", "bgz-gf": "bgz"})


@pytest.mark.parametrize(("scope", "chosen"), [("pzp-gf", PZP), ("pzp-spoed", PZP), ("bgz-gf", BGZ)])
def test_each_scope_has_its_policy(scope: str, chosen: Named) -> None:
    assert BOTH.of({scope}) is chosen
    assert BOTH.of({scope, "openid"}) is chosen


@pytest.mark.parametrize("scopes", [set(), {"openid"}, {"PZP-GF"}, {"pzp_gf"}, {"pzp"}])
def test_a_token_without_a_mapped_scope_has_no_policy(scopes: set[str]) -> None:
    found = BOTH.of(scopes)
    assert isinstance(found, Deny)
    assert found.reason is Reason.TOKEN_SCOPE


@pytest.mark.parametrize("scopes", [{"pzp-gf", "bgz-gf"}, {"pzp-gf", "pzp-spoed"}])
def test_two_mapped_scopes_are_refused_also_when_they_mean_one_policy(scopes: set[str]) -> None:
    found = BOTH.of(scopes)
    assert isinstance(found, Deny)
    assert found.detail.startswith("2 scopes")


def test_without_a_mapping_only_treatment_is_decided() -> None:
    own = Policies({"pzp": PZP})
    assert own.of({"pzp-gf"}) is PZP
    assert isinstance(own.of({"pzp-spoed"}), Deny)


def test_the_door_lists_what_either_policy_lists() -> None:
    assert set(BOTH.capability.resources) == {"Consent", "Goal", "Condition"}
    assert set(Policies({"pzp": PZP}).capability.resources) == {"Consent", "Goal"}


def test_a_scope_of_no_policy_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="policy bgz"):
        Policies({"pzp": PZP}, {"pzp-gf": "pzp", "bgz-gf": "bgz"})


def test_a_policy_is_told_with_its_scopes() -> None:
    assert list(BOTH) == [("pzp", PZP, ("pzp-gf", "pzp-spoed")), ("bgz", BGZ, ("bgz-gf",))]


@pytest.mark.parametrize(
    ("today", "since"),
    [("2027-05-31", None), ("2027-06-01", None), ("2027-06-02", date(2027, 6, 1)), ("2030-01-01", date(2027, 6, 1))],
)
def test_a_role_table_is_overdue_the_day_after_its_review(today: str, since: date | None) -> None:
    assert overdue({"pzp_roles": {"review": "2027-06-01"}}, date.fromisoformat(today)) == since


def test_a_policy_without_a_role_table_is_never_overdue() -> None:
    assert overdue({}, date(2099, 1, 1)) is None
