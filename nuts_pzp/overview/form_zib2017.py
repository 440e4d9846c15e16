"""The form on zib2017 (STU3), put in the questions of the form on zib2020: one reader reads both (spec pzp-fhir 1.2).

The same form with other question numbers, the decision in other codes ("ja, maar" for "anders"), and role codes without
their leading zero.
"""

from __future__ import annotations

from collections.abc import Iterator

from .structures import DEEPEST, Question, QuestionnaireResponse

FORM = "ACP-zib2017"
DATE = "385"


def _pairs(text: str) -> dict[str, str]:
    return dict(pair.split("=") for pair in text.split())


_DECISIONS = _pairs("587=1386 588=1387 589=1390 590=1393 591=1396 592=1399 593=1402 595=1005")
_ROLES = _pairs("410=982 415=997 819=819")
_SPECIFICATIONS = _pairs("122=1001 123=1388 124=1391 125=1394 126=1397 127=1400")
_COMMENTS = _pairs("86=1002 92=1389 88=1392 94=1395 96=1398 98=1401 100=1404 596=1010 110=1192 112=1194")
_PEOPLE = _pairs(
    "389=968 390=969 391=970 786=1405 787=1406 788=1407 392=973 393=974 394=975 398=976 399=977 400=978 401=980 "
    "402=981 51=983 52=984 395=985 396=986 397=987 403=988 404=989 405=990 406=992 407=993 77=995 80=998"
)
_OTHERS = _pairs(
    "385=963 6=967 784=999 805=1422 249=1006 600=1008 599=1009 382=1190 604=1191 785=1193 789=1435 383=1196 253=1197 "
    "254=1198 255=1199 256=1200 257=1201"
)
LINKS = {**_DECISIONS, **_ROLES, **_SPECIFICATIONS, **_COMMENTS, **_PEOPLE, **_OTHERS}
"""Question of zib2017 -> question of zib2020. A question that both number alike (82, 408, 411 to 414) is not named."""
_DECIDED = {"JA": "0", "JA_MAAR": "1", "NEE": "2"}
_ROLE_CODES = {"1": "01", "2": "02", "3": "03", "9": "09"}


def as_zib2020(form: QuestionnaireResponse) -> QuestionnaireResponse:
    """Return the form with its questions and codes those of zib2020, in place; another form as it is."""
    if _is_old(form):
        form.questionnaire = form.questionnaire or FORM
        for question in _questions(form.item, 0):
            _translate(question)
    return form


def _is_old(form: QuestionnaireResponse) -> bool:
    """Say whether it is on zib2017: by its canonical, or without one by its date and a decision."""
    canonical = (form.questionnaire or "").partition("|")[0]
    if canonical:
        return canonical.rpartition("/")[2].startswith(FORM)
    asked = {question.link_id for question in _questions(form.item, 0)}
    return DATE in asked and not _DECISIONS.keys().isdisjoint(asked)


def _translate(question: Question) -> None:
    link = question.link_id or ""
    codes = _DECIDED if link in _DECISIONS else _ROLE_CODES if link in _ROLES else {}
    for answer in question.answer or ():
        if answer.value_coding is not None and answer.value_coding.code in codes:
            answer.value_coding.code = codes[answer.value_coding.code]
    question.link_id = LINKS.get(link, question.link_id)


def _questions(items: list[Question] | None, depth: int) -> Iterator[Question]:
    for one in items or () if depth <= DEEPEST else ():
        yield one
        yield from _questions(one.item, depth + 1)
        for answer in one.answer or ():
            yield from _questions(answer.item, depth + 1)
