"""What a question lacks, as far as it can be seen from here: told with the answer, not left for a holder to refuse.

A holder never says why it refused (design D4), so what would make it refuse is worth saying where it is known.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ..exchange import Answer, Asked
from ..reasons import Language

_WORDS: dict[str, dict[Language, str]] = {
    "relation-absent": {
        "nl": "Er is geen behandelrelatie opgegeven; een bron die daarom vraagt weigert.",
        "en": "No treatment relation was declared; a source that demands one refuses.",
    },
    "role-unmapped": {
        "nl": "Deze rol staat niet in de rollentabel van de regio; bronnen kunnen weigeren.",
        "en": "This role is not in the region's role table; sources may refuse.",
    },
    "phone-absent": {
        "nl": "Van deze bron is geen telefoonnummer bekend; laat het in het adresboek opnemen.",
        "en": "No phone number is known of this source; have it listed in the directory.",
    },
}


def hints(asked: Asked, given: Iterable[Answer], roles: frozenset[str], language: Language) -> list[dict[str, Any]]:
    """Return what the question lacks, each with a code, a sentence, and the URA of the source where it is one's."""
    found: list[tuple[str, str | None]] = []
    if asked.relation is None:
        found.append(("relation-absent", None))
    if roles and asked.professional.role.casefold() not in roles:
        found.append(("role-unmapped", None))
    silent = sorted(one.source.holder.ura.value for one in given if not one.source.holder.phone)
    found += [("phone-absent", ura) for ura in silent]
    return [{"code": code, "text": _WORDS[code][language], "ura": ura} for code, ura in found]


CODES = tuple(_WORDS)
