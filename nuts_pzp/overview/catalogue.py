"""The items of the form and their sections, in order (spec pzp-fhir 1.2, 4). Every item is always present."""

from __future__ import annotations

from .codes import (
    DONOR_REGISTER,
    EUTHANASIA,
    ICD_OFF,
    ICD_OFF_LABEL,
    IMPORTANT,
    OBSERVATIONS,
    PLACE_OF_DEATH,
    TREATMENTS,
    WISHES,
)

OTHER_TREATMENT, DIRECTIVE = "treatment:other", "directive"
CONVERSATION_BY, CONVERSATION_PRESENT = "conversation.by", "conversation.present"

LABELS = {
    "capacity": "Wilsbekwaam m.b.t. medische behandelbeslissingen",
    "representative": "Wettelijk vertegenwoordiger",
    "first-contact": "Eerste contactpersoon",
    "goal:medical-policy": "Belangrijkste doel medisch beleid",
    **{f"treatment:{code}": label for code, label in TREATMENTS.items()},
    OTHER_TREATMENT: "Overige behandelgrenzen",
    "icd:present": "Heeft de patiënt een ICD?",
    f"treatment:{ICD_OFF}": ICD_OFF_LABEL,
    **{f"obs:{code}": label for code, label in OBSERVATIONS.items()},
    DIRECTIVE: "Eerder behandelafspraken vastgelegd",
    "inform-relatives": "Patiënt geïnformeerd over eigen verantwoordelijkheid",
    "prior-differs": "Andere wensen dan nu",
    "share-agreement": "Akkoord met delen",
    CONVERSATION_BY: "Gesprek gevoerd door",
    CONVERSATION_PRESENT: "Gesprek in bijzijn van",
}

SECTIONS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("capacity", "Wilsbekwaamheid en vertegenwoordiging", ("capacity", "representative", "first-contact")),
    ("goal", "Doel van medisch beleid", ("goal:medical-policy",)),
    ("treatment", "Behandelgrenzen", (*(f"treatment:{code}" for code in TREATMENTS), OTHER_TREATMENT)),
    ("icd", "ICD", ("icd:present", f"treatment:{ICD_OFF}")),
    (
        "wishes",
        "Behandelwensen",
        (f"obs:{WISHES}", f"obs:{PLACE_OF_DEATH}", f"obs:{EUTHANASIA}", f"obs:{DONOR_REGISTER}"),
    ),
    ("other", "Wat verder nog belangrijk is", (f"obs:{IMPORTANT}",)),
    ("directives", "Wilsverklaringen", (DIRECTIVE,)),
    ("sharing", "Informatie delen", ("inform-relatives", "prior-differs", "share-agreement")),
    ("conversations", "Gesprekken", (CONVERSATION_BY, CONVERSATION_PRESENT)),
)


def keys_of(placeholder: str, known: set[str]) -> tuple[str, ...]:
    """Return the keys that stand in a place: for a repeatable every one that occurs, else the empty key itself."""
    if placeholder not in (OTHER_TREATMENT, DIRECTIVE):
        return (placeholder,)
    own = tuple(sorted(key for key in known if key.startswith(f"{placeholder}:")))
    if placeholder in known:
        return (*own, placeholder)
    return own or (placeholder,)
