"""The data-user rules: a user that keeps them all passes, and each rule is failed by one that breaks it."""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from nuts_pzp.conformance.rules import Level, Verdict, catalogue
from nuts_pzp.conformance.run import chosen
from nuts_pzp.conformance.use_requests import USE_CHECKS, Watched
from nuts_pzp.conformance.use_run import judge
from nuts_pzp.conformance.use_sources import PREPARED, URAS, Arrived
from nuts_pzp.conformance.wording import BSN, WORDINGS

RULES = [rule for rule in catalogue().values() if rule.role == "user"]
_FORM = "application/x-www-form-urlencoded"


def request(source: str, method: str, path: str, query: str = "", body: str = "") -> Arrived:
    headers = {"authorization": f"Bearer token-of-{source}", "content-type": _FORM}
    return Arrived(source, method, path, query.replace("|", "%7C"), headers, body.replace("|", "%7C").encode())


def good() -> Watched:
    """What a data user does that keeps every rule, written out from the guides."""
    rows = []
    for one in PREPARED:
        rows.append(request(one.name, "POST", "/Patient/_search", body=f"identifier={BSN}|999930412"))
        rows += [
            request(one.name, "GET", f"/{wording.kind}", wording.about("1"))
            for wording in WORDINGS
            if wording.dialect != "stu3"
        ]
    rows.append(request("paging", "GET", "", "_getpages=1&_getpagesoffset=4&_count=2"))
    states = dict.fromkeys(URAS, "ok") | {
        "hanging": "failed", "lying": "failed", "outcome": "failed", "refusing": "partial", "stranger": "rejected",
        "stu3": "unsupported-version",
    }  # fmt: skip
    items = [
        {"key": "treatment:89666000", "source": {"id": URAS["rc2"]}, "history": [{"source": {"id": URAS["beta3"]}}]},
        {"key": "obs:395091006", "source": {"id": URAS["form"]}},
    ]
    overview = {
        "complete": False,
        "sources": [{"id": URAS[name], "status": status} for name, status in states.items()],
        "sections": [{"items": items}],
    }
    servers = {one.name: f"https://as.example/{one.name}" for one in PREPARED}
    return Watched(tuple(rows), overview=overview, seconds=1.0, deadline=8.0, servers=servers)


def without(keep: Callable[[Arrived], bool]) -> Callable[[Watched], Watched]:
    return lambda watched: replace(watched, arrived=tuple(one for one in watched.arrived if keep(one)))


def also(one: Arrived) -> Callable[[Watched], Watched]:
    return lambda watched: replace(watched, arrived=(*watched.arrived, one))


def told(change: Callable[[dict[str, Any]], object]) -> Callable[[Watched], Watched]:
    def changed(watched: Watched) -> Watched:
        overview = copy.deepcopy(watched.overview) or {}
        change(overview)
        return replace(watched, overview=overview)

    return changed


def status(name: str, said: str) -> Callable[[Watched], Watched]:
    return told(
        lambda overview: next(one for one in overview["sources"] if one["id"] == URAS[name]).update(status=said)
    )


def silent(*rules: str) -> Callable[[Watched], Watched]:
    """The user that never asks these requests."""
    queries = {one.about("1").replace("|", "%7C") for one in WORDINGS if one.rule in rules}
    return without(lambda one: one.query not in queries)


def leading(source: str) -> Callable[[Watched], Watched]:
    return told(lambda overview: overview["sections"][0]["items"][0].update(source={"id": URAS[source]}))


BREAKS: dict[str, Callable[[Watched], Watched]] = {
    "USER-001": without(lambda one: one.source != "outcome"),
    "USER-002": also(request("rc2", "POST", "/Patient/_search", body=f"identifier={BSN}|999930412,{BSN}|999931635")),
    "USER-003": also(request("rc2", "GET", "/Consent", "patient.identifier=999930412")),
    "USER-004": also(Arrived("rc2", "GET", "/Consent", "patient=Patient/1", {}, b"")),
    "USER-005": also(replace(request("rc2", "GET", "/Consent"), headers={"authorization": "Bearer token-of-form"})),
    "USER-010": silent("HOLD-101", "HOLD-102"),
    "USER-011": silent("HOLD-103"),
    "USER-012": silent("HOLD-104"),
    "USER-013": silent("HOLD-105"),
    "USER-014": silent("HOLD-106"),
    "USER-015": silent("HOLD-107"),
    "USER-016": silent("HOLD-108", "HOLD-109"),
    "USER-017": silent("HOLD-110"),
    "USER-018": silent("HOLD-111"),
    "USER-019": silent("HOLD-112", "HOLD-113", "HOLD-114"),
    "USER-020": also(request("rc2", "GET", "/Goal", "patient=Patient/1,Patient/2")),
    "USER-021": also(request("rc2", "GET", "/Goal", "patient=Patient/1&_sort=date")),
    "USER-022": also(request("rc2", "PUT", "/Goal/1")),
    "USER-030": without(lambda one: "_getpages" not in one.query),
    "USER-031": lambda watched: replace(watched, trapped=1),
    "USER-032": lambda watched: replace(watched, held=2),
    "USER-040": lambda watched: replace(watched, seconds=30.0),
    "USER-041": told(lambda overview: overview.update(complete=True)),
    "USER-042": status("outcome", "ok"),
    "USER-043": leading("stranger"),
    "USER-044": status("refusing", "ok"),
    "USER-045": told(lambda overview: overview["sections"][0]["items"][0].update(history=[])),
    "USER-046": status("stu3", "ok"),
    "USER-047": leading("beta3"),
}


def test_every_rule_has_a_check_and_a_way_to_break_it() -> None:
    assert set(USE_CHECKS) == set(BREAKS) == {rule.id for rule in RULES}


def test_a_user_that_keeps_every_rule_passes_every_rule() -> None:
    found = {one.rule.id: (one.verdict, one.seen) for one in judge(good(), chosen("user"))}
    assert {name: said for name, said in found.items() if said[0] is not Verdict.PASSED} == {}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.id)
def test_each_rule_is_failed_by_a_user_that_breaks_it(rule) -> None:  # type: ignore[no-untyped-def]
    [found] = judge(BREAKS[rule.id](good()), [rule])
    assert found.verdict is (Verdict.FAILED if rule.level is Level.SHALL else Verdict.WARNING), found.seen


@pytest.mark.parametrize("overview", [{"sections": 5}, {"sources": [{"id": []}]}, {"sections": [{"items": [7]}]}, {}])
def test_an_answer_of_any_shape_is_judged_and_not_raised(overview: dict[str, Any]) -> None:
    findings = judge(replace(good(), overview=overview), chosen("user"))
    assert len(findings) == len(RULES)
    assert any(one.verdict is Verdict.FAILED for one in findings)


def test_what_a_request_held_is_in_no_finding() -> None:
    rows = [one.seen for rule in RULES for one in judge(BREAKS[rule.id](good()), chosen("user"))]
    assert [said for said in rows if "999930412" in said or "token-of" in said or "Patient/1" in said] == []
