"""A searchset as it is read: what stands around its resources typed, the resources raw and beside them their heads.

Trusts nothing of it. The wire of minimization; hot path.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

import msgspec

from .belonging import HEAD, Head, Owners, Reference, Unread, refuse_repeated_keys


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
    shorts: list[str] = field(repr=False)
    """`Type/id` of each resource, as others refer to it."""
    patients: list[Reference | None] = field(repr=False)
    subjects: list[Reference | None] = field(repr=False)
    """Whom each resource names as its owner, in its two elements for that."""

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
        entries = bundle.entry or []
        decode = HEAD.decode
        heads = [decode(entry.resource) for entry in entries]
        shorts = [f"{found.resourceType}/{found.id}" for found in heads]
        owners, unset = Owners(), msgspec.UNSET
        patients = [None if (raw := found.patient) is unset else owners[bytes(raw)] for found in heads]
        subjects = [None if (raw := found.subject) is unset else owners[bytes(raw)] for found in heads]
        return cls(body, bundle, entries, heads, shorts, patients, subjects)

    def alike(self) -> bool:
        """True when all resources are of one type, name the same owner and contain nothing: whose one is, all are."""
        heads, count = self.heads, len(self.heads)
        return (
            count > 1
            and heads[0].resourceType != "Patient"
            and [found.resourceType for found in heads].count(heads[0].resourceType) == count
            and [found.contained for found in heads].count(msgspec.UNSET) == count
            and self.patients.count(self.patients[0]) == count
            and self.subjects.count(self.subjects[0]) == count
        )

    def refuse_two_readings(self, own: str) -> None:
        """Raise Broken when a key that decides is repeated. `own`: how others refer to the patient of the decision."""
        if not self._read_in_one_way(own):
            refuse_repeated_keys(self.body)

    def _read_in_one_way(self, own: str) -> bool:
        """True when counting shows that no key that decides is repeated and no other patient is named.

        Sufficient, not necessary: such escapes, contained resources and namesakes only lead to a slower, full reading.
        """
        body, heads = self.body, self.heads
        if (b"\\" in body and _HIDING.search(body)) or body.count(b'"resourceType"') != len(heads) + 1:
            return False
        return (
            self._gives_once(b'"subject"', [found.subject for found in heads], self.subjects)
            and self._gives_once(b'"patient"', [found.patient for found in heads], self.patients)
            and self._names_nobody_else(own)
            and not self._holds_a_bsn()
            and None not in [entry.fullUrl for entry in self.entries]
            and self._holds_no_more()
        )

    def _gives_once(self, key: bytes, given: list[Unread], owners: list[Reference | None]) -> bool:
        """True when a key stands there exactly as often as it gave an owner; one that was not read is no matter."""
        read = len(owners) - owners.count(None)
        return read == len(given) - given.count(msgspec.UNSET) and (read == 0 or self.body.count(key) == read)

    def _names_nobody_else(self, own: str) -> bool:
        """True when whoever the resources name is the patient. A search's own links name one too, and never leave."""
        owners = [owner.reference for owner in self.patients + self.subjects if owner is not None]
        links = [link.url for link in self.bundle.link or ()]
        named = self.body.count(b"Patient/") - sum([link.count("Patient/") for link in links])
        if named == owners.count(own):
            return True
        return named == self.body.count(f'{own}"'.encode()) - sum([link.endswith(own) for link in links])

    def _holds_a_bsn(self) -> bool:
        """True when a BSN may stand in it: as an owner's identifier it decides, and counting cannot tell it apart."""
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
