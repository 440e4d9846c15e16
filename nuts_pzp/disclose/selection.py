"""Was it asked for? A server that does not know a search parameter may ignore it, and then answers with more.

Trusts the canonical request, not the answer: a match must hold a code or form that was asked for, in the element that
the parameter is about. What selects by another resource or by a value set cannot be seen here and is the server's word.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import msgspec

from ..fhir.request import FhirRequest
from .belonging import Head
from .one_reading import ANY

_ELEMENTS = {
    "code": "code",
    "category": "category",
    "scope": "scope",
    "reason-code": "reasonCode",
    "reason": "reason",
    "questionnaire": "questionnaire",
}
"""The parameters of a PZP search that select by a code or canonical of the resource itself, and its element."""


_SHARING = re.compile(rb"patient-privacy|nl-gf-consent-scope")


def is_sharing(found: Head) -> bool:
    """True for a Consent about sharing, by its scope: never PZP, and nobody's business outside (spec consent 7.1).

    That it is there would tell of a restriction. One that says that it is PZP as well is about sharing all the same.
    """
    if found.resourceType != "Consent" or isinstance(found.scope, msgspec.UnsetType):
        return False
    scope = bytes(found.scope)
    return _SHARING.search(msgspec.json.encode(ANY.decode(scope)) if b"\\" in scope else scope) is not None


@dataclass(frozen=True, slots=True)
class Selection:
    """How each element must be written to hold what was asked for; several elements must all do so."""

    groups: tuple[tuple[str, re.Pattern[bytes]], ...]

    @classmethod
    def of(cls, request: FhirRequest) -> Selection:
        """Read it from a request; a parameter that is not about a code or canonical asks nothing here."""
        return cls(
            tuple((_ELEMENTS[name], _written(name, values)) for name, values in request.params if name in _ELEMENTS)
        )

    @property
    def elements(self) -> tuple[str, ...]:
        """The elements that decide whether a resource was asked for."""
        return tuple([element for element, _ in self.groups])

    def takes(self, heads: Sequence[Head]) -> bool:
        """True when each of these resources holds what was asked for."""
        for element, written in self.groups:
            holds = written.search
            for found in heads:
                raw = getattr(found, element)
                if raw is msgspec.UNSET or holds(raw) is None:
                    return False
        return True


@lru_cache(maxsize=256)
def _written(name: str, values: tuple[str, ...]) -> re.Pattern[bytes]:
    """A code in a coding; a canonical as a whole string, or followed by a version."""
    if name == "questionnaire":
        return re.compile(rb'"(?:' + _any([value.partition("|")[0] for value in values]) + rb')["|]')
    return re.compile(rb'"code"\s*:\s*"(?:' + _any([value.rpartition("|")[2] for value in values]) + rb')"')


def _any(texts: list[str]) -> bytes:
    """One of these texts, with slashes that JSON may escape."""
    return b"|".join([re.escape(text.encode()).replace(b"/", rb"\\?/") for text in texts])
