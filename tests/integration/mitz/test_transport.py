"""Real TLS on loopback between the adapter and the twin (spec consent 1.1, 1.8; 8: 25, 31 to 40, 73, 74)."""

from __future__ import annotations

import asyncio
import gzip
import ipaddress
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access, Caller
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.outside import Living, Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import Choice, Fault, MitzTwin
from nuts_pzp.sandbox.mitz.hostile import HOSTILE
from nuts_pzp.systems.mitz.client import TOTAL
from nuts_pzp.systems.mitz.consent import MitzConsent, build
from nuts_pzp.values import replace
from nuts_pzp.web.server import Server, ServerTls

BSN = "999912008"
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
GP_MAY = Choice(BSN, "90000222", "GGC002", "RPZAC001", "permit")


@dataclass(frozen=True)
class Papers:
    """Two authorities: the one both sides trust, and one nobody does."""

    trusted: Authority
    other: Authority
    server: Issued
    client: Issued
    stranger: Issued


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    trusted, other = Authority(folder / "a", "Sandbox PKI"), Authority(folder / "b", "Other PKI")
    return Papers(
        trusted,
        other,
        trusted.server("mitz"),
        trusted.client("meerwijck", common_name="meerwijck"),
        other.client("stranger", common_name="stranger"),
    )


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    """Starts servers and stops them after the test."""
    servers: list[Server] = []

    async def serve(app: Any, tls: ServerTls | None) -> int:
        server = Server(app, host="127.0.0.1", port=0, tls=tls)
        servers.append(server)
        return await server.start()

    yield serve
    for server in servers:
        await server.stop(grace=0.1)


@dataclass
class Region:
    """A running twin and the adapter that asks it."""

    twin: MitzTwin
    mitz: MitzConsent


def adapter(url: str, papers: Papers, folder: Path, **own: Any) -> MitzConsent:
    settings = {
        "url": url,
        "roots_file": str(papers.trusted.root_file),
        "certificate_file": str(papers.client.certificate_file),
        "key_file": str(papers.client.key_file),
        "roles": {"huisarts": "01.015"},
        "professional_id_root": "2.16.528.1.1007.3.1",
        **own,
    }
    return build(settings, Surroundings(Tenant("meerwijck", HOLDER), LOOPBACK, folder, folder))


def listening(papers: Papers, certificate: Issued | None = None) -> ServerTls:
    shown = certificate or papers.server
    return ServerTls(shown.certificate_file, shown.key_file, papers.trusted.root_file, client_required=True)


@pytest.fixture
async def region(papers: Papers, serving: Any, tmp_path: Path) -> AsyncIterator[Region]:
    twin = MitzTwin("", [GP_MAY])
    twin.url = f"https://localhost:{await serving(twin.app, listening(papers))}"
    mitz = adapter(twin.url, papers, tmp_path)
    yield Region(twin, mitz)
    await mitz.stop()


def access(bsn: str = BSN, kind: str = "N6", ura: str = "90000444") -> Access:
    caller = Caller(
        Organization(Ura(ura), kind, "Huisartsenpost De Kade"),
        Professional("000012345", "huisarts"),
        frozenset({"pzp-gf"}),
        Purpose.TREATMENT,
        None,
        {},
        "nuts-bearer",
        token_digest=b"t" * 32,
    )
    return Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn(bsn), "1", Standing.KNOWN))


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


async def test_connect_refused(papers: Papers, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        mitz = adapter(f"https://localhost:{taken.getsockname()[1]}", papers, tmp_path)
        verdict = await mitz.ask(access())
        await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_UNAVAILABLE, "connection-refused")


@pytest.mark.parametrize(
    "fault", [Fault("delay", seconds=30), Fault("slow-body", seconds=0.05)], ids=["timeout_headers", "slowloris_body"]
)
async def test_a_slow_mitz_is_given_up_within_its_budget(
    fault: Fault, region: Region, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nuts_pzp.systems.mitz.client.TOTAL", 0.3)
    region.twin.faults.set(fault)
    began = time.monotonic()
    verdict = await region.mitz.ask(access())
    assert time.monotonic() - began < 1.5
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.reason is Reason.MITZ_TIMEOUT
    assert len(region.twin.questions) == (1 if fault.kind == "slow-body" else 0)


def test_the_budget_is_five_seconds() -> None:
    assert TOTAL == 5.0


@pytest.mark.parametrize(
    ("fault", "reason", "detail"),
    [
        (Fault("oversize"), Reason.MITZ_MALFORMED, "too-large"),
        (Fault("gzip"), Reason.MITZ_UNAVAILABLE, "broken"),
        (Fault("drop"), Reason.MITZ_UNAVAILABLE, "broken"),
        (Fault("html"), Reason.MITZ_MALFORMED, "media-type"),
        (Fault("empty"), Reason.MITZ_MALFORMED, "empty"),
        (Fault("status", status=401), Reason.MITZ_REJECTED, "http-401"),
        (Fault("status", status=429, retry_after="5"), Reason.MITZ_THROTTLED, "http-429"),
        (Fault("fault", name="Sender", status=400), Reason.MITZ_REJECTED, "fault-sender"),
        (Fault("fault", name="Receiver", status=500), Reason.MITZ_UNAVAILABLE, "fault-receiver"),
    ],
    ids=lambda value: value.kind if isinstance(value, Fault) else None,
)
async def test_fault_of_the_service_becomes_its_reason(
    fault: Fault, reason: Reason, detail: str, region: Region
) -> None:
    region.twin.faults.set(fault)
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (reason, detail)
    assert len(region.twin.questions) == 1


async def test_http_503_single_retry_new_messageid(region: Region) -> None:
    region.twin.faults.set(Fault("status", status=503, times=1))
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Permit)
    first, second = (one.asked.message_id for one in region.twin.questions)
    assert first != second


