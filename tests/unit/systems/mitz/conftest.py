"""One question of the region, as the gateway holds it and as the twin reads it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest

from nuts_pzp.identity import Bsn, Purpose, Ura
from nuts_pzp.sandbox.mitz import Asked, Choice
from nuts_pzp.sandbox.mitz.notices import Told
from nuts_pzp.sandbox.mitz.notices import bundle as written
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
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


BSN = "999912008"


@pytest.fixture
def bundle() -> Callable[..., dict[str, Any]]:
    """A notification as the twin writes it: these choices of one patient for one holder."""

    def make(
        *choices: tuple[str, str], bsn: str = BSN, provider: str = "90000222", ggc: str = "GGC002", at: str = AT,
        deceased: str = "",
    ) -> dict[str, Any]:  # fmt: skip
        to = Subscribed("1", bsn, provider, "V6", "https://127.0.0.1/x", "json", "urn:oid:2.999.1", "urn:oid:2.999.2")
        made = [Choice(bsn, provider, ggc, user, effect, at) for user, effect in choices]  # type: ignore[arg-type]
        return written(Told(made, deceased), to, at)

    return make


AT = "2026-11-24T14:05:00+01:00"
