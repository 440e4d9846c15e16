"""How many alerts wait and for how long, for whoever watches the gateway. Labels are tenants: nothing about anybody."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .desk import Desk


class AlertMeter(Collector):
    """Asks the desks when it is asked itself: tenants come and go with a reload."""

    def __init__(self, desks: Callable[[], Mapping[str, Desk]]) -> None:
        """`desks` by tenant."""
        self._desks = desks

    def collect(self) -> Iterable[Metric]:
        """Yield a sample per tenant that offers emergency access."""
        waiting = GaugeMetricFamily(
            "nuts_pzp_emergency_alerts_waiting", "Alerts that somebody has not been told", labels=["tenant"]
        )
        age = GaugeMetricFamily(
            "nuts_pzp_emergency_alert_age_seconds", "Age of the oldest alert that waits, 0 for none", labels=["tenant"]
        )
        told = CounterMetricFamily(
            "nuts_pzp_emergency_alerts_delivered", "Alerts that a way to the officer has taken", labels=["tenant"]
        )
        for tenant, desk in self._desks().items():
            told.add_metric([tenant], desk.delivered)
            waiting.add_metric([tenant], desk.waiting)
            age.add_metric([tenant], desk.age)
        yield waiting
        yield age
        yield told
