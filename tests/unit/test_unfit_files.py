"""A file that cannot be used is named by its key: at a tenant's slots, at a listener, and in `check`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import serialization

from nuts_pzp.cli.check import _listener
from nuts_pzp.doors import listening
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.listener_settings import ListenerSettings
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.settings import Deployment, SettingsError
from nuts_pzp.settings import SlotSettings as Chosen
from nuts_pzp.slots import ADDRESSING, CONNECTOR, CONSENT, Slot
from nuts_pzp.unfit_files import unfit

ROLES = {"huisarts": "01.015"}
SLOTS: dict[str, tuple[Slot[Any], dict[str, Any], str]] = {
    "connector": (CONNECTOR, {"kind": "fhir_server"}, ""),
    "consent": (CONSENT, {"kind": "mitz", "url": "https://mitz.example", "roles": ROLES}, ""),
    "addressing": (ADDRESSING, {"kind": "lrza", "url": "https://lrza.example/fhir"}, "tls"),
}


@pytest.fixture(scope="module")
def pki(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pki")
    authority = Authority(folder, "Test CA")
    own, other = (authority.client(name, common_name=name) for name in ("own", "other"))
    for said, file in {
        "roots.pem": authority.root_file,
        "own.pem": own.certificate_file,
        "own.key": own.key_file,
        "other.key": other.key_file,
    }.items():
        if file != folder / said:
            (folder / said).write_bytes(file.read_bytes())
    hidden = serialization.BestAvailableEncryption(b"secret")
    pkcs8 = serialization.PrivateFormat.PKCS8
    (folder / "locked.key").write_bytes(own.key().private_bytes(serialization.Encoding.PEM, pkcs8, hidden))
    (folder / "words").write_text("not PEM at all")
    return folder


def _files(pki: Path, **changed: str | None) -> dict[str, str]:
    named = {"roots_file": "roots.pem", "certificate_file": "own.pem", "key_file": "own.key"} | changed
    return {key: str(pki / name) for key, name in named.items() if name}


WRONG = pytest.mark.parametrize(
    ("key", "file", "said"),
    [
        ("roots_file", "gone.pem", "roots_file: there is no such file"),
        ("roots_file", "words", "roots_file: no certificate in PEM"),
        ("certificate_file", "gone.pem", "certificate_file: there is no such file"),
        ("certificate_file", "words", "certificate_file: no certificate in PEM"),
        ("key_file", "gone.key", "key_file: there is no such file"),
        ("key_file", "words", "key_file: no private key in PEM"),
        ("key_file", "other.key", "key_file: not the key of certificate_file"),
    ],
)


@pytest.mark.parametrize("place", SLOTS)
@WRONG
def test_a_slot_names_the_key_of_a_file_that_cannot_be_used(
    pki: Path, tmp_path: Path, place: str, key: str, file: str, said: str
) -> None:
    slot, settings, below = SLOTS[place]
    files = _files(pki, **{key: file})
    chosen = Chosen.model_validate(settings | ({below: files} if below else files))
    tenant = Tenant("kade", Organization(Ura("90000444"), "N6", "De Kade", ""))
    around = Surroundings(tenant, Outbound(), tmp_path, tmp_path)
    with pytest.raises(SettingsError) as refused:
        slot.fill(chosen, around, frozenset())
    assert str(refused.value) == f"{place}.{below and f'{below}.'}{said}"


@WRONG
async def test_a_listener_and_check_name_it_as_well(pki: Path, key: str, file: str, said: str) -> None:
    key, said = (name.replace("roots_file", "client_roots_file") for name in (key, said))
    files = _files(pki, roots_file=None, client_roots_file="roots.pem") | _files(pki, roots_file=None, **{key: file})
    settings = ListenerSettings.model_validate({"port": 0} | files)
    with pytest.raises(SettingsError) as refused:
        await listening("ehr", _nobody, settings, pki)
    assert str(refused.value) == f"listeners.ehr.{said}"
    deployment: Any = Deployment.model_construct(listeners=_Listeners(settings))
    found = _listener("ehr", deployment, pki)
    assert (found.ok, found.says) == (False, said)


def test_what_libraries_cannot_say_about_a_key(pki: Path) -> None:
    files: Callable[..., dict[str, str]] = lambda **changed: _files(pki, **changed)  # noqa: E731
    assert unfit(files(), pki) is None
    assert unfit({"deep": [files(key_file="locked.key")]}, pki) == (
        "deep.0.key_file: the key has a password; one without is needed"
    )
    without = unfit(files(key_file=None), pki)
    assert without == "key_file: is missing, and certificate_file holds no key that can be read"
    assert unfit({"authorization_file": "."}, pki) == "authorization_file: Is a directory"


class _Listeners:
    def __init__(self, ehr: ListenerSettings) -> None:
        self.ehr = ehr


async def _nobody(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError("nobody comes in")
