"""No BSN in clear in anything the ledger leaves on a disk: file, write-ahead log, index, anchor, keys, export (P5)."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from nuts_pzp.accounted import Allowed, Denied, Disclosed
from nuts_pzp.audit import bundle
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.material import opened
from nuts_pzp.exchange import Access, Attempt, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura, eleven_test
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason

BSNS = [str(number) for number in range(999_900_000, 999_912_000) if eleven_test(str(number))][:400]
_DIGITS = re.compile(rb"(?=([0-9]{9}))")
_ENCODED = re.compile(rb"(?=(OTk5[0-9A-Za-z+/]{8}))")  # base64 of what begins with 999
NAME = "Annemarie Blokzijl-Verstraten"


def found_in(content: bytes) -> set[str]:
    """Return which of the BSNs stand in these bytes, plain or in base64."""
    plain = {found.decode() for found in _DIGITS.findall(content)}
    encoded = {base64.b64decode(found).decode("latin-1") for found in _ENCODED.findall(content)}
    return (plain | encoded) & set(BSNS)


@pytest.fixture
async def left_behind(tmp_path: Path) -> AsyncIterator[Path]:
    """Everything four hundred patients' requests leave, while the ledger still runs."""
    place = Place(
        tmp_path / "audit.db",
        tmp_path / "keys",
        "gw.example",
        anchor=tmp_path / "notes",
        anchor_every=0.05,
        accept_any_filesystem=True,
        thresholds=Thresholds(0.0, 0.0, 0, 0),
    )
    ledger = Ledger.open(place)
    holder = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
    audit = ledger.of(Tenant("meerwijck", holder))
    professional = Professional("k-017", "01.015", NAME)
    kade = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
    caller = Caller(kade, professional, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer")
    for number, digits in enumerate(BSNS):
        bsn = Bsn(digits)
        identifier = f"http://fhir.nl/fhir/NamingSystem/bsn|{digits}"
        request = FhirRequest("search-type", "Patient", None, (("identifier", (identifier,)),), via="POST")
        patient = Patient(bsn, digits, Standing.KNOWN)
        attempt = Attempt(f"c{number}", caller, request, patient)
        await audit.append(Allowed(attempt, Access(caller, request, patient), (Permit("policy:pzp"),)))
        await audit.append(Disclosed(attempt, (f"Patient/{digits}/_history/1",), (), None))
        await audit.append(Denied(attempt, Deny(Reason.PATIENT_UNKNOWN, detail=f"nobody called {digits}")))
    for _ in range(60):
        ledger.index.advance()
    with opened(place.path) as material:
        bundle.export(material, "meerwijck", tmp_path / "export", 0)
    yield tmp_path
    await ledger.aclose()


async def test_no_bsn_and_no_name_is_left_in_any_file(left_behind: Path) -> None:
    files = [path for path in left_behind.rglob("*") if path.is_file()]
    names = {path.name for path in files}
    assert {"audit.db", "audit.db-wal", "audit.db.index", "notes", "records-000000.ndjson"} <= names
    for path in files:
        content = path.read_bytes()
        assert found_in(content) == set(), path.name
        assert NAME.encode() not in content, path.name


async def test_the_search_for_a_bsn_would_find_one(left_behind: Path) -> None:
    content = (left_behind / "audit.db").read_bytes() + (left_behind / "audit.db-wal").read_bytes()
    assert b"Ziekenhuis Meerwijck" in content
    assert found_in(content + b"1" + BSNS[7].encode() + b"1") == {BSNS[7]}
    assert found_in(content + base64.b64encode(BSNS[8].encode())) == {BSNS[8]}
