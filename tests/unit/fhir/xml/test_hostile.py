"""JSON that must not become XML, or must not become more than it is."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest
from lxml import etree
from xml_reader import json_of, read

from nuts_pzp.fhir.xml import Unwritable, to_xml
from nuts_pzp.fhir.xml.writer import DEEPEST

XHTML = "http://www.w3.org/1999/xhtml"


def observation(**more: Any) -> dict[str, Any]:
    return {"resourceType": "Observation", "status": "final", **more}


def refused(resource: Any) -> str:
    """Why it is not written; never with anything of the content."""
    body = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    with pytest.raises(Unwritable) as told:
        to_xml(body, "r4")
    assert "999911120" not in str(told.value)
    return str(told.value)


def narrative(div: str) -> dict[str, Any]:
    return observation(text={"status": "generated", "div": div})


REFUSED: dict[str, tuple[Any, str]] = {
    "an element that nobody defined": (observation(bsn="999911120"), "bsn of Observation"),
    "an element whose name is content": (observation(**{"999911120": "x"}), "an element of Observation"),
    "an element of R5": (observation(triggeredBy=[]), "triggeredBy of Observation"),
    "an element of another type": (observation(code={"coding": [{"reference": "a"}]}), "reference of Coding"),
    "an unknown element beside a value": (observation(_status={"fhir_comments": ["x"]}), "of Element"),
    "a resourceType in what is none": (
        observation(code={"resourceType": "Patient"}),
        "resourceType of CodeableConcept",
    ),
    "a type of resource that does not leave": ({"resourceType": "Binary", "data": "AA=="}, "a resource type"),
    "a resource within that does not leave": (observation(contained=[{"resourceType": "Basic"}]), "a resource type"),
    "a type of resource that is a data type": ({"resourceType": "Coding", "code": "a"}, "a resource type"),
    "a type of resource that is a list": ({"resourceType": ["Patient"]}, "a resource type"),
    "no type of resource": ({"status": "final"}, "a resource type"),
    "a list": ([observation()], "no object"),
    "text": ("Observation", "no object"),
    "a resource within that is text": (observation(contained=["Patient"]), "no object"),
    "a number for text": (observation(id=999911120), "no text"),
    "a number for an address": (observation(extension=[{"url": 1}]), "no text"),
    "text for a number": (observation(valueInteger="7"), "valueInteger is of another kind"),
    "text for a boolean": (observation(valueBoolean="true"), "valueBoolean is of another kind"),
    "a number for a boolean": (observation(valueBoolean=1), "valueBoolean is of another kind"),
    "a boolean for a number": (observation(valueInteger=True), "valueInteger is of another kind"),
    "an object for text": (observation(status={"value": "final"}), "no text"),
    "text for an object": (observation(code="x"), "code is no object"),
    "a list for one": (observation(code=[{"text": "x"}]), "code is no object"),
    "one for a list": (observation(category={"text": "x"}), "category is no list"),
    "null in a list of objects": (observation(category=[None]), "category is no object"),
    "null in a list of values": ({"resourceType": "Patient", "name": [{"given": ["a", None]}]}, "no text"),
    "a number for a narrative": (narrative(7), "another kind"),  # type: ignore[arg-type]
    "something beside a narrative": (observation(text={"_div": {"id": "a"}}), "of Narrative"),
    "something beside an id of an element": (observation(code={"_id": {"id": "a"}}), "of CodeableConcept"),
    "something beside an address": (observation(extension=[{"_url": {"id": "a"}, "url": "u"}]), "of Extension"),
    "an object with nothing in it": (observation(code={}), "nothing in it"),
    "an object with nothing but nothing": (observation(code={"coding": []}), "nothing in it"),
    "nothing beside a value": (observation(_status={}), "something in it"),
    "a list beside a value": (observation(_status=[{"id": "a"}]), "something in it"),
    "a key twice": (b'{"resourceType":"Observation","status":"final","status":"amended"}', "repeated"),
    "a key twice, within": (b'{"resourceType":"Observation","code":{"text":"a","text":"b"}}', "repeated"),
    "a number that is none": (b'{"resourceType":"Observation","valueInteger":NaN}', "a number that is none"),
    "an endless number": (b'{"resourceType":"Observation","valueInteger":-Infinity}', "a number that is none"),
    "half of JSON": (b'{"resourceType":"Observation"', "not JSON"),
    "more than JSON": (b'{"resourceType":"Observation"}{}', "not JSON"),
    "a byte order mark": (b'\xef\xbb\xbf{"resourceType":"Observation"}', "not JSON"),
    "another encoding": ('{"resourceType":"Observation"}'.encode("utf-16"), "not JSON"),
    "bytes that are no UTF-8": (b'{"resourceType":"Observation","id":"\xff"}', "not JSON"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_place_in_xml_refuses_the_whole(name: str) -> None:
    resource, words = REFUSED[name]
    assert words in refused(resource)


@pytest.mark.parametrize(
    "letter", [*map(chr, range(9)), "\x0b", "\x0c", *map(chr, range(14, 32)), "\ud800", "\ufffe", "\uffff"]
)
def test_a_character_that_xml_cannot_carry_refuses_the_whole(letter: str) -> None:
    for resource in (
        observation(valueString=f"a{letter}b"),
        observation(code={"id": letter, "text": "x"}),
        observation(extension=[{"url": letter, "valueCode": "x"}]),
        narrative(f'<div xmlns="{XHTML}">{letter}</div>'),
    ):
        refused(resource)


INJECTIONS = [
    '"/><evil x="',
    "' onload='",
    "--><evil/><!--",
    "<![CDATA[<evil/>]]>",
    "&evil;",
    "<?evil?>",
    'a"b<c>d&e\nf',
]


@pytest.mark.parametrize("text", INJECTIONS)
def test_no_value_becomes_markup(text: str) -> None:
    resource = observation(
        id=text,
        valueString=text,
        extension=[{"url": text, "id": text, "valueUri": text}],
        code={"id": text, "text": text},
    )
    document = to_xml(json.dumps(resource).encode(), "r4")
    assert read(document) == resource
    assert not etree.fromstring(document).xpath("//*[local-name()='evil']|//comment()|//processing-instruction()")


NARRATIVES = {
    "text": "Verslag",
    "nothing": "",
    "two of them": f'<div xmlns="{XHTML}"/><div xmlns="{XHTML}"/>',
    "text behind it": f'<div xmlns="{XHTML}"/>x',
    "not closed": f'<div xmlns="{XHTML}"><p></div>',
    "as HTML writes it": f'<div xmlns="{XHTML}">a<br>b</div>',
    "another element": f'<p xmlns="{XHTML}">x</p>',
    "no namespace": "<div>x</div>",
    "another namespace": '<div xmlns="http://hl7.org/fhir">x</div>',
    "an element of another namespace": f'<div xmlns="{XHTML}"><id xmlns="http://hl7.org/fhir" value="x"/></div>',
    "an element of no namespace": f'<h:div xmlns:h="{XHTML}"><p>x</p></h:div>',
    "vector graphics": f'<div xmlns="{XHTML}"><svg xmlns="http://www.w3.org/2000/svg"/></div>',
    "a document type": f'<!DOCTYPE div><div xmlns="{XHTML}">x</div>',
    "an entity of its own": f'<!DOCTYPE div [<!ENTITY e "x">]><div xmlns="{XHTML}">&e;</div>',
    "an entity from outside": f'<!DOCTYPE div [<!ENTITY e SYSTEM "file:///etc/passwd">]><div xmlns="{XHTML}">&e;</div>',
    "an entity of HTML": f'<div xmlns="{XHTML}">a&nbsp;b</div>',
    "a processing instruction": f'<div xmlns="{XHTML}"><?php x ?></div>',
    "a style sheet before it": f'<?xml-stylesheet href="x"?><div xmlns="{XHTML}"/>',
    "an XML declaration": f'<?xml version="1.0"?><div xmlns="{XHTML}"/>',
    "a script": f'<div xmlns="{XHTML}"><script>alert(1)</script></div>',
    "a script by another prefix": f'<div xmlns="{XHTML}" xmlns:h="{XHTML}"><h:script/></div>',
    "a form": f'<div xmlns="{XHTML}"><form action="https://a.example"/></div>',
    "a frame": f'<div xmlns="{XHTML}"><iframe src="https://a.example"/></div>',
    "an object": f'<div xmlns="{XHTML}"><object data="x"/></div>',
    "a style sheet": f'<div xmlns="{XHTML}"><style>p{{}}</style></div>',
    "a handler": f'<div xmlns="{XHTML}" onclick="x()">x</div>',
    "an attribute of another namespace": f'<div xmlns="{XHTML}" xmlns:x="http://a.example" x:href="a">x</div>',
    "a script as an address": f'<div xmlns="{XHTML}"><a href="javascript:x()">x</a></div>',
    "a script as a hidden address": f'<div xmlns="{XHTML}"><a href=" JAVA&#10;SCRIPT&#58;x()">x</a></div>',
    "data as an address": f'<div xmlns="{XHTML}"><a href="data:text/html;base64,AAAA">x</a></div>',
    "graphics as a picture": f'<div xmlns="{XHTML}"><img src="data:image/svg+xml;base64,AAAA"/></div>',
    "a script in a style": f'<div xmlns="{XHTML}" style="width:expression(x())">x</div>',
    "a hidden script in a style": f'<div xmlns="{XHTML}" style="width:e\\78pression(x())">x</div>',
    "the end of a section": f'<div xmlns="{XHTML}">]]></div>',
    "an attribute twice": f'<div xmlns="{XHTML}" id="a" id="b"/>',
    "too deep": f'<div xmlns="{XHTML}">{"<b>" * DEEPEST}{"</b>" * DEEPEST}</div>',
    "an end of what is around it": f'<div xmlns="{XHTML}"/></text><status value="x"/><text><div xmlns="{XHTML}"/>',
}


@pytest.mark.parametrize("name", NARRATIVES)
def test_a_narrative_that_may_not_become_part_of_a_document_refuses_the_whole(name: str) -> None:
    assert refused(narrative(NARRATIVES[name])).startswith("a narrative")


GOOD = {
    "plain": f'<div xmlns="{XHTML}">x</div>',
    "with a language": f'<div xmlns="{XHTML}" xml:lang="nl" lang="nl"><p>é &#8364; &lt;</p></div>',
    "a table": f'<div xmlns="{XHTML}"><table class="g"><tbody><tr><td colspan="2">a</td></tr></tbody></table></div>',
    "addresses": f'<div xmlns="{XHTML}"><a href="Patient/1#a">x</a><a href="https://a.example/?a=b&amp;c">y</a></div>',
    "pictures": f'<div xmlns="{XHTML}"><img src="data:image/png;base64,iVBORw0=" alt="x"/><img src="#p"/></div>',
    "a prefix": f'<h:div xmlns:h="{XHTML}"><h:b>x</h:b></h:div>',
    "a remark and a section": f'<div xmlns="{XHTML}"><!-- x --><p><![CDATA[<evil/>]]></p></div>',
    "blanks around it": f' \n<div xmlns="{XHTML}">x</div>\t ',
    "a style": f'<div xmlns="{XHTML}" style="color: red; background: #fff"/>',
}


@pytest.mark.parametrize("name", GOOD)
def test_a_narrative_stands_in_the_document_letter_for_letter(name: str) -> None:
    document = to_xml(json.dumps(narrative(GOOD[name])).encode(), "r4").decode()
    assert f'<status value="generated"/>{GOOD[name].strip()}</text>' in document
    alone = etree.fromstring(GOOD[name].strip().encode())
    (within,) = etree.fromstring(document.encode()).iter(f"{{{XHTML}}}div")
    assert etree.tostring(within, method="c14n2") == etree.tostring(alone, method="c14n2")


def nested(levels: int) -> dict[str, Any]:
    item: dict[str, Any] = {"linkId": "x"}
    for _ in range(levels):
        item = {"linkId": "x", "item": [item]}
    return {"resourceType": "QuestionnaireResponse", "status": "completed", "item": [item]}


def test_what_is_deep_is_written_and_what_is_deeper_refused() -> None:
    resource = nested(DEEPEST - 3)  # the resource itself, the first item, and the linkId of the last
    assert read(to_xml(json.dumps(resource).encode(), "r4")) == resource
    assert refused(nested(DEEPEST)) == "elements that go too deep"


@pytest.mark.parametrize("piece", [b'{"extension":[', b"[", b'{"a":'])
def test_no_depth_ends_the_process(piece: bytes) -> None:
    refused(b'{"resourceType":"Observation","extension":[' + piece * 100_000)


@pytest.mark.parametrize(
    "resource",
    [
        observation(valueString="&" * 4_000_000),
        observation(category=[{"text": '"<>'}] * 30_000),
        narrative(f'<div xmlns="{XHTML}">{"<b>x</b>" * 50_000}</div>'),
    ],
    ids=["one value", "many elements", "a narrative"],
)
def test_what_is_huge_is_written_whole_and_in_time(resource: dict[str, Any]) -> None:
    body = json.dumps(resource)
    began = time.thread_time()
    document = to_xml(body.encode(), "r4")
    assert time.thread_time() - began < 10
    assert read(document, huge=True) == json_of(body)
