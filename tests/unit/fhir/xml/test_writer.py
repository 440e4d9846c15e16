"""FHIR JSON as FHIR XML, against XML that was written by hand from the rules of the FHIR specification."""

from __future__ import annotations

import json
from typing import Any

import pytest
from xml_reader import json_of, read

from nuts_pzp.fhir.version import Speech
from nuts_pzp.fhir.xml import to_xml

HEAD = '<?xml version="1.0" encoding="UTF-8"?>'
DIV = '<div xmlns="http://www.w3.org/1999/xhtml" lang="nl"><p>Wel &amp; niet &lt;b&gt;</p></div>'


def xml(resource: Any, spoken: Speech = "r4") -> str:
    body = resource if isinstance(resource, str) else json.dumps(resource, ensure_ascii=False)
    return to_xml(body.encode(), spoken).decode()


def lines(text: str) -> str:
    return HEAD + "".join(line.strip() for line in text.splitlines())


def test_a_treatment_directive() -> None:
    consent = {
        "provision": {
            "code": [{"coding": [{"code": "89666000", "system": "http://snomed.info/sct"}]}],
            "type": "deny",
            "actor": [
                {
                    "reference": {"reference": "Patient/1", "type": "Patient"},
                    "role": {"coding": [{"code": "CONSENTER"}]},
                }
            ],
        },
        "modifierExtension": [
            {
                "valueString": 'Ja, maar "kort" & <alleen> thuis',
                "url": "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther",
            }
        ],
        "policy": [{"uri": "https://wetten.overheid.nl/"}],
        "dateTime": "2022-11-08",
        "patient": {"display": "Yvonne", "reference": "Patient/1"},
        "category": [{"coding": [{"system": "http://snomed.info/sct", "code": "129125009"}]}],
        "scope": {"coding": [{"code": "treatment"}]},
        "status": "active",
        "text": {"div": DIV, "status": "generated"},
        "meta": {"versionId": "3", "profile": ["https://a.example/one", "https://a.example/two"]},
        "id": "c-1",
        "resourceType": "Consent",
    }
    assert xml(consent) == lines(
        f"""
        <Consent xmlns="http://hl7.org/fhir">
          <id value="c-1"/>
          <meta>
            <versionId value="3"/>
            <profile value="https://a.example/one"/>
            <profile value="https://a.example/two"/>
          </meta>
          <text><status value="generated"/>{DIV}</text>
          <modifierExtension url="http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther">
            <valueString value="Ja, maar &quot;kort&quot; &amp; &lt;alleen&gt; thuis"/>
          </modifierExtension>
          <status value="active"/>
          <scope><coding><code value="treatment"/></coding></scope>
          <category><coding><system value="http://snomed.info/sct"/><code value="129125009"/></coding></category>
          <patient><reference value="Patient/1"/><display value="Yvonne"/></patient>
          <dateTime value="2022-11-08"/>
          <policy><uri value="https://wetten.overheid.nl/"/></policy>
          <provision>
            <type value="deny"/>
            <actor>
              <role><coding><code value="CONSENTER"/></coding></role>
              <reference><reference value="Patient/1"/><type value="Patient"/></reference>
            </actor>
            <code><coding><system value="http://snomed.info/sct"/><code value="89666000"/></coding></code>
          </provision>
        </Consent>
        """
    )


def test_an_observation_with_extensions_and_the_very_digits_of_its_decimals() -> None:
    observation = """{"resourceType": "Observation", "id": "o",
      "extension": [{"url": "u:1", "id": "e1", "extension": [{"url": "u:2", "valueBoolean": false}]}],
      "status": "final", "_status": {"id": "s"},
      "_effectiveDateTime": {"extension": [{"url": "u:absent", "valueCode": "unknown"}]},
      "valueQuantity": {"value": 1.500, "_value": {"extension": [{"url": "u:3", "valueDecimal": -0.0}]}, "unit": "g"},
      "component": [{"id": "k", "code": {"text": "x"}, "valueInteger": 7},
                    {"code": {"text": "y"}, "valueQuantity": {"value": 12345678901234567890.10}},
                    {"code": {"text": "z"}, "valueQuantity": {"value": 1E-3}}]}"""
    assert xml(observation) == lines(
        """
        <Observation xmlns="http://hl7.org/fhir">
          <id value="o"/>
          <extension id="e1" url="u:1"><extension url="u:2"><valueBoolean value="false"/></extension></extension>
          <status value="final" id="s"/>
          <effectiveDateTime><extension url="u:absent"><valueCode value="unknown"/></extension></effectiveDateTime>
          <valueQuantity>
            <value value="1.500"><extension url="u:3"><valueDecimal value="-0.0"/></extension></value>
            <unit value="g"/>
          </valueQuantity>
          <component id="k"><code><text value="x"/></code><valueInteger value="7"/></component>
          <component><code><text value="y"/></code>
            <valueQuantity><value value="12345678901234567890.10"/></valueQuantity></component>
          <component><code><text value="z"/></code><valueQuantity><value value="1E-3"/></valueQuantity></component>
        </Observation>
        """
    )


