"""Sandbox: thirteen authored patients. What each holds and must show is in docs/reference/test-people.md."""

from __future__ import annotations

from . import access, around, dates, kinds, postma
from .person import Choice, Person

PEOPLE: tuple[Person, ...] = (
    postma.make(),
    dates.hofstra(),
    dates.brouwer(),
    kinds.make(),
    around.kuiper(),
    around.zandstra(),
    access.vermeer(),
    dates.wit(),
    access.kok(),
    access.visser(),
    access.talsma(),
    access.hendriks(),
    access.terlouw(),
)

__all__ = ["PEOPLE", "Choice", "Person", "by_slug"]


def by_slug(slug: str) -> Person:
    """Return one person; raises KeyError for an unknown slug."""
    for candidate in PEOPLE:
        if candidate.slug == slug:
            return candidate
    raise KeyError(slug)
