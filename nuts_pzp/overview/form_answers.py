"""Walking a form: answers by linkId, whether a sub-question hangs under `answer.item` or `item.item`.

The nesting is a trap: the specification of a decision hangs under the answer, and a reader that only walks items loses
it (spec pzp-fhir 1.2).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from msgspec import structs

from .codes import DIRECTIVE_SYSTEM, DIRECTIVES, NO, SNOMED, UNREAD_ANSWER, YES, YES_NO, quoted
from .datatypes import Coding
from .form_zib2017 import LINKS
from .read_observation import without_information
from .structures import DEEPEST, Given, Question
from .wording import joined

_ASKED = frozenset(LINKS.values()) | {"82", "408", "411", "412", "413", "414", "979", "991", "1403"}
"""The questions of the form, by number."""
_REPEATED = 100_000
"""Characters that one text may grow to by being put to each of several answers; a longer one is put to the first."""


class Answers:
    """The answers of (a part of) a form, by linkId, in the order of the form."""

    __slots__ = ("cut", "given")

    def __init__(self, questions: list[Question] | None) -> None:
        self.given: dict[str, list[Given]] = {}
        self.cut = False
        """Whether something hangs deeper than is read."""
        self._walk(questions or [], 0)

    def codings(self, link_id: str) -> list[Coding]:
        """Return the coded answers to a question that have a code or a display."""
        found = (one.value_coding for one in self.given.get(link_id, ()))
        return [one for one in found if one is not None and (one.code or one.display)]

    def chosen(self, link_id: str) -> list[tuple[Given, Coding]]:
        """Return the coded answers; when there is none, what was answered instead, in words, as a display."""
        given = self.given.get(link_id, ())
        coded = [(one, one.value_coding) for one in given if one.value_coding is not None]
        found = [(one, coding) for one, coding in coded if coding.code or coding.display]
        return found or [(one, Coding(display=words)) for one in given if (words := _own_words(one))]

    def beside(self, link_id: str) -> str:
        """Return what may limit an answer and is none itself: own words beside a code, and what hangs below unasked."""
        given = self.given.get(link_id)
        if not given:
            return ""
        coded = any(one.value_coding is not None for one, _ in self.chosen(link_id))
        words = [_aside(one) for one in given] if coded else []
        return joined(*words, *(text for one in given for text in _unasked(one.item, 0)))

    def worded(self, link_id: str) -> list[Coding]:
        """Return the answers as `chosen` words them."""
        return [coding for _, coding in self.chosen(link_id)]

    def choices(self, link_id: str, yes: str = YES) -> list[Coding]:
        """Return the answers to a question of yes and no, or of a list: coded, in own words, or as a boolean."""
        plain = [one.value_boolean for one in self.given.get(link_id, ()) if one.value_coding is None]
        found = (Coding(SNOMED, yes if one else NO, None if one else YES_NO[NO]) for one in plain if one is not None)
        worded = (coding for one, coding in self.chosen(link_id) if one.value_coding or one.value_boolean is None)
        return [*worded, *found]

    def text(self, *link_ids: str) -> str:
        """Return the texts given to these questions, in their order."""
        return _texts(one for link_id in link_ids for one in self.given.get(link_id, ()))

    def texts_of(self, several: Sequence[Sequence[Given]], link_id: str) -> list[str]:
        """Return the texts of each of several answers: those below it, else what stands beside them all."""
        if len(several) == 1:
            return [self.text(link_id)]
        below = [[text for one in each for text in Answers(one.item).given.get(link_id, ())] for each in several]
        placed = {id(text) for texts in below for text in texts}
        own = [_texts({id(one): one for one in texts}.values()) for texts in below]
        return _with(own, [one for one in self.given.get(link_id, ()) if id(one) not in placed])

    def date(self, link_id: str) -> str:
        """Return the date given; two that differ are no date, and are told as they stand."""
        found = ((one.value_date_time or one.value_date) for one in self.given.get(link_id, ()))
        return " / ".join(dict.fromkeys(text for text in found if text))

    def _walk(self, questions: list[Question], depth: int) -> None:
        for question in questions:
            answers = question.answer or []
            if question.link_id:
                self.given.setdefault(question.link_id, []).extend(answers)
            below = [question.item or [], *(answer.item or [] for answer in answers)]
            if depth < DEEPEST:
                for questions_below in below:
                    self._walk(questions_below, depth + 1)
            else:
                self.cut = self.cut or any(below)


def _with(own: list[str], loose: list[Given]) -> list[str]:
    """Add the texts beside several answers: by their order if there are as many, else to each that has none."""
    if len(own) == len(loose):
        return [joined(text, _texts((one,))) for text, one in zip(own, loose, strict=True)]
    words = _texts(loose)
    shared = len(words) * len(own) <= _REPEATED
    found = [text or (words if shared else "") for text in own]
    if words and found and words not in found:
        found[0] = joined(found[0], words)
    return found


def groups_with(questions: list[Question] | None, link_ids: frozenset[str], depth: int = 0) -> Iterator[list[Question]]:
    """Yield each list of sibling questions that asks one of these: a repeated group is yielded once per repeat."""
    siblings = questions or []
    if any(one.link_id in link_ids for one in siblings):
        yield from _repeats(siblings, link_ids)
        return
    for one in siblings if depth < DEEPEST else ():
        yield from groups_with(one.item, link_ids, depth + 1)
        for answer in one.answer or ():
            yield from groups_with(answer.item, link_ids, depth + 1)


def _repeats(siblings: list[Question], link_ids: frozenset[str]) -> Iterator[list[Question]]:
    """Cut where the first question comes again and either of the two goes with the other question."""
    each = [part for one in siblings for part in (_by_answer(one) if one.link_id in link_ids else (one,))]
    first = next(one.link_id for one in each if one.link_id in link_ids)
    part: list[Question] = []
    whole = begun = False
    for one in each:
        goes_with = not (link_ids - {first}).isdisjoint(Answers([one]).given)
        if one.link_id == first and begun and (whole or goes_with):
            yield part
            part, whole = [], False
        part.append(one)
        begun, whole = begun or one.link_id == first, whole or goes_with
    yield part


def _by_answer(question: Question) -> list[Question]:
    given = question.answer or []
    return [structs.replace(question, answer=[one]) for one in given] if len(given) > 1 else [question]


def _texts(given: Iterable[Given]) -> str:
    return joined(*(_words_of(one) for one in given))


def _words_of(one: Given) -> str:
    """Word an answer where a text was asked: a coded one in its own words, unless it says that nothing is known."""
    coding = one.value_coding
    if one.value_string or coding is None or not (coding.code or coding.display):
        return _own_words(one) if one.value_boolean is None else ""
    if without_information(coding) is not None:
        return ""
    known = DIRECTIVES.get(coding.code or "") if coding.system == DIRECTIVE_SYSTEM else None
    return known or (coding.display or "").strip() or quoted(coding.code or "", "")


def _unasked(questions: list[Question] | None, depth: int) -> Iterator[str]:
    """Yield the answers to questions that are none of the form's: what they are about is seen by where they hang."""
    for question in questions or () if depth < DEEPEST else ():
        answers = question.answer or ()
        if question.link_id not in _ASKED:
            yield from (_words_of(one) for one in answers)
        for below in (question.item, *(one.item for one in answers)):
            yield from _unasked(below, depth + 1)


def _aside(one: Given) -> str:
    """Word what an answer holds beside a code; a boolean is an answer of its own."""
    coded = one.value_coding is not None and bool(one.value_coding.code or one.value_coding.display)
    return (one.value_string or "").strip() if coded else _own_words(one) if one.value_boolean is None else ""


def _own_words(one: Given) -> str:
    """Word an answer that is no code; what has a shape that no question of the form asks for is said to be there."""
    if one.value_string is not None:
        return one.value_string.strip()
    if one.value_boolean is not None:
        return YES_NO[YES if one.value_boolean else NO]
    plain = (one.value_integer, one.value_decimal, one.value_date, one.value_date_time, one.value_time, one.value_uri)
    other = (one.value_quantity, one.value_reference, one.value_attachment, one.value_codeable_concept)
    found = next((value for value in (*plain, *other) if value is not None), "")
    return str(found).strip() if isinstance(found, str | int | float) else UNREAD_ANSWER
