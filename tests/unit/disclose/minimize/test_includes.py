"""Includes leave when they were asked for and referred to."""

from __future__ import annotations

import json
from typing import Any

import pytest
from minimizing import BSN, INSIDE, OTHER_BSN, entry, left, search

from nuts_pzp.identity import BSN_SYSTEM

ROLE = {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/x"}}


KIN = {"resourceType": "RelatedPerson", "id": "k1", "patient": {"reference": "Patient/p1"}}


def directive(fakes: Any, *actors: str) -> dict[str, Any]:
    provision = {"actor": [{"reference": {"reference": one}} for one in actors]}
    return fakes.consent("c1", "Patient/p1", provision=provision)  # type: ignore[no-any-return]


def test_included_resources_stay_when_asked_for_and_referred_to(fakes: Any) -> None:
    me = fakes.patient("p1", BSN)
    body = fakes.searchset(
        directive(fakes, "PractitionerRole/r1", f"{INSIDE}/RelatedPerson/k1", "Patient/p1"),
        *[entry(one, "include") for one in (ROLE, KIN, me)],
        total=1,
    )
    found = left(body, search("Consent", "Consent:actor"), fakes)
    assert found.references == ("Consent/c1/_history/3", "PractitionerRole/r1", "RelatedPerson/k1", "Patient/p1")
    assert found.withheld == ()
    assert json.loads(found.body)["total"] == 1


def test_include_without_a_search_mode_is_still_only_an_include(fakes: Any) -> None:
    body = fakes.searchset(directive(fakes, "PractitionerRole/r1"), entry(ROLE))
    assert left(body, search("Consent", "Consent:actor"), fakes).withheld == ()
    assert left(body, search("Consent"), fakes).withheld == ("PractitionerRole/r1",)


@pytest.mark.parametrize(
    ("included", "includes"),
    [
        (ROLE, ()),
        (ROLE, ("Consent:data",)),
        (ROLE, ("Consent:actor:RelatedPerson",)),
        (ROLE | {"id": "r2"}, ("Consent:actor",)),
        (KIN | {"patient": {"reference": "Patient/p2"}}, ("Consent:actor",)),
        ({"resourceType": "RelatedPerson", "id": "k1"}, ("Consent:actor",)),
        ({"resourceType": "Device", "id": "d1"}, ("Consent:actor",)),
        ({"resourceType": "Patient", "id": "p2", "identifier": []}, ("Consent:actor",)),
        (
            {"resourceType": "Patient", "id": "p1", "identifier": [{"system": BSN_SYSTEM, "value": OTHER_BSN}]},
            ("Consent:actor",),
        ),
    ],
)
def test_include_that_nobody_asked_for_or_refers_to_is_withheld(
    included: dict[str, Any], includes: tuple[str, ...], fakes: Any
) -> None:
    cited = ("PractitionerRole/r1", "RelatedPerson/k1", "Device/d1", "Patient/p1", "Patient/p2")
    body = fakes.searchset(directive(fakes, *cited), entry(included, "include"))
    found = left(body, search("Consent", *includes), fakes)
    assert found.withheld == (f"{included['resourceType']}/{included['id']}",)


def test_include_goes_with_the_only_entry_that_refers_to_it(fakes: Any) -> None:
    theirs = directive(fakes, "PractitionerRole/r1") | {"id": "c9", "patient": {"reference": "Patient/p2"}}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), theirs, entry(ROLE, "include"))
    found = left(body, search("Consent", "Consent:actor"), fakes)
    assert found.withheld == ("Consent/c9/_history/3", "PractitionerRole/r1")


def test_encounter_without_a_subject_comes_along_with_its_procedure(fakes: Any) -> None:
    procedure = {"resourceType": "Procedure", "id": "x1", "subject": {"reference": "Patient/p1"}}
    procedure["encounter"] = {"reference": "Encounter/e1"}
    body = fakes.searchset(procedure, entry({"resourceType": "Encounter", "id": "e1"}, "include"))
    found = left(body, search("Procedure", "Procedure:encounter"), fakes)
    assert found.references == ("Procedure/x1", "Encounter/e1")


def test_contained_patient_must_be_the_same(fakes: Any) -> None:
    mine, theirs = fakes.patient("p", BSN), fakes.patient("p", OTHER_BSN)
    body = fakes.searchset(
        fakes.consent("c1", "Patient/p1", contained=[mine, {"resourceType": "Practitioner", "id": "x"}]),
        fakes.consent("c2", "Patient/p1", contained=[theirs]),
        fakes.consent("c3", "Patient/p1", contained=[{"resourceType": "List", "id": "x"}]),
        fakes.consent("c4", "Patient/p1", contained=[fakes.consent("x", "Patient/p2")]),
    )
    found = left(body, search(), fakes)
    assert found.references == ("Consent/c1/_history/3",)
