"""The bytes of a closed question (spec consent 1.3, 1.4; 8: 4, 7 to 9, 72)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID
from xml.etree import ElementTree

import pytest

from nuts_pzp.identity import Bsn, NotAnIdentifier, Purpose, Ura
from nuts_pzp.systems.mitz.question import NotAQuestion, Party, Question, Responsible, build

ENDPOINT = "https://mitz.test/mitz/geslotenautorisatievraag/xacml3"

# Written out by hand from the table of attributes.
GOLDEN = """<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://www.w3.org/2003/05/soap-envelope" xmlns:wsa="http://www.w3.org/2005/08/addressing">
<soap:Header>
<wsa:Action soap:mustUnderstand="1">XACMLAuthorizationDecisionQueryRequest</wsa:Action>
<wsa:MessageID>urn:uuid:4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01</wsa:MessageID>
<wsa:To soap:mustUnderstand="1">https://mitz.test/mitz/geslotenautorisatievraag/xacml3</wsa:To>
<wsa:ReplyTo><wsa:Address>http://www.w3.org/2005/08/addressing/anonymous</wsa:Address></wsa:ReplyTo>
</soap:Header>
<soap:Body>
<xacml-samlp:XACMLAuthzDecisionQuery
 xmlns:xacml-samlp="urn:oasis:names:tc:xacml:3.0:profile:saml2.0:v2:schema:protocol:wd-14"
 xmlns:xacml="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" xmlns:hl7="urn:hl7-org:v3">
<xacml:Request ReturnPolicyIdList="false" CombinedDecision="false">
<xacml:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:resource" xml:id="resource">
<xacml:Attribute AttributeId="urn:oasis:names:tc:xacml:2.0:resource:resource-id" IncludeInResult="true">
<xacml:AttributeValue DataType="urn:hl7-org:v3#II">
<hl7:InstanceIdentifier root="2.16.840.1.113883.2.4.6.3" extension="999912008"/>
</xacml:AttributeValue></xacml:Attribute>
<xacml:Attribute AttributeId="urn:ihe:iti:appc:2016:document-entry:healthcare-facility-type-code"
 IncludeInResult="true">
<xacml:AttributeValue DataType="urn:hl7-org:v3#CV">
<hl7:CodedValue code="V6" codeSystem="2.16.840.1.113883.2.4.15.1060"/>
</xacml:AttributeValue></xacml:Attribute>
<xacml:Attribute AttributeId="urn:ihe:iti:appc:2016:author-institution:id" IncludeInResult="true">
<xacml:AttributeValue DataType="urn:hl7-org:v3#II">
<hl7:InstanceIdentifier root="2.16.528.1.1007.3.3" extension="90000222"/>
</xacml:AttributeValue></xacml:Attribute>
</xacml:Attributes>
<xacml:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:action" xml:id="action0">
<xacml:Attribute AttributeId="urn:ihe:iti:appc:2016:document-entry:event-code" IncludeInResult="true">
<xacml:AttributeValue DataType="urn:hl7-org:v3#CV">
<hl7:CodedValue code="GGC002" codeSystem="2.16.840.1.113883.2.4.3.111.5.10.1"/>
</xacml:AttributeValue></xacml:Attribute>
</xacml:Attributes>
<xacml:Attributes Category="urn:oasis:names:tc:xacml:1.0:subject-category:access-subject" xml:id="subject">
<xacml:Attribute AttributeId="urn:oasis:names:tc:xacml:2.0:subject:role" IncludeInResult="true">
<xacml:AttributeValue DataType="urn:hl7-org:v3#CV">
<hl7:CodedValue code="01.015" codeSystem="2.16.840.1.113883.2.4.15.111"/>
</xacml:AttributeValue></xacml:Attribute>
<xacml:Attribute AttributeId="urn:ihe:iti:xua:2017:subject:provider-identifier" IncludeInResult="true">
<xacml:AttributeValue DataType="urn:hl7-org:v3#II">
<hl7:InstanceIdentifier root="2.16.528.1.1007.3.1" extension="000012345" assigningAuthorityName="CIBG"/>
</xacml:AttributeValue></xacml:Attribute>
<xacml:Attribute AttributeId="urn:nl:otv:names:tc:1.0:subject:provider-institution" IncludeInResult="false">
<xacml:AttributeValue DataType="urn:hl7-org:v3#II">
<hl7:InstanceIdentifier root="2.16.528.1.1007.3.3" extension="90000444"/>
</xacml:AttributeValue></xacml:Attribute>
<xacml:Attribute AttributeId="urn:nl:otv:names:tc:1.0:subject:consulting-healthcare-facility-type-code"
 IncludeInResult="false">
