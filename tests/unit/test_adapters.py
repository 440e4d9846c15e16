"""Adapters are found among what is installed, which is read once, and only ours unless others are listed."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import entry_points
from types import SimpleNamespace
from typing import Any

import pytest

from nuts_pzp import slots


@pytest.fixture(autouse=True)
def unread() -> Iterator[None]:
    slots._installed.cache_clear()
    yield
    slots._installed.cache_clear()


def test_what_is_installed_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    readings = []

    def counted(**params: Any) -> Any:
        readings.append(params)
        return entry_points(**params)

    monkeypatch.setattr(slots, "entry_points", counted)
    assert {"regorus", "opa"} <= set(slots._adapters("nuts_pzp.policy", frozenset()))
    assert "mitz" in slots._adapters("nuts_pzp.consent", frozenset())
    assert len(readings) == 1


def test_another_distribution_is_used_only_when_it_is_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    theirs = SimpleNamespace(name="theirs", dist=SimpleNamespace(name="a-region"))
    orphan = SimpleNamespace(name="orphan", dist=None)

    class Installed:
        def select(self, group: str) -> list[Any]:
            return [theirs, orphan] if group == "nuts_pzp.policy" else []

    monkeypatch.setattr(slots, "entry_points", Installed)
    assert slots._adapters("nuts_pzp.policy", frozenset()) == {}
    assert set(slots._adapters("nuts_pzp.policy", frozenset({"a-region"}))) == {"theirs"}
