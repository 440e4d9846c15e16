"""Counts and times of the doors, for operations. Labels are door, tenant and status: nothing about anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from ..house import House

_BUCKETS = (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)


class Meter:
    """What a door tells about each answer. Children are cached: a label look-up costs more than the count."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._answers = Counter(
            "nuts_pzp_answers", "Answers given, by door, tenant and HTTP status", ("door", "tenant", "status"),
            registry=registry,
        )  # fmt: skip
        self._seconds = Histogram(
            "nuts_pzp_answer_seconds", "Time to answer, by door", ("door",), buckets=_BUCKETS, registry=registry
        )
        self._unrecorded = Counter("nuts_pzp_not_recorded", "Answers refused for want of a record", registry=registry)
        self._notices = Counter(
            "nuts_pzp_notices", "Notices of a register of choices, by tenant and what came of them",
            ("tenant", "became"), registry=registry,
        )  # fmt: skip
        self._children: dict[tuple[str, str, int], Counter] = {}
        self._doors: dict[str, Histogram] = {}

    def answered(self, door: str, tenant: str, status: int, seconds: float) -> None:
        """Count one answer. `tenant` is a known slug, or empty: callers cannot make up labels."""
        key = (door, tenant, status)
        child = self._children.get(key)
        if child is None:
            child = self._children[key] = self._answers.labels(door, tenant, str(status))
        child.inc()
        timed = self._doors.get(door)
        if timed is None:
            timed = self._doors[door] = self._seconds.labels(door)
        timed.observe(seconds)

    def noticed(self, tenant: str, became: str) -> None:
        """Count a notice: `kept`, `unknown-patient`, `other-holder`, `unreadable`, `not-admitted`."""
        self._notices.labels(tenant, became).inc()

    def not_recorded(self) -> None:
        """Count an answer that was refused because its record was not durable."""
        self._unrecorded.inc()


class Guarding(Collector):
    """What the guards of the network doors stopped, and how crowded it is; read when somebody asks."""

    def __init__(self, houses: Callable[[], Iterable[House]]) -> None:
        self._houses = houses

    def describe(self) -> Iterable[Metric]:
        """Nothing beforehand: names are fixed below, and houses come and go."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield per tenant: refusals by limit, incidents by kind, requests inside and waiting."""
        stopped = CounterMetricFamily("nuts_pzp_limited", "Refusals by a limit", labels=("tenant", "limit"))
        seen = CounterMetricFamily("nuts_pzp_incidents", "Incidents at the network door", labels=("tenant", "kind"))
        crowd = GaugeMetricFamily("nuts_pzp_requests", "Requests inside and waiting", labels=("tenant", "where"))
        for house in self._houses():
            if house.holding is None:
                continue
            tenant, memory = house.tenant.id, house.holding.guard.memory
            for limit in ("organization", "tenant", "patient", "waiting", "enumeration"):
                stopped.add_metric((tenant, limit), memory.counts[limit])
            for kind, counted in (("enumeration", "enumerations"), ("other-patient", "other-patient")):
                seen.add_metric((tenant, kind), memory.counts[counted])
            crowd.add_metric((tenant, "inside"), memory.turns.inside)
            crowd.add_metric((tenant, "waiting"), memory.turns.waiting)
        yield from (stopped, seen, crowd)
