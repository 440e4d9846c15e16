"""A client certificate on the wire: over real TLS, before the token, and in every record."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.audit.fields import attempt_fields
from nuts_pzp.authentication.certified import Certified
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.systems.pki import build
from nuts_pzp.values import replace
from nuts_pzp.web.server import Server, ServerTls

ASK = b"GET /meerwijck/fhir/Consent?patient=Patient/p1 HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
TOKEN = b"Authorization: Bearer aaaaaaaaaaaaaaaaaaaaaaaa\r\n\r\n"


@dataclass
class Door:
    wire: Any
    authority: Authority
    port: int
    good: Issued
    unlisted: Issued

    async def ask(self, issued: Issued | None, raw: bytes = ASK + TOKEN) -> bytes:
        context = ssl.create_default_context(cafile=str(self.authority.root_file))
        if issued:
            context.load_cert_chain(issued.certificate_file, issued.key_file)
        try:
            reader, writer = await asyncio.open_connection("localhost", self.port, ssl=context)
            writer.write(raw)
            answer = await asyncio.wait_for(reader.read(), 5)
            writer.close()
        except (ConnectionError, ssl.SSLError):
            return b""
        return answer

    def last(self) -> Any:
        return self.wire.holder.audit.events[-1]


@pytest.fixture
async def door(wire: Any, tmp_path: Path) -> AsyncIterator[Door]:
    authority = Authority(tmp_path / "ca", "Region CA")
    good = authority.client("kade", common_name="kade.example", serial_number="00000003123456780000")
    unlisted = authority.client("other", common_name="other.example")
    clients = [{"name": "De Kade", "sha256": good.sha256, "organizations": ["90000444"]}]
    around = Surroundings(wire.holder.house.tenant, Outbound(), tmp_path, tmp_path)
    admission = build({"authorities_file": str(authority.root_file), "clients": clients}, around)
    plain = wire.house

    def house(slug: str) -> Any:
        found = plain(slug)
        if found is None or found.holding is None:
            return found
        return replace(found, holding=replace(found.holding, network=Certified(admission, found.holding.network)))

    wire.door._house = house
    own = authority.server("gateway")
    tls = ServerTls(own.certificate_file, own.key_file, authority.root_file)
    server = Server(wire.door, host="127.0.0.1", port=0, tls=tls, unreadable=wire.door.unreadable)
    yield Door(wire, authority, await server.start(), good, unlisted)
    await server.stop(0.2)


async def test_a_listed_certificate_gets_in_and_stands_in_the_record(door: Door) -> None:
    assert (await door.ask(door.good)).startswith(b"HTTP/1.1 200")
    attempt = door.last().attempt
    assert attempt.caller.certificate == attempt.certificate.sha256 == door.good.sha256
    assert attempt_fields(attempt, attempt.caller)["net"]["mtls_subject"] == (
        "CN=kade.example, serialNumber=00000003123456780000"
    )


async def test_an_unlisted_certificate_is_refused_before_its_token_is_looked_at(door: Door) -> None:
    assert (await door.ask(door.unlisted)).startswith(b"HTTP/1.1 401")
    assert door.wire.shown == []
    assert door.last().stop.reason is Reason.CERTIFICATE_UNLISTED
    assert attempt_fields(door.last().attempt, None)["net"]["mtls_sha256"] == door.unlisted.sha256


async def test_without_a_certificate_it_is_a_401_like_any_other(door: Door) -> None:
    none, unlisted = await door.ask(None), await door.ask(door.unlisted)
    assert none.startswith(b"HTTP/1.1 401")
    bodies = [answer.partition(b"\r\n\r\n")[2].partition(b"meldcode")[0] for answer in (none, unlisted)]
    assert bodies[0] == bodies[1]
    assert "mtls_sha256" not in attempt_fields(door.wire.holder.audit.events[0].attempt, None)["net"]


async def test_a_certificate_of_another_authority_ends_in_tls(door: Door, tmp_path: Path) -> None:
    stranger = Authority(tmp_path / "evil", "Region CA").client("kade", common_name="kade.example")
    assert await door.ask(stranger) == b""
    assert door.wire.holder.audit.events == []


async def test_a_token_of_another_organization_is_a_403(door: Door) -> None:
    other = replace(door.wire.says.organization, ura=type(door.wire.says.organization.ura)("90000555"))
    door.wire.says = replace(door.wire.says, organization=other)
    assert (await door.ask(door.good)).startswith(b"HTTP/1.1 403")
    assert door.last().stop.reason is Reason.CERTIFICATE_MISMATCH


async def test_refusals_without_a_decision_have_the_certificate_too(door: Door) -> None:
    await door.ask(door.good, b"GET /nobody/fhir/x HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
    assert door.wire.system.events[-1].attempt.certificate.sha256 == door.good.sha256
