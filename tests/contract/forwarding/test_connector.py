"""What a server found at run time keeps besides: signing, and addresses that may be dialled."""

from __future__ import annotations

import ipaddress
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
    records = build_records({"base": upstream.base, "authorization_file": "secret"}, around)
    await records.send(GOALS)
    await records.stop()
    assert upstream.seen[0].header("authorization") == ["Basic Z2hlaW06d29vcmQ="]


async def test_own_server_says_that_it_answers(around: Surroundings, upstream: Any, reply: Any) -> None:
    records = build_records({"base": upstream.base}, around)
    upstream.script = [reply(b'{"resourceType":"CapabilityStatement"}'), reply(status="500 Oops")]
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
