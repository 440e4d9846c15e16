"""A problem says whom to phone instead, when somebody is known."""

from __future__ import annotations

import orjson

from nuts_pzp.outcome import Gap, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.web.problem import problem

DOWN = Unavailable(Reason.LOCALIZATION_DOWN)


def test_whom_to_phone_stands_in_the_problem() -> None:
    gap = Gap("90000222", Unavailable(Reason.LOCALIZATION_USUAL), "Ziekenhuis M", "0570-2")
    content = orjson.loads(problem(DOWN, "CODE12345678", phone=(gap,)).body)
    assert content["phone"] == [{"ura": "90000222", "name": "Ziekenhuis M", "phone": "0570-2"}]
    assert content["code"] == "PZP-LOCATE-001"


def test_without_anybody_to_phone_there_is_no_empty_list() -> None:
    assert "phone" not in orjson.loads(problem(DOWN, "CODE12345678").body)
