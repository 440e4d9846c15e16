"""What in the holder's own records shows a relation with an organization, and what does not."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from nuts_pzp.identity import URA_SYSTEM, Ura
from nuts_pzp.systems.fhir_relation.reading import Sought, organizations, shows

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
USER = Ura("90000222")
BY_URA = {"identifier": {"system": URA_SYSTEM, "value": "90000222"}}
BY_REFERENCE = {"reference": "Organization/meerwijck"}
ANOTHER = {"identifier": {"system": URA_SYSTEM, "value": "90000333"}}
OURS = {"reference": "Patient/1"}


def sought(**changes: Any) -> Sought:
    known = frozenset({"Organization/meerwijck"})
    return Sought("1", USER, NOW, "https://fhir.example/r4", timedelta(days=365), known)


TEAM: dict[str, Any] = {
    "resourceType": "CareTeam",
    "status": "active",
    "subject": OURS,
    "period": {"start": "2026-01-01"},
    "participant": [{"member": ANOTHER}, {"member": BY_URA}],
}
REFERRAL: dict[str, Any] = {
    "resourceType": "ServiceRequest",
    "status": "active",
    "intent": "order",
    "subject": OURS,
    "performer": [BY_URA],
    "authoredOn": "2026-10-01",
}
EPISODE: dict[str, Any] = {
    "resourceType": "EpisodeOfCare",
    "status": "active",
    "patient": OURS,
    "managingOrganization": BY_URA,
    "period": {"start": "2026-03-01"},
}
STAY: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "in-progress",
    "subject": OURS,
    "serviceProvider": BY_URA,
    "period": {"start": "2026-11-20"},
}
TRANSFER: dict[str, Any] = {
    "resourceType": "Encounter",
    "status": "finished",
    "subject": OURS,
    "period": {"start": "2026-11-01", "end": "2026-11-20"},
    "hospitalization": {"destination": BY_URA},
}

SHOWN: dict[str, tuple[dict[str, Any], str]] = {
    "care team": (TEAM, "treatment"),
    "care team by reference": ({**TEAM, "participant": [{"member": BY_REFERENCE}]}, "treatment"),
    "care team by absolute reference": (
        {**TEAM, "participant": [{"member": {"reference": "https://fhir.example/r4/Organization/meerwijck"}}]},
        "treatment",
    ),
    "care team on behalf of": ({**TEAM, "participant": [{"onBehalfOf": BY_URA}]}, "treatment"),
    "referral": (REFERRAL, "referral"),
    "episode": (EPISODE, "treatment"),
    "stay": (STAY, "treatment"),
    "transfer": (TRANSFER, "referral"),
}
NOT_SHOWN: dict[str, dict[str, Any]] = {
    "another patient": {**TEAM, "subject": {"reference": "Patient/2"}},
    "two patients": {**TEAM, "patient": {"reference": "Patient/2"}},
    "no patient": {**TEAM, "subject": None},
    "a patient elsewhere": {**TEAM, "subject": {"reference": "https://other.example/Patient/1"}},
    "another organization": {**TEAM, "participant": [{"member": ANOTHER}]},
    "an organization that is only displayed": {**TEAM, "participant": [{"member": {"display": "Meerwijck 90000222"}}]},
    "two names that contradict": {**TEAM, "participant": [{"member": {**ANOTHER, **BY_REFERENCE}}]},
    "a team that is over": {**TEAM, "period": {"start": "2026-01-01", "end": "2026-11-27"}},
    "a team that is yet to come": {**TEAM, "period": {"start": "2026-12-01"}},
    "a team that was proposed": {**TEAM, "status": "proposed"},
    "a member who left": {**TEAM, "participant": [{"member": BY_URA, "period": {"end": "2026-02-01"}}]},
    "a modifier": {**TEAM, "modifierExtension": [{"url": "https://example.org/not"}]},
    "a member with a modifier": {**TEAM, "participant": [{"member": BY_URA, "modifierExtension": [{"url": "x"}]}]},
    "a referral that was revoked": {**REFERRAL, "status": "revoked"},
    "a referral that is a proposal": {**REFERRAL, "intent": "proposal"},
    "a referral that is planned": {**REFERRAL, "intent": "plan"},
    "a referral that the patient directs": {**REFERRAL, "intent": "directive"},
    "a referral under rules nobody knows": {**REFERRAL, "implicitRules": "https://example.org/rules"},
    "a team under rules nobody knows": {**TEAM, "implicitRules": "https://example.org/rules"},
    "a referral not to be made": {**REFERRAL, "doNotPerform": True},
    "a referral of two years ago": {**REFERRAL, "authoredOn": "2024-10-01"},
    "a referral of next year": {**REFERRAL, "authoredOn": "2027-01-01"},
    "a referral without a date": {key: value for key, value in REFERRAL.items() if key != "authoredOn"},
    "an episode on hold": {**EPISODE, "status": "onhold"},
    "a stay that ended": {**STAY, "status": "finished"},
    "a transfer of long ago": {**TRANSFER, "period": {"end": "2025-01-01"}},
    "a transfer without an end": {**TRANSFER, "period": {"start": "2026-11-01"}},
    "a date that is none": {**TEAM, "period": {"start": "yesterday"}},
    "a period that is none": {**TEAM, "period": "2026"},
    "a type that is not looked at": {**TEAM, "resourceType": "Appointment"},
    "no type": {**TEAM, "resourceType": None},
    "nothing": {},
    "participants that are none": {**TEAM, "participant": "90000222"},
}


@pytest.mark.parametrize(("resource", "kind"), SHOWN.values(), ids=SHOWN.keys())
def test_it_shows_a_relation(resource: dict[str, Any], kind: str) -> None:
    assert shows(resource, sought()) == kind


@pytest.mark.parametrize("resource", NOT_SHOWN.values(), ids=NOT_SHOWN.keys())
def test_it_shows_none(resource: dict[str, Any]) -> None:
    assert shows(resource, sought()) is None


def test_an_organization_is_known_by_its_one_ura() -> None:
    mark = {"system": URA_SYSTEM, "value": "90000222"}
    found = [
        {"resourceType": "Organization", "id": "a", "identifier": [mark]},
        {"resourceType": "Organization", "id": "b", "identifier": [{**mark, "value": "90000333"}]},
        {"resourceType": "Organization", "id": "c", "identifier": [mark, {**mark, "value": "90000333"}]},
        {"resourceType": "Location", "id": "d", "identifier": [mark]},
        {"resourceType": "Organization", "identifier": [mark]},
    ]
    assert organizations(found, USER) == {"Organization/a"}
