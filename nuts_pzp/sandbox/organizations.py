"""Sandbox: the five organisations of the simulated region. All invented; the URAs are in no register.

`dialect` is the shape of what an organisation's own FHIR server holds (spec pzp-fhir 0.1).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ..identity import Organization, Ura

Dialect = Literal["r4-beta3", "r4-rc2", "form"]


@dataclass(frozen=True, slots=True)
class Member:
    """One organisation of the region. A member without a dialect holds nothing: it only consults."""

    slug: str
    organization: Organization
    locality: str
    dialect: Dialect | None

    @property
    def ura(self) -> str:
        """The URA as eight digits."""
        return self.organization.ura.value


def _member(slug: str, ura: str, kind: str, name: str, phone: str, dialect: Dialect | None) -> Member:
    return Member(slug, Organization(Ura(ura), kind, name, phone), "Deventer", dialect)


MEMBERS: tuple[Member, ...] = (
    _member("wilgenhof", "90000111", "Z3", "Huisartsenpraktijk De Wilgenhof", "0570-555111", "r4-beta3"),
    _member("meerwijck", "90000222", "V6", "Ziekenhuis Meerwijck", "0570-555222", "r4-rc2"),
    _member("lindezicht", "90000333", "T2", "Thuiszorg Lindezicht", "0570-555333", "form"),
    _member("kade", "90000444", "N6", "Huisartsenpost De Kade", "0570-555444", None),
    _member("avondrood", "90000555", "H2", "Hospice Avondrood", "0570-555555", "r4-rc2"),
)

HOLDERS: tuple[Member, ...] = tuple(member for member in MEMBERS if member.dialect)


def member(slug: str) -> Member:
    """Return the organisation of this slug; raises KeyError when the region has none."""
    for candidate in MEMBERS:
        if candidate.slug == slug:
            return candidate
    raise KeyError(slug)
