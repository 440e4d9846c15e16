"""OperationOutcome: the only error body the FHIR listeners speak. Pure."""

from __future__ import annotations

import json

from ..reasons import Face, Reason

FHIR_JSON = "application/fhir+json"

_DETAILS = {
    Face.INVALID: "Het verzoek is ongeldig",
    Face.UNAUTHENTICATED: "Niet aangemeld",
    Face.FORBIDDEN: "Toegang niet toegestaan",
    Face.NOT_FOUND: "Niet gevonden",
    Face.METHOD: "Deze methode wordt niet ondersteund",
    Face.NOT_ACCEPTABLE: "Deze vorm van antwoord wordt niet gegeven",
    Face.TOO_BIG: "Het verzoek is te groot",
    Face.MEDIA_TYPE: "Dit mediatype wordt niet ondersteund",
    Face.MISDIRECTED: "Hier niet te vinden",
    Face.UNPROCESSABLE: "Het verzoek kan zo niet worden verwerkt",
    Face.THROTTLED: "Te veel verzoeken, probeer het later opnieuw",
    Face.BROKEN: "De vraag kon niet worden beantwoord",
    Face.DOWN: "Tijdelijk niet beschikbaar, probeer het later opnieuw",
    Face.SLOW: "Een onderdeel antwoordde niet op tijd",
}

_TOLD = frozenset({Face.INVALID, Face.METHOD, Face.NOT_ACCEPTABLE, Face.TOO_BIG, Face.MEDIA_TYPE})

LACKING = (
    b'{"resourceType":"OperationOutcome","issue":[{"severity":"warning","code":"incomplete",'
    b'"details":{"text":"Dit antwoord is niet volledig"}}]}'
)
"""Goes with an answer of which the own server says that something is lacking: that, and nothing of what it says."""


def refusal(reason: Reason, meldcode: str) -> bytes:
    """Return the outward OperationOutcome of a reason: its face and the meldcode, nothing else.

    Faces that speak of the request itself (400, 405, 406, 413, 415) also carry the reason's code and English text for
    IT, so that a developer can mend the request; every 401, 403 and 5xx is uniform (design D4).
    """
    face = reason.face
    issue: dict[str, object] = {"severity": "error", "code": face.issue, "details": {"text": _DETAILS[face]}}
    if face in _TOLD:
        issue["diagnostics"] = f"{reason.code}: {reason.text('it', 'en')} (meldcode {meldcode})"
    else:
        issue["diagnostics"] = f"meldcode {meldcode}"
    outcome = {"resourceType": "OperationOutcome", "issue": [issue]}
    return json.dumps(outcome, ensure_ascii=False, separators=(",", ":")).encode()
