"""A file with a key or a password that somebody else may read is named, with its key; it is used nevertheless."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp.assembly import Estate
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.secret_files import secret_files
from nuts_pzp.settings import Deployment

SECRETS = {
    "disclose": {
        "records": {"kind": "x", "authorization_file": "fhir", "roots_file": "roots.pem"},
        "consent": {"sources": [{"kind": "y", "certificate_file": "mitz.pem", "key_file": "mitz.key"}]},
        "policy": {"public_key_file": "pub.pem", "token_file": "opa"},
        "page_key_file": "page.key",
    },
    "consult": {"connector": {"tls": {"certificate_file": "both.pem"}}},
}


def test_every_file_with_a_secret_is_known_by_its_key_in_full() -> None:
    assert dict(secret_files(SECRETS, Path("/etc/pzp"), "kade")) == {
        "kade.disclose.page_key_file": Path("/etc/pzp/page.key"),
        "kade.disclose.records.authorization_file": Path("/etc/pzp/fhir"),
        "kade.disclose.consent.sources.0.key_file": Path("/etc/pzp/mitz.key"),
        "kade.disclose.policy.token_file": Path("/etc/pzp/opa"),
        "kade.consult.connector.tls.certificate_file": Path("/etc/pzp/both.pem"),
    }


@pytest.fixture
def estate(tmp_path: Path) -> Estate:
    (tmp_path / "tenants").mkdir()
    for name in ("ehr.pem", "ehr.key"):
        (tmp_path / name).touch(mode=0o600)
    door = {"port": 0, "certificate_file": "ehr.pem", "key_file": "ehr.key"}
    settings: dict[str, Any] = {
        "name": "kade.example",
        "listeners": {"operations": {"port": 0}, "ehr": door},
        "audit": {"path": "ledger.sqlite", "keys": "keys"},
        "state": "state",
        "tenants": "tenants",
    }
    nobody: Any = None
    return Estate(Deployment.model_validate(settings), tmp_path, nobody)


async def _said(estate: Estate) -> list[tuple[str, bool, str, bool]]:
    found = [check for check in await estate.checks() if check.what.startswith("secret file")]
    return [(check.what, check.ok, check.says, check.critical) for check in found]


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
async def test_check_and_readiness_name_the_key_and_the_file(estate: Estate, tmp_path: Path, mode: int) -> None:
    file = tmp_path / "ehr.key"
    assert await _said(estate) == [("secret files", True, "1, for their owner only", False)]
    file.chmod(mode)
    why = f"{file}: readable by group or others; set its mode to 0600"
    assert await _said(estate) == [("secret file: listeners.ehr.key_file", False, why, False)]
    file.unlink()
    assert (await _said(estate))[0][1], "whoever needs it says that it is gone"


async def test_a_certificate_that_ends_is_told_at_the_start(estate: Estate, tmp_path: Path) -> None:
    for days, told in ((30, []), (10, ["listeners.ehr"]), (0, ["listeners.ehr"])):
        made = Authority(tmp_path / "ca", "CA", days=days).server("ehr")
        (tmp_path / "ehr.pem").write_bytes(made.certificate_file.read_bytes())
        with capture_logs() as logged:
            await estate.reload()
        assert [line["certificate"] for line in logged if line["event"] == "certificate.ends"] == told
    assert logged[0]["why"].startswith("ended on ")
    await estate.stop()


async def test_the_gateway_warns_at_its_start(estate: Estate, tmp_path: Path) -> None:
    file = tmp_path / "ehr.key"
    for mode, lines in ((0o600, 0), (0o644, 1)):
        file.chmod(mode)
        with capture_logs() as logged:
            await estate.reload()
        warned = [line for line in logged if line["event"] == "secret_file.exposed"]
        assert len(warned) == lines
        assert all(line["key"] == "listeners.ehr.key_file" and str(file) in line["why"] for line in warned)
    await estate.stop()
