"""Whose is this resource? What the patient room and minimization both ask of the holder's own server's JSON.

Trusts nothing of it: an id, a BSN and a reference count only when they are read in one way (design D2). msgspec
structs, because every resource that leaves is looked at here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any, Literal, NoReturn

import msgspec

from ..fhir.parameters import ID
from ..identity import BSN_SYSTEM, Bsn, NotAnIdentifier, Patient, Standing
from .one_reading import ANY, Broken, refuse_repeated_keys

_BSN_NAMES = frozenset(
    name.lower() for name in (BSN_SYSTEM, BSN_SYSTEM.replace("http:", "https:"), "urn:oid:2.16.840.1.113883.2.4.6.3")
)
"""What a BSN's system is called; a server that writes it in another way names the same register all the same."""


Belongs = Literal["ours", "other", "nobody"]
"""To whom a resource belongs, seen from the patient of the decision."""

Unread = msgspec.Raw | msgspec.UnsetType


class _Meta(msgspec.Struct, gc=False):
    versionId: str | None = None


class _Identifier(msgspec.Struct, gc=False):
    system: str | None = None
    value: str | None = None

    @property
    def is_bsn(self) -> bool:
        return self.system is not None and self.system.lower() in _BSN_NAMES


class Reference(msgspec.Struct, gc=False):
    """A FHIR Reference, by address, by identifier or both."""

    reference: str | None = None
    identifier: _Identifier | None = None


class Head(msgspec.Struct, gc=False):
    """The parts of a resource that say what it is; unread those that say whose, and those that a search selects by."""

    resourceType: str
    id: str | None = None
    meta: _Meta | None = None
    patient: Unread = msgspec.UNSET
    subject: Unread = msgspec.UNSET
    contained: Unread = msgspec.UNSET
    code: Unread = msgspec.UNSET
    category: Unread = msgspec.UNSET
    scope: Unread = msgspec.UNSET
    reasonCode: Unread = msgspec.UNSET
    reason: Unread = msgspec.UNSET
    questionnaire: Unread = msgspec.UNSET

    @property
    def short(self) -> str:
        """`Type/id`, as others refer to it."""
        return f"{self.resourceType}/{self.id}"

    @property
    def reference(self) -> str:
        """`Type/id/_history/version`, or `Type/id` when the server gives no version: for the audit."""
        version = self.meta.versionId if self.meta else None
        return f"{self.resourceType}/{self.id}/_history/{version}" if version else f"{self.resourceType}/{self.id}"


class _Link(msgspec.Struct, gc=False):
    type: str | None = None


class _Person(msgspec.Struct):
    """A Patient, as far as it says who it is."""

    resourceType: str
    id: str | None = None
    identifier: list[_Identifier] | None = None
    active: bool | None = None
    birthDate: str | None = None
    deceasedBoolean: bool | None = None
    deceasedDateTime: str | None = None
    link: list[_Link] | None = None

    @property
    def in_use(self) -> bool:
        """False for one that is not active, and for one that another took the place of (FHIR: must not be used)."""
        return self.active is not False and "replaced-by" not in [one.type for one in self.link or ()]


HEAD = msgspec.json.Decoder(Head)
_OWNER = msgspec.json.Decoder(Reference | None)
_PERSON = msgspec.json.Decoder(_Person)
_CONTAINED = msgspec.json.Decoder(list[msgspec.Raw])
_CONTAINERS = frozenset({"Bundle", "List", "Composition", "Parameters", "Group", "Person"})
"""What holds others, or is somebody who need not be the patient."""


def head(raw: bytes) -> Head:
    """Read what one resource is and whose. Raises one of UNREADABLE, also for a repeated key."""
    refuse_repeated_keys(raw)
    return HEAD.decode(raw)


class Owners(dict[bytes, Reference | None]):
    """The owners that resources name, by their bytes: each is read whole, and once, for most name the same."""

    def of(self, raw: Unread) -> Reference | None:
        """Return an owner, None when nobody is named. Raises one of UNREADABLE, also for a repeated key."""
        return None if isinstance(raw, msgspec.UnsetType) else self[bytes(raw)]

    def __missing__(self, raw: bytes) -> Reference | None:
        refuse_repeated_keys(raw)
        found: Reference | None = _OWNER.decode(raw)
        self[raw] = found
        return found


@dataclass(frozen=True, slots=True)
class Person:
    """A Patient resource of the holder's own server: its id there, every BSN it carries, in use or not."""

    id: str
    bsns: frozenset[Bsn]
    active: bool
    deceased: bool
    birth_date: date | None

    def patient(self) -> Patient | None:
        """Return the patient it is, or None when it does not carry exactly one BSN or is out of use."""
        if len(self.bsns) != 1 or not self.active:
            return None
        standing = Standing.DECEASED if self.deceased else Standing.KNOWN
        return Patient(next(iter(self.bsns)), self.id, standing, self.birth_date)


def person(raw: bytes) -> Person | None:
    """Read a Patient resource; None for another type. Raises one of UNREADABLE."""
    refuse_repeated_keys(raw)
    found = _PERSON.decode(raw)
    if found.resourceType != "Patient":
        return None
    if not found.id:
        raise Broken("a Patient without an id")
    return Person(
        found.id,
        frozenset(_bsn(one.value) for one in found.identifier or () if one.is_bsn),
        found.in_use,
        found.deceasedBoolean is True or found.deceasedDateTime is not None,
        _birth_date(found.birthDate),
    )