<xacml:AttributeValue DataType="urn:hl7-org:v3#CV">
<hl7:CodedValue code="N6" codeSystem="2.16.840.1.113883.2.4.15.1060"/>
</xacml:AttributeValue></xacml:Attribute>
</xacml:Attributes>
<xacml:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:environment" xml:id="environment">
<xacml:Attribute AttributeId="urn:oasis:names:tc:xspa:1.0:subject:purposeofuse" IncludeInResult="false">
<xacml:AttributeValue DataType="urn:hl7-org:v3#CV">
<hl7:CodedValue code="TREAT" codeSystem="2.16.840.1.113883.1.11.20448"/>
</xacml:AttributeValue></xacml:Attribute>
</xacml:Attributes>
</xacml:Request>
</xacml-samlp:XACMLAuthzDecisionQuery>
</soap:Body>
</soap:Envelope>"""

X = "{urn:oasis:names:tc:xacml:3.0:core:schema:wd-17}"
H = "{urn:hl7-org:v3}"


def attributes(body: bytes) -> list[tuple[str, str]]:
    """(end of AttributeId, extension or code), in wire order."""
    found = []
    for attribute in ElementTree.fromstring(body).iter(f"{X}Attribute"):
        value = attribute[0][0]
        found.append((attribute.attrib["AttributeId"].rpartition(":")[2], value.get("extension") or value.get("code")))
    return found


def test_closed_golden_request_bytes(question: Question) -> None:
    ours = ElementTree.canonicalize(build(question, ENDPOINT).decode(), strip_text=True)
    assert ours == ElementTree.canonicalize(GOLDEN, strip_text=True)


def test_mandate_sets_responsible_and_mandated(question: Question) -> None:
    mandated = replace(question, professional=Responsible("000011111", "01.015", mandated="000022222"))
    subject = attributes(build(mandated, ENDPOINT))[4:7]
    assert subject == [("role", "01.015"), ("mandated", "000022222"), ("provider-identifier", "000011111")]


def test_each_category_is_an_action_of_its_own(question: Question) -> None:
    body = build(replace(question, categories=("GGC012", "GGC013")), ENDPOINT)
    groups = [
        (group.get("{http://www.w3.org/XML/1998/namespace}id"), group[0][0][0].get("code"))
        for group in ElementTree.fromstring(body).iter(f"{X}Attributes")
        if group.get("Category", "").endswith(":action")
    ]
    assert groups == [("action0", "GGC012"), ("action1", "GGC013")]


def test_ura_is_zero_padded(question: Question) -> None:
    body = build(replace(question, holder=Party(Ura.parse("659"), "V6")), ENDPOINT)
    assert ("id", "00000659") in attributes(body)


@pytest.mark.parametrize("role", ['01.015"/><x y="', "<role>", "&amp;", "]]>", "'"])
def test_role_with_markup_is_escaped_and_adds_nothing(role: str, question: Question) -> None:
    plain = attributes(build(question, ENDPOINT))
    body = build(replace(question, professional=Responsible('0"<1', role)), ENDPOINT)
    assert attributes(body) == [
        (name, {"role": role, "provider-identifier": '0"<1'}.get(name, value)) for name, value in plain
    ]


def test_endpoint_with_markup_is_escaped(question: Question) -> None:
    body = build(question, "https://mitz.test/a&b/<c>")
    to = ElementTree.fromstring(body).find(".//{http://www.w3.org/2005/08/addressing}To")
    assert to is not None
    assert to.text == "https://mitz.test/a&b/<c>"


@pytest.mark.parametrize("text", ["", "   ", "a\x00b", "a\nb", "a\x1bb", "\ud800", "\ufffe", "x" * 201])
def test_professional_that_cannot_be_written_is_refused(text: str) -> None:
    with pytest.raises(NotAQuestion):
        Responsible(text, "01.015")
    with pytest.raises(NotAQuestion):
        Responsible("000012345", text)
    with pytest.raises(NotAQuestion):
        Responsible("000012345", "01.015", mandated=text)


@pytest.mark.parametrize("root", ["", "uzi", "3.1", "2.16.", "2..16", "2.016", "2.16 "])
def test_root_that_is_no_oid_is_refused(root: str) -> None:
    with pytest.raises(NotAQuestion):
        Responsible("1", "01.015", root=root)


def test_only_treat_and_coc_can_be_asked(question: Question) -> None:
    assert replace(question, purpose=Purpose.COORDINATION).purpose.value == "COC"
    with pytest.raises(NotAQuestion):
        replace(question, purpose=Purpose.EMERGENCY)


@pytest.mark.parametrize("categories", [(), ("GGC002", "GGC002"), ("GGC001",), ("ggc002",)])
def test_categories_are_known_and_asked_once(categories: tuple[str, ...], question: Question) -> None:
    with pytest.raises(NotAQuestion):
        replace(question, categories=categories)


@pytest.mark.parametrize("kind", ["", "V6 ", "V/6", "V" * 11])
def test_organization_type_is_a_code(kind: str) -> None:
    with pytest.raises(NotAQuestion):
        Party(Ura("90000222"), kind)


def test_question_never_shows_the_patient(question: Question) -> None:
    assert "999912008" not in repr(question)
    assert "999912008" not in str(question)


def test_bsn_elfproef() -> None:
    assert Bsn("999912008").value == "999912008"
    for wrong in ("123456789", "000000000", "99991200", "９９９９１２００８"):
        with pytest.raises(NotAnIdentifier):
            Bsn(wrong)


def test_message_urn_is_lower_case(question: Question) -> None:
    upper = replace(question, message_id=UUID("4F0C1A52-7D5E-4C1B-9F63-2A8F1F7B6C01"))
    assert upper.message_urn == "urn:uuid:4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01"
