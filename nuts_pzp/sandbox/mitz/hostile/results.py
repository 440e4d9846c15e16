"""Hostile answers of the Mitz twin: what can be wrong inside a Response: results, decisions, status, echoes."""

from __future__ import annotations

from .. import codes
from ..answers import action, coded, echo, holder, identifier, patient, resource, response, result, status
from ..request import Asked
from .parts import OTHER_URA, STRANGER, XACML_OK, Hostile, beside, bodied, echoing, grouped, honest, single, spoiled

_DECISION = "<Decision>Permit<"
_BSN, _HOLDER_TYPE, _HOLDER = codes.RULES[:3]
_USER = codes.RULES[6]
_OBLIGATION = '<Obligations><Obligation ObligationId="urn:x:log-it"/></Obligations>'


def _worded(word: str) -> Hostile:
    return spoiled((_DECISION, f"<Decision>{word}<"))


def _results(*words: str) -> Hostile:
    """Results about the first category, one per word."""
    return bodied(lambda asked: response(*(single(word, asked) for word in words)))


def _with(*extra: str, word: str = "Permit", before: str = XACML_OK) -> Hostile:
    return bodied(lambda asked: response(single(word, asked, *extra, before=before)))


def _nested(outer: str, inner: str) -> Hostile:
    return bodied(lambda asked: response(single(outer, asked, single(inner, asked))))


def _first_only(asked: Asked) -> str:
    """All categories but the last: none at all when one was asked."""
    return response(*(result("Permit", XACML_OK, echo(asked, category)) for category in asked.categories[:-1]))


def _unasked(asked: Asked) -> str:
    other = next(category for category in ("GGC013", "GGC012", "GGC002") if category not in asked.categories)
    honest_results = [result("Permit", XACML_OK, echo(asked, category)) for category in asked.categories]
    return response(*honest_results, result("Permit", XACML_OK, echo(asked, other)))


def _stranger(asked: Asked) -> tuple[str, ...]:
    return identifier(_BSN.id, _BSN.system, STRANGER), holder(asked)