def _bsn(value: str | None) -> Bsn:
    try:
        return Bsn(value or "")
    except NotAnIdentifier:
        _not_one("a BSN that is none")


def _birth_date(text: str | None) -> date | None:
    """A partial date (`1949`) is no birth date to check against."""
    try:
        return date.fromisoformat(text) if text and len(text) == 10 else None
    except ValueError:
        _not_one("a birth date that is none")


def _not_one(what: str) -> NoReturn:
    raise Broken(what) from None


class Whose:
    """Says of each resource whether it belongs to one patient.

    `bases` are the addresses, each with its last slash, that mean the holder's own server. `own` is how others there
    refer to the patient.
    """

    def __init__(self, patient: Patient, bases: tuple[str, ...]) -> None:
        self._patient = patient
        self._bases = bases
        self.own = f"Patient/{patient.logical_id}"

    def belongs(self, contained: Unread, patient: Reference | None, subject: Reference | None) -> Belongs:
        """Return whose a resource other than a Patient is; what it contains may not be another patient's."""
        if isinstance(contained, msgspec.Raw) and not self._may_contain(bytes(contained)):
            return "other"
        if subject is None:
            return self._of_reference(patient)
        if patient is None:
            return self._of_reference(subject)
        owners = {self._of_reference(patient), self._of_reference(subject)}
        return owners.pop() if len(owners) == 1 else "other"

    def is_person(self, raw: bytes) -> bool:
        """True when a Patient resource is the patient: this id, this BSN and no other, and contains nobody else.

        Raises one of UNREADABLE.
        """
        found, within = person(raw), HEAD.decode(raw).contained
        if found is None or found.id != self._patient.logical_id or found.bsns != {self._patient.bsn}:
            return False
        return not isinstance(within, msgspec.Raw) or self._may_contain(bytes(within))

    def _of_reference(self, found: Reference | None) -> Belongs:
        if found is None:
            return "nobody"
        if found.reference == self.own and found.identifier is None:
            return "ours"
        if found.identifier is not None and found.identifier.is_bsn:
            if found.identifier.value != self._patient.bsn.value:
                return "other"
            if found.reference is None:
                return "ours"
        return "nobody" if found.reference is None else self._of_target(found.reference)

    def _of_target(self, reference: str) -> Belongs:
        if reference == self.own:
            return "ours"
        target = local(reference, self._bases)
        if target is None:
            return "nobody" if reference.startswith("#") else "other"
        if target == self.own:
            return "ours"
        return "other" if target.startswith("Patient/") else "nobody"

    def _may_contain(self, raw: bytes) -> bool:
        owners = Owners()
        for one in _CONTAINED.decode(raw):
            inner = HEAD.decode(one)
            if inner.resourceType in _CONTAINERS or isinstance(inner.contained, msgspec.Raw):
                return False
            if inner.resourceType == "Patient":
                bsns = {mark.value for mark in _PERSON.decode(one).identifier or () if mark.is_bsn}
                if bsns != {self._patient.bsn.value}:
                    return False
            elif not (self._fits_within(owners.of(inner.patient)) and self._fits_within(owners.of(inner.subject))):
                return False
            if self._names_another(ANY.decode(one)):
                return False
        return True

    def _names_another(self, part: Any) -> bool:
        """True when a contained resource refers to another patient, in whatever element: it may be that one's.

        Many types name their patient elsewhere than in `patient` or `subject` (`Task.for`, `Coverage.beneficiary`).
        """
        if isinstance(part, list):
            return any(map(self._names_another, part))
        if not isinstance(part, dict):
            return False
        named, mark = part.get("reference"), part.get("identifier")
        if isinstance(named, str) and "Patient/" in named and self._of_target(named) != "ours":
            return True
        if isinstance(mark, dict) and f"{mark.get('system')}".lower() in _BSN_NAMES:
            return mark.get("value") != self._patient.bsn.value
        return any(map(self._names_another, part.values()))

    def _fits_within(self, owner: Reference | None) -> bool:
        """True for no owner, the patient, and what is contained as well; one that cannot be read may be anybody."""
        if owner is None or (belongs := self._of_reference(owner)) == "ours":
            return True
        return belongs == "nobody" and owner.reference is not None and owner.reference.startswith("#")


def local(reference: str, bases: tuple[str, ...]) -> str | None:
    """Return `Type/id` of a reference to this server, without version; None when it points elsewhere or within."""
    if "://" in reference or reference.startswith(("#", "/", "urn:")):
        own = next((base for base in bases if reference.startswith(base)), None)
        if own is None:
            return None
        reference = reference[len(own) :]
    target, history, version = reference.partition("/_history/")
    return reference if history and not ID.fullmatch(version) else target


def owner_of(raw: bytes, bases: tuple[str, ...]) -> str | None:
    """Return the logical id of the one Patient of this server that a resource names as its own, or None.

    `bases` as in `Whose`. Raises one of UNREADABLE.
    """
    found, known = head(raw), Owners()
    named = [one.reference for one in (known.of(found.patient), known.of(found.subject)) if one is not None]
    owners = {local(one, bases) for one in named if one is not None}
    owner = owners.pop() if len(owners) == 1 else None
    if owner is None or not owner.startswith("Patient/"):
        return None
    logical_id = owner.removeprefix("Patient/")
    return logical_id if ID.fullmatch(logical_id) else None
