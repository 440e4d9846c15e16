"""One question of the region, as the gateway holds it and as the twin reads it."""

from __future__ import annotations

from dataclasses import replace
from uuid import UUID

import pytest

from nuts_pzp.identity import Bsn, Purpose, Ura
from nuts_pzp.sandbox.mitz import Asked
from nuts_pzp.systems.mitz.question import Party, Question, Responsible

MESSAGE_ID = "4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01"


@pytest.fixture
def question() -> Question:
    """The out-of-hours post asks the hospital about one patient."""
    return Question(
        UUID(MESSAGE_ID),
        Bsn("999912008"),
        Party(Ura("90000222"), "V6"),
        Party(Ura("90000444"), "N6"),
        Responsible("000012345", "01.015"),
        Purpose.TREATMENT,
    )


@pytest.fixture
def asked() -> Asked:
    """The same question as the twin reads it."""
    return Asked(
        message_id=MESSAGE_ID,
        bsn="999912008",
        holder="90000222",
        holder_type="V6",
        user="90000444",
        user_type="N6",
        role="01.015",
        professional="000012345",
        mandated="",
        purpose="TREAT",
        categories=("GGC002",),
    )


@pytest.fixture
def two_categories(question: Question, asked: Asked) -> tuple[Question, Asked]:
    """The question about two categories, in both shapes."""
    both = ("GGC012", "GGC013")
    return replace(question, categories=both), replace(asked, categories=both)
