"""Watches the ends of our own certificates: those of the listeners, and those that adapters call others with.

Reads files only; the keys beside them are not opened. What ends soon is said in readiness, in `check` and as a metric.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from cryptography import x509
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .web.operations import Check

SOON = 21 * 86_400.0
"""Seconds before its end at which a certificate is complained about."""

_KEY = "certificate_file"


def named_in(settings: object, folder: Path, where: str) -> Iterator[tuple[str, Path]]:
    """Yield (where it is named, file) of every certificate that settings name, at any depth."""
    if isinstance(settings, Mapping):
        for key, value in settings.items():
            if key == _KEY and isinstance(value, str | Path):
                yield where, folder / Path(value).expanduser()
            else:
                yield from named_in(value, folder, f"{where}.{key}")
    elif isinstance(settings, list | tuple):
        for number, one in enumerate(settings):
            kind = one.get("kind", number) if isinstance(one, Mapping) else number
            yield from named_in(one, folder, f"{where}.{kind}")


class Certificates(Collector):
    """All certificates of a deployment. `files` says which there are now."""

    def __init__(self, files: Callable[[], Iterable[tuple[str, Path]]], clock: Callable[[], float] = time.time) -> None:
        """`clock` gives Unix time."""
        self._files, self._clock = files, clock
        self._read: dict[Path, tuple[Any, float | None]] = {}

    def ends(self) -> Iterator[tuple[str, float | None]]:
        """Yield where each is named, and its end as Unix time; None when it cannot be read."""
        for where, path in self._files():
            yield where, self._end(path)

    def checks(self) -> list[Check]:
        """Say of each until when it is good; not ok when that is soon, over, or not known."""
        return [Check(f"certificate: {where}", *self._judged(end)) for where, end in self.ends()]

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: files come and go."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield the end of each as Unix time."""
        told = GaugeMetricFamily("nuts_pzp_certificate_end_seconds", "End of a certificate", labels=("certificate",))
        for where, end in self.ends():
            if end is not None:
                told.add_metric((where,), end)
        yield told

    def _judged(self, end: float | None) -> tuple[bool, str]:
        if end is None:
            return False, "cannot be read"
        left, date = end - self._clock(), f"{datetime.fromtimestamp(end, UTC):%Y-%m-%d}"
        if left <= 0:
            return False, f"ended on {date}"
        return left > SOON, f"ends on {date}, in {left / 86_400:.0f} days"

    def _end(self, path: Path) -> float | None:
        """Read a file once for as long as it stays the same."""
        try:
            state = path.stat()
            mark = state.st_mtime_ns, state.st_size, state.st_ino
            known = self._read.get(path)
            if known is None or known[0] != mark:
                known = self._read[path] = mark, _first(path.read_bytes())
        except OSError:
            return None
        return known[1]


def _first(pem: bytes) -> float | None:
    """The end of the first certificate of a file: the leaf."""
    try:
        return x509.load_pem_x509_certificate(pem).not_valid_after_utc.timestamp()
    except ValueError:
        return None
