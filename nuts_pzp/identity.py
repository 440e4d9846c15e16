"""Who and whose: identifiers that are checked when they are made and that mask themselves when shown.

Trusts nothing: every identifier is parsed at the edge and trusted inside. Sources: eleven-test of the BSN
(Wet algemene bepalingen burgerservicenummer), URA and code systems of the Dutch generieke functies guides.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from enum import Enum

BSN_SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn"
URA_SYSTEM = "http://fhir.nl/fhir/NamingSystem/ura"
ORGANIZATION_TYPE_SYSTEM = "http://nictiz.nl/fhir/NamingSystem/organization-type"

_TEST_PREFIXES = ("9999", "9000", "9001")


class NotAnIdentifier(ValueError):
    """The text is not an identifier of that kind. Never carries the text."""


@dataclass(frozen=True, slots=True, repr=False)
class Bsn:
    """A citizen service number: nine digits that pass the eleven-test. Masks itself in `repr` and `str`.

    Raises NotAnIdentifier, without the value, when the text is not one.
    """

    value: str

    def __post_init__(self) -> None:
        if not eleven_test(self.value):
            raise NotAnIdentifier("a BSN has nine digits and passes the eleven-test")

    def __repr__(self) -> str:
        return "Bsn(*********)"

    __str__ = __repr__

    @property
    def is_test(self) -> bool:
        """True for the public test ranges that this project knows (design D16)."""
        return self.value.startswith(_TEST_PREFIXES)


def eleven_test(text: str) -> bool:
    """True when `text` is nine ASCII digits whose weighted sum is a multiple of eleven, and not all zero."""
    if len(text) != 9 or not (text.isascii() and text.isdigit()) or text == "000000000":
        return False
    a, b, c, d, e, f, g, h, i = map(int, text)
    return (9 * a + 8 * b + 7 * c + 6 * d + 5 * e + 4 * f + 3 * g + 2 * h - i) % 11 == 0


_TYPE = re.compile(r"[A-Z][A-Z0-9]{1,3}", re.ASCII)


def organization_type(text: str) -> bool:
    """True for what a code of an organization type looks like (`Z3`, `DIA`): no organization is of any other."""
    return _TYPE.fullmatch(text) is not None


_URA = re.compile(r"[0-9]{1,8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Ura:
    """A care organisation's register number, always eight digits, zero-padded by `parse`."""

    value: str

    def __post_init__(self) -> None:
        if len(self.value) != 8 or not _URA.fullmatch(self.value):
            raise NotAnIdentifier("a URA has eight digits")

    @classmethod
    def parse(cls, text: str) -> Ura:
        """Pad to eight digits; raise NotAnIdentifier when it is not one to eight digits."""
        if not _URA.fullmatch(text):
            raise NotAnIdentifier("a URA has one to eight digits")
        return cls(text.zfill(8))

    def __str__(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class Organization:
    """A care organisation: URA, type (code of 2.16.840.1.113883.2.4.15.1060), display name, phone for the night."""

    ura: Ura
    type: str
    name: str
    phone: str = ""
    other_types: tuple[str, ...] = ()
    """What else the directory says it is; a token selects exactly one of `type` and these; none is tried in turn."""


class Assurance(Enum):
    """How sure we are who the professional is (NEN 7512). Self-attested is never shown as verified."""

    SELF_ATTESTED = "self-attested"
    EHR_TOKEN = "ehr-token"  # noqa: S105 (the EHR vouches for who logged in, by a signed assertion)
    DEZI = "dezi"
    UZI = "uzi"


@dataclass(frozen=True, slots=True)
class Professional:
    """The person who looks: an id unique within the organisation, a role as that organisation words it, a name."""

    id: str
    role: str
    name: str = field(default="", repr=False)
    assurance: Assurance = Assurance.SELF_ATTESTED
    mandated_by: Professional | None = None
    login: str = ""
    """By what means the person logged in, as the own EHR vouches; empty when nobody vouched."""


class Purpose(Enum):
    """Why: v3-ActReason codes. Emergency is a scope of its own and never chosen by a request element (design D6)."""

    TREATMENT = "TREAT"
    COORDINATION = "COC"
    EMERGENCY = "ETREAT"


class EmergencyReason(Enum):
    """Why consent could not be asked: what an emergency must say, as a code. Free text may be added, never instead."""

    UNRESPONSIVE = "unresponsive"
    """Cannot be spoken to."""
    INCAPABLE = "incapable"
    """Cannot decide on this now, and nobody who may speak for the patient can be reached."""
    NO_TIME = "no-time"
    """In danger of life or of grave harm; asking would take too long."""


_SLUG = re.compile(r"[a-z0-9-]{1,40}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Tenant:
    """The care organisation on whose behalf a house acts. `id` is the slug in URLs: `[a-z0-9-]{1,40}`."""

    id: str
    organization: Organization

    def __post_init__(self) -> None:
        if not _SLUG.fullmatch(self.id):
            raise NotAnIdentifier("a tenant id is 1 to 40 of a-z, 0-9 and -")


class Standing(Enum):
    """What the holder's own administration says of the patient."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    DECEASED = "deceased"


@dataclass(frozen=True, slots=True)
class Patient:
    """The patient of a decision. `logical_id` is the id at the holder's own FHIR server, absent when unknown there.

    Some servers use the BSN as that id, so no id of a patient is shown.
    """

    bsn: Bsn
    logical_id: str | None = field(repr=False)
    standing: Standing
    birth_date: date | None = field(default=None, repr=False)
