"""A searchset as it is read: what stands around its resources typed, the resources raw and beside them their heads.

Trusts nothing of it. The wire of minimization; hot path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from .belonging import HEAD, Head, refuse_repeated_keys


class GivenSearch(msgspec.Struct, omit_defaults=True):
    mode: str | None = None
    score: float | None = None


class GivenLink(msgspec.Struct):
    relation: str
    url: str


class GivenMeta(msgspec.Struct, omit_defaults=True):
    """What a Bundle may say of itself; labels can hold text about anybody, so they stay inside."""

    versionId: str | None = None
    lastUpdated: str | None = None
    profile: list[str] | None = None


class GivenEntry(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An entry without what `Entry` does not know."""

    fullUrl: str | None = None
    resource: msgspec.Raw
    search: GivenSearch | None = None


class GivenBundle(msgspec.Struct, omit_defaults=True):
    """A searchset without what `Bundle` does not know."""

    resourceType: str
    id: str | None = None
    meta: GivenMeta | None = None
    type: str | None = None
    timestamp: str | None = None
    total: int | None = None
    link: list[GivenLink] | None = None
    entry: list[GivenEntry] | None = None


class Search(GivenSearch, forbid_unknown_fields=True, gc=False):
    """Nothing else stands beside it."""


class Link(GivenLink, forbid_unknown_fields=True, gc=False):
    """Nothing else stands beside it."""


class Meta(GivenMeta, forbid_unknown_fields=True):
    """Nothing else stands beside it."""


class Entry(msgspec.Struct, omit_defaults=True, kw_only=True, forbid_unknown_fields=True, gc=False):
    """An entry; its resource stays as it came."""

    fullUrl: str | None = None
    resource: msgspec.Raw
    search: Search | None = None


class Bundle(msgspec.Struct, omit_defaults=True, forbid_unknown_fields=True):
    """A searchset in the order in which it is written again; an element that is not here cannot leave."""

    resourceType: str
    id: str | None = None
    meta: Meta | None = None
    type: str | None = None
    timestamp: str | None = None
    total: int | None = None
    link: list[Link] | None = None
    entry: list[Entry] | None = None


_GIVEN = msgspec.json.Decoder(GivenBundle)
_BUNDLE = msgspec.json.Decoder(Bundle)
_WRITER = msgspec.json.Encoder()
_HIDING = re.compile(rb"\\[u/]")
"""Escapes that can spell a key or an address in another way."""


@dataclass(slots=True)
class Searchset:
    """One answer to a search as it was read; `body` are the bytes that were."""

    body: bytes = field(repr=False)
    bundle: Bundle = field(repr=False)
    entries: list[Entry] = field(repr=False)
    heads: list[Head] = field(repr=False)

    @classmethod
    def read(cls, body: bytes) -> Searchset:
        """Decode strictly; an answer with more around its resources is first written without that.

        Raises one of UNREADABLE.
        """
        try:
            return cls._strictly(body)
        except msgspec.ValidationError:
            refuse_repeated_keys(body)
            return cls._strictly(_WRITER.encode(_GIVEN.decode(body)))

    @classmethod
    def _strictly(cls, body: bytes) -> Searchset:
        bundle = _BUNDLE.decode(body)
        entries, decode = bundle.entry or [], HEAD.decode
        return cls(body, bundle, entries, [decode(entry.resource) for entry in entries])

    def refuse_two_readings(self, own: str, named: int, patients: int, subjects: int) -> None:
        """Raise Broken when a key that decides is repeated.

        `own` is how others refer to the patient of the decision, `named` how often an owner does; the other two say how
        many resources gave an owner in that element.
        """
        if not self._read_in_one_way(own, named, patients, subjects):
            refuse_repeated_keys(self.body)

    def _read_in_one_way(self, own: str, named: int, patients: int, subjects: int) -> bool:
        """True when counting shows that no key that decides is repeated and no other patient is named.

        Sufficient, not necessary: such escapes, contained resources and namesakes only lead to a slower, full reading.
        """
        body = self.body
        return (
            (b"\\" not in body or _HIDING.search(body) is None)
            and body.count(b'"resourceType"') == len(self.heads) + 1
            and (patients == 0 or body.count(b'"patient"') == patients)
            and (subjects == 0 or body.count(b'"subject"') == subjects)
            and self._names_nobody_else(own, named)
            and not self._holds_a_bsn()
            and self._holds_no_more()
        )

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
        if self.written() == self.body:
            return True
        lists = 0 if self.bundle.entry is None else 1
        return self.body.count(b'"entry"') == lists and self.body.count(b'"resource"') == len(self.entries)

    def written(self) -> bytes:
        """Write it anew."""
        return _WRITER.encode(self.bundle)
