"""Minimization: only what the decision was about leaves (design D2).

Trusts the decision, not the answer: every resource of the holder's own server must be of an allowed type and belong to
the patient of the decision. What stays keeps its bytes, but for internal addresses. Hot path: resources stay raw.
"""

from __future__ import annotations

import re
from typing import Literal

import msgspec

from ..exchange import Access
from ..fhir.form import Form
from ..fhir.issues import trouble
from ..fhir.parameters import ID
from ..fhir.request import FhirRequest
from ..fhir.searchset import Entry, Link
from ..forwarding.port import FhirAnswer
from ..identity import eleven_test
from ..outcome import Deny, Outcome, Stop, Unavailable
from ..reasons import Reason
from ..values import Value, replace
from .addresses import Addresses, Outside, addresses, plainly, published_base, self_url
from .belonging import Belongs, Head, Owners, Whose, head, local
from .one_reading import UNREADABLE, Broken, refuse_repeated_keys, why
from .plain import plain
from .read import Searchset
from .selection import Selection, is_sharing
from .writing import Staying, leaving


class Minimized(Value, frozen=True):
    """What may leave: FHIR bytes, the references in it, the references that were withheld from it."""

    hidden = frozenset({"body"})

    status: int
    body: bytes
    references: tuple[str, ...]
    withheld: tuple[str, ...]
    form: Form = "json"


Role = Literal["match", "include", "outcome"]

_NAME = re.compile(rf"[A-Z][A-Za-z]{{1,63}}/{ID.pattern}(?:/_history/{ID.pattern})?")
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

    Removed and recorded: other types, patients, codes and forms than asked for, consents about sharing, stray includes,
    outcomes. Where an outcome says that something is lacking, an outcome of ours says so, in fixed words. Deny
    SOURCE_OTHER_PATIENT when none is of the patient and another's was there, RESOURCE_REFUSED for a read of a consent
    about sharing; Unavailable SOURCE_BROKEN for what cannot be read.
    """
    try:
        if not answer.body.isascii():
            answer.body.decode("utf-8")
        if (plain := plainly(answer.body)) is not answer.body:
            answer = replace(answer, body=plain)
        if access.request.interaction == "read":
            return _one(answer, access, outside)
        return _search(answer, access, outside)
    except UNREADABLE as error:
        return Unavailable(Reason.SOURCE_BROKEN, detail=f"the own server's answer: {why(error)}")


def _one(answer: FhirAnswer, access: Access, outside: Outside) -> Outcome[Minimized]:
    found = head(answer.body)
    if (found.resourceType, found.id) != (access.request.resource_type, access.request.id):
        return Unavailable(Reason.SOURCE_BROKEN, detail="the own server gave another resource than asked")
    if is_sharing(found):
        return Deny(Reason.RESOURCE_REFUSED, detail="what a patient chose about sharing is no PZP")
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
    if found.id is None or not _NAME.fullmatch(reference):
        raise Broken("a resource without a proper type, id and version")
    return reference


def _without_bsn(reference: str) -> str:
    """Name what was withheld without a BSN, which some servers use as an id: it is somebody else's."""
    kind, _, rest = reference.partition("/")
    return f"{kind}/#bsn" if eleven_test(rest.partition("/")[0]) else reference


def _search(answer: FhirAnswer, access: Access, outside: Outside) -> Outcome[Minimized]:
    read = Searchset.of(answer)
    if read.bundle.resourceType != "Bundle" or read.bundle.type != "searchset":
        return Unavailable(Reason.SOURCE_BROKEN, detail="a search that was not answered with a searchset")
    asked = access.request.resource_type
    known = addresses(answer.base, outside.base, _published(read, asked))
    links = _links(read, access.request, outside)
    if (all_stay := plain(read, access, known)) is not None:
        names, urls = all_stay
        body = leaving(read, known, Staying(read.entries, urls, len(names), 0), links)
        return Minimized(answer.status, body, tuple(names), ())
    return _Searchset(read, access, known, links).minimized(answer.status)


def _published(read: Searchset, asked: str) -> str | None:
    """The first match says under which address the server publishes; an entry under a third one is refused."""
    for entry, found in zip(read.entries, read.heads, strict=True):
        if entry.fullUrl is not None and _role(entry, found, asked) == "match":
            return published_base(entry.fullUrl, found)
    return None


def _links(read: Searchset, request: FhirRequest, outside: Outside) -> list[Link]:
    """Our own self link when the server gave links, and the further page; no other link leaves."""
    if not read.bundle.link and outside.further is None:
        return []
    links = [Link("self", self_url(request, outside.base))]
    if outside.further is not None:
        links.append(Link("next", outside.further))
    return links


