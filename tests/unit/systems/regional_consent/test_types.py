"""Types of organizations in a region's file: an objection of one that nobody can have would apply to nobody."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.outcome import Deny, Unavailable


@pytest.mark.parametrize("code", ["n6", "N", "6N", "HUISARTS", "N 6", "N6 "])
async def test_a_type_that_no_organization_has_refuses_the_file(region: Any, code: str) -> None:
    region.put(region.signed(region.entry("deny", requester={"org_types": ["Z3", code]})))
    verdict = await region.ask()
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.detail == "schema:entries.0.requester.org_types"


@pytest.mark.parametrize("codes", [["N6"], ["DIA", "N6"], ["Z3", "N6", "V6"]])
async def test_a_type_as_tokens_have_it_counts(region: Any, codes: list[str]) -> None:
    region.put(region.signed(region.entry("deny", requester={"org_types": codes})))
    assert isinstance((await region.ask()).outcome, Deny)
