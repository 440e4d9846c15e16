"""What both records of a request say alike is written once, and is never of another request."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from nuts_pzp.accounted import Allowed, Disclosed
from nuts_pzp.audit import desk
from nuts_pzp.audit.record import Scribe
from nuts_pzp.audit.seal import Seal
from nuts_pzp.exchange import Access, Attempt
from nuts_pzp.identity import Organization, Professional, Tenant, Ura
from nuts_pzp.values import replace

Record = dict[str, Any]
Scribing = Callable[[Tenant], Scribe]


@pytest.fixture
def scribing(tmp_path: Path, clock: Any) -> Scribing:
    seal = Seal(tmp_path / "keys", "meerwijck")
    return lambda tenant: Scribe(tenant, seal, {"node": "gw.example", "version": "test"}, wall=clock.wall)


def read(scribe: Scribe, event: Any) -> Record:
    one, two, three, four = scribe.draft(event).parts
    found = orjson.loads(one + b"5" + two + b"null" + three + b'"now"' + four)
    assert isinstance(found, dict)
    return found


def decision(attempt: Attempt, events: Any) -> Allowed:
    assert attempt.caller
    assert attempt.request
    access = Access(attempt.caller, attempt.request, events.patient)
    return Allowed(attempt, access, events.allowed().grounds, "ab" * 32)


def result(attempt: Attempt) -> Disclosed:
    return Disclosed(attempt, ("Goal/1", "Goal/2"), ("Goal/9",), None, "cd" * 32)


def shared(record: Record) -> Record:
    return {key: record[key] for key in ("correlation", "net", "org", "purpose", "trace")} | {
        "query": record["object"]["query"], "user": record["user"]["role"],
    }  # fmt: skip


def test_a_result_says_the_same_after_its_decision_as_without_it(
    scribing: Scribing, tenant: Tenant, events: Any
) -> None:
    attempt = events.attempt("c1")
    together, apart = scribing(tenant), scribing(tenant)
    decided = read(together, decision(attempt, events))
    told, alone = read(together, result(attempt)), read(apart, result(attempt))
    for one in (told, alone):
        for personal in ("id", "salt", "patient", "user"):
            del one[personal]
    assert told == alone
    assert decided["object"] == {
        "interaction": "search-type", "query": "GET Observation?patient=#patient&code=x|1", "type": "Observation",
    }  # fmt: skip
    assert told["object"]["references"] == ["Goal/1", "Goal/2"]
    assert "outcome" in decided
    assert decided["event"] != told["event"]


def test_the_second_result_of_one_decision_is_whole_too(scribing: Scribing, tenant: Tenant, events: Any) -> None:
    attempt, scribe = events.attempt("c1"), scribing(tenant)
    read(scribe, decision(attempt, events))
    assert shared(read(scribe, result(attempt))) == shared(read(scribe, result(attempt)))
    assert "references" not in read(scribe, decision(attempt, events))["object"]


def test_two_callers_with_one_token_and_another_role_are_told_apart(
    scribing: Scribing, tenant: Tenant, events: Any
) -> None:
    scribe = scribing(tenant)
    nurse = replace(events.caller, professional=Professional("k-018", "30.000", "J. de Boer"))
    attempts = [
        replace(events.attempt(f"c{number}"), caller=nurse if number % 2 else events.caller) for number in range(6)
    ]
    for attempt in attempts:
        read(scribe, decision(attempt, events))
    for attempt in reversed(attempts):
        user = read(scribe, result(attempt))["user"]
        assert attempt.caller
        assert attempt.caller.professional
        assert user["role"] == {"text": attempt.caller.professional.role}
        assert user["id"] == attempt.caller.professional.id


def test_an_equal_attempt_that_is_another_is_written_anew(scribing: Scribing, tenant: Tenant, events: Any) -> None:
    scribe = scribing(tenant)
    for number in range(300):  # attempts die and their places in memory are used again
        attempt = replace(events.attempt(f"c{number}"), address=f"192.0.2.{number % 200}")
        if number % 3:
            read(scribe, decision(attempt, events))
        if number % 2:
            told = read(scribe, result(replace(attempt)))
            assert (told["correlation"], told["net"]["ip"]) == (attempt.correlation, attempt.address)
        del attempt
        gc.collect(0)


def test_a_decision_on_an_emergency_keeps_what_it_was_asked_as(scribing: Scribing, tenant: Tenant, events: Any) -> None:
    scribe, event = scribing(tenant), events.emergency("c1")  # another caller in the access than in the attempt
    decided = read(scribe, event)
    assert decided["event"]["kind"] == "emergency"
    told = read(scribe, result(event.attempt))
    assert told["event"]["kind"] == "normal"
    assert told["purpose"] == "TREAT"


def test_after_a_reload_the_new_name_is_written_also_for_a_result_of_before(
    scribing: Scribing, tenant: Tenant, events: Any
) -> None:
    before = scribing(tenant)
    attempt = events.attempt("c1")
    read(before, decision(attempt, events))
    renamed = scribing(replace(tenant, organization=Organization(Ura("90000222"), "V6", "Meerwijck Noord")))
    assert read(renamed, result(attempt))["org"]["responder"]["name"] == "Meerwijck Noord"
    assert read(before, result(attempt))["org"]["responder"]["name"] == "Ziekenhuis Meerwijck"


def test_a_month_that_ends_between_decision_and_result_seals_each_under_its_own_key(
    scribing: Scribing, tenant: Tenant, events: Any, clock: Any
) -> None:
    scribe, attempt = scribing(tenant), events.attempt("c1")
    decided = read(scribe, decision(attempt, events))
    clock.advance(9 * 86_400)
    told = read(scribe, result(attempt))
    assert (decided["patient"]["kid"], told["patient"]["kid"]) == ("2026-11", "2026-12")
    assert (decided["user"]["kid"], told["user"]["kid"]) == ("2026-11", "2026-12")


def test_requests_that_never_get_a_result_are_forgotten(scribing: Scribing, tenant: Tenant, events: Any) -> None:
    scribe = scribing(tenant)
    for number in range(desk._UNANSWERED + 100):
        read(scribe, decision(events.attempt(f"c{number}"), events))
    assert len(scribe._desk._decided) == desk._UNANSWERED
    elsewhere = replace(events.attempt("nginx"), enforced_by="nginx")
    read(scribe, decision(elsewhere, events))
    assert id(elsewhere) not in scribe._desk._decided, "no result will follow"
