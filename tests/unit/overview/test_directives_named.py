"""Wilsverklaringen of a kind that is on no list, or not given: in the source's words (spec pzp-fhir 1.1, 3.8, 7)."""

from __future__ import annotations

from typing import Any

import pytest

SPECIFICATION = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther"


def _of(pen: Any, *concepts: dict[str, Any], **more: Any) -> dict[str, Any]:
    directive: dict[str, Any] = pen.directive(None, "2023-05-01", **more)
    return {**directive, "provision": {"code": list(concepts)} if concepts else {}}


def _only(seen: Any) -> dict[str, Any]:
    [item] = [item for key, item in seen.items.items() if key.startswith("directive:")]
    return dict(item)


NAMED: dict[str, tuple[list[dict[str, Any]], dict[str, Any], tuple[str, str | None, str]]] = {
    "a code that is on no list, with the source's word": (
        [{"coding": [{"code": "PGB", "display": "Brief over thuis blijven"}]}],
        {},
        ("directive:PGB", "PGB", '"Brief over thuis blijven" (PGB)'),
    ),
    "a code that is on no list, and nothing else": (
        [{"coding": [{"code": "PGB"}]}],
        {},
        ("directive:PGB", "PGB", "onbekende code (PGB)"),
    ),
    "the word stands in another concept than the code": (
        [{"coding": [{"code": "PGB"}]}, {"text": "Brief over thuis blijven"}],
        {},
        ("directive:PGB", "PGB", '"Brief over thuis blijven" (PGB)'),
    ),
    "a code that is on no list beside Anders": (
        [{"coding": [{"code": "OTH"}, {"code": "THUIS"}]}],
        {},
        ("directive:THUIS", "THUIS", "onbekende code (THUIS)"),
    ),
    "a kind that is known beside Anders": (
        [{"coding": [{"code": "OTH"}, {"code": "VOL"}]}],
        {},
        ("directive:VOL", "VOL", "Volmacht"),
    ),
    "Anders, with a text": (
        [{"coding": [{"code": "OTH"}], "text": " Brief aan  mijn dochter "}],
        {},
        ("directive:OTH:brief aan mijn dochter", "OTH", "Anders: Brief aan  mijn dochter"),
    ),
    "Anders, with its text in a concept further on": (
        [{"coding": [{"code": "OTH"}]}, {"text": "  "}, {"text": "Kaartje in de koelkast"}],
        {"sourceAttachment": {"title": "Scan 12"}},
        ("directive:OTH:kaartje in de koelkast", "OTH", "Anders: Kaartje in de koelkast"),
    ),
    "Anders, named by the title of its document": (
        [{"coding": [{"code": "OTH"}]}],
        {"sourceAttachment": {"title": " Scan 12 "}},
        ("directive:OTH:scan 12", "OTH", "Anders: Scan 12"),
    ),
    "no kind, and a text": (
        [{"text": "Zelf geschreven wens"}],
        {},
        ("directive:OTH:zelf geschreven wens", "OTH", "Anders: Zelf geschreven wens"),
    ),
    "no kind, and nothing that names it": (
        [],
        {},
        ("directive:#huisarts/d", None, "Wilsverklaring (soort niet opgegeven)"),
    ),
}


@pytest.mark.parametrize("how", NAMED)
def test_a_directive_is_named_as_well_as_can_be(pen: Any, look: Any, how: str) -> None:
    concepts, more, (key, code, display) = NAMED[how]
    item = _only(look(huisarts=[_of(pen, *concepts, **more)]))
    assert item["key"] == key
    assert (item["value"]["kind"], item["value"]["code"], item["value"]["display"]) == ("decision", code, display)
    assert (item["label"], item["display"], item["state"]) == (display, display, "current")


@pytest.mark.parametrize("together", [True, False])
def test_a_document_of_several_kinds_stands_at_each_of_them(pen: Any, look: Any, *, together: bool) -> None:
    codings = [{"code": "EU"}, {"code": "NR"}, {"code": "THUIS", "display": "Thuis blijven"}, {"code": "ZORG"}]
    concepts = [{"coding": codings}] if together else [{"coding": [one]} for one in codings]
    seen = look(a=[_of(pen, *concepts, {"coding": [{"code": "OTH"}], "text": "Geen sonde"})])
    found = {key: item["display"] for key, item in seen.items.items() if key.startswith("directive:")}
    assert found == {
        "directive:EU": "Euthanasieverzoek",
        "directive:NR": "Niet-reanimerenverklaring",
        "directive:THUIS": '"Thuis blijven" (THUIS)',
        "directive:ZORG": "onbekende code (ZORG)",
        "directive:OTH:geen sonde": "Anders: Geen sonde",
    }
    assert seen.checks() == ["X1"]