RESULTS: dict[str, Hostile] = {
    # Words
    "unknown_decision_Allow": _worded("Allow"),
    "lowercase_permit": _worded("permit"),
    "homoglyph_permit": _worded("Реrmit"),
    "empty_decision": _worded(""),
    "no_break_space_permit": _worded("\u00a0Permit"),
    "zero_width_permit": _worded("Per\u200bmit"),
    "two_words": _worded("Permit Permit"),
    "decision_with_child": _worded("Permit<x/>"),
    "decision_in_child": _worded("<Decision>Permit</Decision>"),
    "decision_with_attribute": spoiled((_DECISION, '<Decision final="false">Permit<')),
    "two_decisions": spoiled((_DECISION, "<Decision>Permit</Decision><Decision>Deny<")),
    "no_decision": spoiled(("<Decision>Permit</Decision>", "")),
    "decision_of_another_namespace": spoiled((_DECISION, '<Decision xmlns="urn:x">Permit<')),
    "deny_of_another_namespace_beside": spoiled(
        (_DECISION, '<d:Decision xmlns:d="urn:x">Deny</d:Decision><Decision>Permit<')
    ),
    # What a Permit may not have
    "permit_status_processing_error": _with(before=status("processing-error")),
    "permit_status_unknown": _with(before=status("fine")),
    "permit_status_twice": _with(before=XACML_OK + status("processing-error")),
    "permit_status_without_code": _with(before="<Status/>"),
    "permit_status_with_minor_code": _with(
        before=f'<Status><StatusCode Value="{codes.STATUS}ok"><StatusCode Value="urn:x"/></StatusCode></Status>'
    ),
    "permit_with_obligation": _with(_OBLIGATION),
    "permit_with_empty_obligations": _with("<Obligations/>"),
    "permit_with_unknown_element": _with("<Condition>not yet</Condition>"),
    "permit_with_attribute": spoiled(("<Result>", '<Result Until="2020-01-01">')),
    "permit_with_text": _with("Deny"),
    "permit_with_nested_deny": _nested("Permit", "Deny"),
    "duplicate_xmlid": spoiled(('xml:id="action0"', 'xml:id="resource"')),
    "duplicate_plain_id": _with(before=f'<Status Id="a"><StatusCode Value="{codes.STATUS}ok" ID="a"/></Status>'),
    # What stays a Deny
    "nested_permit_result": _nested("Deny", "Permit"),
    "deny_with_obligation": _with(_OBLIGATION, word="Deny"),
    "deny_with_status_processing_error": _with(word="Deny", before=status("processing-error")),
    "permit_of_another_namespace_beside_deny": spoiled(
        ("<Decision>", '<d:Decision xmlns:d="urn:x">Permit</d:Decision><Decision>'), word="Deny"
    ),
    # Which categories
    "duplicate_category": _results("Permit", "Permit"),
    "contradicting_results": _results("Deny", "Permit"),
    "extra_unasked_category": bodied(_unasked),
    "missing_category": bodied(_first_only),
    "two_categories_in_one_result": echoing(
        lambda asked: (resource(patient(asked), holder(asked)), action("GGC002"), action("GGC012"))
    ),
    # Echoes
    "missing_echo": bodied(lambda _: response(result("Permit", XACML_OK))),
    "missing_patient_echo": grouped(lambda asked: (holder(asked),)),
    "missing_holder_echo": grouped(lambda asked: (patient(asked),)),
    "missing_category_echo": echoing(lambda asked: (resource(patient(asked), holder(asked)),)),
    "other_patient": grouped(_stranger),
    "other_patient_beside": grouped(lambda asked: (patient(asked), *_stranger(asked))),
    "other_patient_in_deny": lambda asked: honest("Deny", asked).replace(asked.bsn, STRANGER).encode(),
    "patient_of_another_root": grouped(
        lambda asked: (identifier(_BSN.id, "2.16.840.1.113883.2.4.99", asked.bsn), holder(asked))
    ),
    "patient_under_subject": echoing(
        lambda asked: (
            f'<Attributes Category="{codes.SUBJECT}">{patient(asked)}</Attributes>',
            resource(holder(asked)),
            action(asked.categories[0]),
        )
    ),
    "patient_in_white_space": grouped(lambda asked: (identifier(_BSN.id, _BSN.system, f" {asked.bsn}"), holder(asked))),
    "other_holder": grouped(lambda asked: (patient(asked), identifier(_HOLDER.id, _HOLDER.system, OTHER_URA))),
    "holder_without_zeros": grouped(
        lambda asked: (patient(asked), identifier(_HOLDER.id, _HOLDER.system, asked.holder.lstrip("0")[:-1]))
    ),
    "other_holder_type": beside(lambda _: coded(_HOLDER_TYPE.id, _HOLDER_TYPE.system, "A1")),
    "other_user": echoing(
        lambda asked: (
            echo(asked, asked.categories[0]),
            f'<Attributes Category="{codes.SUBJECT}">{identifier(_USER.id, _USER.system, OTHER_URA)}</Attributes>',
        )
    ),
    "unknown_echo": beside(lambda _: coded("urn:x:until", _HOLDER_TYPE.system, "2020")),
    "patient_twice": grouped(lambda asked: (patient(asked), patient(asked), holder(asked))),
    "two_values": spoiled(("</AttributeValue>", '</AttributeValue><AttributeValue DataType="urn:hl7-org:v3#II"/>')),
    "patient_as_text": grouped(
        lambda asked: (
            f'<Attribute AttributeId="{_BSN.id}"><AttributeValue DataType="{codes.II}">{asked.bsn}</AttributeValue>'
            "</Attribute>",
            holder(asked),
        )
    ),
    "patient_as_code": grouped(lambda asked: (coded(_BSN.id, _BSN.system, asked.bsn), holder(asked))),
    "patient_with_null_flavor": spoiled((" root=", ' nullFlavor="UNK" root=')),
    "data_type_of_string": spoiled((f'DataType="{codes.II}"', 'DataType="http://www.w3.org/2001/XMLSchema#string"')),
    "content_in_group": grouped(lambda asked: ("<Content>Deny</Content>", patient(asked), holder(asked))),
}
