"""Minimization: only what the decision was about leaves (design D2).

Trusts the decision, not the answer: every resource of the holder's own server must be of an allowed type and belong to
the patient of the decision. What stays keeps its bytes, but for internal addresses. Hot path: resources stay raw.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal

import msgspec

from ..exchange import Access
from ..fhir.parameters import ID
from ..fhir.request import FhirRequest
from ..forwarding.port import FhirAnswer
from ..identity import eleven_test
from ..outcome import Deny, Outcome, Stop, Unavailable
from ..reasons import Reason
from ..values import replace
from .addresses import Outside, addresses, plainly, published_base, self_url
from .belonging import UNREADABLE, Belongs, Broken, Head, Owners, Whose, head, local, why
from .searchset import Entry, Link, Searchset
from .selection import Selection


@dataclass(frozen=True, slots=True)
class Minimized:
    """What may leave: FHIR JSON bytes, the references in it, the references that were withheld from it."""

    status: int
    body: bytes = field(repr=False)
    references: tuple[str, ...]
    withheld: tuple[str, ...]


Role = Literal["match", "include", "outcome"]

_ONE = rf"[A-Z][A-Za-z]{{1,63}}/{ID.pattern}(?:/_history/{ID.pattern})?"
_NAME, _NAMES = re.compile(_ONE), re.compile(rf"{_ONE}(?:\n{_ONE})*")
_IMPROPER = "a resource without a proper type, id and version"
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
        return _Searchset(Searchset.read(answer.body), access, outside, answer.base).minimized(answer.status)
    except UNREADABLE as error:
        return Unavailable(Reason.SOURCE_BROKEN, detail=f"the own server's answer: {why(error)}")


def _one(answer: FhirAnswer, access: Access, outside: Outside) -> Outcome[Minimized]:
    found = head(answer.body)
    if (found.resourceType, found.id) != (access.request.resource_type, access.request.id):
        return Unavailable(Reason.SOURCE_BROKEN, detail="the own server gave another resource than asked")
    known = addresses(answer.base, outside.base)
    whose = Whose(access.patient, known.bases)
    if found.resourceType == "Patient":
        ours = whose.is_person(answer.body)
    else:
        owners = Owners()
        ours = whose.belongs(found.contained, owners.of(found.patient), owners.of(found.subject)) == "ours"
    if not ours:
        return Deny(Reason.SOURCE_OTHER_PATIENT, detail="the resource is not of the patient of the decision")
    return Minimized(answer.status, known.readdressed(answer.body), (_reference(found),), ())


def _reference(found: Head) -> str:
    """What the audit calls a resource; refuse a type, id or version that could not stand in a reference."""
    reference = found.reference
    if not _NAME.fullmatch(reference):
        raise Broken(_IMPROPER)
    return reference


def _without_bsn(reference: str) -> str:
    """Name what was withheld without a BSN, which some servers use as an id: it is somebody else's."""
    kind, _, rest = reference.partition("/")
    return f"{kind}/#bsn" if eleven_test(rest.partition("/")[0]) else reference


