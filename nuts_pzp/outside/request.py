"""The bytes of a request (RFC 9112): where it goes, and nothing in it that could be read as something else. Pure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple

_ORIGIN = re.compile(r"[^/?#]*//[^/?#]*", re.ASCII)
_AUTHORITY = re.compile(
    r"(https?)://(?:\[([0-9a-f]*:[0-9a-f:.]*)\]|([a-z0-9._-]+))(?::([0-9]{1,5}))?", re.ASCII | re.IGNORECASE
)
_TOKEN = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_OURS = frozenset(
    ("host", "content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "te", "trailer", "expect")
)
"""What says how a message is read is written here, and by nobody else."""
_CONTROLS = bytes([*range(32), 127])
_WITHOUT_LENGTH = frozenset(("GET", "HEAD", "OPTIONS", "TRACE"))


class Origin(NamedTuple):
    """One scheme, host (lower case, IPv6 without brackets) and port. A tuple, as it is looked up with every call."""

    secure: bool
    host: str
    port: int
    authority: str
    """What the Host header says: brackets around IPv6, no default port, no dot at the end."""

    @classmethod
    def parse(cls, text: str) -> Origin | None:
        """Read `https://host:port`; None for what is no plain http(s) origin. Does not judge the host."""
        found = _AUTHORITY.fullmatch(text)
        if found is None:
            return None
        scheme, bracketed, name, written = found.groups()
        secure = len(scheme) == len("https")
        usual = 443 if secure else 80
        port = int(written) if written else usual
        if not 0 < port < 65536:
            return None
        host = f"[{bracketed}]".lower() if bracketed else name.lower().rstrip(".")
        return cls(secure, (bracketed or name).lower(), port, host if port == usual else f"{host}:{port}")


def split(url: str) -> tuple[str, str]:
    """Cut a URL, as it is written, into its origin and the rest."""
    found = _ORIGIN.match(url)
    end = found.end() if found else 0
    return url[:end], url[end:]


class Asking:
    """Writes requests that share some headers."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        self._shared = {_name(name): f"{name}: {value}\r\n" for name, value in headers.items()}

    def written(
        self, method: str, origin: Origin, target: str, headers: Mapping[str, str], body: bytes | None
    ) -> bytes:
        """Write head and body as one. A header given here takes the place of a shared one.

        Raise ValueError, with no value in its text, for a method, target or header that HTTP has no place for.
        """
        if not target.startswith("/"):
            target = f"/{target}"
        if " " in target or "#" in target:
            raise ValueError("a target that cannot be written")
        names = [_name(name) for name in headers]
        lines = [f"{_method(method)} {target} HTTP/1.1\r\n", f"Host: {origin.authority}\r\n"]
        lines += [line for name, line in self._shared.items() if name not in names]
        lines += [f"{name}: {value}\r\n" for name, value in headers.items()]
        if body or method not in _WITHOUT_LENGTH:
            lines.append(f"Content-Length: {len(body or b'')}\r\n")
        lines.append("\r\n")
        try:
            head = "".join(lines).encode("ascii")
        except UnicodeEncodeError:
            raise ValueError("a character that is not ASCII") from None
        if len(head.translate(None, _CONTROLS)) != len(head) - 2 * len(lines):
            raise ValueError("a control character")
        return head + body if body else head


@lru_cache(maxsize=256)
def _name(name: str) -> str:
    """Return the name of a header as it is compared."""
    lower = name.lower()
    if not _TOKEN.fullmatch(name) or lower in _OURS:
        raise ValueError("a header that is not the caller's to give")
    return lower


@lru_cache(maxsize=32)
def _method(method: str) -> str:
    if not _TOKEN.fullmatch(method) or method == "CONNECT":
        raise ValueError("not a method")
    return method
