"""The PZP requests in the guides' own words (spec pzp-fhir 2.1, 2.2, 5). Data only.

Written out here and not taken from the gateway's own table: who judges must not share what is judged. A test holds the
two side by side. `{p}` is the logical id of the patient.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Dialect = Literal["r4", "rc2", "beta3", "stu3", "both"]

BSN = "http://fhir.nl/fhir/NamingSystem/bsn"
SCT = "http://snomed.info/sct"
_SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
_RC2, _BETA3, _STU3 = (
    "https://api.iknl.nl/docs/pzp/r4",
    "https://fhir.iknl.nl/fhir",
    "https://api.iknl.nl/docs/pzp/stu3",
)
_OBSERVATIONS = ",".join(
    f"{SCT}|{code}" for code in ("153851000146100", "395091006", "340171000146104", "247751003", "570801000146104")
)
_DEVICES = ",".join(
    f"{SCT}|{code}" for code in ("72506001", "465460004", "468542000", "704707009", "1263462004", "1236894001")
)


@dataclass(frozen=True, slots=True)
class Wording:
    """One request: the rule that asks for it, its type, its query, and the dialect that words it so."""

    rule: str
    kind: str
    query: str
    dialect: Dialect

    def about(self, patient: str) -> str:
        """Return the query about the patient with this id."""
        return self.query.replace("{p}", patient)


def _w(rule: str, dialect: Dialect, kind: str, query: str) -> Wording:
    return Wording(rule, kind, query, dialect)


_CONSENT = "&_include=Consent:actor"
_USED = "&_include=DeviceUseStatement:device"

WORDINGS: tuple[Wording, ...] = (
    _w("HOLD-101", "both", "Procedure", f"patient=Patient/{{p}}&code={SCT}|713603004&_include=Procedure:encounter"),
    _w("HOLD-102", "r4", "Encounter", f"patient=Patient/{{p}}&reason-reference:Procedure.code={SCT}|713603004"
       "&_include=Encounter:reason-reference"),
    _w("HOLD-103", "r4", "Consent",
       f"patient=Patient/{{p}}&scope={_SCOPE}|treatment&category={SCT}|129125009{_CONSENT}"),
    _w("HOLD-104", "r4", "Consent", f"patient=Patient/{{p}}&scope={_SCOPE}|adr"
       f"&category=http://terminology.hl7.org/CodeSystem/consentcategorycodes|acd{_CONSENT}"),
    _w("HOLD-105", "rc2", "Goal", f"patient=Patient/{{p}}&category={SCT}|713603004"),
    _w("HOLD-106", "beta3", "Goal", f"patient=Patient/{{p}}&description:in={_BETA3}/ValueSet/ACP-MedicalPolicyGoal"),
    _w("HOLD-107", "both", "Observation", f"patient=Patient/{{p}}&code={_OBSERVATIONS}"),
    _w("HOLD-108", "rc2", "DeviceUseStatement",
       f"patient=Patient/{{p}}&device.type:in={_RC2}/ValueSet/ACP-MedicalDeviceProductType-ICD{_USED}"),
    _w("HOLD-109", "beta3", "DeviceUseStatement",
       f"patient=Patient/{{p}}&device.type:in={_BETA3}/ValueSet/ACP-MedicalDeviceProductType-ICD{_USED}"),
    _w("HOLD-110", "rc2", "CommunicationRequest", f"patient=Patient/{{p}}&category={SCT}|223449006"),
    _w("HOLD-111", "beta3", "Communication", f"patient=Patient/{{p}}&reason-code={SCT}|713603004"),
    _w("HOLD-112", "rc2", "QuestionnaireResponse",
       f"subject=Patient/{{p}}&questionnaire={_RC2}/Questionnaire/ACP-zib2020"),
    _w("HOLD-113", "beta3", "QuestionnaireResponse",
       f"subject=Patient/{{p}}&questionnaire={_BETA3}/Questionnaire/ACP-zib2020"),
    _w("HOLD-114", "r4", "QuestionnaireResponse",
       f"patient=Patient/{{p}}&questionnaire={_RC2}/Questionnaire/ACP-zib2020"),
    _w("HOLD-115", "stu3", "Consent", f"patient=Patient/{{p}}&category={SCT}|11291000146105{_CONSENT}"),
    _w("HOLD-116", "stu3", "Consent", f"patient=Patient/{{p}}&category={SCT}|11341000146107{_CONSENT}"),
    _w("HOLD-117", "stu3", "Encounter", f"patient=Patient/{{p}}&reason={SCT}|713603004"),
    _w("HOLD-118", "stu3", "DeviceUseStatement", f"patient=Patient/{{p}}&device.type={_DEVICES}{_USED}"),
    _w("HOLD-119", "stu3", "QuestionnaireResponse",
       f"subject=Patient/{{p}}&questionnaire={_STU3}/Questionnaire/ACP-zib2017"),
)  # fmt: skip

INDIVIDUAL = ("Procedure", "Encounter", "Consent", "Goal", "Observation", "DeviceUseStatement", "CommunicationRequest",
              "Communication")  # fmt: skip
FORM = "QuestionnaireResponse"
