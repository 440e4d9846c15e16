"""A twin of Mitz that takes the open question, and a locator that asks it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from mitz_open import ISSUER, KADE, LOOPBACK, Setting

from nuts_pzp.identity import (
    Tenant,
)  # fmt: skip
from nuts_pzp.outside import Surroundings
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import MitzTwin
from nuts_pzp.systems.mitz.open_locator import build_locator
from nuts_pzp.web.server import Server, ServerTls


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("papers"), "Mitz CA")


@pytest.fixture(scope="module")
def papers(authority: Authority) -> dict[str, Issued]:
    named = {"organization": "De Kade", "locality": "Almere"}
    return {
        "server": authority.server("mitz", hosts=("localhost",)),
        "client": authority.client("connector", common_name="connector.example"),
        "signing": authority.uzi("signing", ura="90000444", **named),
        "other": authority.uzi("other", ura="90000999", **named),
    }


@pytest.fixture
async def setting(authority: Authority, papers: dict[str, Issued], tmp_path: Path) -> AsyncIterator[Setting]:
    twin = MitzTwin("")
    twin.signers.append(papers["signing"].certificate)
    shown = papers["server"]
    server = Server(
        twin.app, host="127.0.0.1", port=0,
        tls=ServerTls(shown.certificate_file, shown.key_file, authority.root_file, client_required=True),
    )  # fmt: skip
    twin.url = f"https://localhost:{await server.start()}"
    client, signing = papers["client"], papers["signing"]
    settings = {
        "url": twin.url, "roots_file": str(authority.root_file),
        "certificate_file": str(client.certificate_file), "key_file": str(client.key_file),
        "roles": {"huisarts": "01.015"},
        "assertion": {
            "issuer": ISSUER, "key_file": str(signing.key_file), "certificate_file": str(signing.certificate_file)
        },
    }  # fmt: skip
    around = Surroundings(Tenant("kade", KADE), LOOPBACK, tmp_path, tmp_path)
    locator = build_locator(settings, around)
    yield Setting(twin, locator, settings, around, authority, signing)
    await locator.stop()
    await server.stop(grace=0.1)
