"""Every hostile answer by name, and what it must become (from spec consent 1.5, 6.5 and 8)."""

from __future__ import annotations

import time
import tracemalloc

import pytest

from nuts_pzp.sandbox.mitz import Asked
from nuts_pzp.sandbox.mitz.hostile import HOSTILE
from nuts_pzp.systems.mitz.answer import Decided, Decision, Refused, read
from nuts_pzp.systems.mitz.question import Question

REFUSED = {
    # 41 to 48: what is declared or inserted
    "xxe_file": "doctype",
    "xxe_external_dtd": "doctype",
    "billion_laughs": "doctype",
    "quadratic_blowup": "doctype",
    "entity_decision": "doctype",
    "doctype_only": "doctype",
    "doctype_parameter_entity": "doctype",
    "doctype_default_attribute": "doctype",
    "entity_undeclared": "entity",
    "comment_split": "comment",
    "comment_suffix": "comment",
    "comment_first": "comment",
    "comment_last": "comment",
    "pi_in_decision": "processing-instruction",
    "pi_stylesheet": "processing-instruction",
    "cdata_decision": "cdata",
    "cdata_split": "cdata",
    # 64 to 66: encodings
    "utf16": "encoding",
    "utf16_without_mark": "control-character",
    "utf7": "encoding",
    "latin1_declared": "encoding",
    "unknown_encoding_declared": "encoding",
    "overlong_utf8": "encoding",
    "surrogates_in_utf8": "encoding",
    "nul": "control-character",
    "control_character": "not-well-formed",
    "xml_1_1": "not-well-formed",
    # 30, 70, 71: where a document begins and ends
    "empty": "empty",
    "white_space_only": "empty",
    "truncated": "not-well-formed",
    "trailing_second_document": "trailing-data",
    "trailing_text": "trailing-data",
    "space_before_declaration": "not-well-formed",
    "unbound_prefix": "not-well-formed",
    "duplicate_attribute": "not-well-formed",
    "json": "not-well-formed",
    "html": "not-soap12",
    # 34, 67: sizes
    "oversize": "too-large",
    "deep_nesting": "too-deep",
    "too_many_elements": "too-many-elements",
    "too_many_attributes": "too-many-attributes",
    "too_many_namespaces": "too-many-attributes",
    "long_decision": "unknown-decision",
    "character_references": "unknown-decision",
    # 54 to 56: which envelope, which namespace
    "soap11": "not-soap12",
    "no_envelope": "not-soap12",
    "wrong_namespace": "body-structure",
    "no_namespace": "body-structure",
    "namespace_with_space": "body-structure",
    "xacml2_namespace": "body-structure",
    # 50, 52, 68: what is in the body
    "two_responses": "body-structure",
    "deny_and_permit_responses": "body-structure",
    "wrapped_response": "body-structure",
    "response_in_response": "body-structure",
    "response_in_assertion": "body-structure",
    "text_in_body": "body-structure",
    "text_in_response": "body-structure",
    "empty_body": "body-structure",
    "empty_response": "body-structure",
    "query_instead_of_response": "body-structure",
    "xinclude": "xinclude",
    "xinclude_in_header": "xinclude",
    # The envelope
    "two_bodies": "envelope-structure",
    "two_headers": "envelope-structure",
    "header_after_body": "envelope-structure",
    "no_body": "envelope-structure",
    "text_in_envelope": "envelope-structure",
    # 63: whose answer it is
    "relates_to_other": "relates-to-other",
    "relates_to_empty": "relates-to-other",
    "relates_to_twice": "relates-to-other",
    "relates_to_old_addressing": "relates-to-other",
    "relates_to_as_no_reply": "relates-to-other",
    "relates_to_with_child": "relates-to-other",
    "action_of_another": "other-action",
    "action_twice": "other-action",
    "header_must_be_understood": "header-not-understood",
    # 21, 22, 24: faults
    "fault_and_response_both": "body-structure",
    "response_in_fault_detail": "fault-sender",
    "fault_without_code": "fault-structure",
    "fault_prefix_of_another": "fault-other",
    "fault_sender": "fault-sender",
    "fault_receiver": "fault-receiver",
    "fault_that_names_the_patient": "fault-sender",
    # 16 to 18, 49: words
    "unknown_decision_Allow": "unknown-decision",
    "lowercase_permit": "unknown-decision",
    "homoglyph_permit": "unknown-decision",
    "empty_decision": "unknown-decision",
    "no_break_space_permit": "unknown-decision",
    "zero_width_permit": "unknown-decision",
    "two_words": "unknown-decision",
    "decision_with_child": "decision-structure",
    "decision_in_child": "decision-structure",
    "decision_with_attribute": "decision-structure",
    "two_decisions": "decision-count",
    "no_decision": "decision-count",
    "decision_of_another_namespace": "decision-count",
    # 19, 20, 69: what a Permit may not have
    "deny_of_another_namespace_beside": "result-structure",
    "permit_status_processing_error": "status-not-ok",
    "permit_status_unknown": "status-not-ok",
    "permit_status_twice": "result-structure",
    "permit_status_without_code": "status-not-ok",
    "permit_status_with_minor_code": "status-not-ok",
    "permit_with_obligation": "obligation-not-understood",
    "permit_with_empty_obligations": "obligation-not-understood",
    "permit_with_unknown_element": "result-structure",
    "permit_with_attribute": "result-structure",
    "permit_with_text": "result-structure",
    "permit_with_nested_deny": "result-structure",
    "duplicate_xmlid": "duplicate-id",
    "duplicate_plain_id": "duplicate-id",
    # 57 to 59: which categories
    "duplicate_category": "duplicate-category",
    "contradicting_results": "duplicate-category",
    "extra_unasked_category": "unasked-category",
    "missing_category": "body-structure",
    "two_categories_in_one_result": "duplicate-id",
    # 60 to 62: echoes
    "missing_echo": "echo-missing",
    "missing_patient_echo": "echo-missing",
    "missing_holder_echo": "echo-missing",
    "missing_category_echo": "echo-missing",
    "other_patient": "other-patient",
    "other_patient_beside": "echo-duplicate",
    "other_patient_in_deny": "other-patient",
    "patient_of_another_root": "other-patient",
    "patient_under_subject": "other-patient",
    "patient_in_white_space": "other-patient",
    "other_holder": "other-holder",
    "holder_without_zeros": "other-holder",
    "other_holder_type": "echo-differs",
    "other_user": "echo-differs",
    "unknown_echo": "echo-differs",
    "patient_twice": "echo-duplicate",
    "two_values": "echo-malformed",
    "patient_as_text": "echo-malformed",
    "patient_as_code": "other-patient",
    "patient_with_null_flavor": "echo-malformed",
    "data_type_of_string": "echo-malformed",
    "content_in_group": "echo-malformed",
}

