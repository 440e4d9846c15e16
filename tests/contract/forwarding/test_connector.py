"""What a server found at run time keeps besides: signing, and addresses that may be dialled."""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.fhir_server import build_connector, build_records
from nuts_pzp.systems.fhir_server.server import HttpConnector

GOALS = FhirRequest("search-type", "Goal", params=(("patient", ("Patient/p1",)),))


@pytest.fixture
async def connector(around: Surroundings) -> AsyncIterator[Any]:
    made: Any = build_connector({}, around)
    yield made
    await made.stop()


async def test_each_call_is_signed_for_its_target_without_query(connector: Any, upstream: Any, proofs: Any) -> None:
    signer = proofs()
    await connector.to(upstream.base, signer).send(GOALS)
    assert signer.calls == [("GET", f"{upstream.base}/Goal", False)]
    assert upstream.seen[0].header("authorization") == ["DPoP token-1"]
    assert upstream.seen[0].header("dpop") == ["proof-1"]


async def test_a_401_is_tried_once_more_with_a_fresh_token(
    connector: Any, upstream: Any, proofs: Any, reply: Any
) -> None:
    upstream.script = [reply(status="401 Unauthorized"), reply()]
    signer = proofs()
    answer = await connector.to(upstream.base, signer).send(GOALS)
    assert isinstance(answer, FhirAnswer)
    assert [fresh for _, _, fresh in signer.calls] == [False, True]
    assert upstream.seen[1].header("dpop") == ["proof-2"]


async def test_a_second_401_is_final(connector: Any, upstream: Any, proofs: Any, reply: Any) -> None:
    upstream.script = [reply(status="401 Unauthorized")]
    answer = await connector.to(upstream.base, proofs()).send(GOALS)
    assert answer == Unavailable(Reason.SOURCE_UNAUTHENTICATED, detail="HTTP 401")
    assert len(upstream.seen) == 2


async def test_a_signer_that_stops_sends_nothing(connector: Any, upstream: Any, proofs: Any) -> None:
    stop = Deny(Reason.TOKEN_REFUSED)
    assert await connector.to(upstream.base, proofs(stop)).send(GOALS) == stop
    assert upstream.seen == []


async def test_a_header_with_a_line_break_is_not_sent(connector: Any, upstream: Any, proofs: Any) -> None:
    answer = await connector.to(upstream.base, proofs({"authorization": "x\r\nx-evil: 1"})).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert upstream.seen == []


@pytest.mark.parametrize(
    "base",
    [
        "http://10.0.0.1/fhir",
        "https://169.254.169.254/fhir",
        "https://user@127.0.0.1/fhir",
        "ftp://127.0.0.1/fhir",
        "https://127.0.0.1/fhir?x=1",
        "not a url",
    ],
)
async def test_an_address_outside_the_networks_is_refused(connector: Any, proofs: Any, base: str) -> None:
    signer = proofs()
    answer = await connector.to(base, signer).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.ADDRESS_REFUSED
    assert signer.calls == []


async def test_a_name_that_leads_elsewhere_is_refused_when_dialled(
    around: Surroundings, upstream: Any, proofs: Any
) -> None:
    elsewhere = replace(around, outbound=Outbound((ipaddress.ip_network("127.9.9.0/24"),)))
    connector: Any = build_connector({}, elsewhere)
    base = upstream.base.replace("127.0.0.1", "localhost")
    answer = await connector.to(base, proofs()).send(GOALS)
    await connector.stop()
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.ADDRESS_REFUSED
    assert upstream.seen == []


async def test_own_server_gets_the_secret_from_its_file(around: Surroundings, upstream: Any) -> None:
    (around.folder / "secret").write_text("Basic Z2hlaW06d29vcmQ=\n")
    records = build_records({"base": upstream.base, "authorization_file": "secret", "fhir_version": "R4"}, around)
    await records.send(GOALS)
    await records.stop()
    assert upstream.seen[0].header("authorization") == ["Basic Z2hlaW06d29vcmQ="]


async def test_own_server_says_that_it_answers(around: Surroundings, upstream: Any, reply: Any) -> None:
    records = build_records({"base": upstream.base}, around)
    upstream.script = [reply(b'{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}'), reply(status="500 Oops")]
    assert await records.health() == "answers"
    assert upstream.seen[0].target == "/fhir/metadata"
    assert isinstance(await records.health(), Unavailable)
    await records.stop()


@pytest.mark.parametrize(
    "settings",
    [
        {"base": "http://10.0.0.1/fhir"},
        {"base": "https://x.example/fhir", "key_file": "key.pem"},
        {"base": "https://x.example/fhir", "timeout": 5},
        {"base": "https://x.example/fhir", "total_seconds": 0},
        {},
    ],
)
def test_wrong_settings_are_refused(around: Surroundings, settings: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"."):
        build_records(settings, around)


