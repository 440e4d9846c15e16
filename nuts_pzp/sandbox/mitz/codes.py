"""Mitz twin: the names and code tables it checks requests against (spec consent 1.2, 1.4, 4). Its own, on purpose.

Which category of users a type of organisation belongs to is inferred, not published; None where nobody knows, and then
only a choice for that very organisation counts.
"""

from __future__ import annotations

from typing import Final, NamedTuple

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
WSA: Final = "http://www.w3.org/2005/08/addressing"
QUERY: Final = "urn:oasis:names:tc:xacml:3.0:profile:saml2.0:v2:schema:protocol:wd-14"
XACML: Final = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17"
HL7: Final = "urn:hl7-org:v3"

PATH: Final = "/geslotenautorisatievraag/xacml3"
MEDIA_TYPE: Final = "application/soap+xml"
ASK_ACTION: Final = "XACMLAuthorizationDecisionQueryRequest"
ANSWER_ACTION: Final = (
    "http://schemas.otv.nl/toestemmingsregister/XACMLAuthzDecisionQuery/"
    "IGeslotenAutorisatievraagService/XACMLAuthzDecisionQueryResponse"
)
FAULT_ACTION: Final = "http://www.w3.org/2005/08/addressing/soap/fault"
STATUS: Final = "urn:oasis:names:tc:xacml:1.0:status:"

RESOURCE: Final = "urn:oasis:names:tc:xacml:3.0:attribute-category:resource"
ACTION: Final = "urn:oasis:names:tc:xacml:3.0:attribute-category:action"
SUBJECT: Final = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject"
ENVIRONMENT: Final = "urn:oasis:names:tc:xacml:3.0:attribute-category:environment"

II: Final = "urn:hl7-org:v3#II"
CV: Final = "urn:hl7-org:v3#CV"
UZI: Final = "2.16.528.1.1007.3.1"
_URA = "2.16.528.1.1007.3.3"
_TYPE = "2.16.840.1.113883.2.4.15.1060"


class Rule(NamedTuple):
    """One attribute of a request: where it stands, what it is called, its data type, its OID (empty: see twin)."""

    name: str
    category: str
    id: str
    kind: str
    system: str
    required: bool = True


RULES: Final = (
    Rule("bsn", RESOURCE, "urn:oasis:names:tc:xacml:2.0:resource:resource-id", II, "2.16.840.1.113883.2.4.6.3"),
    Rule("holder_type", RESOURCE, "urn:ihe:iti:appc:2016:document-entry:healthcare-facility-type-code", CV, _TYPE),
    Rule("holder", RESOURCE, "urn:ihe:iti:appc:2016:author-institution:id", II, _URA),
    Rule("role", SUBJECT, "urn:oasis:names:tc:xacml:2.0:subject:role", CV, "2.16.840.1.113883.2.4.15.111"),
    Rule("professional", SUBJECT, "urn:ihe:iti:xua:2017:subject:provider-identifier", II, ""),
    Rule("mandated", SUBJECT, "urn:nl:otv:names:tc:1.0:subject:mandated", II, "", required=False),
    Rule("user", SUBJECT, "urn:nl:otv:names:tc:1.0:subject:provider-institution", II, _URA),
    Rule("user_type", SUBJECT, "urn:nl:otv:names:tc:1.0:subject:consulting-healthcare-facility-type-code", CV, _TYPE),
    Rule(
        "purpose", ENVIRONMENT, "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", CV, "2.16.840.1.113883.1.11.20448"
    ),
)
CATEGORY_RULE: Final = Rule(
    "category", ACTION, "urn:ihe:iti:appc:2016:document-entry:event-code", CV, "2.16.840.1.113883.2.4.3.111.5.10.1"
)

COVERS: Final[dict[str, frozenset[str]]] = {
    "GGC002": frozenset({"GGC002", "GGC012", "GGC013"}),
    "GGC012": frozenset({"GGC012"}),
    "GGC013": frozenset({"GGC013"}),
}
"""A choice for the key is a choice for these; never the other way round."""

PURPOSES: Final = frozenset({"TREAT", "COC"})

GP, MENTAL, NURSING, PHARMACY, OTHER, HOSPITAL = (
    "RPZAC001",
    "RPZAC003",
    "RPZAC004",
    "RPZAC005",
    "RPZAC103",
    "RPZAC104",
)
CATEGORIES: Final = frozenset({GP, MENTAL, NURSING, PHARMACY, OTHER, HOSPITAL, "RPZAC200"})
TYPES: Final[dict[str, str | None]] = {
    **dict.fromkeys(("H1", "Z3", "N6"), GP),
    **dict.fromkeys(("V4", "V5", "V6", "P4", "BRA", "DIA", "Z4", "Z5", "B2", "L1"), HOSPITAL),
    **dict.fromkeys(("X3", "R5", "M1", "T2"), NURSING),
    **dict.fromkeys(("A1", "J8", "K9"), PHARMACY),
    **dict.fromkeys(("G5",), MENTAL),
    **dict.fromkeys(("JGZ",), OTHER),
    **dict.fromkeys(("K3", "R8", "P6", "G6", "K4", "H2", "G3"), None),
}
"""Type of organisation -> category of users (raadplegende categorie), or None."""
