"""Sealed documents: no BSN in the file, bound to their place (spec audit 3.8)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from nuts_pzp.identity import Bsn, Organization, Tenant, Ura
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.store.vault import Vault

OURS = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
BSN = Bsn("999912008")


@pytest.fixture
def whole(tmp_path: Path) -> Iterator[SqliteStore]:
    store = SqliteStore(tmp_path / "store.sqlite")
    yield store
    store.close()


@pytest.fixture
def vault(whole: SqliteStore) -> Vault:
    return Vault(whole.of(OURS), b"k" * 32, OURS.id)


async def test_a_document_comes_back_as_it_was(vault: Vault) -> None:
    document = {"bsn": BSN.value, "choices": [{"id": "1"}]}
    assert await vault.put("choices", vault.pseudonym(BSN), document, 0)
    found, version = await vault.get("choices", vault.pseudonym(BSN))
    assert found == document
    assert await vault.put("choices", vault.pseudonym(BSN), None, version)
    assert await vault.get("choices", vault.pseudonym(BSN)) == (None, 0)


async def test_no_bsn_stands_in_any_file_of_the_store(vault: Vault, tmp_path: Path) -> None:
    await vault.put("choices", vault.pseudonym(BSN), {"bsn": BSN.value, "name": "A. Postma"}, 0)
    files = list(tmp_path.iterdir())
    assert len(files) >= 2, "the write-ahead log is searched too"
    for file in files:
        assert BSN.value.encode() not in file.read_bytes()
        assert b"Postma" not in file.read_bytes()


def test_a_pseudonym_depends_on_key_and_tenant(vault: Vault, whole: SqliteStore) -> None:
    other_key = Vault(whole.of(OURS), b"x" * 32, OURS.id)
    other_tenant = Vault(whole.of(OURS), b"k" * 32, "wilgenhof")
    assert len({one.pseudonym(BSN) for one in (vault, other_key, other_tenant)}) == 3
    assert vault.pseudonym(BSN) != vault.pseudonym(Bsn("999912033"))


async def test_a_document_that_was_moved_does_not_open(vault: Vault, whole: SqliteStore) -> None:
    await vault.put("choices", "a", {"effect": "permit"}, 0)
    store = whole.of(OURS)
    raw, _ = await store.get("choices", "a")
    await store.put("choices", "b", raw, 0)
    await store.put("receipt", "a", raw, 0)
    with pytest.raises(StoreFailed):
        await vault.get("choices", "b")
    with pytest.raises(StoreFailed):
        await vault.get("receipt", "a")


@pytest.mark.parametrize("raw", [b"", b"short", b"\x00" * 64])
async def test_a_document_that_was_changed_does_not_open(vault: Vault, whole: SqliteStore, raw: bytes) -> None:
    await whole.of(OURS).put("choices", "a", raw, 0)
    with pytest.raises(StoreFailed):
        await vault.get("choices", "a")


def test_a_vault_shows_no_key(vault: Vault) -> None:
    assert repr(vault) == "Vault(meerwijck)"
