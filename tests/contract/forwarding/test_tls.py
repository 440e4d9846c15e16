"""TLS to FHIR servers: own roots, a client certificate, and failures that are told apart."""

from __future__ import annotations

import ssl
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority

GOALS = FhirRequest("search-type", "Goal", params=(("patient", ("Patient/p1",)),))


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("ca"), "Test Root")


def served(authority: Authority, *, hosts: tuple[str, ...] = ("127.0.0.1",), clients: bool = False) -> ssl.SSLContext:
    issued = authority.server(f"server-{'-'.join(hosts)}", hosts=hosts)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(str(issued.certificate_file), str(issued.key_file))
    if clients:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(cafile=str(authority.root_file))
    return context


async def test_own_roots_are_trusted(connect: Any, open_upstream: Any, authority: Authority) -> None:
    upstream = await open_upstream(served(authority))
    answer = await connect(upstream.base, roots_file=authority.root_file).send(GOALS)
    assert isinstance(answer, FhirAnswer)


async def test_unknown_roots_are_a_tls_failure(connect: Any, open_upstream: Any, authority: Authority) -> None:
    upstream = await open_upstream(served(authority))
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_TLS
    assert upstream.seen == []


async def test_another_name_is_a_tls_failure(connect: Any, open_upstream: Any, authority: Authority) -> None:
    upstream = await open_upstream(served(authority, hosts=("elsewhere.example",)))
    answer = await connect(upstream.base, roots_file=authority.root_file).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_TLS
    assert upstream.seen == []


async def test_the_name_is_checked_and_not_the_address(connect: Any, open_upstream: Any, authority: Authority) -> None:
    upstream = await open_upstream(served(authority, hosts=("localhost",)))
    base = upstream.base.replace("127.0.0.1", "localhost")
    assert isinstance(await connect(base, roots_file=authority.root_file).send(GOALS), FhirAnswer)


async def test_our_certificate_is_shown(connect: Any, open_upstream: Any, authority: Authority, tmp_path: Path) -> None:
    upstream = await open_upstream(served(authority, clients=True))
    ours = authority.client("ours", common_name="De Wilgenhof")
    server = connect(
        upstream.base,
        roots_file=authority.root_file,
        certificate_file=ours.certificate_file,
        key_file=ours.key_file,
    )
    assert isinstance(await server.send(GOALS), FhirAnswer)


async def test_without_our_certificate_nothing_is_asked(connect: Any, open_upstream: Any, authority: Authority) -> None:
    upstream = await open_upstream(served(authority, clients=True))
    answer = await connect(upstream.base, roots_file=authority.root_file).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert upstream.seen == []
