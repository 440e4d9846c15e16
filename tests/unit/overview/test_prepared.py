"""Reading an answer when it arrives gives the same overview as reading all of them at the end."""

from __future__ import annotations

import itertools
from datetime import date, timedelta
from typing import Any

import pytest

from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Gap, Unavailable
from nuts_pzp.overview.merge import Told, digest, merge, prepare
from nuts_pzp.reasons import Reason

ASKED = (Bsn("900010009"), date(1941, 5, 9))


@pytest.fixture
def answers(pen: Any, tell: Any) -> list[Told]:
    shared = [{"system": "urn:x", "value": "1"}]
    return [
        tell(
            "a",
            [
                pen.patient(capable=True),
                pen.encounter("2025-01-01", identifier=shared, reasonReference=[{"reference": "Procedure/pr"}]),
                pen.procedure(),
                pen.encounter("2024-01-01", id="wrong", status="entered-in-error"),
                pen.treatment("deny", "2025-01-01", encounter="Encounter/e"),
                pen.person("Jo Smit", "24", "BRO"),
                pen.form("2023-01-01", pen.choice("1386", "0")),
            ],
        ),
        tell(
            "b",
            [
                pen.patient(),
                pen.encounter("2025-01-01", id="x", identifier=shared),
                pen.procedure(encounter={"reference": "Encounter/x"}),
                pen.treatment("permit", "2025-01-01", id="k"),
                pen.goal("385987000", "2025-01-01", expressedBy={"reference": "RelatedPerson/y", "display": "Y"}),
            ],
        ),
        tell("c", [pen.patient(birthDate="1950-01-01"), pen.treatment("permit", "2026-01-01")]),
        tell("d", [], (Gap("patient", Unavailable(Reason.SOURCE_TIMEOUT)),)),
    ]


def test_prepared_or_not_in_any_order_the_overview_is_the_same(pen: Any, answers: list[Told]) -> None:
    whole = digest(merge(answers, (), now=pen.NOW, asked=ASKED))
    ready = [prepare(one, now=pen.NOW, asked=ASKED) for one in answers]
    for order in itertools.permutations(ready):
        assert digest(merge(order, (), now=pen.NOW, asked=ASKED)) == whole
    assert digest(merge([*ready[:2], *answers[2:]], (), now=pen.NOW, asked=ASKED)) == whole


def test_what_was_prepared_for_another_moment_or_question_is_read_again(pen: Any, answers: list[Told]) -> None:
    early = pen.NOW - timedelta(days=365 * 3)
    for moment, asked in ((early, ASKED), (pen.NOW, (Bsn("900140021"), ASKED[1])), (pen.NOW, None)):
        ready = [prepare(one, now=moment, asked=asked) for one in answers]
        assert digest(merge(ready, (), now=pen.NOW, asked=ASKED)) == digest(
            merge(answers, (), now=pen.NOW, asked=ASKED)
        )


def test_two_answers_of_one_source_are_joined_and_read_again(pen: Any, tell: Any) -> None:
    first = tell("a", [pen.patient(), pen.treatment("deny", "2025-01-01", encounter="Encounter/e", id="c1")])
    rest = tell("a", [pen.encounter("2025-01-01"), pen.treatment("deny", "2020-01-01", id="c2")])
    ready = [prepare(one, now=pen.NOW, asked=ASKED) for one in (first, rest)]
    assert digest(merge(ready, (), now=pen.NOW, asked=ASKED)) == digest(
        merge([first, rest], (), now=pen.NOW, asked=ASKED)
    )


def test_what_was_prepared_shows_nothing_of_the_patient_in_its_repr(pen: Any, answers: list[Told]) -> None:
    shown = repr(prepare(answers[0], now=pen.NOW, asked=ASKED))
    assert "900010009" not in shown
    assert "Jo Smit" not in shown
    assert "1941" not in shown
