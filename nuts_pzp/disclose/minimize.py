"""Minimization: only what the decision was about leaves (design D2).

Trusts the decision, not the answer: every resource of the holder's own server must be of an allowed type and belong to
the patient of the decision. What stays keeps its bytes, but for internal addresses. Hot path: resources stay raw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

import msgspec

from ..exchange import Access
from ..fhir.parameters import ID
from ..fhir.request import FhirRequest
from ..forwarding.port import FhirAnswer
from ..identity import eleven_test
from ..outcome import Deny, Outcome, Stop, Unavailable
from ..reasons import Reason
from .addresses import Addresses, Outside, plainly, published_base, self_url
from .belonging import UNREADABLE, Belongs, Broken, Head, Reference, Whose, head, local, refuse_repeated_keys, why
from .searchset import TO_JUDGE, TO_WRITE, Bundle, Entry, Link, RawBundle
from .selection import Selection


@dataclass(frozen=True, slots=True)
class Minimized:
    """What may leave: FHIR JSON bytes, the references in it, the references that were withheld from it."""

    status: int
    body: bytes = field(repr=False)
    references: tuple[str, ...]
    withheld: tuple[str, ...]


Role = Literal["match", "include", "outcome"]

_NAME = re.compile(rf"[A-Z][A-Za-z]{{1,63}}/{ID.pattern}(?:/_history/{ID.pattern})?")
_HIDING = re.compile(rb"\\[u/]")
"""Escapes that can spell a key or an address in another way."""
_REFERENCES = re.compile(rb'"reference"\s*:\s*"([^"]*)"')

_PEOPLE = frozenset({"RelatedPerson", "PractitionerRole", "Practitioner", "Organization"})
_INCLUDES: dict[str, frozenset[str]] = {
    "Procedure:encounter": frozenset({"Encounter"}),
    "Procedure:context": frozenset({"Encounter"}),
    "Encounter:reason-reference": frozenset({"Procedure"}),
    "Encounter:diagnosis": frozenset({"Procedure"}),
    "Consent:actor": _PEOPLE | {"Patient"},
    "Consent:consentor": _PEOPLE | {"Patient"},
    "DeviceUseStatement:device": frozenset({"Device"}),
}
"""What each `_include` of a PZP query may bring (spec pzp-fhir 2.1 and 5); any other include brings nothing."""

_MAY_BE_NOBODYS = frozenset({"PractitionerRole", "Practitioner", "Organization", "Device", "Encounter"})
"""Included types that need not name a patient: they stay as long as an entry that stays refers to them.

One that does name somebody, in whatever way, must name the patient.
"""


def minimize(answer: FhirAnswer, access: Access, outside: Outside) -> Outcome[Minimized]:
    """Return what may leave of the own server's answer: the very bytes when nothing had to change.

    Removed and recorded: other types, patients, codes and forms than asked for, stray includes, outcomes. Deny
    SOURCE_OTHER_PATIENT when none is of the patient and another's was there; Unavailable SOURCE_BROKEN for what cannot
    be read.
    """
    try:
        if not answer.body.isascii():
            answer.body.decode("utf-8")
        if (plain := plainly(answer.body)) is not answer.body:
            answer = replace(answer, body=plain)
        if access.request.interaction == "read":
            return _one(answer, access, outside)
        return _Searchset(answer.body, access, outside, answer.base).minimized(answer.status)
    except UNREADABLE as error:
        return Unavailable(Reason.SOURCE_BROKEN, detail=f"the own server's answer: {why(error)}")


def _one(answer: FhirAnswer, access: Access, outside: Outside) -> Outcome[Minimized]:
    found = head(answer.body)
    if (found.resourceType, found.id) != (access.request.resource_type, access.request.id):
        return Unavailable(Reason.SOURCE_BROKEN, detail="the own server gave another resource than asked")
    addresses = Addresses(answer.base, outside.base)
    whose = Whose(access.patient, addresses.bases)
    ours = whose.is_person(answer.body) if found.resourceType == "Patient" else whose.belongs(found) is Belongs.OURS
    if not ours:
        return Deny(Reason.SOURCE_OTHER_PATIENT, detail="the resource is not of the patient of the decision")
    return Minimized(answer.status, addresses.readdressed(answer.body), (_reference(found),), ())


def _reference(found: Head) -> str:
    """What the audit calls a resource; refuse a type, id or version that could not stand in a reference."""
    reference = found.reference
    if not _NAME.fullmatch(reference):
        raise Broken("a resource without a proper type, id and version")
    return reference


def _without_bsn(reference: str) -> str:
    """Name what was withheld without a BSN, which some servers use as an id: it is somebody else's."""
    kind, _, rest = reference.partition("/")
    return f"{kind}/#bsn" if eleven_test(rest.partition("/")[0]) else reference


