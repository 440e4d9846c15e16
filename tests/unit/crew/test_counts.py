"""Metrics of several workers are one, and a worker that died does not take its counts along."""

from __future__ import annotations

import orjson
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

from nuts_pzp.crew.counts import Counts, Families, told


def said(answers: int, inside: int, seconds: float) -> Families:
    """What a worker says that counted so much, after its way over the control line."""
    registry = CollectorRegistry()
    Counter("answers", "Answers", ("status",), registry=registry).labels("200").inc(answers)
    Gauge("inside", "Inside", registry=registry).set(inside)
    Histogram("took", "Took", buckets=(1, 2), registry=registry).observe(seconds)
    return list(orjson.loads(orjson.dumps(told(registry))))


def shown(counts: Counts) -> dict[str, float]:
    registry = CollectorRegistry()
    registry.register(counts)
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


def test_workers_are_added_up() -> None:
    counts = Counts()
    counts.heard(0, 100, said(3, 1, 0.5))
    counts.heard(1, 101, said(4, 2, 1.5))
    found = shown(counts)
    assert found['answers_total{status="200"}'] == 7
    assert found["inside"] == 3
    assert (found['took_bucket{le="1.0"}'], found["took_count"], found["took_sum"]) == (1, 2, 2.0)


def test_what_is_said_again_is_not_added_again() -> None:
    counts = Counts()
    for answers in (3, 5):
        counts.heard(0, 100, said(answers, 1, 0.5))
    assert shown(counts)['answers_total{status="200"}'] == 5


def test_counts_outlive_their_worker_and_what_was_going_on_in_it_does_not() -> None:
    counts = Counts()
    counts.heard(0, 100, said(3, 7, 0.5))
    counts.heard(0, 200, said(1, 2, 0.5))
    counts.heard(0, 300, said(1, 1, 0.5))
    found = shown(counts)
    assert (found['answers_total{status="200"}'], found["inside"], found["took_count"]) == (5, 1, 3)


def test_the_time_of_a_beginning_is_no_number_to_add() -> None:
    counts = Counts()
    counts.heard(0, 100, said(3, 1, 0.5))
    once = shown(counts)['answers_created{status="200"}']
    counts.heard(1, 101, said(3, 1, 0.5))
    assert shown(counts)['answers_created{status="200"}'] == once
