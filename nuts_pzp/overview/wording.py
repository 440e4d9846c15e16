"""What data types say in words and identifiers: texts beside codes, comments, notes, business ids (spec pzp-fhir 3)."""

from __future__ import annotations

from collections.abc import Iterable

from .codes import normal
from .datatypes import Concept, Extension, Identifier, Note

_COMMENT = ("/ext-Comment", "StructureDefinition/Comment")


def unknown_modifiers(extensions: list[Extension] | None, known: frozenset[str] = frozenset()) -> bool:
    """Say whether any of these modifier extensions is not in `known`."""
    if not extensions:
        return False
    return any(one.url not in known for one in extensions)


def business_ids(identifiers: list[Identifier] | None) -> tuple[str, ...]:
    """Return `system|value` of each complete identifier."""
    if not identifiers:
        return ()
    return tuple([f"{one.system}|{one.value}" for one in identifiers if one.system and one.value])


def extension(extensions: list[Extension] | None, ending: str) -> Extension | None:
    """Return the first extension whose URL ends so: the canonical base differs between dialects, the name does not."""
    for one in extensions or ():
        if one.url.endswith(ending):
            return one
    return None


def extension_texts(extensions: list[Extension] | None, ending: str | tuple[str, ...]) -> str:
    """Return the texts of all extensions whose URL ends so."""
    if not extensions:
        return ""
    found = [one.value_string.strip() for one in extensions if one.value_string and one.url.endswith(ending)]
    return "; ".join([text for text in found if text])


def comments(extensions: list[Extension] | None) -> str:
    """Return what is written as a comment, by the name of R4 or of STU3: sources mix them."""
    return extension_texts(extensions, _COMMENT)


def notes(given: list[Note] | None, extensions: list[Extension] | None = None) -> str:
    """Return the texts of all notes, and of comments that were written as extensions instead."""
    texts = joined(*[one.text.strip() for one in given if one.text]) if given else ""
    return joined(texts, comments(extensions)) if extensions else texts


def codes_in(concepts: Iterable[Concept | None]) -> set[str]:
    """Return every code of these concepts, whatever its system."""
    codes: set[str] = set()
    for concept in concepts:
        if concept is not None and concept.coding is not None:
            for coding in concept.coding:
                if coding.code:
                    codes.add(coding.code)
    return codes


def text_of(concept: Concept | None) -> str:
    """Return the concept's own words: its text, else its first display."""
    if concept is None:
        return ""
    if concept.text and concept.text.strip():
        return concept.text.strip()
    for one in concept.coding or ():
        if one.display and one.display.strip():
            return one.display.strip()
    return ""


def beside(concept: Concept | None, *said: str) -> str:
    """Return what a concept says in words beside its code, unless that only repeats what is said already."""
    text = (concept.text or "").strip() if concept is not None else ""
    if not text or concept is None or not concept.coding:
        return ""
    folded = normal(text)
    displays = (one.display for one in concept.coding if one.display)
    return "" if any(folded in normal(words) for words in (*said, *displays)) else text


def joined(*texts: str) -> str:
    """Return what is said in several places as one text."""
    return "; ".join(filter(None, texts))


def same_text(said: str, text: str) -> str:
    """Return the comparison value of a choice that carries its own words."""
    return f"{said}|{normal(text)}"
