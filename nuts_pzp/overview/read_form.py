"""QuestionnaireResponse of the form "Uniform vastleggen proactieve zorgplanning", R4 (ACP-zib2020).

Only the mapping of linkIds is here (spec pzp-fhir 1.2, 1.3). The date is that of question 963, never `authored`.
A source that sends only forms gives the same items as one that sends resources.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

import msgspec

from .attentions import attention
from .codes import (
    AGREED,
    BOOLEANS,
    EUTHANASIA_POSITIONS,
    GOALS,
    ICD_OFF,
    ICD_OFF_LABEL,
    NULL_FLAVORS,
    PLACES,
    SPECIALTIES,
    TREATMENTS,
    UNCLEAR,
    YES,
    YES_NO,
    normal,
    quoted,
)
from .datatypes import Coding, Concept
from .dates import over_a_year_apart, read_date
from .dossier import Held
from .form_answers import Answers, groups_with
from .form_people import read_form_people
from .form_zib2017 import DATE as OLD_DATE
from .form_zib2017 import FORM
from .read_action import ICD_YES
from .read_consent import treatment_keys, treatment_said, treatment_words
from .read_observation import NOTHING, coded, free_text, with_words, without_information
from .read_people import capacity_said
from .records import Dates, Frame, Record, open_record
from .statements import Said, Statement
from .structures import Given, Question, QuestionnaireResponse
from .wording import business_ids, codes_in, joined

DATE = "963"
BIRTH_DATE = "967"
_TREATMENTS = {
    "1386": ("89666000", "1001", "1002"),
    "1387": ("40617009", "1388", "1389"),
    "1390": ("305351004", "1391", "1392"),
    "1393": ("32485007", "1394", "1395"),
    "1396": ("281789004", "1397", "1398"),
    "1399": ("116762002", "1400", "1401"),
}
_DECISIONS = {"0": "permit", "2": "deny"}
_DECIDED_BY = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4"
"""Root of the code systems in which a form decides: the 0 and 1 of another list may mean no and yes."""
_OTHER = frozenset({"1422", "1402"})
_TALK = frozenset({DATE, BIRTH_DATE, "82", "413", "414", "968", "969", "970", "997", "998", "1405"})
"""Questions on the conversation itself."""


def is_form(content: QuestionnaireResponse) -> bool:
    """Say whether it answers the PZP form, by its canonical, or without one by the form's own questions."""
    canonical = (content.questionnaire or "").partition("|")[0]
    if canonical:
        return canonical.rpartition("/")[2].startswith(("ACP-zib2020", FORM))
    given = Answers(content.item).given
    return DATE in given and not _TREATMENTS.keys().isdisjoint(given)


def read_form(frame: Frame, held: Held, content: QuestionnaireResponse) -> list[Statement] | None:
    """Return the statements of one form; None when it is another form, wholly unknown or too deep."""
    answers = Answers(content.item)
    if answers.cut or not is_form(content):
        return None
    old = FORM in (content.questionnaire or "")
    place = f"QuestionnaireResponse.item[{OLD_DATE if old else DATE}]"
    dates = Dates(((answers.date(DATE) or None, place),), content.encounter)
    record = open_record(frame, held, content.status, dates, content.subject)
    if record is None:
        return []
    record.form = True
    record.ids = business_ids([content.identifier] if content.identifier else None)
    record.author = form_author(answers)
    authored = read_date(content.authored) if content.authored else None
    if record.when is not None and authored is not None and over_a_year_apart(record.when, authored):
        record.warn("FORM_DATE_FAR_FROM_AUTHORED")
    _check_birth_date(frame, record, answers)
    statements = [
        *_treatments(record, answers, content.item),
        *_icd(record, answers),
        *_wishes(record, answers),
        *_shared(record, answers),
        *read_form_people(record, answers),
    ]
    unread = (link for link, given in answers.given.items() if given and link not in _TALK)
    return statements or ([] if next(unread, None) is None else None)