async def test_http_302_is_not_followed(region: Region, papers: Papers, serving: Any) -> None:
    second = MitzTwin("", [GP_MAY])
    second.url = f"https://localhost:{await serving(second.app, listening(papers))}"
    region.twin.faults.set(Fault("redirect", location=f"{second.url}/geslotenautorisatievraag/xacml3"))
    verdict = await region.mitz.ask(access())
    assert isinstance(verdict.outcome, Unavailable)
    assert (verdict.outcome.reason, verdict.outcome.detail) == (Reason.MITZ_REJECTED, "redirect")
    assert not second.questions


async def test_gzip_is_neither_asked_for_nor_unpacked(papers: Papers, serving: Any, tmp_path: Path) -> None:
    wanted: list[bytes] = []

    async def bomb(scope: Any, receive: Any, send: Any) -> None:
        wanted.extend(value for name, value in scope["headers"] if name == b"accept-encoding")
        headers = [(b"content-type", b"application/soap+xml"), (b"content-encoding", b"gzip")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": gzip.compress(b" " * 50_000_000)})

    mitz = adapter(f"https://localhost:{await serving(bomb, listening(papers))}", papers, tmp_path)
    verdict = await mitz.ask(access())
    await mitz.stop()
    assert isinstance(verdict.outcome, Unavailable)
    assert wanted == [b"identity"]


async def test_xxe_external_dtd_is_never_fetched(region: Region) -> None:
    contacted: list[bool] = []
    trap = await asyncio.start_server(lambda *_: contacted.append(True), "127.0.0.1", 0)
    port = trap.sockets[0].getsockname()[1]

    answer = HOSTILE["xxe_external_dtd"]
    try:
        HOSTILE["xxe_external_dtd"] = lambda asked: answer(asked).replace(b":9/", b":%d/" % port)
        region.twin.faults.set(Fault("hostile", name="xxe_external_dtd"))
        verdict = await region.mitz.ask(access())
    finally:
        HOSTILE["xxe_external_dtd"] = answer
        trap.close()
    assert isinstance(verdict.outcome, Unavailable)
    assert verdict.outcome.detail == "doctype"
    assert contacted == []


async def test_health_connects_and_asks_nothing(region: Region) -> None:
    assert isinstance(region.mitz, Living)
    await region.mitz.start()
    assert await region.mitz.health() == "reachable"
    assert not region.twin.questions


async def test_health_says_what_is_wrong(papers: Papers, serving: Any, tmp_path: Path) -> None:
    port = await serving(MitzTwin("").app, listening(papers, papers.other.server("impostor")))
    wrong = adapter(f"https://localhost:{port}", papers, tmp_path)
    assert await wrong.health() == Unavailable(Reason.MITZ_UNAVAILABLE, detail="tls")
    await wrong.stop()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        gone = adapter(f"https://localhost:{taken.getsockname()[1]}", papers, tmp_path)
        assert await gone.health() == Unavailable(Reason.MITZ_UNAVAILABLE, detail="connection-refused")
        await gone.stop()


async def test_no_bsn_in_any_log(region: Region, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    for name in ("aiohttp", "asyncio", "uvicorn.error"):
        caplog.set_level(logging.DEBUG, logger=name)
    faults = [
        Fault("fault", name="Sender", status=400),
        Fault("hostile", name="fault_that_names_the_patient"),
        Fault("hostile", name="other_patient"),
        Fault("hostile", name="truncated"),
        Fault("drop"),
        Fault("status", status=500),
    ]
    with capture_logs() as lines:
        await region.mitz.ask(access())
        for fault in faults:
            region.twin.faults.set(fault)
            await region.mitz.ask(access())
    said = caplog.text + repr(caplog.records) + repr(lines) + repr([record.__dict__ for record in caplog.records])
    assert "PZP-CONSENT-" in said or "mitz" in said, "the lines of our own were caught"
    assert BSN not in said
    assert len(lines) == len(faults)


async def test_bsn_is_not_in_the_url_or_a_header(papers: Papers, serving: Any, tmp_path: Path) -> None:
    scopes: list[str] = []

    async def watching(scope: Any, receive: Any, send: Any) -> None:
        scopes.append(repr((scope["path"], scope["query_string"], scope["headers"])))
        await send({"type": "http.response.start", "status": 500, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    mitz = adapter(f"https://localhost:{await serving(watching, listening(papers))}", papers, tmp_path)
    await mitz.ask(access())
    await mitz.stop()
    assert len(scopes) == 1
    assert BSN not in scopes[0]


async def test_breaker_open_says_so_before_any_patient_is_known(region: Region) -> None:
    consent = SharingConsent("nl-pzp-strict", (Ranked(region.mitz, True, True),))
    region.twin.faults.set(Fault("fault", name="Receiver", status=500))
    for number in range(5):
        one = access()
        assert consent.resting(one.caller) is None
        await consent.ask(replace(one, caller=replace(one.caller, token_digest=bytes([number]) * 32)))
    stop = consent.resting(access().caller)
    assert stop is not None
    assert (stop.reason, stop.detail) == (Reason.MITZ_UNAVAILABLE, "breaker-open")
    found = await consent.ask(access("999912033"))
    assert isinstance(found, Unavailable)
    assert found.reason is stop.reason
    assert len(region.twin.questions) == 5
