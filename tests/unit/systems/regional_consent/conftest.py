"""A region that signs files, and a holder that takes them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.regional_consent import build
from nuts_pzp.systems.regional_consent.document import pseudonym, sign

HOLDER = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
PSEUDONYM_KEY = b"p" * 32


@dataclass
class Region:
    """Signs files; `now` is the clock of the holder that takes them."""

    folder: Path
    store: SqliteStore
    key: Ed25519PrivateKey = field(default_factory=Ed25519PrivateKey.generate)
    now: datetime = datetime(2026, 11, 22, 3, 0, tzinfo=UTC)

    def __post_init__(self) -> None:
        public = self.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
        (self.folder / "region.pem").write_bytes(public)
        secret = self.folder / "pseudonym.key"
        secret.write_text(PSEUDONYM_KEY.hex())
        secret.chmod(0o600)
        self.source = self.holder()

    def holder(self) -> Any:
        """The holder's source, as it is after a new start."""
        settings = {
            "file": "consents.json",
            "region": "rso-voorbeeld",
            "public_key_files": {"rso-2026": "region.pem"},
            "pseudonym_key_file": "pseudonym.key",
            "pseudonym_key_id": "k1",
        }
        around = Surroundings(HOLDER, Outbound(), self.folder, self.folder, self.store.of(HOLDER))
        return build(settings, around, lambda: self.now)

    def entry(self, effect: str = "permit", **changes: Any) -> dict[str, Any]:
        """One choice of the patient about the post at this holder; None leaves a field out."""
        entry = {
            "id": "e1",
            "patient": pseudonym(PSEUDONYM_KEY, Bsn("999912008")),
            "holder_ura": "90000222",
            "effect": effect,
            "requester": {"uras": ["90000444"]},
            "valid_from": "2026-05-01",
            "evidence": "formulier-17",
        }
        if effect == "permit":
            entry |= {"purposes": ["TREAT"], "data_categories": ["GGC002"]}
        return {name: value for name, value in (entry | changes).items() if value is not None}

    def content(self, *entries: dict[str, Any], serial: int = 42, **changes: Any) -> dict[str, Any]:
        """A file before it is signed."""
        issued = self.now - timedelta(hours=1)
        return {
            "format": "nuts-pzp-consent/1",
            "region": "rso-voorbeeld",
            "serial": serial,
            "issued_at": f"{issued:%Y-%m-%dT%H:%M:%SZ}",
            "not_after": f"{issued + timedelta(days=7):%Y-%m-%dT%H:%M:%SZ}",
            "pseudonym": {"alg": "HMAC-SHA256", "key_id": "k1"},
            "entries": list(entries),
            **changes,
        }

    def signed(self, *entries: dict[str, Any], **how: Any) -> bytes:
        return sign(self.content(*entries, **how), self.key, "rso-2026")

    def put(self, raw: bytes) -> None:
        """Replace the file as `import-static` does."""
        draft = self.folder / "draft"
        draft.write_bytes(raw)
        draft.replace(self.folder / "consents.json")

    async def ask(self, user: Organization | None = None, bsn: str = "999912008", born: date | None = None) -> Any:
        user = user or Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
        caller = Caller(
            user, Professional("k-17", "huisarts"), frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer"
        )
        patient = Patient(Bsn(bsn), "p1", Standing.KNOWN, born)
        return await self.source.ask(Access(caller, FhirRequest("search-type", "Consent"), patient))


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    opened = SqliteStore(tmp_path / "store.sqlite")
    yield opened
    opened.close()


@pytest.fixture
def region(tmp_path: Path, store: SqliteStore) -> Region:
    return Region(tmp_path, store)
