"""Who is named, and how: an author who cannot be resolved is "onbekend", never blank (spec pzp-fhir 3.8, 7)."""

from __future__ import annotations

from typing import Any

import pytest
from stu3_pen import yes_but

from nuts_pzp.overview.datatypes import Coding, Concept, HumanName, Telecom
from nuts_pzp.overview.people import human_name, person

CPR = "treatment:89666000"
LEGAL = "Wettelijke vertegenwoordiger (ook: wordt dit bij wilsonbekwaamheid)"


def _consent(pen: Any, reference: dict[str, Any]) -> dict[str, Any]:
    actor = {"role": pen.coded("CONSENTER", pen.KIN), "reference": reference}
    return pen.treatment("deny", "2025-01-01", provision={"actor": [actor]})


def _role(**more: Any) -> dict[str, Any]:
    return {"resourceType": "PractitionerRole", "id": "r", **more}


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        ([None, HumanName(text=" Jo Smit ")], "Jo Smit"),
        ([HumanName(text=" "), HumanName(family="Bos")], "Bos"),
        ([HumanName(prefix=["dr."], given=["Jo", " ", "A."], family="Smit")], "dr. Jo A. Smit"),
        ([None], ""),
        ([], ""),
    ],
)
def test_the_first_usable_name_counts(names: list[HumanName | None], expected: str) -> None:
    assert human_name(names) == expected


@pytest.mark.parametrize(
    ("role", "reference", "author"),
    [
        ({"practitioner": {"reference": "Practitioner/d"}}, {}, "Ilse van Dam"),
        ({"practitioner": {"reference": "Practitioner/gone", "display": "I. van Dam"}}, {}, "I. van Dam"),
        ({"practitioner": {"reference": "Patient/p", "display": "I. van Dam"}}, {}, "I. van Dam"),
        ({"practitioner": {"reference": "Practitioner/gone"}}, {"display": "Praktijk Oost"}, "Praktijk Oost"),
        ({}, {"display": "Praktijk Oost"}, "Praktijk Oost"),
        ({}, {}, "onbekend"),
        ({"specialty": [{"text": "Longarts"}]}, {}, "onbekend, longarts"),
        ({"specialty": [{"coding": [{"code": "01.015"}]}, {"text": "Longarts"}]}, {}, "onbekend, huisarts"),
        ({"specialty": [{"coding": [{"code": "x", "display": "Longarts"}]}]}, {}, "onbekend, longarts"),
        ({"specialty": [{"coding": [{"code": "x"}, {"code": "0100"}]}]}, {}, "onbekend, huisarts"),
    ],
)
def test_an_author_is_named_by_whoever_fills_the_role(
    pen: Any, look: Any, role: dict[str, Any], reference: dict[str, Any], author: str
) -> None:
    doctor = {"resourceType": "Practitioner", "id": "d", "name": [{"text": "Ilse van Dam"}]}
    consent = _consent(pen, {"reference": "PractitionerRole/r", **reference})
    assert look(a=[pen.patient(), doctor, _role(**role), consent])[CPR]["author"] == author


@pytest.mark.parametrize(
    ("reference", "named"),
    [
        ({"reference": "Patient/p"}, "patiënt"),
        ({"reference": "https://elsewhere.example/fhir/Patient/9"}, "patiënt"),
        ({"reference": "https://patient.example/Patient/fhir/Group/9"}, "onbekend"),
        ({"reference": "Patient/p/extra"}, "onbekend"),
        ({"display": " Buurvrouw "}, "Buurvrouw"),
        ({"display": " "}, "onbekend"),
        ({}, "onbekend"),
    ],
)
def test_whoever_agreed_is_never_blank(pen: Any, look: Any, reference: dict[str, Any], named: str) -> None:
    assert look(a=[_consent(pen, reference)])[CPR]["agreedWith"] == [named]


def test_in_stu3_a_role_that_names_nobody_is_shown_by_the_words_of_the_reference(look: Any) -> None:
    pointed = {
        "reference": "Practitioner/gone",
        "display": "Arts van Dam",
        "extension": [
            {
                "url": "http://nictiz.nl/fhir/StructureDefinition/practitionerrole-reference",
                "valueReference": {"reference": "PractitionerRole/r"},
            }
        ],
    }
    item = look(a=[_role(), yes_but(consentingParty=[pointed])])[CPR]
    assert item["agreedWith"] == ["Arts van Dam"]


@pytest.mark.parametrize(
    ("concepts", "relation", "roles"),
    [
        ([Concept([Coding(code="BRO")])], "Broer", ()),
        ([Concept([Coding(code="BRO"), Coding(code="SIS")])], "Broer", ()),
        ([Concept([Coding(code="24"), Coding(code="BRO")])], "Broer", (LEGAL,)),
        (
            [Concept([Coding(code="24")]), Concept([Coding(code="24"), Coding(code="01")])],
            "",
            ("Eerste contactpersoon", LEGAL),
        ),
        ([Concept([Coding(code="NBOR", display="buur")])], '"buur" (NBOR)', ()),
        ([Concept([Coding(code="NBOR")], "De buurvrouw")], '"De buurvrouw" (NBOR)', ()),
        ([Concept([Coding(code="NBOR")])], "onbekende code (NBOR)", ()),
        ([Concept(text="Buurvrouw")], '"Buurvrouw"', ()),
        ([Concept(text="Buurvrouw"), Concept(text="Vriendin")], '"Buurvrouw"', ()),
        ([Concept([Coding(display="buur")], "Buurvrouw")], "", ()),
        ([Concept([Coding(code="BRO")], "Buurvrouw")], "Broer", ()),
        ([Concept()], "", ()),
    ],
)
def test_roles_and_family_are_told_apart_by_code(
    concepts: list[Concept], relation: str, roles: tuple[str, ...]
) -> None:
    found = person("Jo Smit", concepts, (), "", "ref")
    assert (found.relation, found.roles) == (relation, roles)


def test_ways_to_reach_somebody_are_each_there_once_without_blanks() -> None:
    reach = [Telecom(value=" 06-2 "), Telecom(value="06-1"), Telecom(value="06-2"), Telecom(value=" "), Telecom()]
    found = person("", (), reach, "1950-01-01", "https://a.example/fhir/RelatedPerson/q")
    assert (found.name, found.telecom, found.birth_date) == ("onbekend", ("06-1", "06-2"), "1950-01-01")
    assert found.refs == ("https://a.example/fhir/RelatedPerson/q",)
