"""Mitz: the names on the wire (namespaces, attribute ids, OIDs) and the code tables of spec consent 1.2, 1.4 and 4.

Facts only, no rules. The table of roles is not here: which role text stands for which code is a region's setting.
"""

from __future__ import annotations

from typing import Final

SOAP: Final = "http://www.w3.org/2003/05/soap-envelope"
WSA: Final = "http://www.w3.org/2005/08/addressing"
QUERY: Final = "urn:oasis:names:tc:xacml:3.0:profile:saml2.0:v2:schema:protocol:wd-14"
XACML: Final = "urn:oasis:names:tc:xacml:3.0:core:schema:wd-17"
HL7: Final = "urn:hl7-org:v3"
XINCLUDE: Final = "http://www.w3.org/2001/XInclude"

ANONYMOUS: Final = "http://www.w3.org/2005/08/addressing/anonymous"
REPLY: Final = "http://www.w3.org/2005/08/addressing/reply"
ASK_ACTION: Final = "XACMLAuthorizationDecisionQueryRequest"
ANSWER_ACTION: Final = (
    "http://schemas.otv.nl/toestemmingsregister/XACMLAuthzDecisionQuery/"
    "IGeslotenAutorisatievraagService/XACMLAuthzDecisionQueryResponse"
)
PATH: Final = "/geslotenautorisatievraag/xacml3"
MEDIA_TYPE: Final = "application/soap+xml"

# Attribute categories
RESOURCE: Final = "urn:oasis:names:tc:xacml:3.0:attribute-category:resource"
ACTION: Final = "urn:oasis:names:tc:xacml:3.0:attribute-category:action"
SUBJECT: Final = "urn:oasis:names:tc:xacml:1.0:subject-category:access-subject"
ENVIRONMENT: Final = "urn:oasis:names:tc:xacml:3.0:attribute-category:environment"

# Attribute ids, numbered as in spec consent 1.4
PATIENT: Final = "urn:oasis:names:tc:xacml:2.0:resource:resource-id"
HOLDER_TYPE: Final = "urn:ihe:iti:appc:2016:document-entry:healthcare-facility-type-code"
HOLDER: Final = "urn:ihe:iti:appc:2016:author-institution:id"
EVENT_CODE: Final = "urn:ihe:iti:appc:2016:document-entry:event-code"
ROLE: Final = "urn:oasis:names:tc:xacml:2.0:subject:role"
PROFESSIONAL: Final = "urn:ihe:iti:xua:2017:subject:provider-identifier"
MANDATED: Final = "urn:nl:otv:names:tc:1.0:subject:mandated"
USER: Final = "urn:nl:otv:names:tc:1.0:subject:provider-institution"
USER_TYPE: Final = "urn:nl:otv:names:tc:1.0:subject:consulting-healthcare-facility-type-code"
PURPOSE: Final = "urn:oasis:names:tc:xspa:1.0:subject:purposeofuse"

II: Final = "urn:hl7-org:v3#II"
CV: Final = "urn:hl7-org:v3#CV"

BSN_ROOT: Final = "2.16.840.1.113883.2.4.6.3"
URA_ROOT: Final = "2.16.528.1.1007.3.3"
UZI_ROOT: Final = "2.16.528.1.1007.3.1"
UZI_AUTHORITY: Final = "CIBG"
TYPE_SYSTEM: Final = "2.16.840.1.113883.2.4.15.1060"
ROLE_SYSTEM: Final = "2.16.840.1.113883.2.4.15.111"
CATEGORY_SYSTEM: Final = "2.16.840.1.113883.2.4.3.111.5.10.1"
PURPOSE_SYSTEM: Final = "2.16.840.1.113883.1.11.20448"

GP, MENTAL, NURSING, PHARMACY, OTHER, HOSPITAL, ABROAD = (
    "RPZAC001",
    "RPZAC003",
    "RPZAC004",
    "RPZAC005",
    "RPZAC103",
    "RPZAC104",
    "RPZAC200",
)
USER_CATEGORIES: Final = frozenset({GP, MENTAL, NURSING, PHARMACY, OTHER, HOSPITAL, ABROAD})
"""Categories of users (raadplegende zorgaanbiedercategorie), as notifications name them."""
CATEGORY_OF: Final = {
    **dict.fromkeys(("H1", "Z3", "N6"), GP),
    **dict.fromkeys(("V4", "V5", "V6", "P4", "BRA", "DIA", "Z4", "Z5", "B2", "L1"), HOSPITAL),
    **dict.fromkeys(("X3", "R5", "M1", "T2"), NURSING),
    **dict.fromkeys(("A1", "J8", "K9"), PHARMACY),
    "G5": MENTAL,
    "JGZ": OTHER,
}
"""Organization type -> category of users. Inferred, not published; a type that is not here may be of any of them."""

STATUS_OK: Final = "urn:oasis:names:tc:xacml:1.0:status:ok"

TREATMENT_DATA: Final = "GGC002"
"""Behandelgegevens: what PZP is. There is no category of its own, and patients cannot choose below this one."""
CATEGORIES: Final = frozenset({TREATMENT_DATA, "GGC012", "GGC013"})

ORGANIZATION_TYPES: Final = frozenset(
    # GP practices (Z3 is one, not a hospital) and the out-of-hours post
    {"H1", "Z3", "K3", "N6"}
    # hospitals; clinics and laboratories
    | {"V4", "V5", "V6", "P4", "BRA", "DIA", "Z4", "Z5", "B2", "L1"}
    # nursing and home care, hospice; pharmacies; mental health and disability care
    | {"X3", "R5", "M1", "T2", "H2", "A1", "J8", "K9", "G5", "G6"}
    # maternity, youth, midwives, rehabilitation, prevention
    | {"K4", "JGZ", "G3", "R8", "P6"}
)
"""Zorgaanbiedertypen of the Nictiz list. Ambulance services have no code there: a region's settings add theirs."""