def test_a_secret_that_is_no_header_is_refused(around: Surroundings) -> None:
    (around.folder / "secret").write_text("Basic a\nx-evil: 1\n")
    with pytest.raises(ValueError, match="authorization_file"):
        build_records({"base": "https://x.example/fhir", "authorization_file": "secret"}, around)


BUSY = "503 Service Unavailable"
PATIENT = FhirRequest("search-type", "Patient", params=(("identifier", ("x|1",)),), via="POST")


@pytest.fixture
async def pausing(around: Surroundings) -> AsyncIterator[tuple[Any, list[float]]]:
    """A connector, and the pauses it made."""
    made: Any = build_connector({}, around)
    pauses: list[float] = []

    async def pause(seconds: float) -> None:
        pauses.append(seconds)

    yield HttpConnector(made._line, around.outbound, pause), pauses
    await made.stop()


@pytest.mark.parametrize("request_", [GOALS, PATIENT], ids=["GET", "POST _search"])
async def test_a_busy_source_is_asked_once_more_after_a_pause(
    pausing: Any, upstream: Any, proofs: Any, reply: Any, request_: FhirRequest
) -> None:
    connector, pauses = pausing
    upstream.script = [reply(status=BUSY), reply()]
    signer = proofs()
    assert isinstance(await connector.to(upstream.base, signer).send(request_), FhirAnswer)
    assert len(upstream.seen) == 2
    assert upstream.seen[1].header("dpop") == ["proof-2"], "each attempt has a proof of its own"
    assert [0.05 <= pause <= 0.25 for pause in pauses] == [True]


async def test_a_source_that_stays_busy_is_asked_twice_and_then_left(
    pausing: Any, upstream: Any, proofs: Any, reply: Any
) -> None:
    upstream.script = [reply(status=BUSY)]
    answer = await pausing[0].to(upstream.base, proofs()).send(GOALS)
    assert answer == Unavailable(Reason.SOURCE_DOWN, detail="HTTP 503")
    assert len(upstream.seen) == 2


@pytest.mark.parametrize("more", ["retry-after: 30\r\n", "retry-after: Wed, 21 Oct 2026 07:28:00 GMT\r\n"])
async def test_a_source_that_asks_to_wait_is_left_alone(
    pausing: Any, upstream: Any, proofs: Any, reply: Any, more: str
) -> None:
    upstream.script = [reply(status=BUSY, more=more)]
    await pausing[0].to(upstream.base, proofs()).send(GOALS)
    assert len(upstream.seen) == 1


@pytest.mark.parametrize("status", ["429 Too Many Requests", "500 Oops", "502 Bad Gateway", "403 Forbidden"])
async def test_nothing_else_is_tried_again(pausing: Any, upstream: Any, proofs: Any, reply: Any, status: str) -> None:
    upstream.script = [reply(status=status)]
    await pausing[0].to(upstream.base, proofs()).send(GOALS)
    assert len(upstream.seen) == 1


async def test_retries_run_out_for_everybody_who_asks_this_source_and_come_back_with_use(
    pausing: Any, open_upstream: Any, proofs: Any, reply: Any
) -> None:
    connector, _ = pausing
    sick, other = await open_upstream(), await open_upstream()
    sick.script = other.script = [reply(status=BUSY)]
    for _ in range(10):
        await connector.to(sick.base, proofs()).send(GOALS)
    assert len(sick.seen) == 10 + 3, "three saved up, and less than one more earned by ten calls"
    await connector.to(other.base, proofs()).send(GOALS)
    assert len(other.seen) == 2, "another source has its own"
    sick.script = [reply()]
    for _ in range(10):
        await connector.to(sick.base, proofs()).send(GOALS)
    before = len(sick.seen)
    sick.script = [reply(status=BUSY)]
    await connector.to(sick.base, proofs()).send(GOALS)
    assert len(sick.seen) == before + 2


async def test_nobody_there_is_tried_once_more(pausing: Any, proofs: Any) -> None:
    connector, pauses = pausing
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        base = f"http://127.0.0.1:{taken.getsockname()[1]}/fhir"
        answer = await connector.to(base, proofs()).send(GOALS)
    assert answer.reason is Reason.SOURCE_DOWN
    assert len(pauses) == 1


async def test_the_own_server_is_not_tried_again(upstream: Any, reply: Any, around: Surroundings) -> None:
    upstream.script = [reply(status=BUSY)]
    records = build_records({"base": upstream.base, "fhir_version": "R4"}, around)
    await records.send(GOALS)
    await records.stop()
    assert len(upstream.seen) == 1


@pytest.mark.parametrize(("label", "read"), [("4.0", True), ("3.0", True), ("5.0", False)])
async def test_another_holder_may_label_its_answer_r4_or_stu3(
    label: str, read: bool, connector: Any, upstream: Any, proofs: Any, reply: Any
) -> None:
    upstream.script = [reply(media=f"application/fhir+json; fhirVersion={label}")]
    answer = await connector.to(upstream.base, proofs()).send(GOALS)
    assert isinstance(answer, FhirAnswer) is read
    assert read or answer.reason is Reason.SOURCE_VERSION
