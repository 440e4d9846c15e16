"""Which question is the same question, and for how long its answer serves."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from mitz_asked import access, by, mitz, of_type

from nuts_pzp.exchange import Caller
from nuts_pzp.identity import (
    Assurance,
    Bsn,
    Patient,
    Professional,
    Standing,
    Ura,
)
from nuts_pzp.systems.mitz.question import Question
from nuts_pzp.values import replace


@pytest.mark.parametrize(
    "change",
    [
        of_type("Z3"),
        by(Professional("medewerker-18", "huisarts")),
        by(Professional("medewerker-17", "specialist")),
        by(Professional("medewerker-17", "huisarts", assurance=Assurance.UZI)),
        by(Professional("9", "x", mandated_by=Professional("medewerker-17", "huisarts"))),
        lambda caller: replace(caller, organization=replace(caller.organization, ura=Ura("90000555"))),
    ],
    ids=["type", "professional", "role", "register", "mandate", "organization"],
)
def test_sameness_separates_every_field_of_the_question(change: Callable[[Caller], Caller]) -> None:
    source, _ = mitz(roles={"Huisarts": "01.015", "Specialist": "01.016"})
    assert source.sameness(access()) == source.sameness(access())
    assert source.sameness(access(change)) not in (None, source.sameness(access()))


def test_there_is_nothing_to_repeat_without_a_professional() -> None:
    source, _ = mitz()
    assert source.sameness(access(by(None))) is None


def test_sameness_takes_any_text_a_token_may_hold() -> None:
    source, _ = mitz()
    assert source.sameness(access(by(Professional("1\ud800", "huisarts")))) is not None


def test_sameness_separates_patients() -> None:
    source, _ = mitz()
    other = replace(access(), patient=Patient(Bsn("999912033"), "1", Standing.KNOWN))
    assert source.sameness(other) != source.sameness(access())


def test_role_texts_match_whatever_their_case_and_spaces() -> None:
    source, _ = mitz(roles={"Specialist  Ouderengeneeskunde": "01.047"})
    asked = source.question(access(by(Professional("1", " specialist ouderengeneeskunde"))))
    assert isinstance(asked, Question)
    assert asked.professional.role == "01.047"
