"""The metrics of all workers as one: asked for at every scrape and added up; a worker that died keeps its counts here.

Counters and histograms only ever grow, over restarts of workers too (but for what a worker counted after the last
scrape before it died); gauges are of those who live.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from prometheus_client import CollectorRegistry, Metric
from prometheus_client.registry import Collector

Families = list[dict[str, Any]]
"""What a worker says: `name`, `says`, `type`, `samples` of (name, labels, value)."""

_LASTING = frozenset({"counter", "histogram"})
_TIMES = ("_created", "_end_seconds")
"""Samples of a time and not of a number: the earliest counts."""


def told(registry: CollectorRegistry) -> Families:
    """Return everything that a worker counts, as it travels."""
    return [
        {
            "name": metric.name,
            "says": metric.documentation,
            "type": metric.type,
            "samples": [(one.name, one.labels, one.value) for one in metric.samples],
        }
        for metric in registry.collect()
    ]


class Counts(Collector):
    """The sum. `heard` keeps what a worker said; a worker is a slot and a process id."""

    def __init__(self) -> None:
        self._living: dict[int, tuple[int, Families]] = {}
        self._ended: Families = []

    def heard(self, slot: int, pid: int, families: Families) -> None:
        """Take what a worker says of itself; the one before it in that slot has ended."""
        former = self._living.get(slot)
        if former is not None and former[0] != pid:
            lasting = [family for family in former[1] if family["type"] in _LASTING]
            self._ended = list(_added([self._ended, lasting]))
        self._living[slot] = (pid, families)

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: the workers name what they count."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every family once."""
        for family in _added([self._ended, *(families for _, families in self._living.values())]):
            metric = Metric(family["name"], family["says"], family["type"])
            for name, labels, value in family["samples"]:
                metric.add_sample(name, labels, value)
            yield metric


def _added(several: Iterable[Families]) -> Iterator[dict[str, Any]]:
    """Yield each family with its samples added up, in the order in which they are first met."""
    heads: dict[str, dict[str, Any]] = {}
    sums: dict[str, dict[tuple[Any, ...], float]] = {}
    for families in several:
        for family in families:
            heads.setdefault(family["name"], family)
            values = sums.setdefault(family["name"], {})
            for name, labels, value in family["samples"]:
                key = (name, *sorted(labels.items()))
                known = values.get(key)
                if known is None:
                    values[key] = value
                else:
                    values[key] = min(known, value) if name.endswith(_TIMES) else known + value
    for name, values in sums.items():
        samples = [(key[0], dict(key[1:]), value) for key, value in values.items()]
        yield {**heads[name], "samples": samples}
