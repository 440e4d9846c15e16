"""The region signs, the holder imports, the gateway obeys at its next question (spec consent 7.2, 7.3)."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from nuts_pzp.cli.consent import app
from nuts_pzp.outcome import Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason

ENTRY = {
    "id": "e1",
    "bsn": "999912008",
    "holder_ura": "90000222",
    "effect": "permit",
    "requester": {"org_types": ["N6"]},
    "purposes": ["TREAT"],
    "data_categories": ["GGC002"],
    "valid_from": "2026-01-01",
    "evidence": "formulier-17",
}


class Rso:
    """The region's office: signs what it is told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def sign(self, *entries: dict[str, Any], serial: int = 1, **options: str) -> Any:
        file = self.folder / "entries.json"
        file.write_text(json.dumps({"entries": entries}))
        file.chmod(int(options.pop("mode", "600"), 8))
        words = {
            "out": "signed.json", "region": "rso-voorbeeld", "signing-key": "rso.key", "key-id": "rso-2026",
            "pseudonym-key": "pseudonym.key", "pseudonym-key-id": "k1", **options,
        }  # fmt: skip
        paths = ("out", "signing-key", "pseudonym-key")
        told = [f"--{name}={self.folder / value if name in paths else value}" for name, value in words.items()]
        return CliRunner().invoke(app, ["sign-static", str(file), f"--serial={serial}", *told])

    @property
    def signed(self) -> Path:
        return self.folder / "signed.json"


@pytest.fixture
def rso(tmp_path: Path) -> Rso:
    folder = tmp_path / "rso"
    folder.mkdir()
    return Rso(folder)


@pytest.fixture
def holder(office: Any, rso: Rso) -> Any:
    """A holder that takes this region's file."""
    assert rso.sign(ENTRY).exit_code == 0
    source = {
        "kind": "regional_consent",
        "file": "../region/consents.json",
        "region": "rso-voorbeeld",
        "public_key_files": {"rso-2026": "../rso/rso.key.pub.pem"},
        "pseudonym_key_file": "../rso/pseudonym.key",
        "pseudonym_key_id": "k1",
    }
    office.settle_in({"mitz": "not-connected", "sources": [source]})
    return office


def imported(holder: Any, file: Path) -> Any:
    words = ["import-static", str(file), "--config", str(holder.config), "--tenant", "meerwijck", "--json"]
    return CliRunner().invoke(app, words)


async def test_what_the_region_signs_counts_once_it_is_imported(holder: Any, rso: Rso, ask: Any) -> None:
    async with holder.gateway() as estate:
        found = await ask(estate)
        assert isinstance(found, Unavailable)
        assert found.reason is Reason.CONSENT_STATIC_INVALID
        done = await asyncio.to_thread(imported, holder, rso.signed)
        assert done.exit_code == 0, done.output
        said = json.loads(done.stdout)
        assert (said["outcome"], said["serial"], said["entries"]) == ("installed", 1, 1)
        assert isinstance(await ask(estate), Permit)
        assert rso.sign(serial=2).exit_code == 0
        assert (await asyncio.to_thread(imported, holder, rso.signed)).exit_code == 0
        assert await ask(estate) == Unknown(Reason.CONSENT_NONE), "a newer serial takes effect at once"


async def test_an_older_file_is_not_imported_and_the_one_in_force_stays(holder: Any, rso: Rso, ask: Any) -> None:
    older = rso.folder / "older.json"
    older.write_bytes(rso.signed.read_bytes())
    assert rso.sign({**ENTRY, "id": "e9"}, serial=2).exit_code == 0
    assert (await asyncio.to_thread(imported, holder, rso.signed)).exit_code == 0
    done = await asyncio.to_thread(imported, holder, older)
    assert done.exit_code == 3
    assert json.loads(done.stdout) == {"schema": "nuts-pzp-consent-import/1", "outcome": "refused", "class": "rollback"}
    async with holder.gateway() as estate:
        assert (await ask(estate)).evidence[0].reference == "e9"


def test_a_changed_file_is_not_imported(holder: Any, rso: Rso) -> None:
    rso.signed.write_bytes(rso.signed.read_bytes().replace(b'"N6"', b'"V6"'))
    assert imported(holder, rso.signed).exit_code == 3
    assert not (holder.folder / "region" / "consents.json").exists()


def test_importing_twice_is_importing_once(holder: Any, rso: Rso) -> None:
    assert imported(holder, rso.signed).exit_code == 0
    assert imported(holder, rso.signed).exit_code == 0


def test_a_tenant_without_such_a_source_imports_nothing(office: Any, rso: Rso) -> None:
    rso.sign(ENTRY)
    assert imported(office, rso.signed).exit_code == 2


def test_no_bsn_is_in_what_is_signed_or_said(rso: Rso) -> None:
    done = rso.sign(ENTRY)
    assert b"999912008" not in rso.signed.read_bytes()
    assert "999912008" not in done.output


@pytest.mark.parametrize(
    ("entry", "options", "said"),
    [
        (ENTRY, {"mode": "644"}, "0600"),
        ({**ENTRY, "bsn": "123456789"}, {}, "eleven-test"),
        ({**ENTRY, "bsn": "1"}, {}, "entries.0.bsn"),
        ({**ENTRY, "requester": {"org_types": ["*"]}}, {}, "entries.0.requester"),
        ({**ENTRY, "colour": "blue"}, {}, "entries.0.colour"),
        (ENTRY, {"region": "a b"}, "schema:region"),
    ],
)
def test_what_cannot_be_signed_is_said_without_a_value(
    rso: Rso, entry: Any, options: dict[str, str], said: str
) -> None:
    done = rso.sign(entry, **options)
    assert done.exit_code == 2
    assert said in done.stderr
    assert "999912008" not in done.output
    assert not rso.signed.exists()
