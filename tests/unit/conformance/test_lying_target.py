"""Targets that look as if they kept a rule: the rule is not passed."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from nuts_pzp.conformance.bench import NOBODYS_BSN, Bench
from nuts_pzp.conformance.rules import Finding, Verdict
from nuts_pzp.conformance.run import chosen, hold
from nuts_pzp.conformance.wording import INDIVIDUAL
from nuts_pzp.identity import BSN_SYSTEM

from .holder import BASE, PERSON, REFUSED, Holder

Json = dict[str, Any]
Answer = Callable[[httpx.Request], Awaitable[httpx.Response]]
Lie = Callable[[httpx.Request, Answer], Awaitable[httpx.Response]]
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}


class Liar(Holder):
    """A good holder behind something that answers in its place, or changes what it says."""

    def __init__(self, lie: Lie) -> None:
        super().__init__()
        self.lie = lie

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        return await self.lie(request, super().__call__)

    def bench(self, *, bound: bool = False, http: bool = False) -> Bench:
        bench = super().bench(bound=bound, http=http)
        bench.wire._pause = _at_once
        return bench


async def _at_once(seconds: float) -> None:
    """Wait without waiting."""


async def judged(lie: Lie, rule: str, change: Callable[[Bench], None] = lambda bench: None) -> Finding:
    bench = Liar(lie).bench()
    change(bench)
    [found] = await hold(bench, chosen("holder", [rule]))
    return found


def fhir(content: Any, status: int = 200, **headers: str) -> httpx.Response:
    given = {"content-type": "application/fhir+json"} | headers
    return httpx.Response(status, content=json.dumps(content).encode(), headers=given)


def searched(request: httpx.Request, *kinds: str) -> bool:
    return any(request.url.path.startswith(f"/fhir/{kind}") for kind in kinds or ("",)) and "metadata" not in str(
        request.url
    )


def changed(change: Callable[[Json], object], *kinds: str) -> Lie:
    """Every searchset about these types, changed."""

    async def lie(request: httpx.Request, answer: Answer) -> httpx.Response:
        got = await answer(request)
        xml = "xml" in request.headers.get("accept", "")
        if xml or not searched(request, *kinds) or json.loads(got.content).get("resourceType") != "Bundle":
            return got
        content = json.loads(got.content)
        change(content)
        return httpx.Response(got.status_code, content=json.dumps(content).encode(), headers=_kept(got))

    return lie


def _kept(got: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in got.headers.items() if name != "content-length"}


def owned(**owner: Any) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        for entry in content.get("entry", ()):
            for name in ("patient", "subject"):
                if name in entry["resource"]:
                    entry["resource"][name] = owner

    return change


def outcome_inside(content: Json) -> None:
    content["entry"] = [{"search": {"mode": "outcome"}, "resource": OUTCOME}]


def entries_as_object(content: Json) -> None:
    content["entry"] = {}


def number_in_full_urls(content: Json) -> None:
    for entry in content["entry"]:
        entry["fullUrl"] = f"{BASE}/Patient/{PERSON.bsn.value}"


def born_in_a_millennium(content: Json) -> None:
    content["entry"][0]["resource"]["birthDate"] = "1"


def no_provision(content: Json) -> None:
    for entry in content.get("entry", ()):
        entry["resource"].pop("provision", None)


def with_status(status: str) -> Callable[[Json], None]:
    def change(content: Json) -> None:
        for entry in content.get("entry", ()):
            entry["resource"] |= {"status": status} if "status" in entry["resource"] else {}

    return change


def asked_for(number: str) -> bytes:
    return f"|{number}".replace("|", "%7C").encode()


async def finds_whoever_is_asked(request: httpx.Request, answer: Answer) -> httpx.Response:
    """Looks past the BSN: whatever the number, the one patient there is comes."""
    other = request.content.endswith((asked_for(NOBODYS_BSN.value), asked_for(REFUSED.bsn.value)))
    if request.url.path.endswith("Patient/_search") and other and b"," not in request.content:
        content = request.content[:-9] + PERSON.bsn.value.encode()
        headers = {name: value for name, value in request.headers.items() if name != "content-length"}
        request = httpx.Request("POST", request.url, headers=headers, content=content)
    return await answer(request)


async def names_the_refused(request: httpx.Request, answer: Answer) -> httpx.Response:
    if asked_for(REFUSED.bsn.value) in request.content:
        return fhir(
            {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "Patient"}}]}
        )
    return await answer(request)


async def obeys_the_override(request: httpx.Request, answer: Answer) -> httpx.Response:
    assert request.headers.get("x-http-method-override", "HEAD") == "HEAD", "what is obeyed may change nothing"
    return httpx.Response(200) if "x-http-method-override" in request.headers else await answer(request)


async def challenges_with_basic(request: httpx.Request, answer: Answer) -> httpx.Response:
    got = await answer(request)
    if got.status_code == 401:
        got.headers["www-authenticate"] = 'Basic realm="x"'
    return got


async def heeds_no_count(request: httpx.Request, answer: Answer) -> httpx.Response:
    url = str(request.url).partition("&_count=")[0]
    return await answer(httpx.Request("GET", url, headers=request.headers) if "_count" in str(request.url) else request)


async def empty_xml(request: httpx.Request, answer: Answer) -> httpx.Response:
    if "xml" not in request.headers["accept"]:
        return await answer(request)
    headers = {"content-type": "application/fhir+xml"}
    return httpx.Response(200, content=b'<Bundle xmlns="http://hl7.org/fhir"/>', headers=headers)


async def latin(request: httpx.Request, answer: Answer) -> httpx.Response:
    got = await answer(request)
    got.headers["content-type"] += "; charset=ISO-8859-1"
    return got


async def with_a_mark(request: httpx.Request, answer: Answer) -> httpx.Response:
    got = await answer(request)
    return httpx.Response(got.status_code, content=b"\xef\xbb\xbf" + got.content, headers=_kept(got))


async def another_type_by_id(request: httpx.Request, answer: Answer) -> httpx.Response:
    read = request.url.path.count("/") == 3 and not request.url.path.endswith("_search")
    return fhir(OUTCOME) if read else await answer(request)


async def pages_elsewhere(request: httpx.Request, answer: Answer) -> httpx.Response:
    got = await answer(request)
    if "_count=" not in str(request.url) or got.status_code != 200:
        return got
    content = json.loads(got.content)
    content["link"] = [{"relation": "next", "url": "https://elsewhere.example/fhir?page=2"}]
    return fhir(content)


async def repeats_in_a_good_answer(request: httpx.Request, answer: Answer) -> httpx.Response:
    if request.method == "GET" and "identifier" in str(request.url):
        said = str(request.url)
        return fhir({"resourceType": "OperationOutcome", "issue": [{"severity": "error", "diagnostics": said}]})
    return await answer(request)


F, W, N = Verdict.FAILED, Verdict.WARNING, Verdict.NOT_RUN
LIES: dict[str, tuple[Lie, str, Verdict]] = {
    "an unknown BSN finds the patient": (finds_whoever_is_asked, "HOLD-201", F),
    "a refused BSN finds the patient": (finds_whoever_is_asked, "HOLD-202", F),
    "whoever is asked for is found": (finds_whoever_is_asked, "HOLD-032", W),
    "a refused patient is named": (names_the_refused, "HOLD-202", F),
    "nothing ever comes": (
        changed(lambda content: content.pop("entry", None), *INDIVIDUAL, "Questionnaire"), "HOLD-120", F),
    "an error in an answer without data": (changed(outcome_inside, "Goal"), "HOLD-134", F),
    "entries that are no list": (changed(entries_as_object, "Procedure"), "HOLD-101", F),
    "a byte order mark": (with_a_mark, "HOLD-030", F),
    "another patient by number": (
        changed(owned(identifier={"system": BSN_SYSTEM, "value": REFUSED.bsn.value}), "Goal"),
        "HOLD-132", F),
    "the same id at another address": (
        changed(owned(reference=f"https://elsewhere.example/fhir/Patient/{PERSON.patient_ids['wilgenhof']}"), "Goal"),
        "HOLD-132", W),
    "a BSN as id": (changed(number_in_full_urls, "Patient"), "HOLD-902", F),
    "a birth date of one digit": (changed(born_in_a_millennium, "Patient"), "HOLD-034", F),
    "a status that is none": (changed(with_status("final"), "Consent"), "HOLD-302", F),
    "an open list's status that is none": (changed(with_status("active"), "Observation"), "HOLD-302", F),
    "directives without provision": (changed(no_provision, "Consent"), "HOLD-306", W),
    "an override that is obeyed": (obeys_the_override, "HOLD-216", W),
    "a challenge for a password": (challenges_with_basic, "HOLD-013", W),
    "a count that is not heeded": (heeds_no_count, "HOLD-140", N),
    "links never seen": (heeds_no_count, "HOLD-141", N),
    "an end never seen": (heeds_no_count, "HOLD-142", N),
    "pages elsewhere once asked for": (pages_elsewhere, "HOLD-141", F),
    "XML with nothing in it": (empty_xml, "HOLD-151", F),
    "another charset": (latin, "HOLD-150", F),
    "something else by id": (another_type_by_id, "HOLD-131", W),
    "a BSN in an error that says 200": (repeats_in_a_good_answer, "HOLD-901", F),
}  # fmt: skip


@pytest.mark.parametrize(("lie", "rule", "verdict"), LIES.values(), ids=LIES.keys())
async def test_a_target_that_seems_to_keep_a_rule_does_not_pass_it(lie: Lie, rule: str, verdict: Verdict) -> None:
    if rule in ("HOLD-901", "HOLD-902"):
        found = (await hold(Liar(lie).bench(), chosen("holder", ["HOLD-030", "HOLD-031", rule])))[-1]
    elif rule == "HOLD-131":
        found = await judged(changed_and(lie), rule)
    else:
        found = await judged(lie, rule)
    assert (found.verdict, found.seen) == (verdict, found.seen)


def changed_and(lie: Lie) -> Lie:
    """Nothing comes along, so everything is read by its id."""

    def only_matches(content: Json) -> None:
        content["entry"] = [one for one in content.get("entry", ()) if one["search"]["mode"] == "match"]

    async def both(request: httpx.Request, answer: Answer) -> httpx.Response:
        return await changed(only_matches)(request, lambda asked: lie(asked, answer))

    return both


async def test_a_bsn_that_is_an_id_is_not_put_into_our_urls() -> None:
    asked: list[str] = []

    def numbered(content: Json) -> None:
        content["entry"][0]["resource"]["id"] = PERSON.bsn.value

    async def lie(request: httpx.Request, answer: Answer) -> httpx.Response:
        asked.append(str(request.url))
        return await changed(numbered, "Patient")(request, answer)

    assert (await judged(lie, "HOLD-103")).verdict is Verdict.NOT_RUN
    assert [url for url in asked if PERSON.bsn.value in url] == []


@pytest.mark.parametrize("status", [401, 429, 503])
@pytest.mark.parametrize("rule", ["HOLD-031", "HOLD-035", "HOLD-036", "HOLD-204", "HOLD-206", "HOLD-209", "HOLD-213"])
async def test_a_token_that_ended_or_a_busy_target_refuses_nothing(rule: str, status: int) -> None:
    async def lie(request: httpx.Request, answer: Answer) -> httpx.Response:
        odd = any(word in str(request.url) for word in ("identifier", quote(","), ",", "List", "_lastUpdated"))
        odd = odd or request.content.startswith((b"birthdate", b"{")) or b"," in request.content
        return fhir(OUTCOME, status) if odd else await answer(request)

    assert (await judged(lie, rule)).verdict is Verdict.NOT_RUN


@pytest.mark.parametrize(("without", "verdict"), [("refused", Verdict.NOT_RUN), ("late", Verdict.NOT_RUN)])
async def test_no_certificate_is_told_apart_from_no_answer(without: str, verdict: Verdict) -> None:
    """A target that refuses us with the certificate as well, or is merely slow, demanded none."""

    async def lie(request: httpx.Request, answer: Answer) -> httpx.Response:
        return fhir(OUTCOME, 403) if without == "refused" and searched(request) else await answer(request)

    async def bare(request: httpx.Request) -> httpx.Response:
        if without == "late":
            raise TimeoutError
        return fhir(OUTCOME, 403)

    def change(bench: Bench) -> None:
        bench.extra = type(bench.extra)(bare=httpx.AsyncClient(transport=httpx.MockTransport(bare)))

    assert (await judged(lie, "HOLD-002", change)).verdict is verdict