class _Searchset:
    """One answer to a search while it is being judged; lives for that one answer."""

    def __init__(self, body: bytes, access: Access, outside: Outside, inside: str) -> None:
        self._body = body
        self._request, self._patient, self._outside = access.request, access.patient, outside
        self._bundle = self._decoded()
        self._entries = self._bundle.entry or []
        self._roles = [self._role(entry) for entry in self._entries]
        self._addresses = Addresses(inside, outside.base, self._published())
        self._whose = Whose(access.patient, self._addresses.bases)

    def minimized(self, status: int) -> Outcome[Minimized]:
        """Judge every entry, matches first, and write the answer again only when something must go or change."""
        if self._bundle.resourceType != "Bundle" or self._bundle.type != "searchset":
            return Unavailable(Reason.SOURCE_BROKEN, detail="a search that was not answered with a searchset")
        if not self._read_in_one_way():
            refuse_repeated_keys(self._body)
        names = [
            "OperationOutcome" if role == "outcome" else _reference(entry.resource)
            for entry, role in zip(self._entries, self._roles, strict=True)
        ]
        stays = self._matches()
        if isinstance(stays, Stop):
            return stays
        if len(stays) < len(self._entries):
            stays |= self._includes(stays)
        gone = tuple(_without_bsn(name) for at, name in enumerate(names) if at not in stays)
        return Minimized(status, self._written(stays), tuple(names[at] for at in sorted(stays)), gone)

    def _decoded(self) -> Bundle:
        """Decode strictly; an answer with more around its resources is first written without that."""
        try:
            return TO_JUDGE.decode(self._body)
        except msgspec.ValidationError:
            refuse_repeated_keys(self._body)
            self._body = msgspec.json.encode(TO_WRITE.decode(self._body))
            return TO_JUDGE.decode(self._body)

    def _read_in_one_way(self) -> bool:
        """True when counting shows that no key that decides is repeated and no other patient is named.

        Sufficient, not necessary: such escapes, contained resources and namesakes only lead to a slower, full reading.
        """
        body, heads = self._body, [entry.resource for entry in self._entries]
        return (
            (b"\\" not in body or _HIDING.search(body) is None)
            and body.count(b'"resourceType"') == len(heads) + 1
            and _counts(body, b'"subject"', [one.subject for one in heads])
            and _counts(body, b'"patient"', [one.patient for one in heads])
            and self._names_nobody_else()
            and not self._holds_a_bsn()
            and all(entry.fullUrl is not None for entry in self._entries)
        )

    def _holds_a_bsn(self) -> bool:
        """True when a BSN may stand in it: as an owner's identifier it decides, and counting cannot tell it apart."""
        body = self._body
        return b'"identifier"' in body and (b"NamingSystem/bsn" in body or b"113883.2.4.6.3" in body)

    def _names_nobody_else(self) -> bool:
        """True when whoever the resources name is the patient. A search's own links name one too, and never leave."""
        own = f"Patient/{self._patient.logical_id}"
        links = [link.url for link in self._bundle.link or ()]
        named = self._body.count(b"Patient/") - sum(link.count("Patient/") for link in links)
        heads = [entry.resource for entry in self._entries]
        owners = [one.patient or one.subject for one in heads]
        if named == sum(owner is not None and owner.reference == own for owner in owners):
            return True
        return named == self._body.count(f'{own}"'.encode()) - sum(link.endswith(own) for link in links)

    def _role(self, entry: Entry) -> Role:
        mode = entry.search.mode if entry.search else None
        if mode == "outcome" or entry.resource.resourceType == "OperationOutcome":
            return "outcome"
        if mode is None:
            mode = "match" if entry.resource.resourceType == self._request.resource_type else "include"
        return "match" if mode == "match" else "include"

    def _published(self) -> str | None:
        """The first match says under which address the server publishes; an entry under a third one is refused."""
        for entry, role in zip(self._entries, self._roles, strict=True):
            if role == "match" and entry.fullUrl is not None:
                return published_base(entry.fullUrl, entry.resource)
        return None

    def _owner(self, at: int) -> Belongs:
        found = self._entries[at].resource
        if found.resourceType != "Patient":
            return self._whose.belongs(found)
        return Belongs.OURS if self._whose.is_person(self._raw(at)) else Belongs.OTHER

    def _matches(self) -> set[int] | Stop:
        owners = {at: self._owner(at) for at, role in enumerate(self._roles) if role == "match"}
        asked = self._request.resource_type
        ours = {
            at
            for at, owner in owners.items()
            if owner is Belongs.OURS and self._entries[at].resource.resourceType == asked
        }
        if owners and not ours:
            if Belongs.OTHER in owners.values():
                return Deny(Reason.SOURCE_OTHER_PATIENT, detail="every match is of another patient")
            return Unavailable(Reason.SOURCE_BROKEN, detail="no match is of the type and the patient asked for")
        selection = Selection.of(self._request)
        return {at for at in ours if selection.takes(self._entries[at].resource)}

    def _includes(self, matches: set[int]) -> set[int]:
        """Includes stay when the request asked for their type that way and a match that stays refers to them."""
        wanted = _wanted(self._request)
        cited = {
            local(found.replace(b"\\/", b"/").decode(), self._addresses.bases)
            for at in matches
            for found in _REFERENCES.findall(self._raw(at))
        }
        return {
            at
            for at, role in enumerate(self._roles)
            if role == "include"
            and self._entries[at].resource.resourceType in wanted
            and self._entries[at].resource.short in cited
            and self._may_come_along(at)
        }

    def _may_come_along(self, at: int) -> bool:
        found, owner = self._entries[at].resource, self._owner(at)
        names_nobody = owner is Belongs.NOBODY and found.patient is None and found.subject is None
        return owner is Belongs.OURS or (names_nobody and found.resourceType in _MAY_BE_NOBODYS)

    @cached_property
    def _whole(self) -> RawBundle:
        return TO_WRITE.decode(self._body)

    def _raw(self, at: int) -> bytes:
        assert self._whole.entry is not None
        return bytes(self._whole.entry[at].resource)

    def _written(self, stays: set[int]) -> bytes:
        urls = [
            self._addresses.full_url(self._entries[at].fullUrl, self._entries[at].resource.short)
            for at in sorted(stays)
        ]
        links = self._links()
        same = (
            len(stays) == len(self._entries)
            and urls == [entry.fullUrl for entry in self._entries]
            and links == (self._bundle.link or [])
            and not self._addresses.hidden_in(self._body)
        )
        return self._body if same else self._rebuilt(stays, urls, links)

    def _links(self) -> list[Link]:
        """Our own self link when the server gave links, and the further page; no other link leaves."""
        if not self._bundle.link and self._outside.further is None:
            return []
        links = [Link("self", self_url(self._request, self._outside.base))]
        if self._outside.further is not None:
            links.append(Link("next", self._outside.further))
        return links

    def _rebuilt(self, stays: set[int], urls: list[str | None], links: list[Link]) -> bytes:
        whole = self._whole
        entries = whole.entry or []
        around = [link.url for link in whole.link or ()] + [one.fullUrl for one in entries if one.fullUrl]
        clean = self._addresses.only_in(around, self._body)
        whole.entry = [entries[at] for at in sorted(stays)] or None
        for entry, url in zip(whole.entry or (), urls, strict=True):
            entry.fullUrl = url
            if not clean:
                entry.resource = msgspec.Raw(self._addresses.readdressed(bytes(entry.resource)))
        whole.link = [*links] or None
        if whole.total is not None:
            here = sum(self._roles[at] == "match" for at in stays)
            whole.total = max(here, whole.total - (self._roles.count("match") - here))
        return msgspec.json.encode(whole)


def _counts(body: bytes, key: bytes, found: list[Reference | None]) -> bool:
    """True when a key stands in the body exactly as often as it was read; a key that was not read is no matter."""
    read = len(found) - found.count(None)
    return read == 0 or body.count(key) == read


def _wanted(request: FhirRequest) -> frozenset[str]:
    """The types that the request's includes may bring; `Consent:actor:RelatedPerson` narrows to one."""
    wanted: set[str] = set()
    for (value,) in request.values("_include"):
        source, _, rest = value.partition(":")
        parameter, _, target = rest.partition(":")
        types = _INCLUDES.get(f"{source}:{parameter}", frozenset())
        wanted |= types & {target} if target else types
    return frozenset(wanted)
