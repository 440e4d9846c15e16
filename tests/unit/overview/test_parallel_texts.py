"""Free texts of one date stand side by side; a copy in other capitals is the same text (spec pzp-fhir 3.6 rule 3)."""

from __future__ import annotations

from typing import Any

KEY, DAY = "obs:247751003", "2026-01-01"


def test_a_text_that_differs_in_capitals_and_spaces_only_is_there_once(pen: Any, look: Any) -> None:
    one = pen.observation("247751003", "Haar kat", DAY, id="1")
    other = pen.observation("247751003", "Muziek", DAY, id="2")
    copy = pen.observation("247751003", "haar  KAT ", DAY, id="3")
    item = look(a=[one, other], b=[copy])[KEY]
    assert (item["display"], item["value"]["texts"]) == ("Haar kat | Muziek", ["Haar kat", "Muziek"])
    assert [entry["ref"].rpartition("/")[2] for entry in item["parallel"]] == ["1", "2", "3"]
