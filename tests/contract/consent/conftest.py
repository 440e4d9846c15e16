"""The sources that pass the contract: each with YES permitted to the user, NO objected to, SILENT unknown."""

from __future__ import annotations

import asyncio
import ipaddress
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nuts_pzp.accounted import Administered, Receipt
from nuts_pzp.consent.choice import Users
from nuts_pzp.identity import Bsn, Organization, Professional, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.store.port import StoreFailed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.fhir_consent import build as build_fhir
from nuts_pzp.systems.local_consent import build as build_local
from nuts_pzp.systems.local_consent.record import Choice, Word
from nuts_pzp.systems.regional_consent import build as build_regional
from nuts_pzp.systems.regional_consent.document import pseudonym, sign
from nuts_pzp.web.server import Server

YES, NO, SILENT = "999912008", "999912021", "999912033"
HOLDER, USER = "90000222", "90000444"
OURS = Tenant("meerwijck", Organization(Ura(HOLDER), "V6", "Ziekenhuis Meerwijck"))


class Moody:
    """A store that fails or hangs when told to."""

    def __init__(self, inner: Any) -> None:
        self._inner = inner
        self.down = self.hanging = False

    async def _mood(self) -> None:
        if self.hanging:
            await asyncio.sleep(30)
        if self.down:
            raise StoreFailed("the state file: SQLITE_IOERR")

    async def get(self, kind: str, key: str) -> tuple[bytes, int]:
        await self._mood()
        found: tuple[bytes, int] = await self._inner.get(kind, key)
        return found

    async def put(self, kind: str, key: str, value: bytes | None, was: int) -> bool:
        await self._mood()
        return bool(await self._inner.put(kind, key, value, was))

    async def versions(self, key: str, *kinds: str) -> tuple[int, ...]:
        await self._mood()
        found: tuple[int, ...] = await self._inner.versions(key, *kinds)
        return found

    def scan(self, kind: str, after: str = "") -> AsyncIterator[tuple[str, bytes]]:
        found: AsyncIterator[tuple[str, bytes]] = self._inner.scan(kind, after)
        return found


class LocalHarness:
    """Local permission over a moody store."""

    def __init__(self, source: Any, store: Moody) -> None:
        self.source, self._store = source, store

    def break_down(self) -> None:
        self._store.down = True

    def hang(self) -> None:
        self._store.hanging = True

    def mend(self) -> None:
        self._store.down = self._store.hanging = False


@asynccontextmanager
async def local(folder: Path) -> AsyncIterator[LocalHarness]:
    whole = SqliteStore(folder / "store.sqlite")
    store = Moody(whole.of(OURS))
    source = build_local({}, Surroundings(OURS, Outbound(), folder, folder, store))
    word = Word("m-3 arts", "2026-01-01T00:00:00+00:00", "patient", "", "written", "form/1")
    for bsn, permits in ((YES, True), (NO, False)):
        choice = Choice(f"choice-{permits}", permits, Users(frozenset({USER})), word, "2026-01-01")
        event = Administered("sharing_consent.recorded", choice.id, Bsn(bsn), Professional("m-3", "arts", "X"))
        await source.registry.record(Bsn(bsn), "1950-01-01", choice, event)
        await source.registry.outbox.settle(Receipt(event, 1, "r"))
    yield LocalHarness(source, store)
    whole.close()


