"""Roles: which role texts and codes may see PZP (design D5). All or nothing; unmapped and administrative are refused.

Room: authorization. The table is data of the policy bundle: the Rego reads it as `data.pzp_roles`, on either engine, so
this module only checks that the table says what its owner thinks it says.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from typing import Any

KEY = "pzp_roles"
"""The table's place in the data of a bundle."""


class NotARoleTable(ValueError):
    """What is wrong with the table, in words for its owner."""


def checked(document: object) -> dict[str, Any]:
    """Return the role table as the policy reads it; raise NotARoleTable when it is not one.

    `care` and `administrative` map a role (lower case, single spaces) to a note. `owner` and `review` (a date) say who
    answers for it and until when. A role in both, or a code that YAML read as a number, is refused.
    """
    if not isinstance(document, Mapping):
        raise NotARoleTable(f"{KEY} is a mapping")
    unknown = set(document) - {"owner", "review", "care", "administrative"}
    if unknown:
        raise NotARoleTable(f"{KEY} has an unknown key; known are owner, review, care and administrative")
    owner, review = document.get("owner"), document.get("review")
    if not isinstance(owner, str) or not owner.strip():
        raise NotARoleTable(f"{KEY}.owner names who answers for the table")
    care = _roles(document, "care")
    administrative = _roles(document, "administrative")
    if not care:
        raise NotARoleTable(f"{KEY}.care is empty: nobody could see anything")
    if both := sorted(set(care) & set(administrative)):
        raise NotARoleTable(f"{KEY}: {both[0]!r} is in care and in administrative")
    return {"owner": owner, "review": _day(review), "care": care, "administrative": administrative}


def overdue(data: Mapping[str, Any], today: date) -> date | None:
    """Return the review date of the role table in a bundle's data when it has passed, else None."""
    table = data.get(KEY)
    review = date.fromisoformat(table["review"]) if table is not None else today
    return review if review < today else None


def _roles(document: Mapping[Any, Any], name: str) -> dict[str, str]:
    table = document.get(name, {})
    if not isinstance(table, Mapping):
        raise NotARoleTable(f"{KEY}.{name} maps a role to a note")
    for role, note in table.items():
        if not isinstance(role, str):
            raise NotARoleTable(f'{KEY}.{name}: write a code between quotes ("01.015"), or YAML reads a number')
        if role != normalized(role) or not role:
            raise NotARoleTable(f"{KEY}.{name}: {role!r} is not in lower case with single spaces")
        if not isinstance(note, str):
            raise NotARoleTable(f"{KEY}.{name}: the note of {role!r} is text; write it between quotes")
    return dict(table)


def _day(review: object) -> str:
    if isinstance(review, date):
        return review.isoformat()
    try:
        return date.fromisoformat(str(review)).isoformat()
    except ValueError:
        raise NotARoleTable(f"{KEY}.review is the date of the next review, as 2027-11-01") from None


def normalized(role: str) -> str:
    """Return the role as the table spells it: lower case, one space between words, none around."""
    return " ".join(word for word in role.lower().split(" ") if word)
