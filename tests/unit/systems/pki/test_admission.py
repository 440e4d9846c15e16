"""A certificate speaks when it comes from the right authorities, is listed, and nobody revoked it; never on a doubt."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from nuts_pzp.authentication.certified import Certified
from nuts_pzp.authentication.port import Admitted
from nuts_pzp.exchange import Caller, Presented
from nuts_pzp.identity import Organization, Purpose, Tenant, Ura
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.pki import build
from nuts_pzp.systems.pki.admission import PkiAdmission
from nuts_pzp.systems.pki.authorities import Authorities
from nuts_pzp.systems.pki.fetching import Fetcher
from nuts_pzp.systems.pki.revocation import Revocation
from nuts_pzp.systems.pki.settings import PkiSettings
from nuts_pzp.values import replace

KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
CALLER = Caller(KADE, None, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer")


class Desk:
    """An admission at a fixed time, with lists from files that a test may change."""

    def __init__(self, pki: Any, folder: Path, **settings: Any) -> None:
        self.pki, self.folder, self.now = pki, folder, pki.NOW
        self.files = {"root": folder / "root.crl", "issuing": folder / "issuing.crl"}
        self.settings = settings
        self.authorities = Authorities.read(settings.pop("pem", pki.pem))

    def lists(self, root: bytes | None, issuing: bytes | None) -> Desk:
        for name, raw in (("root", root), ("issuing", issuing)):
            if raw is not None:
                self.files[name].write_bytes(raw)
        self.settings["crls"] = [{"file": str(file)} for file in self.files.values() if file.exists()]
        return self

    async def open(self) -> PkiAdmission:
        settings = PkiSettings.model_validate({"authorities_file": "x", **self.settings})
        sources = tuple(Fetcher.of_file(Path(str(crl.file))) for crl in settings.crls)
        revocation = Revocation(
            self.authorities, sources, settings.refresh_seconds, settings.grace_hours * 3600, lambda: self.now
        )
        self.revocation = revocation
        admission = PkiAdmission(settings, self.authorities, revocation, lambda: self.now)
        await admission.start()
        return admission


@pytest.fixture
def desk(pki: Any, tmp_path: Path) -> Any:
    return lambda **settings: Desk(pki, tmp_path, **settings)


async def said(desk: Desk, der: bytes | None) -> Any:
    admission = await desk.open()
    try:
        outcome = await admission.admit(der)
    finally:
        await admission.stop()
    return outcome if isinstance(outcome, Admitted) else outcome.reason


async def test_a_certificate_of_the_issuing_authority_is_admitted_with_its_names(desk: Any, pki: Any) -> None:
    admitted = await said(desk(), pki.issuing.leaf(ura="90000444"))
    assert admitted.certificate.subject == "CN=gateway.kade.example, O=De Kade, serialNumber=00000003123456780000"
    assert (admitted.certificate.ura, admitted.organizations) == ("90000444", None)
    assert len(admitted.certificate.sha256) == 64


async def test_none_is_absent(desk: Any) -> None:
    assert await said(desk(), None) is Reason.CERTIFICATE_ABSENT
    assert await said(desk(), b"") is Reason.CERTIFICATE_ABSENT


HOSTILE = {
    "rubbish": lambda pki: b"\x30\x82rubbish",
    "empty sequence": lambda pki: b"\x30\x00",
    "another root": lambda pki: pki.other.leaf(),
    "same names, other keys": lambda pki: pki.Maker("Test Private Services CA - G1", pki.Maker("Test Root G1")).leaf(),
    "not yet": lambda pki: pki.issuing.leaf(since=pki.NOW + pki.DAY),
    "no longer": lambda pki: pki.issuing.leaf(until=pki.NOW),
    "for servers only": lambda pki: pki.issuing.leaf(purposes=(pki_server(),)),
    "for nothing in particular": lambda pki: pki.issuing.leaf(purposes=None),
    "an authority's": lambda pki: pki.issuing.leaf(ca=True),
    "not for signing in": lambda pki: pki.issuing.leaf(signature=False),
    "an unknown critical part": lambda pki: pki.issuing.leaf(odd=True),
    "of an authority below the last": lambda pki: pki.Maker("Below", pki.issuing).leaf(),
    "of a leaf that plays authority": lambda pki: pki.Maker("Leaf", pki.issuing, ca=False).leaf(),
}


def pki_server() -> Any:
    from cryptography.x509.oid import ExtendedKeyUsageOID

    return ExtendedKeyUsageOID.SERVER_AUTH


@pytest.mark.parametrize("kind", HOSTILE)
async def test_what_is_no_client_of_these_authorities_is_refused(kind: str, desk: Any, pki: Any) -> None:
    assert await said(desk(), HOSTILE[kind](pki)) is Reason.CERTIFICATE_UNLISTED


async def test_a_path_longer_than_an_authority_allows_is_refused_though_all_are_listed(desk: Any, pki: Any) -> None:
    below = pki.Maker("Below", pki.issuing)
    assert await said(desk(pem=pki.pem + below.pem), below.leaf()) is Reason.CERTIFICATE_UNLISTED


async def test_an_expired_authority_admits_nobody(desk: Any, pki: Any) -> None:
    old = pki.Maker("Old CA", pki.root, until=pki.NOW - pki.DAY)
    assert await said(desk(pem=pki.pem + old.pem), old.leaf()) is Reason.CERTIFICATE_UNLISTED


async def test_a_certificate_that_ends_while_it_is_known_ends(desk: Any, pki: Any) -> None:
    made = desk()
    admission, der = await made.open(), pki.issuing.leaf()
    assert isinstance(await admission.admit(der), Admitted)
    made.now = pki.NOW + 40 * pki.DAY
    assert (await admission.admit(der)).reason is Reason.CERTIFICATE_UNLISTED


# --- the list

LISTED = {"name": "De Kade", "common_name": "gateway.kade.example", "organizations": ["90000444"]}


async def test_who_is_not_listed_is_refused(desk: Any, pki: Any) -> None:
    assert isinstance(await said(desk(clients=[LISTED]), pki.issuing.leaf()), Admitted)
    other = pki.issuing.leaf("other.example")
    assert await said(desk(clients=[LISTED]), other) is Reason.CERTIFICATE_UNLISTED


@pytest.mark.parametrize("common", ["Gateway.Kade.example", "gateway.kade.example.evil", "gateway.kade.exampl"])
async def test_a_name_is_compared_as_it_is(common: str, desk: Any, pki: Any) -> None:
    assert await said(desk(clients=[LISTED]), pki.issuing.leaf(common)) is Reason.CERTIFICATE_UNLISTED


async def test_everything_an_entry_says_must_fit(desk: Any, pki: Any) -> None:
    der = pki.issuing.leaf(ura="90000444")
    right = (await said(desk(), der)).certificate.sha256
    for entry, fits in (
        ({"sha256": right.upper()}, True),
        ({"sha256": ":".join(right[at : at + 2] for at in range(0, 64, 2))}, True),
        ({"sha256": "0" * 64}, False),
        ({"ura": "90000444"}, True),
        ({"ura": "90000555"}, False),
        ({"sha256": right, "ura": "90000555"}, False),
        ({"sha256": right, "common_name": "gateway.kade.example", "ura": "90000444"}, True),
    ):
        found = await said(desk(clients=[{"name": "x", **entry}]), der)
        assert isinstance(found, Admitted) is fits, entry


@pytest.mark.parametrize(
    "settings",
    [
        {"clients": [{"name": "x"}]},
        {"clients": [{"name": "x", "sha256": "abc"}]},
        {"clients": [{"name": "x", "ura": "123"}]},
        {"crls": [{}]},
        {"crls": [{"file": "a", "url": "https://a.example/b"}]},
        {"crls": [{"url": "ldap://a.example"}]},
        {"bind": "urA"},
        {"unknown": 1},
    ],
)
def test_half_a_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        PkiSettings.model_validate({"authorities_file": "x", **settings})


def test_a_file_without_a_root_or_with_a_leaf_is_refused(pki: Any) -> None:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding

    leaf = x509.load_der_x509_certificate(pki.issuing.leaf()).public_bytes(Encoding.PEM)
    for pem in (pki.issuing.pem, pki.pem + leaf, b"", b"rubbish"):
        with pytest.raises(ValueError):  # noqa: PT011 (any: the settings wrap it)
            Authorities.read(pem)


# --- binding to the token


class Tokens:
    def __init__(self, ura: str = "90000444") -> None:
        self.asked, self.ura = 0, ura

    async def verify(self, presented: Presented, /) -> Caller:
        self.asked += 1
        return replace(CALLER, organization=replace(KADE, ura=Ura(self.ura)))


def shown(der: bytes | None) -> Presented:
    return Presented("c", "Bearer x", None, der, "GET", "https://pep.example/fhir")


@pytest.mark.parametrize(
    ("settings", "ura", "token", "good"),
    [
        ({"bind": "ura"}, "90000444", "90000444", True),
        ({"bind": "ura"}, "90000444", "90000555", False),
        ({"clients": [LISTED]}, "", "90000444", True),
        ({"clients": [LISTED]}, "", "90000555", False),
        ({"clients": [LISTED], "bind": "ura"}, "90000555", "90000444", False),
        ({"clients": [LISTED], "bind": "ura"}, "90000555", "90000555", False),
        ({}, "90000555", "90000444", True),
    ],
)
async def test_a_certificate_speaks_for_its_organizations_only(
    settings: dict[str, Any], ura: str, token: str, good: bool, desk: Any, pki: Any
) -> None:
    der = pki.issuing.leaf(ura=ura)
    outcome = await Certified(await desk(**settings).open(), Tokens(token)).verify(shown(der))
    if good:
        assert isinstance(outcome, Caller)
        assert len(outcome.certificate) == 64
    else:
        assert isinstance(outcome, Deny)
        assert outcome.reason is Reason.CERTIFICATE_MISMATCH


async def test_binding_to_a_ura_wants_a_ura(desk: Any, pki: Any) -> None:
    assert await said(desk(bind="ura"), pki.issuing.leaf()) is Reason.CERTIFICATE_UNLISTED


async def test_nobody_is_asked_about_the_token_of_a_connection_that_is_not_admitted(desk: Any, pki: Any) -> None:
    tokens = Tokens()
    door = Certified(await desk().open(), tokens)
    assert (await door.verify(shown(None))).reason is Reason.CERTIFICATE_ABSENT
    assert (await door.verify(shown(pki.other.leaf()))).reason is Reason.CERTIFICATE_UNLISTED
    assert tokens.asked == 0


# --- revocation


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


# --- building it


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
