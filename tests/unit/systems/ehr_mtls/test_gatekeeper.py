"""A listed certificate in its time is the tenant; nothing else is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.serialization import Encoding
from pydantic import ValidationError

from nuts_pzp.exchange import Caller, Presented
from nuts_pzp.identity import Organization, Purpose, Tenant, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.systems.ehr_mtls.gatekeeper import EhrGatekeeper, build

KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")


@pytest.fixture(scope="module")
def issued(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return Authority(tmp_path_factory.mktemp("ca"), "EHR CA").client("his", common_name="his.kade")


@pytest.fixture
def around(tmp_path: Path) -> Surroundings:
    return Surroundings(Tenant("kade", KADE), Outbound(), tmp_path, tmp_path)


def presented(certificate: bytes | None) -> Presented:
    return Presented("c", "", None, certificate, "POST", "https://ehr.kade.example/kade/pzp/v1/consultations")


async def test_a_listed_certificate_is_the_tenant_itself(issued: Any, around: Surroundings) -> None:
    door = build({"clients": [{"name": "HIS", "sha256": issued.sha256.upper()}]}, around)
    caller = await door.verify(presented(issued.certificate.public_bytes(Encoding.DER)))
    assert caller == Caller(
        KADE, None, frozenset({"consult"}), Purpose.TREATMENT, None, {}, "mtls", certificate=issued.sha256
    )


async def test_colons_in_a_fingerprint_do_not_matter(issued: Any, around: Surroundings) -> None:
    colons = ":".join(issued.sha256[index : index + 2] for index in range(0, 64, 2))
    door = build({"clients": [{"name": "HIS", "sha256": colons}]}, around)
    assert isinstance(await door.verify(presented(issued.certificate.public_bytes(Encoding.DER))), Caller)


@pytest.mark.parametrize("certificate", [None, b""])
async def test_no_certificate_is_refused(certificate: bytes | None) -> None:
    outcome = await EhrGatekeeper(KADE, frozenset({"0" * 64})).verify(presented(certificate))
    assert outcome == Deny(Reason.CERTIFICATE_ABSENT)


async def test_a_certificate_of_the_same_authority_that_is_not_listed_is_refused(issued: Any) -> None:
    outcome = await EhrGatekeeper(KADE, frozenset({"0" * 64})).verify(
        presented(issued.certificate.public_bytes(Encoding.DER))
    )
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.CERTIFICATE_UNLISTED


@pytest.mark.parametrize("edge", ["before", "after"])
async def test_a_listed_certificate_out_of_its_time_is_refused(issued: Any, edge: str) -> None:
    certificate = issued.certificate
    moment = {
        "before": certificate.not_valid_before_utc.timestamp() - 1,
        "after": certificate.not_valid_after_utc.timestamp(),
    }[edge]
    door = EhrGatekeeper(KADE, frozenset({issued.sha256}), clock=lambda: moment)
    outcome = await door.verify(presented(certificate.public_bytes(Encoding.DER)))
    assert isinstance(outcome, Deny)
    assert outcome.reason is Reason.CERTIFICATE_UNLISTED


async def test_what_hashes_right_but_is_no_certificate_is_refused() -> None:
    # SHA-256 of b"abc"
    digest = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    outcome = await EhrGatekeeper(KADE, frozenset({digest})).verify(presented(b"abc"))
    assert isinstance(outcome, Deny)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"clients": []},
        {"clients": [{"name": "x", "sha256": "ab"}]},
        {"clients": [{"name": "x", "sha256": "g" * 64}]},
        {"clients": [{"name": "", "sha256": "0" * 64}]},
        {"clients": [{"name": "x", "sha256": "0" * 64, "role": "x"}]},
        {"clients": [{"name": "x", "sha256": "0" * 64}], "other": 1},
    ],
)
def test_a_wrong_setting_stops_the_start(settings: dict[str, Any], around: Surroundings) -> None:
    with pytest.raises(ValidationError):
        build(settings, around)