class RegionalHarness:
    """A region's file over a moody store: each change of mood comes with a newer file, for a file is read once."""

    def __init__(self, folder: Path, store: Moody) -> None:
        self._folder, self._store, self._serial = folder, store, 0
        self._key = Ed25519PrivateKey.generate()
        public = self._key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (folder / "region.pem").write_bytes(public)
        (folder / "pseudonym.key").write_text("70" * 32)
        (folder / "pseudonym.key").chmod(0o600)
        settings = {
            "file": "consents.json",
            "region": "rso",
            "public_key_files": {"k": "region.pem"},
            "pseudonym_key_file": "pseudonym.key",
            "pseudonym_key_id": "k1",
        }
        self.source = build_regional(settings, Surroundings(OURS, Outbound(), folder, folder, store))
        self.mend()

    def _publish(self) -> None:
        self._serial += 1
        now = datetime.now(UTC)
        entries = [
            {
                "id": f"e-{effect}",
                "patient": pseudonym(b"p" * 32, Bsn(bsn)),
                "holder_ura": HOLDER,
                "effect": effect,
                "requester": {"uras": [USER]},
                "purposes": ["TREAT"],
                "data_categories": ["GGC002"],
                "valid_from": "2026-01-01",
                "evidence": "form-1",
            }
            for bsn, effect in ((YES, "permit"), (NO, "deny"))
        ]
        content = {
            "format": "nuts-pzp-consent/1",
            "region": "rso",
            "serial": self._serial,
            "issued_at": f"{now - timedelta(minutes=1):%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{now + timedelta(days=1):%Y-%m-%dT%H:%M:%SZ}",
            "pseudonym": {"alg": "HMAC-SHA256", "key_id": "k1"},
            "entries": entries,
        }
        draft = self._folder / f"draft-{self._serial}"
        draft.write_bytes(sign(content, self._key, "k"))
        draft.replace(self._folder / "consents.json")

    def break_down(self) -> None:
        self._store.down = True
        self._publish()

    def hang(self) -> None:
        self._store.hanging = True
        self._publish()

    def mend(self) -> None:
        self._store.down = self._store.hanging = False
        self._publish()


@asynccontextmanager
async def regional(folder: Path) -> AsyncIterator[RegionalHarness]:
    whole = SqliteStore(folder / "store.sqlite")
    yield RegionalHarness(folder, Moody(whole.of(OURS)))
    whole.close()


class FhirHarness:
    """The holder's own FHIR server, whose patients have the logical id `p-<their place>`."""

    def __init__(self) -> None:
        self.source: Any = None
        self._down = self._hanging = False

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        body = (await receive()).get("body", b"").decode()
        if self._hanging:
            await asyncio.sleep(0.5)
        found = [one for one in (_consent(YES, "permit"), _consent(NO, "deny")) if _logical(one) in body]
        bundle = {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in found]}
        raw = json.dumps(bundle).encode()
        headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(raw)).encode())]
        await send({"type": "http.response.start", "status": 500 if self._down else 200, "headers": headers})
        await send({"type": "http.response.body", "body": raw})

    def break_down(self) -> None:
        self._down = True

    def hang(self) -> None:
        self._hanging = True

    def mend(self) -> None:
        self._down = self._hanging = False


def _logical(consent: dict[str, Any]) -> str:
    return str(consent["patient"]["reference"]).replace("/", "%2F")


def _consent(bsn: str, kind: str) -> dict[str, Any]:
    ura = "http://fhir.nl/fhir/NamingSystem/ura"
    role = {"system": "http://terminology.hl7.org/CodeSystem/v3-ParticipationType", "code": "IRCP"}
    scope = {"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}
    return {
        "resourceType": "Consent",
        "id": f"c-{kind}",
        "status": "active",
        "scope": {"coding": [scope]},
        "patient": {"reference": f"Patient/{logical_id(bsn)}"},
        "organization": [{"identifier": {"system": ura, "value": HOLDER}}],
        "provision": {
            "type": kind,
            "actor": [{"role": {"coding": [role]}, "reference": {"identifier": {"system": ura, "value": USER}}}],
        },
    }


def logical_id(bsn: str) -> str:
    """How the holder's own server knows this patient."""
    return f"p-{(YES, NO, SILENT).index(bsn)}"


@asynccontextmanager
async def fhir(folder: Path) -> AsyncIterator[FhirHarness]:
    harness = FhirHarness()
    server = Server(harness.app, host="127.0.0.1", port=0)
    outbound = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
    base = f"http://127.0.0.1:{await server.start()}/fhir"
    harness.source = build_fhir({"base": base}, Surroundings(OURS, outbound, folder, folder))
    yield harness
    await harness.source.stop()
    await server.stop(grace=0.1)


@pytest.fixture
def own_sources() -> dict[str, Any]:
    """The holder's own sources by name: each opens a harness in a folder."""
    return {"local": local, "fhir_consent": fhir, "regional_consent": regional}
