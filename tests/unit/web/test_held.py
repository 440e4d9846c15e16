"""The table of kept consultations when it is full: nobody is kept out, and nobody pushes out who holds less."""

from __future__ import annotations

import pytest

from nuts_pzp.identity import Professional
from nuts_pzp.web import held
from nuts_pzp.web.held import Asker, Held, Key

DOCTOR = Professional("k-17", "huisarts", "M. Okker")


def begun(table: Held, tenant: str, *, size: int = 10, ended: bool = True, key: Key | None = None) -> Key | None:
    """A consultation of that tenant, over or not; None when there was no place for it."""
    key = key or table.new_key()
    entry = table.begin(key, Asker(tenant, "ab", DOCTOR), "CODE", "999900006")
    if entry is None:
        return None
    entry.add(b"x" * size)
    if ended:
        table._make_room(tenant, coming=0)
        entry.end()
    return key


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> Held:
    monkeypatch.setattr(held, "MOST", 6)
    monkeypatch.setattr(held, "BYTES", 1000)
    return Held()


def test_who_holds_nothing_gets_a_place_in_a_full_table_from_who_holds_the_most(table: Held) -> None:
    greedy = [begun(table, "greedy") for _ in range(4)]
    modest = [begun(table, "modest") for _ in range(2)]
    mine = begun(table, "small")
    assert mine is not None
    assert [key is not None and table.find(key) is not None for key in greedy] == [False, True, True, True]
    assert all(key is not None and table.find(key) is not None for key in (*modest, mine))


def test_who_holds_as_much_as_the_others_pushes_nobody_out(table: Held) -> None:
    for tenant in ("a", "b", "c"):
        for _ in range(2):
            assert begun(table, tenant) is not None
    assert begun(table, "a") is None
    fourth = [begun(table, "d") for _ in range(3)]
    assert [key is not None for key in fourth] == [True, True, False], "until it has as much as the largest"


def test_what_runs_is_never_pushed_out(table: Held) -> None:
    running = [begun(table, "greedy", ended=False) for _ in range(6)]
    assert begun(table, "small") is None
    assert all(key is not None and table.find(key) is not None for key in running)


def test_bytes_are_shared_as_places_are(table: Held) -> None:
    large = [begun(table, "greedy", size=400) for _ in range(2)]
    small = begun(table, "modest", size=250)
    mine = begun(table, "small")
    assert mine is not None
    assert small is not None
    assert table.find(small) is not None
    assert [key is not None and table.find(key) is not None for key in large] == [False, True]


def test_what_is_asked_anew_under_its_key_is_the_youngest_and_one(table: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(held, "MOST_EACH", 3)
    failed, other = table.new_key(), table.new_key()
    for key in (failed, other, failed):
        assert begun(table, "kade", key=key) is not None
    assert table.find(other) is not None, "it took its own place"
    for _ in range(2):
        assert begun(table, "kade") is not None
    assert table.find(failed) is not None
    assert table.find(other) is None


def test_what_finds_no_place_anew_is_still_known(table: Held, monkeypatch: pytest.MonkeyPatch) -> None:
    failed = begun(table, "kade")
    assert failed is not None
    monkeypatch.setattr(held, "MOST_RUNNING", 0)
    assert begun(table, "kade", key=failed) is None
    assert table.find(failed) is not None
