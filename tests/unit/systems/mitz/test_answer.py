"""The reader of answers: what is an answer, and to whose question (spec consent 1.5, 8: 1 to 3, 11 to 15)."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nuts_pzp.identity import Bsn, Ura
from nuts_pzp.sandbox.mitz import Asked
from nuts_pzp.sandbox.mitz.answers import echo, envelope, header, response, result
from nuts_pzp.sandbox.mitz.hostile import honest
from nuts_pzp.systems.mitz.answer import Decided, Decision, Refused, Rules, read
from nuts_pzp.systems.mitz.flaw import Flaw
from nuts_pzp.systems.mitz.question import Party, Question

PERMITTED = Decided((("GGC002", Decision.PERMIT),))

# Written out by hand, not by the twin: other prefixes, other layout, every attribute echoed that may be.
FULL = """\ufeff<?xml version='1.0' encoding='utf-8' standalone='yes'?>
<env:Envelope xmlns:env="http://www.w3.org/2003/05/soap-envelope">
  <env:Header xmlns:w="http://www.w3.org/2005/08/addressing">
    <w:Action>
      http://schemas.otv.nl/toestemmingsregister/XACMLAuthzDecisionQuery/IGeslotenAutorisatievraagService/XACMLAuthzDecisionQueryResponse
    </w:Action>
    <w:RelatesTo RelationshipType="http://www.w3.org/2005/08/addressing/reply">urn:uuid:4F0C1A52-7D5E-4C1B-9F63-2A8F1F7B6C01</w:RelatesTo>
    <trace xmlns="urn:x:trace" env:mustUnderstand="0"><hop>1</hop></trace>
  </env:Header>
  <env:Body>
    <x:Response xmlns:x="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" xmlns:v="urn:hl7-org:v3">
      <x:Result>
        <x:Decision>
          Permit
        </x:Decision>
        <x:Status>
          <x:StatusCode Value="urn:oasis:names:tc:xacml:1.0:status:ok"/>
          <x:StatusMessage>akkoord</x:StatusMessage>
        </x:Status>
        <x:AssociatedAdvice><x:Advice AdviceId="urn:x:advice"/></x:AssociatedAdvice>
        <x:Attributes Category="urn:oasis:names:tc:xacml:1.0:subject-category:access-subject">
          <x:Attribute AttributeId="urn:oasis:names:tc:xacml:2.0:subject:role" IncludeInResult="true">
            <x:AttributeValue DataType="urn:hl7-org:v3#CV">
              <v:CodedValue code="01.015" codeSystem="2.16.840.1.113883.2.4.15.111" displayName="Huisarts"/>
            </x:AttributeValue>
          </x:Attribute>
          <x:Attribute AttributeId="urn:ihe:iti:xua:2017:subject:provider-identifier" IncludeInResult="true">
            <x:AttributeValue DataType="urn:hl7-org:v3#II">
              <v:InstanceIdentifier root="2.16.528.1.1007.3.1" extension="000012345" assigningAuthorityName="CIBG"/>
            </x:AttributeValue>
          </x:Attribute>
        </x:Attributes>
        <x:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:action">
          <x:Attribute AttributeId="urn:ihe:iti:appc:2016:document-entry:event-code" IncludeInResult="true">
            <x:AttributeValue DataType="urn:hl7-org:v3#CV">
              <v:CodedValue code="GGC002" codeSystem="2.16.840.1.113883.2.4.3.111.5.10.1"/>
            </x:AttributeValue>
          </x:Attribute>
        </x:Attributes>
        <x:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:resource">
          <x:Attribute AttributeId="urn:oasis:names:tc:xacml:2.0:resource:resource-id" IncludeInResult="true">
            <x:AttributeValue DataType="urn:hl7-org:v3#II">
              <v:InstanceIdentifier extension="999912008" root="2.16.840.1.113883.2.4.6.3"></v:InstanceIdentifier>
            </x:AttributeValue>
          </x:Attribute>
          <x:Attribute AttributeId="urn:ihe:iti:appc:2016:document-entry:healthcare-facility-type-code"
                       IncludeInResult="true">
            <x:AttributeValue DataType="urn:hl7-org:v3#CV">
              <v:CodedValue code="V6" codeSystem="2.16.840.1.113883.2.4.15.1060"/>
            </x:AttributeValue>
          </x:Attribute>
          <x:Attribute AttributeId="urn:ihe:iti:appc:2016:author-institution:id" IncludeInResult="true">
            <x:AttributeValue DataType="urn:hl7-org:v3#II">
              <v:InstanceIdentifier root="2.16.528.1.1007.3.3" extension="90000222"/>
            </x:AttributeValue>
          </x:Attribute>
        </x:Attributes>
        <x:PolicyIdentifierList/>
      </x:Result>
    </x:Response>
  </env:Body>