def form_author(answers: Answers) -> str:
    """Return who held the conversation, with function, as the form gives it."""
    name = " ".join(part for part in (answers.text("968"), answers.text("969"), answers.text("970")) if part)
    functions = (
        SPECIALTIES.get(one.code or "") or (one.display or "").strip().lower() for one in answers.worded("1405")
    )
    function = next(functions, "")
    return ", ".join(part for part in (name, function) if part)


def _check_birth_date(frame: Frame, record: Record, answers: Answers) -> None:
    written = read_date(answers.date(BIRTH_DATE))
    known = [content.birth_date for _, content in frame.dossier.patients if content.birth_date]
    if written is not None and known and not any((written.day or written.text).startswith(one) for one in known):
        record.warn("FORM_BIRTH_DATE_DIFFERS")


def _says(record: Record, key: str, said: Said, comment: str = "", label: str = "") -> Statement:
    record.comment = comment
    return record.says(key, said, label)


def _decisions(record: Record, key: str, answers: Answers, links: tuple[str, str, str], label: str) -> list[Statement]:
    """One statement per decision given: a question answered twice is a contradiction, and is shown as one.

    A specification without a choice is a decision as well, and an explanation alone is kept.
    """
    question, specification, comment = links
    alone = [(Given(), Coding())] if answers.text(specification, comment) or answers.beside(question) else []
    chosen = answers.chosen(question) or alone
    several, statements = [(one,) for one, _ in chosen], []
    told = (answers.texts_of(several, specification), answers.texts_of(several, comment))
    beside = answers.beside(question)
    for (_, coding), texts, explanation in zip(chosen, *told, strict=True):
        statement = _says(record, key, _decided(coding, texts), joined(explanation, beside), label)
        if texts and coding.code in _DECISIONS:
            marks = (*statement.attention, attention("TYPE_AND_SPECIFICATION", record.held.ref))
            statement = msgspec.structs.replace(statement, attention=marks)
        statements.append(statement)
    return statements


def _decided(coding: Coding, texts: str) -> Said:
    """Word BehandelBesluit; a specification overrules the choice, as it does in a Consent."""
    code = coding.code or ""
    if texts or not (code or coding.display):
        return treatment_said(None, texts)
    if coding.system and coding.system not in NULL_FLAVORS and not coding.system.startswith(_DECIDED_BY):
        return without_information(coding) or _unread(coding)
    if code == "1":
        return Said("conditional", "conditional", UNCLEAR, "conditional|")
    if code in _DECISIONS:
        return treatment_said(_DECISIONS[code], "")
    return without_information(coding) or _unread(coding)


def _unread(coding: Coding) -> Said:
    code, display = coding.code or "", coding.display or ""
    return Said("text", code, quoted(code, display), f"besluit|{code}|{normal(display)}")


def _treatments(record: Record, answers: Answers, questions: list[Question] | None) -> Iterator[Statement]:
    for question, (code, specification, comment) in _TREATMENTS.items():
        links = (question, specification, comment)
        yield from _decisions(record, f"treatment:{code}", answers, links, TREATMENTS[code])
    for number, group in enumerate(groups_with(questions, _OTHER)):
        yield from _others(record, Answers(group), f"{record.source}/{record.held.resource.id}.{number}")


def _others(record: Record, group: Answers, fallback: str) -> Iterator[Statement]:
    """Overige behandelgrenzen: a treatment in own words and its decision, paired by their order in the group."""
    pairs = list(zip_longest(group.given.get("1422", ()), group.chosen("1402"))) or [(None, None)]
    several = [[one for one in (named, chosen and chosen[0]) if one is not None] for named, chosen in pairs]
    told = (group.texts_of(several, "1403"), group.texts_of(several, "1404"))
    beside = group.beside("1402")
    for number, ((named, chosen), texts, comment) in enumerate(zip(pairs, *told, strict=True)):
        concept = _named(named.value_coding, named.value_string) if named is not None else Concept()
        if chosen is None and not (concept.text or codes_in((concept,)) - {"OTH"} or texts or comment):
            continue
        said = _decided(chosen[1], texts) if chosen is not None else treatment_said(None, texts)
        for key, label in treatment_keys([concept], f"{fallback}.{number}").items():
            yield _says(record, key, said, joined(comment, beside, treatment_words([concept], key, label)), label)


