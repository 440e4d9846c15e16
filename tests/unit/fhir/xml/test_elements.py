"""The tables are what the models of fhir.resources say, and hold every type that can leave."""

from __future__ import annotations

import sys
from importlib.resources import files
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[4] / "tools"))

import fhir_elements

from nuts_pzp.authorization.bundle import load, shipped
from nuts_pzp.disclose.minimize import _INCLUDES
from nuts_pzp.fhir.version import Speech
from nuts_pzp.fhir.xml.elements import definitions


@pytest.mark.parametrize("spoken", fhir_elements.RELEASES)
def test_the_tables_are_what_the_models_say(spoken: str) -> None:
    assert files("nuts_pzp.fhir.xml").joinpath(f"{spoken}.json").read_text("utf-8") == fhir_elements.page(spoken)


@pytest.mark.parametrize(("policy", "spoken"), [("pzp", "r4"), ("pzp_stu3", "stu3")])
def test_every_type_that_can_leave_can_be_written(policy: str, spoken: Speech) -> None:
    stated = load(shipped(policy)).stated
    assert stated is not None
    leave = set(stated.resources) | {kind for kinds in _INCLUDES.values() for kind in kinds}
    assert leave | {"Bundle", "OperationOutcome", "CapabilityStatement"} <= set(definitions(spoken).resources)


@pytest.mark.parametrize("spoken", ["r4", "stu3"])
def test_every_type_that_is_named_is_there(spoken: Speech) -> None:
    seen, waiting = set(), list(definitions(spoken).resources.values())
    while waiting:
        kind = waiting.pop()
        if kind.name in seen:
            continue
        seen.add(kind.name)
        for element in kind.elements:
            assert (element.of is not kind) or element.kind != "type" or kind.name in (
                "ConsentProvision", "Extension", "QuestionnaireItem", "QuestionnaireResponseItem"
            ), f"{kind.name}.{element.name} is of a type that is not listed"  # fmt: skip
            if element.kind == "type":
                waiting.append(element.of)
    assert len(seen) > 100


@pytest.mark.parametrize("spoken", ["r4", "stu3"])
def test_only_ids_of_elements_and_the_url_of_an_extension_are_attributes(spoken: Speech) -> None:
    known = definitions(spoken)
    assert all(not kind.attributes for kind in known.resources.values())
    for kind in known.resources.values():
        for element in kind.elements:
            if element.kind == "type":
                assert element.of.attributes == (["id", "url"] if element.of.name == "Extension" else ["id"])
