"""The catalogue of reasons: one stable code each. `face` is all the network may see; the texts live in reasons.toml.

Every refusal of a decision has the same face (design D4): the reason itself stays in the holder's audit log.
"""

from __future__ import annotations

import tomllib
from enum import Enum
from functools import cache
from importlib.resources import files
from typing import Literal


class Face(Enum):
    """What an outsider sees: HTTP status, FHIR issue code, Retry-After in seconds or None."""

    INVALID = (400, "invalid", None)
    UNAUTHENTICATED = (401, "login", None)
    FORBIDDEN = (403, "forbidden", None)
    NOT_FOUND = (404, "not-found", None)
    METHOD = (405, "not-supported", None)
    NOT_ACCEPTABLE = (406, "not-supported", None)
    TOO_BIG = (413, "too-long", None)
    MEDIA_TYPE = (415, "not-supported", None)
    MISDIRECTED = (421, "not-found", None)
    UNPROCESSABLE = (422, "conflict", None)
    THROTTLED = (429, "throttled", 30)
    BROKEN = (502, "processing", None)
    DOWN = (503, "transient", 30)
    SLOW = (504, "timeout", None)

    def __init__(self, status: int, issue: str, retry_after: int | None) -> None:
        self.status = status
        self.issue = issue
        self.retry_after = retry_after


