"""The representative and the first contact as the form names them (spec pzp-fhir 1.2, questions 973 to 995)."""

from __future__ import annotations

from collections.abc import Iterator

from .codes import BOOLEANS, FIRST_CONTACT_ROLE, NOBODY, PATIENT, RELATIONS, ROLES, normal, quoted
from .datatypes import Coding
from .form_answers import Answers
from .read_people import contact_said
from .records import Record
from .statements import Person, Statement

_ALSO_FIRST_CONTACT = "984"
_REACH, _REACH_CONTACT = ("976", "977", "978", "979", "980", "981"), ("988", "989", "990", "991", "992", "993")
"""Where a form tells how to reach somebody: every text in that part counts, whichever way it is."""


def read_form_people(record: Record, answers: Answers) -> Iterator[Statement]:
    """Yield the representative and the first contact; the form may say that they are one and the same."""
    record.comment = ""
    roles = answers.worded("982")
    representative = _person(answers, ("973", "974", "975"), _REACH, ("983", "408"), roles)
    contact = _person(answers, ("985", "986", "987"), _REACH_CONTACT, ("995", "412"), [])
    also = any(BOOLEANS.get(one.code or "") for one in answers.choices(_ALSO_FIRST_CONTACT))
    same = also or any(one.code == FIRST_CONTACT_ROLE for one in roles)
    if representative is not None:
        yield record.says("representative", contact_said((representative,)), persons=(representative,))
    found = [one for one in (contact, representative if same else None) if one is not None]
    if found:
        yield record.says("first-contact", contact_said(found[:1]), persons=tuple(found[:1]))


def names_present(answers: Answers) -> tuple[str, ...]:
    """Return who were there, as far as the form says: the patient, and others by role or relation."""
    words = answers.codings("82") or [one for one in answers.worded("82") if normal(one.display or "") == PATIENT]
    present = [PATIENT for _ in words]
    roles = [_word(one, ROLES) for one in answers.worded("997")]
    relations = [_word(one, RELATIONS) for one in answers.worded("998")]
    everybody = (*present, *roles, *relations, answers.text("414"), answers.text("413"))
    return tuple(dict.fromkeys(word for word in everybody if word))


def _person(
    answers: Answers, name: tuple[str, str, str], reach: tuple[str, ...], relation: tuple[str, str], roles: list[Coding]
) -> Person | None:
    full = " ".join(part for link in name if (part := answers.text(link)))
    ways = {text.value_string.strip() for link in reach for text in answers.given.get(link, ()) if text.value_string}
    kin = next((_word(one, RELATIONS) for one in answers.worded(relation[0])), "")
    kin = ": ".join(part for part in (kin, answers.text(relation[1])) if part)
    if not (full or ways or kin):
        return None
    worded = sorted({_word(one, ROLES) for one in roles})
    return Person(full or NOBODY, kin, tuple(worded), tuple(sorted(ways - {""})))


def _word(coding: Coding, table: dict[str, str]) -> str:
    return table.get(coding.code or "") or quoted(coding.code or "", coding.display or "")
