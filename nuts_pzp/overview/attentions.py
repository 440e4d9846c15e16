"""The codes of what a reader must see beside a value, with severity and Dutch words (spec pzp-fhir 3; stable names).

Codes of our own, beside those the spec spells: STATUS_NOT_LEADING, DATE_UNREADABLE, LAST_KNOWN_DIFFERS,
FORM_BIRTH_DATE_DIFFERS, SUBJECT_DIFFERS.
"""

from __future__ import annotations

from .statements import Attention, Severity

_CATALOGUE: dict[str, tuple[Severity, str]] = {
    "TYPE_AND_SPECIFICATION": ("medium", "Er is een keuze én een toelichting “Anders” vastgelegd; de toelichting telt"),
    "UNKNOWN_MODIFIER": (
        "high",
        "De vastlegging bevat een onbekende toevoeging die de betekenis verandert: zie de bron",
    ),
    "DUPLICATE_ID_DIFFERS": ("medium", "Dezelfde vastlegging staat in meer bronnen met een andere inhoud"),
    "FORM_DATE_FAR_FROM_AUTHORED": ("medium", "De datum van invullen ligt meer dan een jaar van de datum van opslaan"),
    "FORM_BIRTH_DATE_DIFFERS": ("high", "De geboortedatum op het formulier wijkt af"),
    "FUTURE_DATE": ("medium", "Er is een vastlegging met een datum in de toekomst; die telt niet mee"),
    "DATE_UNREADABLE": ("medium", "De datum van de vastlegging is niet leesbaar"),
    "STATUS_NOT_LEADING": ("low", "Er is een vastlegging die niet (meer) geldt: concept, voorstel of afgewezen"),
    "OLDER_AGREEMENT_AFTER_END": ("high", "Er is een oudere afspraak die niet is beëindigd"),
    "NEWER_NO_INFORMATION": (
        "medium",
        "In een nieuwere vastlegging staat dit onderwerp als onbekend of niet besproken",
    ),
    "UNDECIDED_AFTER_DECISION": ("medium", "Er is nu nog geen besluit; eerder was er wel een besluit"),
    "LAST_KNOWN_DIFFERS": ("medium", "Over het eerdere besluit spreken bronnen elkaar tegen: zie eerder vastgelegd"),
    "UNDATED_DIFFERENT_VALUE": ("high", "Een vastlegging zonder datum zegt iets anders"),
    "ENCOUNTER_DATE_DIFFERS": ("low", "De datum wijkt af van die van het gesprek waarbij dit is vastgelegd"),
    "SUBJECT_DIFFERS": ("high", "De vastlegging noemt een andere patiëntverwijzing dan de rest van de bron"),
}


def attention(code: str, *refs: str) -> Attention:
    """Return the attention of that code about these references."""
    severity, text = _CATALOGUE[code]
    return Attention(code, severity, text, refs)
