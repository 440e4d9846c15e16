"""Which recorded choice counts (spec consent 7, GF rule for several consents)."""

from __future__ import annotations

import pytest

from nuts_pzp.consent.choice import Finding, Users, verdict
from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny, Evidence, Permit, Unknown
from nuts_pzp.reasons import Reason

POST = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
ONE, TWO = Evidence("local", "1"), Evidence("local", "2")


@pytest.mark.parametrize(
    ("users", "specificity"),
    [
        (Users(frozenset({"90000444"})), 2),
        (Users(frozenset({"90000444"}), frozenset({"N6"})), 2),
        (Users(types=frozenset({"N6", "Z3"})), 1),
        (Users(), 0),
        (Users(frozenset({"90000111"})), None),
        (Users(frozenset({"90000111"}), frozenset({"N6"})), 1),
        (Users(types=frozenset({"V6"})), None),
    ],
)
def test_the_organization_itself_is_more_specific_than_its_type(users: Users, specificity: int | None) -> None:
    assert users.specificity(POST) == specificity


def test_without_a_finding_nobody_knows() -> None:
    assert verdict(()).outcome == Unknown(Reason.CONSENT_NONE)


def test_the_more_specific_choice_counts_either_way() -> None:
    permit = verdict([Finding(False, 2, ONE), Finding(True, 3, TWO)])
    assert permit.outcome == Permit("explicit-consent:local", (TWO,))
    assert (permit.explicit, permit.specificity, permit.cacheable_for) == (True, 3, 0.0)
    objection = verdict([Finding(False, 3, ONE), Finding(True, 2, TWO)])
    assert objection.outcome == Deny(Reason.CONSENT_OBJECTION, (ONE,))
    assert (objection.explicit, objection.specificity) == (True, 3)


@pytest.mark.parametrize("order", [1, -1])
def test_of_equals_the_objection_counts_in_any_order(order: int) -> None:
    findings = [Finding(False, 2, ONE), Finding(True, 2, TWO)][::order]
    assert verdict(findings).outcome == Deny(Reason.CONSENT_OBJECTION, (ONE,))


def test_no_choice_is_more_specific_than_the_highest() -> None:
    assert verdict([Finding(True, 9, ONE)]).specificity == 4
