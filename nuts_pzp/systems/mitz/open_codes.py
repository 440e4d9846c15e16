"""Mitz: the names on the wire of the open question (ITI-56, XUA, SAML 2.0, WS-Security; spec consent 2). Facts."""

from __future__ import annotations

from typing import Final

PATH: Final = "/openautorisatievraag"
ASK_ACTION: Final = "urn:ihe:iti:2009:PatientLocationQuery"
ANSWER_ACTION: Final = "urn:ihe:iti:2009:PatientLocationQueryResponse"

XCPD: Final = "urn:ihe:iti:xcpd:2009"
SAML: Final = "urn:oasis:names:tc:SAML:2.0:assertion"
WSSE: Final = "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-wssecurity-secext-1.0.xsd"
XSI: Final = "http://www.w3.org/2001/XMLSchema-instance"
DS: Final = "http://www.w3.org/2000/09/xmldsig#"

BEARER: Final = "urn:oasis:names:tc:SAML:2.0:cm:bearer"
BY_CERTIFICATE: Final = "urn:oasis:names:tc:SAML:2.0:ac:classes:X509"
AUDIENCE: Final = "urn:oid:2.16.840.1.113883.2.4.3.111.2.1"
BSN_AUTHORITY: Final = "NLMINBIZA"