def test_a_known_kind_is_told_by_its_code(pen: Any, look: Any) -> None:
    value = look(a=[pen.directive("NR", "2023-05-01")])["directive:NR"]["value"]
    assert (value["kind"], value["code"]) == ("decision", "NR")


def test_a_directive_without_kind_is_an_item_of_its_record_also_without_id(pen: Any, look: Any) -> None:
    bare = pen.directive(None, "2023-05-01")
    del bare["id"]
    keys = [key for key in look(a=[bare, pen.directive(None, "2022-05-01")]).items if key.startswith("directive:")]
    assert "directive:#a/d" in keys
    assert len(keys) == 2


@pytest.mark.parametrize(
    ("given", "document"),
    [
        (
            {"sourceReference": {"reference": "DocumentReference/7", "display": "Map 3"}},
            ("Map 3", "DocumentReference/7"),
        ),
        ({"sourceAttachment": {"title": "Brief", "url": "https://a.example/b/7"}}, ("Brief", "https://a.example/b/7")),
    ],
)
def test_where_the_document_is(pen: Any, look: Any, given: dict[str, Any], document: tuple[str, str]) -> None:
    found = look(a=[pen.directive("LW", "2023-05-01", **given)])["directive:LW"]["value"]["document"]
    assert (found["title"], found["reference"]) == document


@pytest.mark.parametrize("where", ["record", "provision"])
def test_a_directive_with_any_modifier_is_not_interpreted(pen: Any, look: Any, where: str) -> None:
    """Also the one that a treatment may have: a wilsverklaring has no decision that it could specify."""
    odd = {"modifierExtension": [{"url": SPECIFICATION, "valueString": "Alleen in het weekend"}]}
    told = pen.directive("LW", "2023-05-01")
    told = {**told, **odd} if where == "record" else {**told, "provision": {**told["provision"], **odd}}
    seen = look(a=[told])
    assert seen["directive:LW"]["display"] == "Niet te interpreteren"
    assert seen.codes("directive:LW") == ["UNKNOWN_MODIFIER"]


def test_the_representative_who_signed_along_is_named(pen: Any, look: Any) -> None:
    daughter = pen.person("Geke Wolters", "DAUC", id="geke")
    roles = [("RESPRSN", "geke"), ("PRCP", "p"), (None, "p")]
    actors = [
        {**({"role": pen.coded(role, pen.KIN)} if role else {}), "reference": {"reference": f"RelatedPerson/{who}"}}
        for role, who in roles
    ]
    actors.append({"role": pen.coded("RESPRSN", pen.KIN)})
    told = pen.directive("VOL", "2023-05-01")
    told["provision"] |= {"actor": actors}
    assert look(a=[daughter, told])["directive:VOL"]["agreedWith"] == ["Geke Wolters"]


@pytest.mark.parametrize(("talk", "codes"), [("2024-02-01", []), ("2022-02-01", ["ENCOUNTER_DATE_DIFFERS"])])
def test_a_document_may_be_older_than_the_talk_and_not_younger(
    pen: Any, look: Any, talk: str, codes: list[str]
) -> None:
    link = {
        "url": "https://fhir.iknl.nl/fhir/StructureDefinition/ext-EncounterReference",
        "valueReference": {"reference": "Encounter/e"},
    }
    seen = look(a=[pen.encounter(talk), pen.directive("EU", "2023-05-01", extension=[link])])
    assert seen.codes("directive:EU") == codes


def test_a_document_of_two_other_kinds_is_two_items(pen: Any, look: Any) -> None:
    other = {"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.14.1", "code": "OTH"}]}
    codes = [{**other, "text": "Levensboek"}, {**other, "text": "Brief aan de huisarts"}]
    seen = look(a=[pen.directive("OTH", "2026-01-01", provision={"code": codes})])
    assert seen["directive:OTH:levensboek"]["display"] == "Anders: Levensboek"
    assert seen["directive:OTH:brief aan de huisarts"]["display"] == "Anders: Brief aan de huisarts"