class _Searchset:
    """One answer to a search while each of its entries is judged; lives for that one answer."""

    def __init__(self, read: Searchset, access: Access, known: Addresses, links: list[Link]) -> None:
        self._read, self._entries, self._heads = read, read.entries, read.heads
        self._request, self._known, self._links = access.request, known, links
        self._paged = access.request.continuation is not None or any(link.relation == "next" for link in links)
        self._selection = Selection.of(access.request)
        self._whose, owners = Whose(access.patient, known.bases), Owners()
        self._patients = [owners.of(found.patient) for found in self._heads]
        self._subjects = [owners.of(found.subject) for found in self._heads]
        asked = access.request.resource_type
        self._roles = [_role(entry, found, asked) for entry, found in zip(self._entries, self._heads, strict=True)]

    def minimized(self, status: int) -> Outcome[Minimized]:
        """Judge every entry, matches first, and write the answer again only when something must go or change."""
        self._refuse_two_readings()
        names = [
            "OperationOutcome" if role == "outcome" else _reference(found)
            for found, role in zip(self._heads, self._roles, strict=True)
        ]
        stays = self._matches()
        if isinstance(stays, Stop):
            return stays
        if len(stays) < len(self._entries):
            stays |= self._includes(stays)
        kept = sorted(stays)
        urls = [self._known.full_url(self._entries[at].fullUrl, self._heads[at].short) for at in kept]
        here = [self._roles[at] for at in kept].count("match")
        gone = self._roles.count("match") - here
        staying = Staying([self._entries[at] for at in kept], urls, here, gone, self._is_lacking(), self._paged)
        body = leaving(self._read, self._known, staying, self._links)
        withheld = [_without_bsn(name) for at, name in enumerate(names) if at not in stays]
        return Minimized(status, body, tuple([names[at] for at in kept]), tuple(withheld))

    def _is_lacking(self) -> bool:
        said = [at for at, found in enumerate(self._heads) if found.resourceType == "OperationOutcome"]
        return trouble(bytes(self._entries[at].resource) for at in said) is not None

    def _refuse_two_readings(self) -> None:
        named = [owner.reference for owner in self._patients + self._subjects if owner is not None]
        patients = [found.patient is not msgspec.UNSET for found in self._heads].count(True)
        subjects = [found.subject is not msgspec.UNSET for found in self._heads].count(True)
        if len(named) < patients + subjects or None in [entry.fullUrl for entry in self._entries]:
            refuse_repeated_keys(self._read.body)
        else:
            own = self._whose.own
            self._read.refuse_two_readings(own, named.count(own), patients, subjects, self._selection.elements)

    def _owner(self, at: int) -> Belongs:
        found = self._heads[at]
        if found.resourceType == "Patient":
            return "ours" if self._whose.is_person(bytes(self._entries[at].resource)) else "other"
        return self._whose.belongs(found.contained, self._patients[at], self._subjects[at])

    def _matches(self) -> set[int] | Stop:
        owners = {at: self._owner(at) for at, role in enumerate(self._roles) if role == "match"}
        asked = self._request.resource_type
        ours = [at for at, owner in owners.items() if owner == "ours" and self._heads[at].resourceType == asked]
        if owners and not ours:
            if "other" in owners.values():
                return Deny(Reason.SOURCE_OTHER_PATIENT, detail="every match is of another patient")
            return Unavailable(Reason.SOURCE_BROKEN, detail="no match is of the type and the patient asked for")
        return {at for at in ours if self._selection.takes([self._heads[at]]) and not is_sharing(self._heads[at])}

    def _includes(self, matches: set[int]) -> set[int]:
        """Includes stay when the request asked for their type that way and a match that stays refers to them."""
        wanted = _wanted(self._request)
        if not wanted or "include" not in self._roles:
            return set()
        cited = {
            local(found.replace(b"\\/", b"/").decode(), self._known.bases)
            for at in matches
            for found in _REFERENCES.findall(self._entries[at].resource)
        }
        return {
            at
            for at, role in enumerate(self._roles)
            if role == "include"
            and self._heads[at].resourceType in wanted
            and self._heads[at].short in cited
            and self._may_come_along(at)
        }

    def _may_come_along(self, at: int) -> bool:
        owner = self._owner(at)
        names_nobody = owner == "nobody" and self._patients[at] is None and self._subjects[at] is None
        return owner == "ours" or (names_nobody and self._heads[at].resourceType in _MAY_BE_NOBODYS)


def _role(entry: Entry, found: Head, asked: str) -> Role:
    """What an entry is, as the server says; where it does not say, what was asked for is a match."""
    kind, mode = found.resourceType, entry.search.mode if entry.search is not None else None
    if mode == "outcome" or kind == "OperationOutcome":
        return "outcome"
    return "match" if mode == "match" or (mode is None and kind == asked) else "include"


def _wanted(request: FhirRequest) -> frozenset[str]:
    """The types that the request's includes may bring; `Consent:actor:RelatedPerson` narrows to one."""
    wanted: set[str] = set()
    for (value,) in request.values("_include"):
        source, _, rest = value.partition(":")
        parameter, _, target = rest.partition(":")
        types = _INCLUDES.get(f"{source}:{parameter}", frozenset())
        wanted |= types & {target} if target else types
    return frozenset(wanted)
