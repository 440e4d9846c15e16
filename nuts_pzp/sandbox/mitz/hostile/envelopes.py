"""Hostile answers of the Mitz twin: what can be wrong around the Response: envelope, header, body, faults."""

from __future__ import annotations

from .. import codes
from ..answers import envelope, fault, header, response
from ..request import Asked
from .parts import Hostile, bodied, honest, single, spoiled

_SOAP11 = "http://schemas.xmlsoap.org/soap/envelope/"
_OLD_WSA = "http://schemas.xmlsoap.org/ws/2004/08/addressing"
_OTHER_ID = "urn:uuid:00000000-0000-4000-8000-000000000000"
_RELATES = "<a:RelatesTo>"
_END = "</s:Header>"


def _permit(asked: Asked) -> str:
    return response(single("Permit", asked))


def _fault_with(detail: str) -> str:
    return (
        "<s:Fault><s:Code><s:Value>s:Sender</s:Value></s:Code>"
        f'<s:Reason><s:Text xml:lang="nl">fout</s:Text></s:Reason><s:Detail>{detail}</s:Detail></s:Fault>'
    )


def _header_permit_body_deny(asked: Asked) -> bytes:
    head = header(asked.message_id).replace(_END, _permit(asked) + _END)
    return envelope(head, response(single("Deny", asked))).encode()


def _in_assertion(asked: Asked) -> str:
    return (
        '<p:Response xmlns:p="urn:oasis:names:tc:SAML:2.0:protocol">'
        f'<t:Assertion xmlns:t="urn:oasis:names:tc:SAML:2.0:assertion">{_permit(asked)}</t:Assertion></p:Response>'
    )


ENVELOPES: dict[str, Hostile] = {
    # Which envelope, which namespace
    "soap11": spoiled((codes.SOAP, _SOAP11)),
    "no_envelope": lambda asked: _permit(asked).encode(),
    "wrong_namespace": spoiled((codes.XACML, codes.XACML.replace("wd-17", "wd-16"))),
    "no_namespace": spoiled((f' xmlns="{codes.XACML}"', "")),
    "namespace_with_space": spoiled((f'"{codes.XACML}"', f'"{codes.XACML} "')),
    "xacml2_namespace": spoiled((codes.XACML, "urn:oasis:names:tc:xacml:2.0:context:schema:os")),
    # What is in the body
    "two_responses": bodied(lambda asked: _permit(asked) * 2),
    "deny_and_permit_responses": bodied(lambda asked: response(single("Deny", asked)) + _permit(asked)),
    "wrapped_response": bodied(lambda asked: f"<w>{_permit(asked)}</w>"),
    "response_in_response": bodied(lambda asked: response(_permit(asked))),
    "response_in_assertion": bodied(_in_assertion),
    "text_in_body": bodied(lambda asked: f"Permit{_permit(asked)}"),
    "text_in_response": spoiled(("<Result>", "Permit<Result>")),
    "empty_body": bodied(lambda _: ""),
    "empty_response": bodied(lambda _: response()),
    "query_instead_of_response": bodied(lambda _: f'<q:XACMLAuthzDecisionQuery xmlns:q="{codes.QUERY}"/>'),
    "xinclude": spoiled(
        ("<Decision>Permit<", '<Decision><i:include xmlns:i="http://www.w3.org/2001/XInclude" href="p.xml"/><')
    ),
    "xinclude_in_header": spoiled((_END, f'<i:include xmlns:i="http://www.w3.org/2001/XInclude" href="p.xml"/>{_END}')),
    "permit_in_header_deny_in_body": _header_permit_body_deny,
    # The envelope itself
    "two_bodies": spoiled(("</s:Body>", "</s:Body><s:Body/>")),
    "two_headers": spoiled(("<s:Body>", "<s:Header/><s:Body>")),
    "header_after_body": lambda asked: (
        envelope("", "\0")
        .replace("\0", _permit(asked))
        .replace("</s:Body>", f"</s:Body>{header(asked.message_id)}")
        .encode()
    ),
    "no_body": spoiled(("<s:Body>", "<s:Other>"), ("</s:Body>", "</s:Other>")),
    "text_in_envelope": spoiled(("<s:Body>", "Permit<s:Body>")),
    # Whose answer it is
    "relates_to_other": spoiled((f"{_RELATES}urn:uuid:", f"{_RELATES}{_OTHER_ID}-")),
    "relates_to_empty": lambda asked: honest("Permit", asked).replace(f"urn:uuid:{asked.message_id}", "").encode(),
    "relates_to_twice": spoiled((_RELATES, f"{_RELATES}{_OTHER_ID}</a:RelatesTo>{_RELATES}")),
    "relates_to_old_addressing": spoiled((_END, f'<o:RelatesTo xmlns:o="{_OLD_WSA}">{_OTHER_ID}</o:RelatesTo>{_END}')),
    "relates_to_as_no_reply": spoiled((_RELATES, '<a:RelatesTo RelationshipType="urn:x:not-a-reply">')),
    "relates_to_with_child": spoiled((_RELATES, f"{_RELATES}<b/>")),
    "action_of_another": spoiled((codes.ANSWER_ACTION, codes.FAULT_ACTION)),
    "action_twice": spoiled((_RELATES, f"<a:Action>{codes.ANSWER_ACTION}</a:Action>{_RELATES}")),
    "header_must_be_understood": spoiled((_END, f'<w:Lock xmlns:w="urn:x" s:mustUnderstand="true"/>{_END}')),
    # Faults
    "fault_and_response_both": bodied(lambda asked: _fault_with("") + _permit(asked)),
    "response_in_fault_detail": bodied(lambda asked: _fault_with(_permit(asked))),
    "fault_without_code": bodied(lambda _: "<s:Fault><s:Reason><s:Text>Permit</s:Text></s:Reason></s:Fault>"),
    "fault_prefix_of_another": bodied(
        lambda _: f'<s:Fault><s:Code><s:Value xmlns:o="{_SOAP11}">o:Receiver</s:Value></s:Code></s:Fault>'
    ),
    "fault_sender": lambda asked: fault("Sender", "Onjuist bericht", asked.message_id).encode(),
    "fault_receiver": lambda asked: fault("Receiver", "Interne fout", asked.message_id).encode(),
    "fault_that_names_the_patient": lambda asked: fault(
        "Sender", f"patiënt '{asked.bsn}' niet gevonden (patientid={asked.bsn})", asked.message_id
    ).encode(),
}
