"""What may be dialled."""

from __future__ import annotations

import ipaddress
import socket
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.outside import Outbound, TlsFiles, Trouble
from nuts_pzp.sandbox.authority import Authority

PUBLIC = Outbound()
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"), ipaddress.ip_network("::1/128")))
BOTH = Outbound((ipaddress.ip_network("10.20.0.0/16"),), public=True)
INTRANET = Outbound((ipaddress.ip_network("10.20.0.0/16"), ipaddress.ip_network("fd00:20::/32")))


@pytest.mark.parametrize("address", ["1.1.1.1", "2606:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"])
def test_public_addresses_may_be_dialled(address: str) -> None:
    assert PUBLIC.permits(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.0.0.1",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::7f00:1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:a00:1::",
        "64:ff9b:1::a00:1",  # NAT64 for local use (RFC 8215)
        "::ffff:0:127.0.0.1",  # IPv4-translated (RFC 2765)
        "fec0::1",  # site-local, once
        "100:0:0:1::1",
        "1::1",
        "4000::1",
        "5f00::1",
        "3fff::1",
        "192.0.0.8",
        "not an address",
        "",
    ],
)
def test_other_addresses_may_not(address: str) -> None:
    assert not PUBLIC.permits(address)


def test_listed_networks_are_all_that_may_be_dialled() -> None:
    assert INTRANET.permits("10.20.3.4")
    assert INTRANET.permits("fd00:20::9")
    assert INTRANET.permits("::ffff:10.20.3.4")
    assert not INTRANET.permits("10.21.0.1")
    assert not INTRANET.permits("1.1.1.1")


def test_an_own_network_beside_the_public_ones_opens_that_network_and_no_other() -> None:
    assert BOTH.permits("10.20.3.4")
    assert BOTH.permits("1.1.1.1")
    for address in ("10.21.0.1", "127.0.0.1", "169.254.169.254", "::ffff:10.21.0.1", "2002:a15:1::"):
        assert not BOTH.permits(address)
    assert not Outbound(LOOPBACK.allowed_networks, public=True).loopback_only


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://x.example/fhir", None),
        ("https://1.1.1.1:8443/fhir", None),
        ("http://x.example/fhir", "plain http outside a loopback-only deployment"),
        ("https://u@x.example/", "a URL with a user name"),
        ("https://:p@x.example/", "a URL with a user name"),
        ("ftp://x.example/", "not an absolute http(s) URL"),
        ("/fhir", "not an absolute http(s) URL"),
        ("https:///fhir", "not an absolute http(s) URL"),
        ("https://x.example:99999/", "not a URL"),
        ("https://[::1", "not a URL"),
        ("https://x.example:0/", "port 0"),
        ("https://x.example/?a=b", "a base URL with a query or fragment"),
        ("https://x.example/#a", "a base URL with a query or fragment"),
        ("https://10.0.0.1/", "an address outside outbound.allowed_networks"),
        ("https://[::ffff:127.0.0.1]/", "an address outside outbound.allowed_networks"),
    ],
)
def test_a_url_is_refused_with_a_reason(url: str, why: str | None) -> None:
    assert PUBLIC.refuses(url) == why


def test_plain_http_is_for_loopback_only_deployments() -> None:
    assert LOOPBACK.refuses("http://127.0.0.1:8080/fhir") is None
    assert INTRANET.refuses("http://10.20.0.1/fhir") == "plain http outside a loopback-only deployment"


@pytest.fixture
def resolves(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    def to(*addresses: str) -> None:
        def answer(host: str, port: int, **_: Any) -> list[Any]:
            if not addresses:
                raise socket.gaierror
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in addresses]

        monkeypatch.setattr(socket, "getaddrinfo", answer)

    return to


async def test_a_name_is_resolved_to_its_addresses(resolves: Callable[..., None]) -> None:
    resolves("1.1.1.1", "1.0.0.1", "1.1.1.1")
    assert await PUBLIC.addresses("x.example", 443) == ("1.1.1.1", "1.0.0.1")


async def test_one_forbidden_address_forbids_the_name(resolves: Callable[..., None]) -> None:
    resolves("1.1.1.1", "10.0.0.1")
    assert await PUBLIC.addresses("x.example", 443) is Trouble.ADDRESS


async def test_a_name_without_address_is_not_a_forbidden_one(resolves: Callable[..., None]) -> None:
    resolves()
    assert await PUBLIC.addresses("x.example", 443) is Trouble.NAME


def test_over_plain_http_no_roots_are_read_and_nobody_is_trusted() -> None:
    context = TlsFiles().context_for("http://127.0.0.1:8081")
    assert context.get_ca_certs() == []
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)


def test_files_that_are_named_are_read_whatever_the_base(tmp_path: Path) -> None:
    roots = Authority(tmp_path, "Roots").root_file
    for base in ("http://127.0.0.1:8081", "https://node.example"):
        assert len(TlsFiles(roots=roots).context_for(base).get_ca_certs()) == 1
    with pytest.raises(FileNotFoundError):
        TlsFiles(roots=tmp_path / "absent.pem").context_for("http://127.0.0.1:8081")
