"""The code that a person reads out on the phone."""

from __future__ import annotations

import re

from nuts_pzp.web.door import meldcode


def test_a_meldcode_is_twelve_characters_that_cannot_be_mistaken() -> None:
    codes = {meldcode() for _ in range(500)}
    assert len(codes) == 500
    assert all(re.fullmatch(r"[0-9A-HJKMNP-TV-Z]{12}", code) for code in codes)


def test_every_place_of_a_meldcode_varies() -> None:
    assert all(len(set(place)) > 16 for place in zip(*(meldcode() for _ in range(500)), strict=True))
