"""Mitz twin: writes answers and faults as the real service does, part by part, so that a part can be made wrong."""

from __future__ import annotations

from xml.sax.saxutils import escape, quoteattr

from . import codes
from .request import Asked

BSN_ID, HOLDER_ID = codes.RULES[0].id, codes.RULES[2].id


def envelope(header: str, body: str) -> str:
    """Return a SOAP 1.2 message."""
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f'<s:Envelope xmlns:s="{codes.SOAP}" xmlns:a="{codes.WSA}">{header}<s:Body>{body}</s:Body></s:Envelope>'
    )


def header(message_id: str | None, action: str | None = codes.ANSWER_ACTION) -> str:
    """Return the header with Action and RelatesTo, each left out when None."""
    blocks = f'<a:Action s:mustUnderstand="1">{escape(action)}</a:Action>' if action else ""
    if message_id is not None:
        blocks += f"<a:RelatesTo>urn:uuid:{escape(message_id)}</a:RelatesTo>"
    return f"<s:Header>{blocks}</s:Header>"


def response(*results: str) -> str:
    """Return the bare XACML Response."""
    return f'<Response xmlns="{codes.XACML}">{"".join(results)}</Response>'


def result(decision: str, status: str, *groups: str) -> str:
    """Return one Result; `status` is a whole element or empty."""
    return f"<Result><Decision>{decision}</Decision>{status}{''.join(groups)}</Result>"


def status(code: str) -> str:
    """Return a Status with that XACML 1.0 code."""
    return f"<Status><StatusCode Value={quoteattr(codes.STATUS + code)}/></Status>"


def identifier(attribute: str, root: str, extension: str) -> str:
    """Return an echoed attribute that holds an HL7 II."""
    return (
        f'<Attribute AttributeId="{attribute}" IncludeInResult="true"><AttributeValue DataType="{codes.II}">'
        f'<h:InstanceIdentifier xmlns:h="{codes.HL7}" root={quoteattr(root)} extension={quoteattr(extension)}/>'
        "</AttributeValue></Attribute>"
    )


def coded(attribute: str, system: str, code: str) -> str:
    """Return an echoed attribute that holds an HL7 CV."""
    return (
        f'<Attribute AttributeId="{attribute}" IncludeInResult="true"><AttributeValue DataType="{codes.CV}">'
        f'<h:CodedValue xmlns:h="{codes.HL7}" code={quoteattr(code)} codeSystem={quoteattr(system)}/>'
        "</AttributeValue></Attribute>"
    )


def resource(*attributes: str) -> str:
    """Return the echoed resource group."""
    return f'<Attributes Category="{codes.RESOURCE}" xml:id="resource">{"".join(attributes)}</Attributes>'


def action(category: str) -> str:
    """Return the echoed action group of one data category."""
    inner = coded(codes.CATEGORY_RULE.id, codes.CATEGORY_RULE.system, category)
    return f'<Attributes Category="{codes.ACTION}" xml:id="action0">{inner}</Attributes>'


def patient(asked: Asked) -> str:
    """Return the patient's echo."""
    return identifier(BSN_ID, codes.RULES[0].system, asked.bsn)


def holder(asked: Asked) -> str:
    """Return the holder's echo."""
    return identifier(HOLDER_ID, codes.RULES[2].system, asked.holder)


def echo(asked: Asked, category: str) -> str:
    """Return the two groups that each Result repeats."""
    return resource(patient(asked), holder(asked)) + action(category)


def fault(code: str, reason: str, message_id: str | None, subcode: str = "") -> str:
    """Return a SOAP 1.2 fault: `Sender` or `Receiver`."""
    inner = f"<s:Subcode><s:Value>{escape(subcode)}</s:Value></s:Subcode>" if subcode else ""
    return envelope(
        header(message_id, codes.FAULT_ACTION),
        f"<s:Fault><s:Code><s:Value>s:{escape(code)}</s:Value>{inner}</s:Code>"
        f'<s:Reason><s:Text xml:lang="nl">{escape(reason)}</s:Text></s:Reason></s:Fault>',
    )
