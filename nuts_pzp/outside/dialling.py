"""What may be dialled, with which TLS, and why there is no answer (design D13)."""

from __future__ import annotations

import ipaddress
import re
import socket
import ssl
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from urllib.parse import urlsplit

from .names import look_up


class Trouble(Enum):
    """Why there is no answer. None of these ever permits anything."""

    ADDRESS = "address-not-allowed"
    NAME = "name-unknown"
    REFUSED = "connection-refused"
    TLS = "tls"
    TIMEOUT = "timeout"
    REDIRECT = "redirect"
    OVERSIZE = "oversize"
    BROKEN = "broken"
    OPEN = "breaker-open"

    @property
    def reached_nobody(self) -> bool:
        """True when no connection was made, so that nothing can have been heard."""
        return self in (Trouble.NAME, Trouble.REFUSED)


@dataclass(frozen=True, slots=True)
class TlsFiles:
    """PEM files: roots to trust (never the public ones by default), and our client certificate with its key."""

    roots: Path | None = None
    certificate: Path | None = None
    key: Path | None = None

    def context(self) -> ssl.SSLContext:
        """Return a TLS 1.2+ client context that checks host names; raise OSError or ssl.SSLError for bad files."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if self.roots:
            context.load_verify_locations(cafile=str(self.roots))
        else:
            context.load_default_certs()
        if self.certificate:
            context.load_cert_chain(str(self.certificate), str(self.key) if self.key else None)
        return context

    def context_for(self, url: str) -> ssl.SSLContext:
        """Return the context to reach this base by. Over plain http with no files named it trusts nobody at all.

        Reading the system's roots takes tens of milliseconds of every start, and over http nothing looks at them.
        """
        if url.lower().startswith("http:") and self == TlsFiles():
            return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        return self.context()


@dataclass(frozen=True, slots=True)
class Outbound:
    """What may be dialled. Public addresses only, unless networks are listed; plain http only when all are loopback.

    `public`: public addresses as well as the listed networks, for an own server beside sources elsewhere.
    """

    allowed_networks: tuple[ipaddress.IPv4Network | ipaddress.IPv6Network, ...] = ()
    public: bool = False

    @property
    def loopback_only(self) -> bool:
        """True when nothing but loopback may be dialled: then, and only then, plain http may be spoken."""
        listed = self.allowed_networks
        return bool(listed) and not self.public and all(network.is_loopback for network in listed)

    def permits(self, address: str) -> bool:
        """True when this IP address may be dialled, and so may the IPv4 address that an IPv6 one leads to."""
        try:
            ip = ipaddress.ip_address(address.partition("%")[0])
        except ValueError:
            return False
        inner = _leads_to(ip)
        if inner is not None and isinstance(ip, ipaddress.IPv6Address) and ip.ipv4_mapped:
            return self._permits(inner)
        return self._permits(ip) and (inner is None or self._permits(inner))

    def _permits(self, ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
        if any(ip in network for network in self.allowed_networks if network.version == ip.version):
            return True
        return (self.public or not self.allowed_networks) and _is_public(ip)

    def refuses(self, url: str) -> str | None:
        """Say why a URL may not be used (in words, without the URL), or None. Does not resolve names."""
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError:
            return "not a URL"
        if parts.scheme not in ("https", "http") or not parts.hostname:
            return "not an absolute http(s) URL"
        if parts.username is not None or parts.password is not None:
            return "a URL with a user name"
        if parts.scheme == "http" and not self.loopback_only:
            return "plain http outside a loopback-only deployment"
        if parts.fragment or parts.query:
            return "a base URL with a query or fragment"
        if port == 0:
            return "port 0"
        try:
            literal = ipaddress.ip_address(parts.hostname)
        except ValueError:
            return None if is_name(parts.hostname) else "a host that is neither a name nor a plain address"
        return None if self.permits(str(literal)) else "an address outside outbound.allowed_networks"

    async def addresses(self, host: str, port: int) -> tuple[str, ...] | Trouble:
        """Resolve a name now. ADDRESS when any of its addresses may not be dialled, NAME when it has none.

        Whoever dials, dials one of these and does not resolve again: a name that is rebound in between gains nothing.
        """
        try:
            addresses = await look_up(host, port)
        except (socket.gaierror, UnicodeError):
            return Trouble.NAME
        except OSError:  # it could not even be looked up
            return Trouble.REFUSED
        if not addresses:
            return Trouble.NAME
        return addresses if all(self.permits(address) for address in addresses) else Trouble.ADDRESS


_NAME = re.compile(r"[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?", re.ASCII)
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?", re.ASCII)


def is_name(host: str) -> bool:
    """True for a host name. What ends in a number is none: C libraries read `127.1` and `0x7f000001` as addresses."""
    return _NAME.fullmatch(host) is not None and _NUMBER.fullmatch(host) is None


_PUBLIC = ipaddress.IPv6Network("2000::/3")
"""What of IPv6 is handed out for the internet. Python calls all global that is not known to be something else."""
_RESERVED = (ipaddress.ip_network("192.0.0.0/24"), ipaddress.ip_network("3fff::/20"))
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_COMPATIBLE = ipaddress.IPv6Network("::/96")


def _is_public(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> bool:
    if any(ip in network for network in _RESERVED) or not ip.is_global or ip.is_multicast:
        return False
    return ip.version == 4 or ip in _PUBLIC or ip in _NAT64


def _leads_to(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    """Return the IPv4 address within an IPv6 one: mapped, compatible, 6to4 or NAT64."""
    if isinstance(ip, ipaddress.IPv4Address):
        return None
    if ip in _NAT64 or (ip in _COMPATIBLE and int(ip) > 1):
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour
