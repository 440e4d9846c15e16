"""Where a revocation list comes from: a file that somebody renews, or an address whose last good list is kept.

A list is signed, so plain http may carry it; everything else of `outbound` holds (ADR 0036). No redirects.
"""

from __future__ import annotations

import asyncio
import os
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote, urlsplit

import structlog

from ...outside import Heard, Line

_log = structlog.get_logger("nuts_pzp.pki")
_SAFE = "/:?=&%~+,;@!$'()*[]"
"""What an address may hold as it is; anything else is written in percents."""


class Fetcher:
    """One source of one list."""

    def __init__(self, name: str, path: Path, url: str | None, line: Line | None) -> None:
        self.name, self._path, self._url, self._line = name, path, url, line

    @classmethod
    def of_file(cls, path: Path) -> Fetcher:
        """A file that is read anew each time; raise OSError when it cannot be read now."""
        path.read_bytes()
        return cls(path.name, path, None, None)

    @classmethod
    def of_url(cls, url: str, line: Line, folder: Path) -> Fetcher:
        """An address, with a place in `folder` for the last good list."""
        kept = folder / f"crl-{sha256(url.encode()).hexdigest()[:16]}"
        return cls(urlsplit(url).hostname or "", kept, url, line)

    async def kept(self) -> bytes | None:
        """Return what lies on disk, or None."""
        return await asyncio.to_thread(self._read)

    async def fetched(self) -> bytes | None:
        """Return a list as it is now, or None when it cannot be had."""
        if self._url is None or self._line is None:
            return await self.kept()
        heard = await self._line.call("GET", quote(self._url, safe=_SAFE), repeatable=True)
        if isinstance(heard, Heard) and heard.status == 200:
            return heard.body
        why = f"HTTP {heard.status}" if isinstance(heard, Heard) else heard.value
        _log.warning("pki.list-not-fetched", source=self.name, why=why)
        return None

    async def keep(self, raw: bytes) -> None:
        """Keep a good list for the next start; a disk that is full is no reason to forget it now."""
        if self._url is not None:
            await asyncio.to_thread(self._write, raw)

    async def close(self) -> None:
        """Close the connections."""
        if self._line is not None:
            await self._line.close()

    def _read(self) -> bytes | None:
        try:
            return self._path.read_bytes()
        except OSError:
            return None

    def _write(self, raw: bytes) -> None:
        fresh = self._path.with_suffix(".new")
        try:
            fresh.write_bytes(raw)
            os.replace(fresh, self._path)  # noqa: PTH105 (says that it is atomic)
        except OSError as error:
            _log.warning("pki.list-not-kept", source=self.name, why=error.strerror)
