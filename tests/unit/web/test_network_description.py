"""The network door's description names the header by which an answer says that it rests on an emergency."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.web.network import _BROKE_GLASS

PAGES = sorted((Path(__file__).parents[3] / "docs/reference").glob("network-openapi*.json"))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_header_of_an_emergency_is_described_where_it_can_come_and_nowhere_else(page: Path) -> None:
    components: dict[str, Any] = json.loads(page.read_text("utf-8"))["components"]
    [(name, value)] = _BROKE_GLASS
    [written] = [one for one in components["headers"] if one.lower().encode() == name]
    assert components["headers"][written]["schema"]["const"].encode() == value
    assert "required" not in components["headers"][written], "most answers do not have it"
    with_it = {one for one, said in components["responses"].items() if written in said["headers"]}
    assert with_it == {"Resource", "ResourceHead", "Bundle", "BundleHead"}