def test_nested_items_of_a_form() -> None:
    below = {"linkId": "1001", "answer": [{"valueString": "thuis"}]}
    form = {
        "resourceType": "QuestionnaireResponse",
        "questionnaire": "https://api.iknl.nl/docs/pzp/r4/Questionnaire/ACP-zib2020|1.0.0-rc2",
        "status": "completed",
        "subject": {"reference": "Patient/1"},
        "item": [
            {
                "linkId": "83",
                "item": [
                    {
                        "linkId": "1386",
                        "answer": [{"valueCoding": {"code": "1"}, "item": [below]}, {"valueBoolean": True}],
                    }
                ],
            }
        ],
    }
    assert xml(form) == lines(
        """
        <QuestionnaireResponse xmlns="http://hl7.org/fhir">
          <questionnaire value="https://api.iknl.nl/docs/pzp/r4/Questionnaire/ACP-zib2020|1.0.0-rc2"/>
          <status value="completed"/>
          <subject><reference value="Patient/1"/></subject>
          <item>
            <linkId value="83"/>
            <item>
              <linkId value="1386"/>
              <answer>
                <valueCoding><code value="1"/></valueCoding>
                <item><linkId value="1001"/><answer><valueString value="thuis"/></answer></item>
              </answer>
              <answer><valueBoolean value="true"/></answer>
            </item>
          </item>
        </QuestionnaireResponse>
        """
    )


def test_a_searchset_with_links_and_what_a_resource_contains() -> None:
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": 1,
        "link": [{"relation": "next", "url": "https://gateway.example/fhir/Consent?_page=abc&_format=xml"}],
        "entry": [
            {
                "search": {"mode": "match"},
                "resource": {
                    "resourceType": "Device",
                    "id": "d",
                    "contained": [
                        {"resourceType": "Organization", "id": "o", "name": "Fabriek"},
                        {"resourceType": "Patient", "active": True},
                    ],
                },
                "fullUrl": "https://gateway.example/fhir/Device/d",
            }
        ],
    }
    assert xml(bundle) == lines(
        """
        <Bundle xmlns="http://hl7.org/fhir">
          <type value="searchset"/>
          <total value="1"/>
          <link><relation value="next"/>
            <url value="https://gateway.example/fhir/Consent?_page=abc&amp;_format=xml"/></link>
          <entry>
            <fullUrl value="https://gateway.example/fhir/Device/d"/>
            <resource>
              <Device>
                <id value="d"/>
                <contained><Organization><id value="o"/><name value="Fabriek"/></Organization></contained>
                <contained><Patient><active value="true"/></Patient></contained>
              </Device>
            </resource>
            <search><mode value="match"/></search>
          </entry>
        </Bundle>
        """
    )


def test_a_refusal() -> None:
    issue = {"severity": "error", "code": "forbidden", "details": {"text": "Toegang niet toegestaan"}}
    outcome = {"resourceType": "OperationOutcome", "issue": [issue | {"diagnostics": "meldcode Y9A2JA3D727Q"}]}
    assert xml(outcome) == lines(
        """
        <OperationOutcome xmlns="http://hl7.org/fhir">
          <issue>
            <severity value="error"/>
            <code value="forbidden"/>
            <details><text value="Toegang niet toegestaan"/></details>
            <diagnostics value="meldcode Y9A2JA3D727Q"/>
          </issue>
        </OperationOutcome>
        """
    )


def test_nulls_keep_values_and_what_stands_beside_them_together() -> None:
    name = {
        "given": ["Jan", None, "Piet"],
        "_given": [None, {"id": "b"}, {"extension": [{"url": "u", "valueCode": "c"}]}],
    }
    assert xml({"resourceType": "Patient", "name": [name]}) == lines(
        """
        <Patient xmlns="http://hl7.org/fhir">
          <name>
            <given value="Jan"/>
            <given id="b"/>
            <given value="Piet"><extension url="u"><valueCode value="c"/></extension></given>
          </name>
        </Patient>
        """
    )


def test_stu3_has_elements_and_an_order_of_its_own() -> None:
    consent = {
        "resourceType": "Consent",
        "except": [{"type": "deny"}],
        "period": {"start": "2022-11-08"},
        "consentingParty": [{"reference": "Patient/1"}],
        "status": "active",
    }
    assert xml(consent, "stu3") == lines(
        """
        <Consent xmlns="http://hl7.org/fhir">
          <status value="active"/>
          <period><start value="2022-11-08"/></period>
          <consentingParty><reference value="Patient/1"/></consentingParty>
          <except><type value="deny"/></except>
        </Consent>
        """
    )


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("]]>", "]]&gt;"),
        ("a\tb\nc\rd", "a&#9;b&#10;c&#13;d"),
        ("'\"'", "'&quot;'"),
        ("&amp; &#65;", "&amp;amp; &amp;#65;"),
        ("é€𐍈\u0085\u2028\ufffd", "é€𐍈\u0085\u2028\ufffd"),
        ("", ""),
        ("  two  blanks  ", "  two  blanks  "),
    ],
)
def test_every_letter_of_a_text_arrives(text: str, written: str) -> None:
    resource = {"resourceType": "Observation", "valueString": text}
    assert (
        xml(resource)
        == f'{HEAD}<Observation xmlns="http://hl7.org/fhir"><valueString value="{written}"/></Observation>'
    )
    assert read(to_xml(json.dumps(resource).encode(), "r4")) == resource


def test_null_and_an_empty_list_say_that_there_is_nothing() -> None:
    bundle = '{"resourceType":"Bundle","id":null,"type":"searchset","total":0,"link":[],"entry":[]}'
    assert xml(bundle) == lines(
        '<Bundle xmlns="http://hl7.org/fhir"><type value="searchset"/><total value="0"/></Bundle>'
    )


def test_the_order_of_json_does_not_matter() -> None:
    one = {"resourceType": "Goal", "id": "g", "lifecycleStatus": "active", "note": [{"text": "a"}, {"text": "b"}]}
    assert xml(one) == xml(dict(reversed(one.items())))


def test_what_is_read_back_is_what_was_sent() -> None:
    body = (
        '{"resourceType":"Patient","id":"p","multipleBirthInteger":2,"deceasedBoolean":false,"name":[{"given":["A"]}]}'
    )
    assert read(to_xml(body.encode(), "r4")) == json_of(body)
