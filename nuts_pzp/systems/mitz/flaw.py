"""Mitz: every way in which an answer is not one, by name. The name is all that is ever told about a refused answer."""

from __future__ import annotations

from enum import Enum


class Flaw(Enum):
    """The error class of a refused answer: a stable word for audit, metrics and the command line."""

    # The bytes
    EMPTY = "empty"
    TOO_LARGE = "too-large"
    ENCODING = "encoding"
    CONTROL_CHARACTER = "control-character"
    NOT_WELL_FORMED = "not-well-formed"
    TRAILING_DATA = "trailing-data"
    DOCTYPE = "doctype"
    ENTITY = "entity"
    COMMENT = "comment"
    PROCESSING_INSTRUCTION = "processing-instruction"
    CDATA = "cdata"
    TOO_DEEP = "too-deep"
    TOO_MANY_ELEMENTS = "too-many-elements"
    TOO_MANY_ATTRIBUTES = "too-many-attributes"
    XINCLUDE = "xinclude"

    # The transport, as far as it is about the answer
    MEDIA_TYPE = "media-type"
    HTTP_STATUS = "http-status"

    # The envelope
    NOT_SOAP12 = "not-soap12"
    ENVELOPE = "envelope-structure"
    BODY = "body-structure"
    MUST_UNDERSTAND = "header-not-understood"
    OTHER_ACTION = "other-action"
    OTHER_QUESTION = "relates-to-other"
    NO_RELATES_TO = "relates-to-missing"

    # The results
    RESULT = "result-structure"
    DECISION_COUNT = "decision-count"
    DECISION = "decision-structure"
    UNKNOWN_DECISION = "unknown-decision"
    STATUS = "status-not-ok"
    OBLIGATION = "obligation-not-understood"
    DUPLICATE_ID = "duplicate-id"
    ECHO_MISSING = "echo-missing"
    ECHO_DUPLICATE = "echo-duplicate"
    ECHO_MALFORMED = "echo-malformed"
    OTHER_PATIENT = "other-patient"
    OTHER_HOLDER = "other-holder"
    OTHER_ATTRIBUTE = "echo-differs"
    UNASKED_CATEGORY = "unasked-category"
    DUPLICATE_CATEGORY = "duplicate-category"
    MISSING_CATEGORY = "missing-category"
    TOO_MANY_HOLDERS = "too-many-holders"

    # A notification
    JSON = "not-json"
    DUPLICATE_KEY = "duplicate-key"
    FHIR = "fhir-structure"
    BUNDLE = "bundle-structure"
    BUNDLE_PATIENT = "bundle-patient"
    BUNDLE_HOLDER = "bundle-holder"
    BUNDLE_CONSENT = "bundle-consent"

    # A SOAP fault
    FAULT_SENDER = "fault-sender"
    FAULT_RECEIVER = "fault-receiver"
    FAULT_OTHER = "fault-other"
    FAULT_STRUCTURE = "fault-structure"

    @property
    def is_suspicious(self) -> bool:
        """True for an answer that belongs to another question: tell the security officer, not only operations."""
        return self in (Flaw.OTHER_PATIENT, Flaw.OTHER_HOLDER, Flaw.OTHER_QUESTION, Flaw.OTHER_ATTRIBUTE)


class Refusal(Exception):
    """Stops a reading half way; never leaves the package."""

    def __init__(self, flaw: Flaw) -> None:
        super().__init__(flaw.value)
        self.flaw = flaw