DENIED = {
    "permit_in_header_deny_in_body",  # 51
    "nested_permit_result",  # 53
    "deny_with_obligation",
    "deny_with_status_processing_error",
    "permit_of_another_namespace_beside_deny",
}


def test_every_hostile_answer_has_its_expected_end() -> None:
    assert REFUSED.keys() | DENIED == HOSTILE.keys()
    assert not REFUSED.keys() & DENIED


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_hostile_answer_is_refused_by_class(name: str, question: Question, asked: Asked) -> None:
    found = read(HOSTILE[name](asked), question)
    assert isinstance(found, Refused)
    assert found.flaw.value == REFUSED[name]


@pytest.mark.parametrize("name", sorted(DENIED))
def test_odd_deny_stays_a_deny(name: str, question: Question, asked: Asked) -> None:
    assert read(HOSTILE[name](asked), question) == Decided((("GGC002", Decision.DENY),))


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_answer_to_two_categories_never_permits_both(name: str, two_categories: tuple[Question, Asked]) -> None:
    question, asked = two_categories
    found = read(HOSTILE[name](asked), question)
    assert isinstance(found, Refused) or Decision.PERMIT not in {word for _, word in found.decisions}


def test_missing_category_of_two_is_refused(two_categories: tuple[Question, Asked]) -> None:
    question, asked = two_categories
    found = read(HOSTILE["missing_category"](asked), question)
    assert isinstance(found, Refused)
    assert found.flaw.value == "missing-category"


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_hostile_answer_costs_less_than_50_ms_and_10_mb(name: str, question: Question, asked: Asked) -> None:
    body = HOSTILE[name](asked)
    fastest = min(_seconds(body, question) for _ in range(3))
    tracemalloc.start()
    try:
        read(body, question)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert fastest < 0.05
    assert peak < 10_000_000


def _seconds(body: bytes, question: Question) -> float:
    began = time.process_time()
    read(body, question)
    return time.process_time() - began
