"""Recognizing STU3 (zib2017), so that it is read by its own rules and never by those of R4 (spec pzp-fhir 5).

In STU3 a "ja, maar" travels as a denial with a restriction text; reading it by R4 rules would show the wrong decision.
What decodes as R4 is first looked over cheaply; only a suspect is parsed whole.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import msgspec

from .datatypes import Extension, has_code
from .structures import (
    Communication,
    Consent,
    Goal,
    Observation,
    Patient,
    Procedure,
    QuestionnaireResponse,
    RelatedPerson,
    Resourced,
)

_NONE: tuple[Extension, ...] = ()
_OLD_CORE = "//fhir.nl/fhir/StructureDefinition/nl-core-"
_OLD_WORDS = re.compile(b"/stu3/|" + re.escape(_OLD_CORE.encode()))
_EXTENSIONS = ("zib-TreatmentDirective-", "ext-Patient.LegallyCapable", "nl-core-relatedperson-role")
_OLD_DATE = "385"
"""The date of the form on zib2017, for a form that does not say which it is."""
_OLD_CATEGORIES = frozenset({"11291000146105", "11341000146107"})
_OLD_FIELDS: dict[str, tuple[str, ...]] = {
    "Consent": ("except", "consentingParty"),
    "Observation": ("context", "comment"),
    "Procedure": ("context",),
    "Communication": ("context", "notDone"),
    "CommunicationRequest": ("context",),
    "QuestionnaireResponse": ("context", "parent"),
    "Patient": ("animal",),
}
_LISTS_SINCE_R4 = {"Consent": ("identifier",), "RelatedPerson": ("relationship",)}


def in_old_words(raw: bytes) -> bool:
    """Say cheaply whether a resource, or any of several, may speak of STU3; `is_stu3` then decides."""
    return _OLD_WORDS.search(raw) is not None


def _old_consent(content: Consent) -> bool:
    if content.consenting_party is not None or content.exceptions is not None or _old_extensions(content):
        return True
    return has_code(content.category, _OLD_CATEGORIES)


def _old_form(content: QuestionnaireResponse) -> bool:
    if not content.questionnaire and any(one.link_id == _OLD_DATE for one in content.item or ()):
        return True
    return content.context is not None or content.parent is not None or "zib2017" in (content.questionnaire or "")


def _old_communication(content: Communication) -> bool:
    asked = content.requester is not None and content.requester.agent is not None
    return asked or content.context is not None or content.not_done is not None


SUSPECTS: dict[type[Resourced], Callable[[Any], bool]] = {
    Consent: _old_consent,
    Goal: lambda content: content.lifecycle_status is None,
    Observation: lambda content: content.context is not None or content.comment is not None,
    Procedure: lambda content: content.context is not None,
    Communication: _old_communication,
    QuestionnaireResponse: _old_form,
    Patient: lambda content: content.animal is not None or _old_extensions(content),
    RelatedPerson: lambda content: _old_extensions(content),
}
"""What decoded as R4 and may still be STU3, judged cheaply by its fields; `is_stu3` then decides."""


def _old_extensions(content: Resourced) -> bool:
    for group in (content.extension, content.modifier_extension):
        for one in group or _NONE:
            for mark in _EXTENSIONS:
                if mark in one.url:
                    return True
    return False


def is_stu3(resource_type: str, raw: bytes) -> bool:
    """Say whether the resource bears the marks of STU3. Needed when it did not decode as R4, or is suspect."""
    try:
        content = msgspec.json.decode(raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return False
    return isinstance(content, dict) and _marked(resource_type, content)


def _marked(resource_type: str, content: dict[str, Any]) -> bool:
    if any(field in content for field in _OLD_FIELDS.get(resource_type, ())):
        return True
    if any(isinstance(content.get(field), dict) for field in _LISTS_SINCE_R4.get(resource_type, ())):
        return True
    if resource_type == "Goal" and "lifecycleStatus" not in content and isinstance(content.get("status"), str):
        return True
    if resource_type == "CommunicationRequest" and "agent" in _dict(content.get("requester")):
        return True
    questionnaire = content.get("questionnaire")
    if isinstance(questionnaire, dict) or (isinstance(questionnaire, str) and "zib2017" in questionnaire):
        return True
    if resource_type == "QuestionnaireResponse" and not questionnaire:
        return any(_dict(one).get("linkId") == _OLD_DATE for one in _list(content.get("item")))
    return _profiled(content) or _extended(content) or _categorized(content)


def _profiled(content: dict[str, Any]) -> bool:
    profiles = [profile for profile in _list(_dict(content.get("meta")).get("profile")) if isinstance(profile, str)]
    return any(mark in profile for profile in profiles for mark in ("/stu3/", _OLD_CORE))


def _extended(content: dict[str, Any]) -> bool:
    extensions = _list(content.get("extension")) + _list(content.get("modifierExtension"))
    urls = [url for one in extensions if isinstance(url := _dict(one).get("url"), str)]
    return any(mark in url for url in urls for mark in _EXTENSIONS)


def _categorized(content: dict[str, Any]) -> bool:
    codings = [coding for one in _list(content.get("category")) for coding in _list(_dict(one).get("coding"))]
    codes = [code for one in codings if isinstance(code := _dict(one).get("code"), str)]
    return not _OLD_CATEGORIES.isdisjoint(codes)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
