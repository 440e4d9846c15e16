"""JSON to XML and back by readers that share nothing with the writer: by the models, by lxml, and by fhir_core."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from lxml import etree
from xml_reader import MODELS, Number, json_of, read, written

from nuts_pzp.fhir.version import Speech
from nuts_pzp.fhir.xml import to_xml
from nuts_pzp.sandbox.people import PEOPLE

RESOURCES = [
    pytest.param(one, id=f"{person.slug}-{slug}-{at}-{one['resourceType']}")
    for person in PEOPLE
    for slug, chart in person.charts.items()
    for at, one in enumerate(chart.resources)
]
XHTML = "http://www.w3.org/1999/xhtml"
TABLES = {
    spoken: json.loads(files("nuts_pzp.fhir.xml").joinpath(f"{spoken}.json").read_text("utf-8"))
    for spoken in ("r4", "stu3")
}

texts = st.text(
    st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"], exclude_characters="\ufffe\uffff"), max_size=12
)
DIGITS = "0 -1 7 1.50 -0.0 1e5 1E-3 0.000 12345678901234567890.10"
numbers = st.sampled_from(DIGITS.split()).map(Number)
narratives = st.sampled_from([f'<div xmlns="{XHTML}">{text}</div>' for text in ("x", "<p>a<br/>&amp;</p>", "&lt;é")])
PRIMITIVES = {
    "s": texts | st.sampled_from(["\t", "a\nb\r", "]]>", '"&<']),
    "b": st.booleans(),
    "n": numbers,
    "x": narratives,
}


@st.composite
def _object(draw: Any, line: str, table: Any, depth: int) -> dict[str, Any]:
    """A few elements of a type, in any order; never nothing."""
    listed = [one.removeprefix("@").partition(":")[::2] for one in line.split()]
    attributes = [one[1:].partition(":")[0] for one in line.split() if one[0] == "@"]
    if depth <= 0:
        listed = [(name, of) for name, of in listed if of.rstrip("*") in PRIMITIVES]
    chosen = draw(st.lists(st.sampled_from(listed), min_size=1, max_size=3, unique_by=lambda one: one[0]))
    found: dict[str, Any] = {}
    for name, of in chosen:
        kind, many = of.rstrip("*"), of.endswith("*")
        count = draw(st.integers(1, 2)) if many else 1
        if kind in PRIMITIVES:
            pairs = [draw(_primitive(kind, table, depth, name in attributes)) for _ in range(count)]
            values, besides = [value for value, _ in pairs], [beside for _, beside in pairs]
            found |= {
                k: v if many else v[0]
                for k, v in ((name, values), (f"_{name}", besides))
                if any(x is not None for x in v)
            }
        else:
            things = [draw(_thing(kind, table, depth - 1)) for _ in range(count)]
            found[name] = things if many else things[0]
    return found


@st.composite
def _primitive(draw: Any, kind: str, table: Any, depth: int, bare: bool) -> tuple[Any, Any]:
    value = draw(PRIMITIVES[kind])
    if bare or kind == "x" or depth <= 0 or draw(st.integers(0, 3)):
        return value, None
    beside = draw(_object(table["types"]["Element"], table, depth - 1))
    return draw(st.sampled_from([value, None])), beside


def _thing(kind: str, table: Any, depth: int) -> Any:
    return _resource(table, depth) if kind == "Resource" else _object(table["types"][kind], table, depth)


@st.composite
def _resource(draw: Any, table: Any, depth: int) -> dict[str, Any]:
    name = draw(st.sampled_from(sorted(table["resources"])))
    return {"resourceType": name} | draw(_object(table["resources"][name], table, depth))


@pytest.mark.parametrize("spoken", ["r4", "stu3"])
@settings(max_examples=100, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(data=st.data())
def test_whatever_is_written_reads_as_it_was(spoken: Speech, data: st.DataObject) -> None:
    body = written(data.draw(_resource(TABLES[spoken], 3)))
    assert read(to_xml(body.encode(), spoken), spoken) == json_of(body)


def _same(one: bytes, other: bytes) -> bool:
    bare = etree.XMLParser(remove_blank_text=True)
    return bool(
        etree.tostring(etree.fromstring(one, bare), method="c14n2")
        == etree.tostring(etree.fromstring(other, bare), method="c14n2")
    )


@pytest.mark.parametrize("resource", RESOURCES)
def test_a_library_writes_the_same_of_a_sandbox_resource_and_reads_ours(resource: dict[str, Any]) -> None:
    """fhir_core writes a moment in UTC as +00:00; there are no decimals here, of which it would make floats."""
    model = MODELS["r4"].get_fhir_model_class(resource["resourceType"])
    ours = to_xml(json.dumps(resource).encode(), "r4")
    theirs = model.model_validate(resource)
    assert _same(ours, theirs.model_dump_xml().replace(b"+00:00", b"Z"))
    assert json.loads(model.model_validate_xml(ours).model_dump_json()) == json.loads(theirs.model_dump_json())
    assert read(ours) == json_of(json.dumps(resource))


def test_a_searchset_of_everything_reads_as_it_was() -> None:
    listed = [one.values[0] for one in RESOURCES]
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "entry": [{"fullUrl": f"https://a.example/{at}", "resource": one} for at, one in enumerate(listed)],
    }
    body = json.dumps(bundle)
    assert len(listed) > 200
    assert read(to_xml(body.encode(), "r4")) == json_of(body)
