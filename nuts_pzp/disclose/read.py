"""What a searchset of the own server holds, as it was read, and whether two readers could read it differently.

Trusts nothing of it. Part of minimization; hot path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from ..fhir.searchset import Bundle, Entry, strictly, stripped, written
from ..forwarding.port import FhirAnswer
from .belonging import HEAD, Head
from .one_reading import loses_no_string, refuse_repeated_keys

_HIDING = re.compile(rb"\\[u/]")
"""Escapes that can spell a key or an address in another way."""
_CODE = re.compile(rb'"code"\s*:\s*[^\s"]')
"""The code of a resource; that of a coding is a text."""


@dataclass(slots=True)
class Searchset:
    """One answer to a search as it was read; `body` are the bytes that were."""

    body: bytes = field(repr=False)
    bundle: Bundle = field(repr=False)
    entries: list[Entry] = field(repr=False)
    heads: list[Head] = field(repr=False)

    as_written: bool = False
    """Written anew it is the very bytes that came."""

    @classmethod
    def of(cls, answer: FhirAnswer) -> Searchset:
        """Read an answer strictly; one with more around its resources is first written without that.

        What was read of it on arrival counts when it says these very bytes. Raises one of UNREADABLE.
        """
        body, kept = answer.body, answer.searchset
        if kept is not None and written(kept) == body:
            return cls._holding(body, kept, as_written=True)
        try:
            return cls._holding(body, strictly(body))
        except msgspec.ValidationError:
            refuse_repeated_keys(body)
            body = stripped(body)
            return cls._holding(body, strictly(body))

    @classmethod
    def _holding(cls, body: bytes, bundle: Bundle, *, as_written: bool = False) -> Searchset:
        entries, decode = bundle.entry or [], HEAD.decode
        return cls(body, bundle, entries, [decode(entry.resource) for entry in entries], as_written)

    def refuse_two_readings(
        self, own: str, named: int, patients: int, subjects: int, selecting: tuple[str, ...] = ()
    ) -> None:
        """Raise Broken when a key that decides is repeated.

        `own` is how others refer to the patient of the decision, `named` how often an owner does; the next two say how
        many resources gave an owner in that element; `selecting` are the elements that the request selects by.
        """
        if not self._read_in_one_way(own, named, patients, subjects, selecting):
            refuse_repeated_keys(self.body)

    def _read_in_one_way(self, own: str, named: int, patients: int, subjects: int, selecting: tuple[str, ...]) -> bool:
        """True when counting shows that no key that decides is repeated and no other patient is named.

        Sufficient, not necessary: such escapes, contained resources and namesakes only lead to a slower, full reading.
        """
        body = self.body
        return (
            (b"\\" not in body or _HIDING.search(body) is None)
            and body.count(b'"resourceType"') == len(self.heads) + 1
            and (patients == 0 or body.count(b'"patient"') == patients)
            and (subjects == 0 or body.count(b'"subject"') == subjects)
            and all(map(self._selects_once, selecting))
            and self._names_nobody_else(own, named)
            and not self._holds_a_bsn()
            and self._holds_no_more()
        )

    def _selects_once(self, element: str) -> bool:
        """True when no resource gives this element twice, and nothing in it is."""
        read = [getattr(found, element) for found in self.heads]
        given = [bytes(raw) for raw in read if raw is not msgspec.UNSET]
        count = len(_CODE.findall(self.body)) if element == "code" else self.body.count(b'"%b"' % element.encode())
        return count == len(given) and all(map(loses_no_string, set(given)))

    def _names_nobody_else(self, own: str, named: int) -> bool:
        """True when whoever the resources name is the patient. A search's own links name one too, and never leave."""
        links = [link.url for link in self.bundle.link or ()]
        found = self.body.count(b"Patient/") - sum([link.count("Patient/") for link in links])
        if found == named:
            return True
        return found == self.body.count(f'{own}"'.encode()) - sum([link.endswith(own) for link in links])

    def _holds_a_bsn(self) -> bool:
        """True when a BSN may stand in it that counting cannot tell from an owner's."""
        body = self.body
        return b'"identifier"' in body and (b"NamingSystem/bsn" in body or b"113883.2.4.6.3" in body)

    def _holds_no_more(self) -> bool:
        """True when no list of entries and no resource was given twice, so that only one of the two was read."""
        if self.as_written or written(self.bundle) == self.body:
            return True
        lists = 0 if self.bundle.entry is None else 1
        return self.body.count(b'"entry"') == lists and self.body.count(b'"resource"') == len(self.entries)
