"""Revoked is refused, and without a list that counts nobody can tell."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from admission_desk import KADE, said

from nuts_pzp.authentication.port import Admitted
from nuts_pzp.identity import Tenant
from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.pki import build


async def test_a_revoked_certificate_and_a_revoked_authority_are_refused(desk: Any, pki: Any) -> None:
    der = pki.issuing.leaf(number=77)
    good = desk().lists(pki.root.list(), pki.issuing.list(78))
    assert isinstance(await said(good, der), Admitted)
    assert await said(desk().lists(pki.root.list(), pki.issuing.list(76, 77)), der) is Reason.CERTIFICATE_REVOKED
    authority = pki.issuing.certificate.serial_number
    assert await said(desk().lists(pki.root.list(authority), pki.issuing.list()), der) is Reason.CERTIFICATE_REVOKED


async def test_without_a_list_for_every_authority_nobody_can_tell(desk: Any, pki: Any) -> None:
    assert await said(desk().lists(None, pki.issuing.list()), pki.issuing.leaf()) is Reason.REVOCATION_UNKNOWN
    assert Reason.REVOCATION_UNKNOWN.face.status == 503


async def test_a_list_that_ended_fails_closed_and_serves_as_long_as_the_setting_says(desk: Any, pki: Any) -> None:
    ended = pki.issuing.list(until=pki.NOW)
    assert await said(desk().lists(pki.root.list(), ended), pki.issuing.leaf()) is Reason.REVOCATION_UNKNOWN
    grace = desk(grace_hours=2).lists(pki.root.list(), ended)
    assert isinstance(await said(grace, pki.issuing.leaf()), Admitted)
    grace.now = pki.NOW + pki.DAY
    assert await said(grace, pki.issuing.leaf()) is Reason.REVOCATION_UNKNOWN


async def test_what_a_list_that_ended_revokes_stays_revoked(desk: Any, pki: Any) -> None:
    ended = desk().lists(pki.root.list(), pki.issuing.list(77, until=pki.NOW))
    assert await said(ended, pki.issuing.leaf(number=77)) is Reason.CERTIFICATE_REVOKED


def parts(pki: Any) -> dict[str, bytes]:
    from cryptography import x509

    def point(**only: bool) -> Any:
        names = (
            "only_contains_user_certs", "only_contains_ca_certs", "indirect_crl", "only_contains_attribute_certs",
        )  # fmt: skip
        flags = {name: only.get(name, False) for name in names}
        return (
            x509.IssuingDistributionPoint(full_name=None, relative_name=None, only_some_reasons=None, **flags)
            if any(flags.values())
            else None
        )

    return {
        "rubbish": b"rubbish",
        "nothing": b"",
        "signed by another": pki.issuing.list(by=pki.other),
        "signed by a stranger with the same name": pki.Maker("Test Private Services CA - G1", pki.root).list(),
        "signed by the root in its name": pki.issuing.list(by=pki.root),
        "from the future": pki.issuing.list(since=pki.NOW + pki.DAY, until=pki.NOW + 2 * pki.DAY),
        "a difference": pki.issuing.list(part=x509.DeltaCRLIndicator(1)),
        "of authorities only": pki.issuing.list(part=point(only_contains_ca_certs=True)),
        "of others too": pki.issuing.list(part=point(indirect_crl=True)),
    }


@pytest.mark.parametrize(
    "kind",
    [
        "rubbish", "nothing", "signed by another", "signed by a stranger with the same name",
        "signed by the root in its name", "from the future", "a difference", "of authorities only", "of others too",
    ],
)  # fmt: skip
async def test_a_list_that_is_not_quite_one_is_not_believed(kind: str, desk: Any, pki: Any) -> None:
    asked = desk().lists(pki.root.list(), parts(pki)[kind])
    assert await said(asked, pki.issuing.leaf()) is Reason.REVOCATION_UNKNOWN


async def test_a_list_in_pem_is_one(desk: Any, pki: Any) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    pem = x509.load_der_x509_crl(pki.issuing.list(77)).public_bytes(Encoding.PEM)
    assert await said(desk().lists(pki.root.list(), pem), pki.issuing.leaf(number=77)) is Reason.CERTIFICATE_REVOKED


async def test_a_renewed_file_counts_and_an_older_one_does_not(desk: Any, pki: Any) -> None:
    made, der = desk().lists(pki.root.list(), pki.issuing.list()), pki.issuing.leaf(number=77)
    admission = await made.open()
    assert isinstance(await admission.admit(der), Admitted)
    made.files["issuing"].write_bytes(pki.issuing.list(77, since=pki.NOW))
    assert await made.revocation.refresh()
    assert (await admission.admit(der)).reason is Reason.CERTIFICATE_REVOKED
    made.files["issuing"].write_bytes(pki.issuing.list(since=pki.NOW - 2 * pki.DAY))
    assert not await made.revocation.refresh()
    assert (await admission.admit(der)).reason is Reason.CERTIFICATE_REVOKED
    made.files["issuing"].unlink()
    assert not await made.revocation.refresh()
    assert (await admission.admit(der)).reason is Reason.CERTIFICATE_REVOKED
    await admission.stop()


async def test_readiness_names_the_list_that_is_missing_or_ended(desk: Any, pki: Any) -> None:
    admission = await desk().lists(pki.root.list(), pki.issuing.list()).open()
    assert await admission.health() == "lists stand"
    await admission.stop()
    ended = desk().lists(pki.root.list(), pki.issuing.list(until=pki.NOW))
    said = await (admission := await ended.open()).health()
    await admission.stop()
    assert isinstance(said, Unavailable)
    assert said.detail == "the revocation list of CN=Test Private Services CA - G1 ended at 2026-06-01 12:00 UTC"


def around(folder: Path, networks: tuple[Any, ...] = ()) -> Surroundings:
    return Surroundings(Tenant("kade", KADE), Outbound(networks), folder, folder)


def test_a_list_is_fetched_from_where_may_be_dialled_only(pki: Any, tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_bytes(pki.pem)
    settings = {"authorities_file": "ca.pem", "crls": [{"url": "http://10.0.0.1/ca.crl"}]}
    with pytest.raises(ValueError, match=r"crls\.0\.url: an address outside"):
        build(settings, around(tmp_path))
    build({**settings, "crls": [{"url": "http://crl.example/ca.crl"}]}, around(tmp_path))


async def test_a_list_is_fetched_kept_and_serves_the_next_start(pki: Any, tmp_path: Path) -> None:
    import asyncio
    import ipaddress
    from datetime import UTC, datetime, timedelta

    now = datetime.now(UTC)
    raw = {"/root": pki.root.list(since=now, until=now + timedelta(days=1))}
    raw["/issuing"] = pki.issuing.list(since=now, until=now + timedelta(days=1))
    asked: list[str] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        asked.append(head.split(" ")[1])
        body = raw[asked[-1]]
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%b" % (len(body), body))
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    (tmp_path / "ca.pem").write_bytes(pki.pem)
    urls = [{"url": f"http://127.0.0.1:{port}{path}"} for path in raw]
    loopback = (ipaddress.ip_network("127.0.0.0/8"),)
    first = build({"authorities_file": "ca.pem", "crls": urls}, around(tmp_path, loopback))
    await first.start()
    for _ in range(100):
        if await first.health() == "lists stand":
            break
        await asyncio.sleep(0.02)
    assert await first.health() == "lists stand"
    await first.stop()
    server.close()
    await server.wait_closed()
    assert sorted(asked) == ["/issuing", "/root"]

    again = build({"authorities_file": "ca.pem", "crls": urls}, around(tmp_path, loopback))
    await again.start()
    assert await again.health() == "lists stand"
    await again.stop()