class _Searchset:
    """One answer to a search while it is being judged; lives for that one answer."""

    def __init__(self, read: Searchset, access: Access, outside: Outside, inside: str) -> None:
        self._read, self._entries, self._heads = read, read.entries, read.heads
        self._request, self._outside = access.request, outside
        self._roles = _roles(self._entries, self._heads, access.request.resource_type)
        self._addresses = addresses(inside, outside.base, self._published())
        self._whose = Whose(access.patient, self._addresses.bases)

    def minimized(self, status: int) -> Outcome[Minimized]:
        """Judge every entry, matches first, and write the answer again only when something must go or change."""
        if self._read.bundle.resourceType != "Bundle" or self._read.bundle.type != "searchset":
            return Unavailable(Reason.SOURCE_BROKEN, detail="a search that was not answered with a searchset")
        self._read.refuse_two_readings(self._whose.own)
        names = self._names()
        stays = self._matches()
        if isinstance(stays, Stop):
            return stays
        if len(stays) == len(names):
            return Minimized(status, self._written(stays), tuple(names), ())
        stays = sorted({*stays, *self._includes(stays)})
        body, left = self._written(stays), set(stays)
        gone = tuple([_without_bsn(name) for at, name in enumerate(names) if at not in left])
        return Minimized(status, body, tuple([names[at] for at in stays]), gone)

    def _names(self) -> list[str]:
        """What the audit calls each entry; Broken for one that could not stand in a reference."""
        if "outcome" in self._roles:
            pairs = zip(self._heads, self._roles, strict=True)
            return ["OperationOutcome" if role == "outcome" else _reference(found) for found, role in pairs]
        names = [
            f"{short}/_history/{found.meta.versionId}" if found.meta and found.meta.versionId else short
            for short, found in zip(self._read.shorts, self._heads, strict=True)
        ]
        if names and not _NAMES.fullmatch("\n".join(names)):
            raise Broken(_IMPROPER)
        return names

    def _published(self) -> str | None:
        """The first match says under which address the server publishes; an entry under a third one is refused."""
        for at, role in enumerate(self._roles):
            if role == "match" and (url := self._entries[at].fullUrl) is not None:
                return published_base(url, self._heads[at])
        return None

    def _owner(self, at: int) -> Belongs:
        found, read = self._heads[at], self._read
        if found.resourceType == "Patient":
            return "ours" if self._whose.is_person(bytes(self._entries[at].resource)) else "other"
        return self._whose.belongs(found.contained, read.patients[at], read.subjects[at])

    def _matches(self) -> list[int] | Stop:
        asked, heads = self._request.resource_type, self._heads
        matches = [at for at, role in enumerate(self._roles) if role == "match"]
        owners = [self._owner(0)] * len(matches) if self._read.alike() else [self._owner(at) for at in matches]
        pairs = zip(matches, owners, strict=True)
        ours = [at for at, owner in pairs if owner == "ours" and heads[at].resourceType == asked]
        if matches and not ours:
            if "other" in owners:
                return Deny(Reason.SOURCE_OTHER_PATIENT, detail="every match is of another patient")
            return Unavailable(Reason.SOURCE_BROKEN, detail="no match is of the type and the patient asked for")
        return Selection.of(self._request).taken(heads, ours)

    def _includes(self, matches: list[int]) -> set[int]:
        """Includes stay when the request asked for their type that way and a match that stays refers to them."""
        wanted = _wanted(self._request)
        cited = {
            local(found.replace(b"\\/", b"/").decode(), self._addresses.bases)
            for at in matches
            for found in _REFERENCES.findall(self._entries[at].resource)
        }
        return {
            at
            for at, role in enumerate(self._roles)
            if role == "include"
            and self._heads[at].resourceType in wanted
            and self._read.shorts[at] in cited
            and self._may_come_along(at)
        }

    def _may_come_along(self, at: int) -> bool:
        owner, read = self._owner(at), self._read
        names_nobody = owner == "nobody" and read.patients[at] is None and read.subjects[at] is None
        return owner == "ours" or (names_nobody and self._heads[at].resourceType in _MAY_BE_NOBODYS)

    def _written(self, stays: list[int]) -> bytes:
        """The very bytes when they hold nothing that must go or change; else written again around the raw resources."""
        read, hides = self._read, self._addresses.hidden_in
        bundle, links = read.bundle, self._links()
        changed = self._readdressed(stays)
        if not changed and len(stays) == len(self._entries) and links == (bundle.link or []) and not hides(read.body):
            return read.body
        if bundle.total is not None:
            here = [self._roles[at] for at in stays].count("match")
            bundle.total = max(here, bundle.total - (self._roles.count("match") - here))
        bundle.link, bundle.entry = links or None, [self._entries[at] for at in stays] or None
        body = read.written()
        if hides(body):
            for entry in bundle.entry or ():
                entry.resource = msgspec.Raw(self._addresses.readdressed(bytes(entry.resource)))
            body = read.written()
        return body

    def _readdressed(self, stays: list[int]) -> bool:
        """Make the URLs of what stays external; return whether any had to change."""
        first, front, changed = self._addresses.bases[0], f"{self._addresses.outside}/", False
        for at in stays:
            entry, short = self._entries[at], self._read.shorts[at]
            url = front + short if entry.fullUrl == first + short else self._addresses.full_url(entry.fullUrl, short)
            if url != entry.fullUrl:
                entry.fullUrl, changed = url, True
        return changed

    def _links(self) -> list[Link]:
        """Our own self link when the server gave links, and the further page; no other link leaves."""
        if not self._read.bundle.link and self._outside.further is None:
            return []
        links = [Link("self", self_url(self._request, self._outside.base))]
        if self._outside.further is not None:
            links.append(Link("next", self._outside.further))
        return links


def _roles(entries: list[Entry], heads: list[Head], asked: str) -> list[Role]:
    """What each entry is, as the server says; where it does not say, what was asked for is a match."""
    roles: list[Role] = []
    for entry, found in zip(entries, heads, strict=True):
        mode, kind = entry.search.mode if entry.search is not None else None, found.resourceType
        if mode == "outcome" or kind == "OperationOutcome":
            roles.append("outcome")
        elif mode == "match" or (mode is None and kind == asked):
            roles.append("match")
        else:
            roles.append("include")
    return roles


def _wanted(request: FhirRequest) -> frozenset[str]:
    """The types that the request's includes may bring; `Consent:actor:RelatedPerson` narrows to one."""
    wanted: set[str] = set()
    for (value,) in request.values("_include"):
        source, _, rest = value.partition(":")
        parameter, _, target = rest.partition(":")
        types = _INCLUDES.get(f"{source}:{parameter}", frozenset())
        wanted |= types & {target} if target else types
    return frozenset(wanted)
