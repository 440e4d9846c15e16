"""Hostile answers of the Mitz twin: the honest answers they start from, and how to spoil them."""

from __future__ import annotations

from collections.abc import Callable

from ..answers import action, echo, envelope, header, holder, patient, resource, response, result, status
from ..request import Asked

Hostile = Callable[[Asked], bytes]

XACML_OK = status("ok")
STRANGER = "999912033"
OTHER_URA = "90000999"


def honest(word: str, asked: Asked) -> str:
    """Return what Mitz would really say, with this word for every category."""
    results = (result(word, XACML_OK, echo(asked, category)) for category in asked.categories)
    return envelope(header(asked.message_id), response(*results))


def spoiled(*pairs: tuple[str, str], word: str = "Permit") -> Hostile:
    """Return a maker that replaces parts of an honest answer; each part must be there, or nothing was spoiled."""

    def make(asked: Asked) -> bytes:
        text = honest(word, asked)
        for old, new in pairs:
            if old not in text:
                raise LookupError("nothing to spoil")
            text = text.replace(old, new, 1)
        return text.encode()

    return make


def declared(declaration: str, decision: str = "Permit") -> Hostile:
    """Return a maker that puts a document type before the envelope, and another text into the first Decision."""
    return spoiled(("<s:Envelope", f"{declaration}<s:Envelope"), ("<Decision>Permit<", f"<Decision>{decision}<"))


def bodied(make: Callable[[Asked], str]) -> Hostile:
    """Return a maker of an honest envelope and header around this body."""
    return lambda asked: envelope(header(asked.message_id), make(asked)).encode()


def single(word: str, asked: Asked, *extra: str, before: str = XACML_OK) -> str:
    """Return one Result about the first category; `extra` goes behind the echo."""
    return result(word, before, echo(asked, asked.categories[0]), *extra)


def echoing(make: Callable[[Asked], tuple[str, ...]]) -> Hostile:
    """Return a maker of one Permit whose echoed groups are these instead."""
    return bodied(lambda asked: response(result("Permit", XACML_OK, *make(asked))))


def grouped(make: Callable[[Asked], tuple[str, ...]]) -> Hostile:
    """Return a maker of one Permit whose resource group holds these attributes instead of patient and holder."""
    return echoing(lambda asked: (resource(*make(asked)), action(asked.categories[0])))


def beside(make: Callable[[Asked], str]) -> Hostile:
    """Return a maker of one Permit that echoes patient, holder and one more attribute in the resource group."""
    return grouped(lambda asked: (patient(asked), holder(asked), make(asked)))
