"""Data users of other makers: what they do in their own way is kept, what the guide does not have is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from urllib.parse import parse_qsl, urlencode

import httpx
import pytest

from nuts_pzp.conformance.rules import Verdict
from nuts_pzp.conformance.run import Unreachable, chosen
from nuts_pzp.conformance.tokens import Employee
from nuts_pzp.conformance.use_requests import Watched
from nuts_pzp.conformance.use_run import ask, judge
from nuts_pzp.conformance.use_sources import PERSON, PREPARED, Arrived, Sources
from nuts_pzp.conformance.wording import BSN, WORDINGS

from .test_use import also, good, request, without

ASKED = tuple(f"USER-0{number}" for number in range(10, 20))


def verdicts(watched: Watched, *rules: str) -> dict[str, tuple[Verdict, str]]:
    return {one.rule.id: (one.verdict, one.seen) for one in judge(watched, chosen("user", rules))}


def each(change: Callable[[Arrived], Arrived | None]) -> Watched:
    watched = good()
    rows = tuple(made for one in watched.arrived if (made := change(one)) is not None)
    return replace(watched, arrived=rows)


def own_dialect(one: Arrived) -> Arrived | None:
    """Knows each source's dialect, and its own id for the patient."""
    if one.method != "GET" or one.source not in ("rc2", "beta3"):
        return one if one.source not in ("rc2", "beta3", "form") or one.method == "POST" else None
    prepared = next(source for source in PREPARED if source.name == one.source)
    wording = next(known for known in WORDINGS if known.about("1").replace("|", "%7C") == one.query)
    if wording.dialect not in ("both", "r4", one.source) or wording.kind == "QuestionnaireResponse":
        return None
    return replace(one, query=wording.about(PERSON.patient_ids[prepared.chart]))


def named_format(one: Arrived) -> Arrived:
    return replace(one, query=f"{one.query}&_format=json".strip("&")) if one.method == "GET" else one


def other_order(one: Arrived) -> Arrived:
    pairs = [(name, ",".join(reversed(value.split(",")))) for name, value in parse_qsl(one.query)]
    return replace(one, query=urlencode(pairs[::-1]))


def system_once(one: Arrived) -> Arrived:
    """As the guide shortens it: `system|a,b,c`."""
    first, *more = one.query.replace("%7C", "|").split(",")
    return replace(one, query=",".join([first, *(code.rpartition("|")[2] for code in more)]))


def posted(one: Arrived) -> Arrived:
    if one.method == "POST" or not one.kind:
        return one
    return replace(one, method="POST", path=f"{one.path}/_search", query="", body=one.query.encode())


@pytest.mark.parametrize("way", [named_format, other_order, system_once, posted])
def test_what_means_the_same_is_the_guide_s_wording(way: Callable[[Arrived], Arrived]) -> None:
    found = verdicts(each(way), *ASKED, "USER-020", "USER-021", "USER-022")
    assert {name: said for name, said in found.items() if said[0] is not Verdict.PASSED} == {}


def test_who_knows_each_source_s_dialect_asks_each_in_its_own() -> None:
    watched = each(own_dialect)
    form = request("form", "GET", "/QuestionnaireResponse", WORDINGS[11].about(PERSON.patient_ids["lindezicht"]))
    found = verdicts(also(form)(watched), *ASKED)
    assert {name: said for name, said in found.items() if said[0] is not Verdict.PASSED} == {}


def test_another_patient_s_id_is_no_wording_of_the_guide() -> None:
    found = verdicts(each(lambda one: replace(one, query=one.query.replace("Patient/1", "Patient/2"))), "USER-011")
    assert found["USER-011"][0] is Verdict.FAILED


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("USER-002", request("rc2", "GET", "/Patient/1")),
        ("USER-002", request("rc2", "POST", "/Patient/_search", "_format=json", f"identifier={BSN}|999930412")),
        ("USER-002", request("rc2", "POST", "/Patient/_search", body=f"identifier={BSN}|999930412&_format=json")),
        ("USER-004", Arrived("rc2", "GET", "/.well-known/smart-configuration", "", {}, b"")),
        ("USER-021", request("rc2", "GET", "/RelatedPerson/7")),
        ("USER-021", request("rc2", "GET", "/Device", "patient=Patient/1")),
    ],
)
def test_what_is_no_search_of_the_patient_is_not_judged_as_one(rule: str, more: Arrived) -> None:
    found = verdicts(also(more)(good()), rule)
    assert found[rule][0] is Verdict.PASSED, found


@pytest.mark.parametrize(
    ("rule", "more"),
    [
        ("USER-002", request("rc2", "GET", "/Patient", "name=x")),
        ("USER-002", request("rc2", "POST", "/Patient/_search", f"identifier={BSN}|999930412")),
        ("USER-002", request("rc2", "POST", "/Patient", body=f"identifier={BSN}|999930412")),
        ("USER-021", request("rc2", "GET", "/MedicationRequest", "patient=Patient/1")),
        ("USER-021", request("rc2", "POST", "/Condition/_search", body="patient=Patient/1")),
    ],
)
def test_what_the_guide_does_not_have_is_seen(rule: str, more: Arrived) -> None:
    found = verdicts(also(more)(good()), rule)
    assert found[rule][0] is Verdict.FAILED, found


def test_a_user_that_asks_nothing_but_the_patient_asked_in_no_words() -> None:
    found = verdicts(without(lambda one: one.kind == "Patient")(good()), *ASKED)
    assert {said[0] for said in found.values()} == {Verdict.FAILED, Verdict.WARNING}


async def test_the_trap_is_where_the_target_can_reach_it() -> None:
    """Else a link that was followed would be counted as not followed."""
    async with Sources(url="http://localhost:1") as sources:
        assert sources._trap.startswith("http://localhost:")


def test_where_nothing_arrived_nothing_was_kept() -> None:
    found = verdicts(replace(good(), arrived=()), "USER-003", "USER-004", "USER-022", "USER-031")
    assert {said[0] for said in found.values()} == {Verdict.NOT_RUN}


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(500, content=b"<html>"), "the consultation was answered 500"),
        (httpx.Response(302, headers={"location": "https://elsewhere.example"}), "the consultation was answered 302"),
        (httpx.Response(200, content=b"<html>"), "the consultation was answered without a JSON object"),
        (httpx.Response(200, content=b"[]"), "the consultation was answered without a JSON object"),
        (httpx.Response(200, content=b"[" * 100_000), "the consultation was answered without a JSON object"),
        (httpx.Response(200, content=b" " * 9_000_000 + b"{}"), "the consultation was answered with more than 8 MiB"),
    ],
)
async def test_why_there_is_no_consultation_is_told(answer: httpx.Response, words: str) -> None:
    client = httpx.AsyncClient(transport=httpx.MockTransport(lambda request: answer))
    async with Sources() as sources:
        with pytest.raises(Unreachable) as caught:
            await ask(sources, "https://target.example/x", client, Employee("k", "N", "r"), servers={})
    assert str(caught.value) == words
