"""Walking a form: answers by linkId, whether a sub-question hangs under `answer.item` or `item.item`.

The nesting is a trap: the specification of a decision hangs under the answer, and a reader that only walks items loses
it (spec pzp-fhir 1.2).
"""

from __future__ import annotations

from collections.abc import Iterator

from .codes import NO, SNOMED, YES, YES_NO
from .records import unknown_modifiers
from .structures import DEEPEST, Coding, Given, Question


class Answers:
    """The answers of (a part of) a form, by linkId, in the order of the form."""

    __slots__ = ("given", "modified")

    def __init__(self, questions: list[Question] | None) -> None:
        self.given: dict[str, list[Given]] = {}
        self.modified = False
        self._walk(questions or [], 0)

    def codings(self, link_id: str) -> list[Coding]:
        """Return the coded answers to a question that have a code or a display."""
        found = (one.value_coding for one in self.given.get(link_id, ()))
        return [one for one in found if one is not None and (one.code or one.display)]

    def worded(self, link_id: str) -> list[Coding]:
        """Return the coded answers; when there is none, the own words that were written instead, as a display."""
        texts = (one.value_string.strip() for one in self.given.get(link_id, ()) if one.value_string)
        return self.codings(link_id) or [Coding(display=text) for text in texts if text]

    def choices(self, link_id: str, yes: str = YES) -> list[Coding]:
        """Return the answers to a question of yes and no, or of a list: coded, in own words, or as a boolean."""
        plain = [one.value_boolean for one in self.given.get(link_id, ()) if one.value_coding is None]
        found = (Coding(SNOMED, yes if one else NO, None if one else YES_NO[NO]) for one in plain if one is not None)
        return [*self.worded(link_id), *found]

    def code(self, link_id: str) -> str:
        """Return the first code, a boolean as `1` or `0`, or nothing."""
        for one in self.given.get(link_id, ()):
            if one.value_coding is not None and one.value_coding.code:
                return one.value_coding.code
            if one.value_boolean is not None:
                return "1" if one.value_boolean else "0"
        return ""

    def text(self, *link_ids: str) -> str:
        """Return the texts given to these questions, in their order."""
        found = (one.value_string for link_id in link_ids for one in self.given.get(link_id, ()))
        return "; ".join(text.strip() for text in found if text and text.strip())

    def date(self, link_id: str) -> str:
        """Return the first date given."""
        found = ((one.value_date_time or one.value_date) for one in self.given.get(link_id, ()))
        return next((text for text in found if text), "")

    def _walk(self, questions: list[Question], depth: int) -> None:
        for question in questions:
            self.modified = self.modified or unknown_modifiers(question.modifier_extension)
            answers = question.answer or []
            if question.link_id:
                self.given.setdefault(question.link_id, []).extend(answers)
            if depth < DEEPEST:
                self._walk(question.item or [], depth + 1)
                for answer in answers:
                    self._walk(answer.item or [], depth + 1)


def groups_with(questions: list[Question] | None, link_ids: frozenset[str], depth: int = 0) -> Iterator[list[Question]]:
    """Yield each list of sibling questions that asks one of these: a repeated group is yielded once per repeat."""
    siblings = questions or []
    if any(one.link_id in link_ids for one in siblings):
        yield siblings
        return
    for one in siblings if depth < DEEPEST else ():
        yield from groups_with(one.item, link_ids, depth + 1)
        for answer in one.answer or ():
            yield from groups_with(answer.item, link_ids, depth + 1)
