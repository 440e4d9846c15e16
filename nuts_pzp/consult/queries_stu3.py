"""The PZP queries of the IKNL guide for STU3 (zib2017), as canonical requests (spec pzp-fhir 5). Pure.

They bear the names of the R4 queries, because they ask for the same. There is no scope: a category names each kind of
directive; conversations are found by reason, devices by their codes.
"""

from __future__ import annotations

from ..fhir.request import FhirRequest
from .queries import PZP, Query, Try

_SCT = "http://snomed.info/sct"
_ACP = ("code", (f"{_SCT}|713603004",))
_ICD = ("72506001", "465460004", "468542000", "704707009", "1263462004", "1236894001")
_CANONICAL = "https://api.iknl.nl/docs/pzp/stu3/Questionnaire/ACP-zib2017"
_FORM = ("questionnaire", (_CANONICAL,))
_FORM_AS_PUBLISHED = ("questionnaire", (f"{_CANONICAL}|1.0.0-rc2",))
"""In STU3 a form is named by a Reference, which a server compares whole: without its version it is not found."""
_DEVICE = ("_include", ("DeviceUseStatement:device",))

_SAME = {query.name: query for query in PZP}


def _directives(code: str) -> Try:
    return Try("Consent", (("category", (f"{_SCT}|{code}",)), ("_include", ("Consent:actor",))))


PZP_STU3: tuple[Query, ...] = (
    Query(
        "Encounter",
        (
            Try("Procedure", (_ACP, ("_include", ("Procedure:encounter",)))),
            Try("Encounter", (("reason", _ACP[1]),)),
        ),
    ),
    Query("TreatmentDirective", (_directives("11291000146105"),)),
    Query("AdvanceDirective", (_directives("11341000146107"),)),
    Query(
        "Goal",
        (Try("Goal", (("category", _ACP[1]),)), Try("Goal", (), after_empty=False)),
    ),
    _SAME["Observation"],
    Query(
        "DeviceUseStatement",
        (
            Try("DeviceUseStatement", (("device.type", tuple(f"{_SCT}|{code}" for code in _ICD)), _DEVICE)),
            Try("DeviceUseStatement", (_DEVICE,), after_empty=False),
        ),
    ),
    Query(
        "Communication",
        (
            Try("CommunicationRequest", (("category", (f"{_SCT}|223449006",)),)),
            Try("CommunicationRequest", (), after_empty=False),
        ),
    ),
    Query(
        "QuestionnaireResponse",
        (
            Try("QuestionnaireResponse", (_FORM,), subject="subject"),
            Try("QuestionnaireResponse", (_FORM,), after_empty=False),
            Try("QuestionnaireResponse", (_FORM_AS_PUBLISHED,), subject="subject", beyond=True),
        ),
    ),
)


def capabilities() -> FhirRequest:
    """Return the question what a server speaks."""
    return FhirRequest("capabilities", "CapabilityStatement")