</env:Envelope>
"""


@pytest.mark.parametrize("word", ["Permit", "Deny", "Indeterminate", "NotApplicable"])
def test_each_word_of_xacml_is_read_as_itself(word: str, question: Question, asked: Asked) -> None:
    assert read(honest(word, asked).encode(), question) == Decided((("GGC002", Decision(word)),))


def test_closed_permit_in_another_layout_with_everything_echoed(question: Question) -> None:
    assert read(FULL.encode(), question) == PERMITTED


def test_closed_permit_no_status(question: Question, asked: Asked) -> None:
    body = envelope(header(asked.message_id), response(result("Permit", "", echo(asked, "GGC002"))))
    assert read(body.encode(), question) == PERMITTED


def test_padded_decision_whitespace_ok(question: Question, asked: Asked) -> None:
    body = honest("Permit", asked).replace(">Permit<", ">\r\n\t Permit \n<")
    assert read(body.encode(), question) == PERMITTED


def test_two_categories_two_results_any_order(two_categories: tuple[Question, Asked]) -> None:
    question, asked = two_categories
    turned = replace(asked, categories=("GGC013", "GGC012"))
    found = read(honest("Permit", turned).encode(), question)
    assert found == Decided((("GGC012", Decision.PERMIT), ("GGC013", Decision.PERMIT)))


def test_mixed_answer_keeps_each_word(two_categories: tuple[Question, Asked]) -> None:
    question, asked = two_categories
    body = honest("Permit", asked).replace(">Permit<", ">Deny<", 1)
    found = read(body.encode(), question)
    assert found == Decided((("GGC012", Decision.DENY), ("GGC013", Decision.PERMIT)))


def test_header_may_be_absent_unless_relates_to_is_required(question: Question, asked: Asked) -> None:
    body = envelope("", response(result("Permit", "", echo(asked, "GGC002")))).encode()
    assert read(body, question) == PERMITTED
    assert read(body, question, Rules(require_relates_to=True)) == Refused(Flaw.NO_RELATES_TO)


def test_missing_relates_to_is_refused_when_required(question: Question, asked: Asked) -> None:
    body = envelope(header(None), response(result("Permit", "", echo(asked, "GGC002")))).encode()
    assert read(body, question) == PERMITTED
    assert read(body, question, Rules(require_relates_to=True)) == Refused(Flaw.NO_RELATES_TO)


def test_another_action_is_accepted_only_when_none_is_expected(question: Question, asked: Asked) -> None:
    body = envelope(header(asked.message_id, "urn:x:answer"), response(result("Permit", "", echo(asked, "GGC002"))))
    assert read(body.encode(), question) == Refused(Flaw.OTHER_ACTION)
    assert read(body.encode(), question, Rules(action=None)) == PERMITTED


@pytest.mark.parametrize(
    "other",
    [
        {"message_id": UUID("4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c02")},
        {"bsn": Bsn("999912033")},
        {"holder": Party(Ura("90000111"), "V6")},
        {"categories": ("GGC012",)},
    ],
    ids=["message", "patient", "holder", "category"],
)
def test_an_answer_to_another_question_is_refused(other: dict[str, object], question: Question, asked: Asked) -> None:
    body = honest("Permit", asked).encode()
    assert read(body, question) == PERMITTED
    assert isinstance(read(body, replace(question, **other)), Refused)


@given(damage=st.lists(st.tuples(st.integers(0, 10_000), st.integers(0, 3), st.binary(max_size=3)), min_size=1))
@settings(max_examples=300, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_a_damaged_permit_is_the_same_permit_or_refused(
    damage: list[tuple[int, int, bytes]], question: Question, asked: Asked
) -> None:
    body = bytearray(honest("Permit", asked).encode())
    for place, length, instead in damage:
        place %= len(body)
        body[place : place + length] = instead
    found = read(bytes(body), question)
    assert isinstance(found, Refused) or found == PERMITTED


@given(body=st.binary(max_size=2_000))
@settings(max_examples=200, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture])
def test_noise_is_refused_and_never_raises(body: bytes, question: Question) -> None:
    assert isinstance(read(body, question), Refused)
