"""The closed question over mutual TLS, and who is not trusted on either side (spec consent 1.1, 1.8; 8: 25 to 40)."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from mitz_transport import BSN, GP_MAY, Papers, Region, access, adapter, listening
from structlog.testing import capture_logs

from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Fault, MitzTwin
from nuts_pzp.sandbox.mitz.hostile import HOSTILE


async def test_permit_over_mutual_tls(region: Region) -> None:
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Permit)
    evidence = verdict.outcome.evidence[0]
    assert evidence.reference == f"urn:uuid:{region.twin.questions[0].asked.message_id}"
    assert len(evidence.digest) == 64
    assert region.twin.questions[0].became == "GGC002=Permit"


async def test_other_category_of_user_is_denied(region: Region) -> None:
    verdict = await region.mitz.ask(access(kind="V4", ura="90000333"))
    assert verdict.outcome == Deny(Reason.MITZ_DENY, verdict.outcome.evidence)


async def test_no_choice_is_denied(region: Region) -> None:
    verdict = await region.mitz.ask(access("999912033"))
    assert isinstance(verdict.outcome, Deny)
    assert verdict.outcome.reason is Reason.MITZ_DENY


async def test_one_consult_is_one_question(region: Region) -> None:
    consent = SharingConsent("nl-pzp-strict", (Ranked(region.mitz, True, True),))
    found = await asyncio.gather(*(consent.ask(access()) for _ in range(11)))
    assert all(isinstance(one, Permit) for one in found)
    assert len(region.twin.questions) == 1


@pytest.mark.parametrize("name", sorted(HOSTILE))
async def test_no_hostile_answer_permits(name: str, region: Region) -> None:
    region.twin.faults.set(Fault("hostile", name=name))
    with capture_logs() as lines:
        verdict = await region.mitz.ask(access())
    assert not isinstance(verdict.outcome, Permit)
    assert verdict.cacheable_for in (0.0, 30.0)
    assert BSN not in repr(verdict) + repr(lines)


async def test_server_cert_wrong_ca_gets_no_bytes(papers: Papers, serving: Any, tmp_path: Path) -> None:
    twin = MitzTwin("", [GP_MAY])
    port = await serving(twin.app, listening(papers, papers.other.server("impostor")))
    mitz = adapter(f"https://localhost:{port}", papers, tmp_path)
    verdict = await mitz.ask(access())
    await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_UNAVAILABLE, "tls")
    assert not twin.questions


async def test_server_cert_wrong_host_gets_no_bytes(papers: Papers, serving: Any, tmp_path: Path) -> None:
    twin = MitzTwin("", [GP_MAY])
    port = await serving(twin.app, listening(papers, papers.trusted.server("elsewhere", hosts=("mitz.test",))))
    mitz = adapter(f"https://localhost:{port}", papers, tmp_path)
    verdict = await mitz.ask(access())
    await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_UNAVAILABLE, "tls")
    assert not twin.questions


async def test_client_cert_of_another_authority_is_refused_by_mitz(
    region: Region, papers: Papers, tmp_path: Path
) -> None:
    mitz = adapter(
        region.twin.url,
        papers,
        tmp_path,
        certificate_file=str(papers.stranger.certificate_file),
        key_file=str(papers.stranger.key_file),
    )
    verdict = await mitz.ask(access())
    health = await mitz.health()
    await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.reason is Reason.MITZ_UNAVAILABLE
    assert isinstance(health, Unavailable)
    assert not region.twin.questions


async def test_client_that_is_not_admitted_is_rejected(papers: Papers, serving: Any, tmp_path: Path) -> None:
    twin = MitzTwin("", [GP_MAY], clients=frozenset({"00" * 32}))
    twin.url = f"https://localhost:{await serving(twin.app, listening(papers))}"
    mitz = adapter(twin.url, papers, tmp_path)
    verdict = await mitz.ask(access())
    await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_REJECTED, "http-403")
