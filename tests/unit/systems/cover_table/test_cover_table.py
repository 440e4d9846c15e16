"""Waarneming: which post stands in for which practice, and when, by Dutch clocks (spec consent 5.6)."""

from __future__ import annotations

import base64
import hashlib
import ipaddress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Evidence, Permit, Unavailable, Unknown
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.cover_table import CoverTable, build
from nuts_pzp.systems.cover_table.table import Table, read_table

PRACTICE, POST = Ura("90000111"), Ura("90000444")
TABLE: dict[str, Any] = {
    "format": "nuts-pzp-cover/1",
    "owner": "HAP De Kade, bestuur",
    "valid_from": "2026-01-01",
    "valid_until": "2026-12-31",
    "holidays": ["2026-12-25"],
    "arrangements": [
        {
            "id": "kade-2026",
            "post": "90000444",
            "practices": ["90000111", "90000112"],
            "hours": [
                {"days": ["mon", "tue", "wed", "thu", "fri"], "from": "17:00", "to": "08:00"},
                {"days": ["sat", "sun", "holiday"], "from": "00:00", "to": "24:00"},
            ],
        }
    ],
}


def covered(moment: str, *, practice: Ura = PRACTICE, post: Ura = POST, kind: str = "N6") -> bool:
    user = Organization(post, kind, "De Kade")
    found = Table.model_validate(TABLE).covering(practice, user, datetime.fromisoformat(moment))
    return found is not None


@pytest.mark.parametrize(
    ("moment", "is_covered"),
    [
        ("2026-11-26T16:59:59+01:00", False),
        ("2026-11-26T17:00:00+01:00", True),
        ("2026-11-26T23:59:00+01:00", True),
        ("2026-11-27T07:59:59+01:00", True),
        ("2026-11-27T08:00:00+01:00", False),
        ("2026-11-28T12:00:00+01:00", True),
        ("2026-11-30T03:00:00+01:00", False),
        ("2026-12-25T12:00:00+01:00", True),
        ("2026-12-24T12:00:00+01:00", False),
        ("2026-11-26T16:30:00+00:00", True),
        ("2026-07-02T15:30:00+00:00", True),
        ("2026-07-02T14:30:00+00:00", False),
        ("2027-01-01T03:00:00+01:00", False),
        ("2025-12-31T23:00:00+01:00", False),
    ],
)
def test_hours_are_those_of_dutch_clocks_and_run_into_the_next_day(moment: str, is_covered: bool) -> None:
    """A Sunday ends at midnight, and Monday's night begins at 17:00: nobody covers Monday at three."""
    assert covered(moment) is is_covered


def test_only_the_named_post_of_that_type_covers_only_the_named_practices() -> None:
    night = "2026-11-26T22:00:00+01:00"
    assert covered(night)
    assert not covered(night, practice=Ura("90000119"))
    assert not covered(night, post=Ura("90000445"))
    assert not covered(night, kind="V6")


WRONG: dict[str, dict[str, Any]] = {
    "another format": {"format": "nuts-pzp-cover/2"},
    "no owner": {"owner": ""},
    "never valid": {"valid_until": "2025-01-01"},
    "an unknown key": {"everybody": True},
    "nobody": {"arrangements": []},
    "twice": {"arrangements": TABLE["arrangements"] * 2},
    "no practice": {"arrangements": [{**TABLE["arrangements"][0], "practices": []}]},
    "no hours": {"arrangements": [{**TABLE["arrangements"][0], "hours": []}]},
    "an hour that is none": {
        "arrangements": [{**TABLE["arrangements"][0], "hours": [{"days": ["mon"], "from": "25:00", "to": "08:00"}]}]
    },
    "an hour as a number": {
        "arrangements": [{**TABLE["arrangements"][0], "hours": [{"days": ["mon"], "from": 1020, "to": "08:00"}]}]
    },
    "a day that is none": {
        "arrangements": [{**TABLE["arrangements"][0], "hours": [{"days": ["always"], "from": "17:00", "to": "08:00"}]}]
    },
    "no URA": {"arrangements": [{**TABLE["arrangements"][0], "post": "De Kade"}]},
}


@pytest.mark.parametrize("change", WRONG.values(), ids=WRONG.keys())
def test_wrong_in_one_place_is_wrong_as_a_whole(change: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"validation error"):
        read_table(yaml.safe_dump({**TABLE, **change}).encode(), None, None)


def around(folder: Path) -> Surroundings:
    tenant = Tenant("wilgenhof", Organization(PRACTICE, "Z3", "De Wilgenhof"))
    return Surroundings(tenant, Outbound((ipaddress.ip_network("127.0.0.0/8"),)), folder, folder)


def access(user: Ura = POST) -> Access:
    caller = Caller(Organization(user, "N6", "De Kade"), None, frozenset(), Purpose.TREATMENT, None, {}, "nuts-bearer")
    return Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn("999912008"), "1", Standing.KNOWN))


async def test_the_basis_is_the_arrangement_and_the_evidence_the_table(tmp_path: Path) -> None:
    content = yaml.safe_dump(TABLE).encode()
    digest = hashlib.sha256(content).hexdigest()
    night = datetime(2026, 11, 26, 22, tzinfo=UTC)
    source = CoverTable(PRACTICE, read_table(content, None, None), digest, lambda: night)
    assert await source.ground(access()) == Permit("cover:kade-2026", (Evidence("cover_table", "kade-2026", digest),))
    assert await source.ground(access(Ura("90000222"))) == Unknown(Reason.CONSENT_NONE)
    assert await source.health() == "1 arrangements, owner HAP De Kade, bestuur, until 2026-12-31"


async def test_a_table_that_is_over_covers_nobody_and_says_so(tmp_path: Path) -> None:
    later = datetime(2027, 3, 1, 22, tzinfo=UTC)
    source = CoverTable(PRACTICE, Table.model_validate(TABLE), "", lambda: later)
    assert await source.ground(access()) == Unknown(Reason.CONSENT_NONE)
    assert isinstance(await source.health(), Unavailable)


def test_a_signed_table_is_its_owners_or_refused(tmp_path: Path) -> None:
    key = Ed25519PrivateKey.generate()
    content = yaml.safe_dump(TABLE).encode()
    (tmp_path / "cover.yaml").write_bytes(content)
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    (tmp_path / "owner.pem").write_bytes(public)
    (tmp_path / "cover.sig").write_bytes(base64.b64encode(key.sign(content)))
    signed = {"table_file": "cover.yaml", "public_key_file": "owner.pem", "signature_file": "cover.sig"}
    build(signed, around(tmp_path))
    (tmp_path / "cover.yaml").write_bytes(content.replace(b"90000444", b"90000445"))
    with pytest.raises(ValueError, match="signature"):
        build(signed, around(tmp_path))
    with pytest.raises(ValueError, match="belong together"):
        build({"table_file": "cover.yaml", "public_key_file": "owner.pem"}, around(tmp_path))
