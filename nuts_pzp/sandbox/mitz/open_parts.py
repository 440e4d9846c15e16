"""Mitz twin: an open question as it was understood, and the parts of an answer to it."""

from __future__ import annotations

from dataclasses import dataclass, field
from xml.sax.saxutils import quoteattr

from . import codes

PATH = "/openautorisatievraag"
ASK_ACTION = "urn:ihe:iti:2009:PatientLocationQuery"
ANSWER_ACTION = "urn:ihe:iti:2009:PatientLocationQueryResponse"
XCPD = "urn:ihe:iti:xcpd:2009"


@dataclass(frozen=True, slots=True)
class OpenAsked:
    """A well-formed open question that was signed by somebody admitted."""

    message_id: str
    bsn: str = field(repr=False)
    issuer: str
    assertion: str
    user: str
    user_type: str
    role: str
    professional: str
    mandated: str
    purpose: str


def part(bsn: str, provider: str, gateway: str, source: str, category: str = "GGC002") -> str:
    """Return one PatientLocationResponse."""
    patient = f'root="{codes.RULES[0].system}" extension={quoteattr(bsn)} assigningAuthorityName="NLMINBIZA"'
    return (
        f"<PatientLocationResponse><HomeCommunityId>{gateway}</HomeCommunityId><CorrespondingPatientId {patient}/>"
        f"<RequestedPatientId {patient}/><SourceId>{source}</SourceId>"
        f'<event-code code="{category}" codeSystem="{codes.CATEGORY_RULE.system}"/>'
        f'<author-institution root="{codes.RULES[2].system}" extension={quoteattr(provider)} '
        'assigningAuthorityName="CIBG"/></PatientLocationResponse>'
    )


def listing(*parts: str) -> str:
    """Return the whole list, for a body."""
    return f'<PatientLocationQueryResponse xmlns="{XCPD}">{"".join(parts)}</PatientLocationQueryResponse>'
