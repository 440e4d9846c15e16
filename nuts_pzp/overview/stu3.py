"""Recognizing STU3 (zib2017), so that it is refused and never misread (spec pzp-fhir 5).

In STU3 a "ja, maar" travels as a denial with a restriction text; reading it by R4 rules would show the wrong decision.
The bytes are searched first, because that is cheap; what is found there is then confirmed in the parsed resource.
"""

from __future__ import annotations

from typing import Any

import msgspec

_EVERYWHERE = (b"/stu3/", b"//fhir.nl/fhir/StructureDefinition/nl-core-", b"StructureDefinition/zib-")
_HINTS: dict[str, tuple[bytes, ...]] = {
    "Consent": (b'"except"', b'"consentingParty"', b"11291000146105", b"11341000146107"),
    "Observation": (b'"context"',),
    "Procedure": (b'"context"',),
    "Communication": (b'"context"', b'"notDone"'),
    "CommunicationRequest": (b'"context"', b'"agent"'),
    "QuestionnaireResponse": (b"ACP-zib2017", b'"context"'),
    "Patient": (b"ext-Patient.LegallyCapable", b'"animal"'),
}
_OLD_CATEGORIES = frozenset({"11291000146105", "11341000146107"})
_OLD_FIELDS: dict[str, tuple[str, ...]] = {
    "Consent": ("except", "consentingParty"),
    "Observation": ("context",),
    "Procedure": ("context",),
    "Communication": ("context", "notDone"),
    "CommunicationRequest": ("context",),
    "QuestionnaireResponse": ("context", "parent"),
    "Patient": ("animal",),
}
_LISTS_SINCE_R4 = {"Consent": ("identifier", "category"), "RelatedPerson": ("relationship",)}


def is_stu3(resource_type: str, raw: bytes, *, odd: bool = False) -> bool:
    """Say whether the resource bears the marks of STU3. `odd`: it did not decode as R4, so look whatever the hints."""
    hinted = any(hint in raw for hint in (*_EVERYWHERE, *_HINTS.get(resource_type, ())))
    if resource_type == "Goal":
        hinted = hinted or b'"lifecycleStatus"' not in raw
    if not hinted and not odd:
        return False
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
    return _profiled(content) or _extended(content) or _categorized(content)


def _profiled(content: dict[str, Any]) -> bool:
    profiles = [profile for profile in _list(_dict(content.get("meta")).get("profile")) if isinstance(profile, str)]
    return any("/stu3/" in profile or "//fhir.nl/fhir/StructureDefinition/nl-core-" in profile for profile in profiles)


def _extended(content: dict[str, Any]) -> bool:
    extensions = _list(content.get("extension")) + _list(content.get("modifierExtension"))
    urls = [url for one in extensions if isinstance(url := _dict(one).get("url"), str)]
    return any("zib-TreatmentDirective-" in url or "ext-Patient.LegallyCapable" in url for url in urls)


def _categorized(content: dict[str, Any]) -> bool:
    codings = [coding for one in _list(content.get("category")) for coding in _list(_dict(one).get("coding"))]
    codes = [code for one in codings if isinstance(code := _dict(one).get("code"), str)]
    return not _OLD_CATEGORIES.isdisjoint(codes)


def _dict(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []
