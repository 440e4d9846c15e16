"""Answers to the open question: whom one may ask, by URA; every hostile one is refused or cut, within bounds.

`REFUSED` and `CUT` say of each hostile answer of the twin what it must become.
"""

from __future__ import annotations

import time
import tracemalloc
import uuid

import pytest

from nuts_pzp.identity import Bsn, Ura
from nuts_pzp.sandbox.mitz.open_hostile import HONEST, HOSTILE, ONE, TWO
from nuts_pzp.sandbox.mitz.open_parts import OpenAsked
from nuts_pzp.systems.mitz.answer import Refused
from nuts_pzp.systems.mitz.flaw import Flaw
from nuts_pzp.systems.mitz.open_answer import MOST, Located, read
from nuts_pzp.systems.mitz.open_question import OpenQuestion
from nuts_pzp.systems.mitz.question import Party, Responsible

BSN = "999990019"
QUESTION = OpenQuestion(
    uuid.UUID("6f1f6a6e-0b7e-4c1b-9a34-2f6f3f1f0a01"), Bsn(BSN), Party(Ura("90000444"), "N6"),
    Responsible("000012345", "01.015"),
)  # fmt: skip
ASKED = OpenAsked(
    str(QUESTION.message_id), BSN, "urn:oid:2.999.1", "_a", "90000444", "N6", "01.015", "000012345", "", "TREAT"
)
REFUSED = {
    "relates_to_other": Flaw.OTHER_QUESTION, "no_relates_to": Flaw.NO_RELATES_TO,
    "two_relates_to": Flaw.OTHER_QUESTION, "other_action": Flaw.OTHER_ACTION, "a_thousand": Flaw.TOO_LARGE,
    "text_between": Flaw.BODY, "comment_in_between": Flaw.COMMENT, "instruction": Flaw.PROCESSING_INSTRUCTION,
    "cdata": Flaw.CDATA, "doctype": Flaw.DOCTYPE, "billion_laughs": Flaw.DOCTYPE, "no_namespace": Flaw.BODY,
    "other_namespace": Flaw.BODY, "wrapped": Flaw.BODY, "in_header": Flaw.BODY, "two_lists": Flaw.BODY,
    "iti_55": Flaw.BODY, "answer_of_the_closed_question": Flaw.BODY, "fault_and_list": Flaw.BODY,
    "fault_with_the_bsn": Flaw.FAULT_RECEIVER, "truncated": Flaw.NOT_WELL_FORMED,
    "second_document": Flaw.TRAILING_DATA, "utf16": Flaw.ENCODING, "nul": Flaw.CONTROL_CHARACTER,
    "deep": Flaw.TOO_DEEP, "megabyte": Flaw.TOO_LARGE,
}  # fmt: skip
CUT = {
    "other_patient": ((), Flaw.OTHER_PATIENT), "other_patient_among_two": ((TWO,), Flaw.OTHER_PATIENT),
    "corresponding_other_patient": ((), Flaw.OTHER_PATIENT),
    "two_hundred_and_one": (tuple(f"{n:08}" for n in range(90_000_300, 90_000_500)), Flaw.TOO_MANY_HOLDERS),
    "ura_of_another_register": ((), Flaw.OTHER_HOLDER), "ura_in_letters": ((TWO,), Flaw.OTHER_HOLDER),
    "ura_in_other_digits": ((TWO,), Flaw.OTHER_HOLDER), "ura_with_markup": ((TWO,), Flaw.OTHER_HOLDER),
    "two_institutions": ((), Flaw.ECHO_MALFORMED), "no_institution": ((), Flaw.ECHO_MALFORMED),
    "null_flavor": ((), Flaw.ECHO_MALFORMED), "two_requested_patients": ((), Flaw.ECHO_MALFORMED),
}  # fmt: skip
ODD = {
    "two_holders": (ONE, TWO), "the_same_twice": (ONE, TWO), "addresses_as_source": (ONE, TWO),
    "other_category": (ONE,), "nobody": (),
}  # fmt: skip


def test_every_hostile_answer_has_its_end() -> None:
    assert REFUSED.keys() | CUT.keys() == HOSTILE.keys()
    assert not REFUSED.keys() & CUT.keys()
    assert len(HOSTILE) >= 20
    assert ODD.keys() == HONEST.keys()


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_hostile_answer_is_refused_by_class(name: str) -> None:
    assert read(HOSTILE[name](ASKED), QUESTION) == Refused(REFUSED[name])


@pytest.mark.parametrize("name", sorted(CUT))
def test_what_is_not_of_this_answer_is_left_out_and_told(name: str) -> None:
    holders, flaw = CUT[name]
    assert read(HOSTILE[name](ASKED), QUESTION) == Located(tuple(map(Ura, holders)), (flaw,))
    assert len(holders) <= MOST


@pytest.mark.parametrize("name", sorted(ODD))
def test_odd_answer_is_an_answer(name: str) -> None:
    assert read(HONEST[name](ASKED), QUESTION) == Located(tuple(map(Ura, ODD[name])))


@pytest.mark.parametrize("name", sorted(HOSTILE))
def test_no_answer_takes_50_ms_or_10_mb(name: str) -> None:
    body = HOSTILE[name](ASKED)
    read(body, QUESTION)
    taken = []
    for _ in range(3):
        begun = time.process_time()
        read(body, QUESTION)
        taken.append(time.process_time() - begun)
    tracemalloc.start()
    read(body, QUESTION)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert min(taken) < 0.05
    assert peak < 10_000_000


def test_nothing_but_the_ura_is_kept_of_a_part() -> None:
    told = repr(read(HONEST["addresses_as_source"](ASKED), QUESTION))
    assert "http" not in told
    assert "file:" not in told
    assert BSN not in told