class Reason(Enum):
    """Why something stopped."""

    # Authentication of a caller, on the network and on the EHR listener
    TOKEN_ABSENT = ("PZP-AUTHN-001", Face.UNAUTHENTICATED)
    TOKEN_INVALID = ("PZP-AUTHN-002", Face.UNAUTHENTICATED)
    TOKEN_ISSUER = ("PZP-AUTHN-003", Face.UNAUTHENTICATED)
    TOKEN_SCOPE = ("PZP-AUTHN-004", Face.FORBIDDEN)
    TOKEN_CLAIMS = ("PZP-AUTHN-005", Face.FORBIDDEN)
    PROOF_ABSENT = ("PZP-AUTHN-006", Face.UNAUTHENTICATED)
    PROOF_INVALID = ("PZP-AUTHN-007", Face.UNAUTHENTICATED)
    TYPE_MISMATCH = ("PZP-AUTHN-008", Face.FORBIDDEN)
    ORGANIZATION_UNKNOWN = ("PZP-AUTHN-009", Face.FORBIDDEN)
    INTROSPECTION_DOWN = ("PZP-AUTHN-010", Face.DOWN)
    INTROSPECTION_BROKEN = ("PZP-AUTHN-011", Face.BROKEN)
    CERTIFICATE_ABSENT = ("PZP-AUTHN-012", Face.UNAUTHENTICATED)
    CERTIFICATE_UNLISTED = ("PZP-AUTHN-013", Face.UNAUTHENTICATED)
    PROFESSIONAL_MISMATCH = ("PZP-AUTHN-014", Face.FORBIDDEN)
    TENANT_UNKNOWN = ("PZP-AUTHN-015", Face.NOT_FOUND)
    OWN_ORGANIZATION = ("PZP-AUTHN-016", Face.FORBIDDEN)
    CLIENT_UNKNOWN = ("PZP-AUTHN-017", Face.UNAUTHENTICATED)
    ASSERTION_INVALID = ("PZP-AUTHN-018", Face.INVALID)
    GRANT_UNSUPPORTED = ("PZP-AUTHN-019", Face.INVALID)
    PROOF_UNKNOWN = ("PZP-AUTHN-030", Face.DOWN)
    CERTIFICATE_REVOKED = ("PZP-AUTHN-031", Face.UNAUTHENTICATED)
    CERTIFICATE_MISMATCH = ("PZP-AUTHN-032", Face.FORBIDDEN)
    REVOCATION_UNKNOWN = ("PZP-AUTHN-033", Face.DOWN)

    # The request itself
    REQUEST_AMBIGUOUS = ("PZP-REQUEST-001", Face.INVALID)
    REQUEST_MALFORMED = ("PZP-REQUEST-002", Face.INVALID)
    REQUEST_UNSUPPORTED = ("PZP-REQUEST-003", Face.INVALID)
    REQUEST_METHOD = ("PZP-REQUEST-004", Face.METHOD)
    REQUEST_MEDIA_TYPE = ("PZP-REQUEST-005", Face.MEDIA_TYPE)
    REQUEST_TOO_BIG = ("PZP-REQUEST-006", Face.TOO_BIG)
    REQUEST_PATIENT = ("PZP-REQUEST-007", Face.INVALID)
    REQUEST_BSN = ("PZP-REQUEST-008", Face.INVALID)
    PAGE_TOKEN = ("PZP-REQUEST-009", Face.FORBIDDEN)
    BODY_MALFORMED = ("PZP-REQUEST-010", Face.INVALID)
    PURPOSE_NOT_ALLOWED = ("PZP-REQUEST-011", Face.FORBIDDEN)
    RESOURCE_REFUSED = ("PZP-REQUEST-012", Face.FORBIDDEN)
    NOT_FOUND = ("PZP-REQUEST-013", Face.NOT_FOUND)
    THROTTLED = ("PZP-REQUEST-014", Face.THROTTLED)
    REQUEST_NOT_ACCEPTABLE = ("PZP-REQUEST-015", Face.NOT_ACCEPTABLE)
    RESULT_GONE = ("PZP-REQUEST-016", Face.NOT_FOUND)
    RESULT_ELSEWHERE = ("PZP-REQUEST-017", Face.MISDIRECTED)
    KEY_REUSED = ("PZP-REQUEST-018", Face.UNPROCESSABLE)
    PATIENT_ID = ("PZP-REQUEST-019", Face.NOT_FOUND)
    STATED_OTHERWISE = ("PZP-REQUEST-020", Face.FORBIDDEN)
    REQUEST_BIRTH_DATE = ("PZP-REQUEST-021", Face.INVALID)
    REQUEST_VERSION = ("PZP-REQUEST-022", Face.INVALID)
    ENUMERATION = ("PZP-REQUEST-030", Face.THROTTLED)

    # The patient
    PATIENT_UNKNOWN = ("PZP-PATIENT-001", Face.FORBIDDEN)
    PATIENT_DECEASED = ("PZP-PATIENT-002", Face.FORBIDDEN)
    PATIENT_AMBIGUOUS = ("PZP-PATIENT-003", Face.FORBIDDEN)
    PATIENT_MISMATCH = ("PZP-PATIENT-004", Face.FORBIDDEN)
    PATIENT_BIRTH_DATE = ("PZP-PATIENT-005", Face.FORBIDDEN)

    # Sharing consent; the comments are the audit reasons of spec consent 6.3
    CONSENT_ATTRIBUTES = ("PZP-CONSENT-001", Face.FORBIDDEN)  # attributes-missing
    CONSENT_ROLE_UNMAPPED = ("PZP-CONSENT-002", Face.FORBIDDEN)  # attributes-missing (no role code)
    CONSENT_CATEGORY = ("PZP-CONSENT-003", Face.FORBIDDEN)  # category-not-allowed
    CONSENT_OBJECTION = ("PZP-CONSENT-004", Face.FORBIDDEN)  # local-objection
    CONSENT_NONE = ("PZP-CONSENT-005", Face.FORBIDDEN)  # no-consent
    CONSENT_CONFLICT = ("PZP-CONSENT-006", Face.FORBIDDEN)  # conflict-deny
    CONSENT_STATIC_INVALID = ("PZP-CONSENT-007", Face.DOWN)  # static-invalid
    CONSENT_LOCAL_UNREADABLE = ("PZP-CONSENT-008", Face.DOWN)  # local-unreadable
    MITZ_DENY = ("PZP-CONSENT-010", Face.FORBIDDEN)  # mitz-deny
    MITZ_PARTIAL = ("PZP-CONSENT-011", Face.FORBIDDEN)  # mitz-partial
    MITZ_INDETERMINATE = ("PZP-CONSENT-012", Face.FORBIDDEN)  # mitz-indeterminate
    MITZ_NOT_APPLICABLE = ("PZP-CONSENT-013", Face.FORBIDDEN)  # mitz-notapplicable
    MITZ_UNAVAILABLE = ("PZP-CONSENT-014", Face.DOWN)  # mitz-unavailable
    MITZ_TIMEOUT = ("PZP-CONSENT-015", Face.SLOW)  # mitz-timeout
    MITZ_MALFORMED = ("PZP-CONSENT-016", Face.BROKEN)  # mitz-malformed:{class}
    MITZ_REJECTED = ("PZP-CONSENT-017", Face.BROKEN)  # mitz-rejected
    MITZ_THROTTLED = ("PZP-CONSENT-018", Face.DOWN)  # mitz-throttled
    CONSENT_FHIR_UNAVAILABLE = ("PZP-CONSENT-019", Face.DOWN)  # fhir-unavailable
    CONSENT_FHIR_TIMEOUT = ("PZP-CONSENT-020", Face.SLOW)  # fhir-timeout
    CONSENT_FHIR_BROKEN = ("PZP-CONSENT-021", Face.BROKEN)  # fhir-broken
    RELATION_UNKNOWN = ("PZP-CONSENT-022", Face.DOWN)  # relation-unavailable
    CONSENT_STATE_UNREADABLE = ("PZP-CONSENT-030", Face.DOWN)  # state-unreadable

    # An emergency claim that does not pass (spec consent 6.3 row 14)
    EMERGENCY_INCOMPLETE = ("PZP-EMERGENCY-001", Face.FORBIDDEN)
    EMERGENCY_ROLE = ("PZP-EMERGENCY-002", Face.FORBIDDEN)
    EMERGENCY_TYPE = ("PZP-EMERGENCY-003", Face.FORBIDDEN)
    EMERGENCY_BEYOND = ("PZP-EMERGENCY-004", Face.FORBIDDEN)
    EMERGENCY_CAP = ("PZP-EMERGENCY-005", Face.FORBIDDEN)
    EMERGENCY_UNRECORDED = ("PZP-EMERGENCY-006", Face.DOWN)
    EMERGENCY_UNALERTED = ("PZP-EMERGENCY-007", Face.DOWN)
    EMERGENCY_UNLAWFUL = ("PZP-EMERGENCY-008", Face.FORBIDDEN)

    # Policy
    POLICY_DENY = ("PZP-POLICY-001", Face.FORBIDDEN)
    POLICY_ROLE = ("PZP-POLICY-002", Face.FORBIDDEN)
    POLICY_ERROR = ("PZP-POLICY-003", Face.FORBIDDEN)
    POLICY_UNAVAILABLE = ("PZP-POLICY-004", Face.DOWN)
    POLICY_REVIEW = ("PZP-POLICY-005", Face.FORBIDDEN)

    # Localization and addressing
    LOCALIZATION_DOWN = ("PZP-LOCATE-001", Face.DOWN)
    LOCALIZATION_BROKEN = ("PZP-LOCATE-002", Face.BROKEN)
    LOCALIZATION_REFUSED = ("PZP-LOCATE-003", Face.BROKEN)
    PSEUDONYM_FAILED = ("PZP-LOCATE-004", Face.BROKEN)
    LOCALIZATION_USUAL = ("PZP-LOCATE-005", Face.DOWN)
    ADDRESS_NONE = ("PZP-ADDRESS-001", Face.BROKEN)
    ADDRESS_REFUSED = ("PZP-ADDRESS-002", Face.BROKEN)
    DIRECTORY_DOWN = ("PZP-ADDRESS-003", Face.DOWN)

    # A source, as the consulting side meets it; also the holder's own FHIR server
    TOKEN_REFUSED = ("PZP-SOURCE-001", Face.BROKEN)
    TOKEN_UNAVAILABLE = ("PZP-SOURCE-002", Face.DOWN)
    SOURCE_REFUSED = ("PZP-SOURCE-003", Face.FORBIDDEN)
    SOURCE_UNAUTHENTICATED = ("PZP-SOURCE-004", Face.BROKEN)
    SOURCE_TIMEOUT = ("PZP-SOURCE-005", Face.SLOW)
    SOURCE_DOWN = ("PZP-SOURCE-006", Face.DOWN)
    SOURCE_BROKEN = ("PZP-SOURCE-007", Face.BROKEN)
    SOURCE_TOO_BIG = ("PZP-SOURCE-008", Face.BROKEN)
    SOURCE_LINK = ("PZP-SOURCE-009", Face.BROKEN)
    SOURCE_OTHER_PATIENT = ("PZP-SOURCE-010", Face.BROKEN)
    SOURCE_NO_PATIENT = ("PZP-SOURCE-011", Face.FORBIDDEN)
    SOURCE_VERSION = ("PZP-SOURCE-012", Face.BROKEN)
    SOURCE_QUERY = ("PZP-SOURCE-013", Face.INVALID)
    SOURCE_TLS = ("PZP-SOURCE-014", Face.BROKEN)
    SOURCE_TRUNCATED = ("PZP-SOURCE-015", Face.BROKEN)
    SOURCE_RESTING = ("PZP-SOURCE-016", Face.DOWN)
    SOURCE_NO_TURN = ("PZP-SOURCE-017", Face.DOWN)
    CONSULT_BUSY = ("PZP-SOURCE-018", Face.DOWN)
    SOURCE_NOT_XML = ("PZP-SOURCE-019", Face.BROKEN)

    # The gateway itself
    NOT_RECORDED = ("PZP-AUDIT-001", Face.DOWN)
    INTERNAL = ("PZP-INTERNAL-001", Face.BROKEN)
    OVERLOADED = ("PZP-INTERNAL-002", Face.DOWN)
    STATE_FAILED = ("PZP-INTERNAL-003", Face.DOWN)

    def __init__(self, code: str, face: Face) -> None:
        self.code = code
        self.face = face

    def text(self, reader: Reader, language: Language = "nl") -> str:
        """Return the sentence for that reader; KeyError means an incomplete catalogue, which a test forbids."""
        return _texts()[self.code][reader][language]


Reader = Literal["clinician", "it", "officer"]
Language = Literal["nl", "en"]


@cache
def _texts() -> dict[str, dict[str, dict[str, str]]]:
    """Code -> reader -> language -> sentence."""
    return tomllib.loads(files("nuts_pzp").joinpath("reasons.toml").read_text("utf-8"))