def _named(coding: Coding | None, text: str | None) -> Concept:
    return Concept([coding] if coding else None, text.strip() if text and text.strip() else None)


def _icd(record: Record, answers: Answers) -> Iterator[Statement]:
    kinds = (one.display or one.code or "" for one in answers.worded("1008"))
    detail = joined(*kinds, answers.beside("1008"), answers.text("1009"), answers.beside("1006"))
    for said in _chosen(answers.choices("1006"), YES_NO, detail):
        yield _says(record, "icd:present", _yes_no(said), detail)
    yield from _decisions(record, f"treatment:{ICD_OFF}", answers, ("1005", "", "1010"), ICD_OFF_LABEL)


def _chosen(codings: list[Coding], table: dict[str, str], comment: str) -> list[Said]:
    """Word each answer; an explanation without an answer is kept, and says that nothing is known."""
    return [coded(Concept([one]), table) for one in codings] or ([NOTHING] if comment else [])


def _yes_no(said: Said) -> Said:
    """Yes and no compare equal to what resources say, whose value is only "yes"."""
    if said.display == ICD_YES.display:
        return ICD_YES
    return Said(said.kind, said.code, said.display, "no") if said.display == "Nee" else said


_CODED = {
    "999": ("goal:medical-policy", GOALS, ""),
    "1191": ("obs:395091006", PLACES, "1192"),
    "1193": ("obs:340171000146104", EUTHANASIA_POSITIONS, "1194"),
    "1435": ("obs:570801000146104", YES_NO, ""),
    "1197": ("directive", YES_NO, "1198"),
    "1199": ("prior-differs", YES_NO, ""),
    "1201": ("share-agreement", AGREED, ""),
}
_TEXTS = {"1190": "obs:153851000146100", "1196": "obs:247751003"}


def _wishes(record: Record, answers: Answers) -> Iterator[Statement]:
    for question, (key, table, explanation) in _CODED.items():
        comment = joined(answers.text(explanation) if explanation else "", answers.beside(question))
        for said in _chosen(answers.choices(question, next(iter(AGREED)) if table is AGREED else YES), table, comment):
            yield _says(record, key, with_words(said, comment), comment)
    for question, key in _TEXTS.items():
        if answers.given.get(question):
            yield _says(record, key, _in_words(answers, question))


def _in_words(answers: Answers, question: str) -> Said:
    """The texts and what was answered in code; where there is neither, that nothing is known."""
    coded = [(one, without_information(one)) for one in answers.codings(question)]
    words = (quoted(one.code or "", one.display or "") for one, unknown in coded if unknown is None)
    texts = joined(*words, answers.beside(question)) if coded else answers.text(question)
    others = "" if texts else joined(*(quoted("", one.display or "") for one in answers.worded(question)))
    unknown = next((known for _, known in coded if known is not None), None)
    return free_text(texts or others) if texts or unknown is None else unknown


def _shared(record: Record, answers: Answers) -> Iterator[Statement]:
    for question, key, comment in (("1406", "capacity", "1407"), ("1200", "inform-relatives", "")):
        explanation = joined(answers.text(comment) if comment else "", answers.beside(question))
        found = answers.choices(question)
        found = [one for one in found if one.code] or found
        for one, said in zip(found or [Coding()], _chosen(found, {}, explanation), strict=False):
            yield _says(record, key, capacity_said(one.code or "") if one.code in BOOLEANS else said, explanation)
