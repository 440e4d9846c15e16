"""One person is one name, however many names and initials a source writes: no contradiction where there is none."""

from __future__ import annotations

from typing import Any

import pytest

FULL = {"use": "official", "family": "de Leeuw", "given": ["Mirjam"]}
FIRST = {"use": "usual", "given": ["Mirjam"]}
FORMER = {"use": "old", "text": "Mirjam Hartman"}
QUALIFIER = "http://hl7.org/fhir/StructureDefinition/iso21090-EN-qualifier"


def _marked(code: str) -> dict[str, Any]:
    return {"extension": [{"url": QUALIFIER, "valueCode": code}]}


@pytest.mark.parametrize(
    ("names", "shown"),
    [
        ([FIRST, FULL], "Mirjam de Leeuw"),
        ([FULL, FIRST], "Mirjam de Leeuw"),
        ([FORMER, FULL], "Mirjam de Leeuw"),
        ([FORMER, FIRST], "Mirjam"),
        ([FORMER], "Mirjam Hartman"),
        ([{**FULL, "given": ["M", "Mirjam"], "_given": [_marked("IN"), _marked("BR")]}], "Mirjam de Leeuw"),
        ([{**FULL, "given": ["M", "J"], "_given": [_marked("IN"), _marked("IN")]}], "M J de Leeuw"),
        ([{**FULL, "given": ["M", "Mirjam"], "_given": [_marked("IN")]}], "Mirjam de Leeuw"),
        ([{**FULL, "_given": 7}], "Mirjam de Leeuw"),
        ([{**FULL, "_given": [7, None, {"extension": [7]}]}], "Mirjam de Leeuw"),
    ],
)
def test_the_name_that_is_shown(pen: Any, look: Any, names: list[dict[str, Any]], shown: str) -> None:
    assert look(vvt=[{**pen.person("x", "24"), "name": names}])["representative"]["display"] == shown


@pytest.mark.parametrize(("other", "checks"), [("1950", []), ("1950-03", []), ("1951", ["X7"]), ("1950-03-02", ["X7"])])
def test_a_birth_date_that_is_known_less_precisely_makes_no_namesake(
    pen: Any, look: Any, other: str, checks: list[str]
) -> None:
    one = pen.person("Jo Smit", "24", birthDate="1950-03-01")
    seen = look(vvt=[one], huisarts=[pen.person("Jo Smit", "24", birthDate=other)])
    assert seen.checks() == checks


def test_two_sources_that_write_one_name_in_other_parts_agree(pen: Any, look: Any) -> None:
    initials = {**FULL, "given": ["M", "Mirjam"], "_given": [_marked("IN"), _marked("BR")]}
    one = {**pen.person("x", "24"), "name": [FIRST, initials]}
    other = pen.person("Mirjam de Leeuw", "24")
    seen = look(vvt=[one], huisarts=[other])
    assert (seen["representative"]["state"], seen.checks()) == ("current", [])
