"""An exported log stands alone: our verifier and the one in the folder, which shares no code with it, agree."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.audit import anchors, bundle
from nuts_pzp.audit.ledger.checkpoint import VerifierKey
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.material import Unreadable, opened
from nuts_pzp.audit.verify import Verdict, verify
from nuts_pzp.identity import Tenant


@dataclass
class Exported:
    folder: Path
    key: VerifierKey
    anchor: Path

    def ours(self, anchored: bool = True) -> Verdict:
        try:
            material = bundle.Bundle(self.folder)
            return verify(material, [self.key], anchors.read(self.anchor) if anchored else None).verdict
        except Unreadable:
            return Verdict.UNREADABLE

    def theirs(self, anchored: bool = True) -> tuple[int, str]:
        """Run the folder's own verifier with nothing of ours importable."""
        given = ["--anchor", str(self.anchor)] if anchored else []
        done = subprocess.run(
            [sys.executable, "-I", "-S", "verify.py", "--key", str(self.key), *given],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"]},
            capture_output=True,
            text=True,
            timeout=60,
        )
        return done.returncode, done.stdout

    def edit(self, name: str, change: Callable[[bytes], bytes]) -> None:
        path = self.folder / name
        before = path.read_bytes()
        path.write_bytes(change(before))
        assert path.read_bytes() != before


@pytest.fixture
async def exported(
    opening: Callable[..., Ledger],
    place: Place,
    tenant: Tenant,
    events: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Exported:
    monkeypatch.setattr(bundle, "_PER_FILE", 5)
    ledger = opening(place)
    audit = ledger.of(tenant)
    for number in range(10):
        await audit.append(events.denied(f"c{number}"))
    await ledger.aclose()
    with opened(place.path) as material:
        assert bundle.export(material, "meerwijck", tmp_path / "export", 0) == 12
    assert place.anchor
    return Exported(tmp_path / "export", audit.log.signer.verifier, place.anchor)


async def test_an_export_verifies_with_both_verifiers(exported: Exported) -> None:
    assert exported.ours() is Verdict.OK
    code, sentence = exported.theirs()
    assert (code, sentence[:33]) == (0, "Logboek ongewijzigd (12 regels, 1")
    assert exported.ours(anchored=False) is Verdict.INCOMPLETE
    code, sentence = exported.theirs(anchored=False)
    assert code == 2
    assert sentence.startswith("Onvolledig: geen extern ijkpunt")


async def test_an_export_has_the_layout_that_is_documented(exported: Exported) -> None:
    assert sorted(path.name for path in exported.folder.iterdir()) == [
        "LEESMIJ.txt",
        "checkpoints.ndjson",
        "manifest.json",
        "records-000000.ndjson",
        "records-000001.ndjson",
        "records-000002.ndjson",
        "verify.py",
    ]
    lines = (exported.folder / "records-000001.ndjson").read_bytes().splitlines()
    assert [json.loads(line)["idx"] for line in lines] == [5, 6, 7, 8, 9]
    manifest = json.loads((exported.folder / "manifest.json").read_text())
    assert (manifest["schema"], manifest["size"]) == ("nuts-pzp-audit-bundle/1", 12)
    assert not [path for path in exported.folder.rglob("*") if b"PRIVATE" in path.read_bytes()]


TAMPERING = {
    "a changed record": ("records-000001.ndjson", lambda raw: raw.replace(b'"c5"', b'"c6"')),
    "a deleted record": ("records-000001.ndjson", lambda raw: raw.split(b"\n", 1)[1]),
    "a doubled record": ("records-000002.ndjson", lambda raw: raw + raw.splitlines(keepends=True)[-1]),
    "a missing end": ("records-000002.ndjson", lambda raw: raw.splitlines(keepends=True)[0]),
    "a changed size": ("checkpoints.ndjson", lambda raw: raw.replace(b"\\n12\\n", b"\\n11\\n")),
    "a changed signature": ("checkpoints.ndjson", lambda raw: raw[:-40] + b"AAAA" + raw[-36:]),
}


@pytest.mark.parametrize("name", TAMPERING)
async def test_both_verifiers_find(exported: Exported, name: str) -> None:
    file, change = TAMPERING[name]
    exported.edit(file, change)
    assert exported.ours() is Verdict.TAMPERED
    assert exported.theirs()[0] == 1


async def test_both_verifiers_find_a_rollback_by_the_anchor(exported: Exported) -> None:
    first = (exported.folder / "checkpoints.ndjson").read_bytes().splitlines(keepends=True)[0]
    assert json.loads(first)["size"] == 1
    exported.edit("checkpoints.ndjson", lambda raw: first)
    exported.edit("records-000000.ndjson", lambda raw: raw.splitlines(keepends=True)[0])
    exported.edit("records-000001.ndjson", lambda raw: b"")
    exported.edit("records-000002.ndjson", lambda raw: b"")
    assert (exported.ours(anchored=False), exported.theirs(anchored=False)[0]) == (Verdict.INCOMPLETE, 2)
    assert (exported.ours(), exported.theirs()[0]) == (Verdict.TAMPERED, 1)


@pytest.mark.parametrize("file", ["manifest.json", "checkpoints.ndjson"])
async def test_both_verifiers_call_a_ruin_unreadable(exported: Exported, file: str) -> None:
    exported.edit(file, lambda raw: b"{")
    assert exported.ours() is Verdict.UNREADABLE
    assert exported.theirs()[0] == 3


async def test_an_existing_folder_is_not_overwritten(exported: Exported, place: Place) -> None:
    with opened(place.path) as material, pytest.raises(FileExistsError):
        bundle.export(material, "meerwijck", exported.folder, 0)
    with opened(place.path) as material, pytest.raises(Unreadable):
        bundle.export(material, "nobody", exported.folder / "x", 0)


def test_the_standalone_signature_check_agrees_with_published_vectors() -> None:
    # RFC 8032 section 7.1, tests 1 to 3.
    from nuts_pzp.audit.standalone import signed_by

    vectors = [
        (
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
            "",
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
        ),
        (
            "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
            "72",
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
        ),
        (
            "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
            "af82",
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
        ),
    ]
    for public, message, signature in vectors:
        raw = bytes.fromhex(signature)
        assert signed_by(bytes.fromhex(public), bytes.fromhex(message), raw)
        assert not signed_by(bytes.fromhex(public), bytes.fromhex(message) + b"x", raw)
        assert not signed_by(bytes.fromhex(public), bytes.fromhex(message), bytes([raw[0] ^ 1]) + raw[1:])
        assert not signed_by(bytes.fromhex(public), bytes.fromhex(message), raw[:-1])
        high = int.from_bytes(raw[32:], "little") + 2**252 + 27742317777372353535851937790883648493
        assert not signed_by(bytes.fromhex(public), bytes.fromhex(message), raw[:32] + high.to_bytes(32, "little"))
