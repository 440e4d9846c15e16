"""A whole disclose and a whole consult between counterparts that nobody here wrote: two Nuts nodes and a FHIR server.

The hospital of the region holds its records on the real server and knows callers by the real node, with DPoP; the
out-of-hours post asks with tokens of its own real node. Mitz, register and directory stay twins. What the twins gave
before is what the real ones must give. Needs the variables of docs/how-to/interop-nuts.md and interop-fhir.md.
"""

from __future__ import annotations

import asyncio
import copy
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
import pytest_asyncio
import stu3_source
import yaml
from peers import FHIR_STU3, Nodes, moved, real_fhir, real_nodes, transaction
from staging import Visitor, issue_of, items_of, told

from nuts_pzp.audit.verify import Verdict
from nuts_pzp.cli.stage import Stage
from nuts_pzp.consult.queries import PZP
from nuts_pzp.fhir.request import encode
from nuts_pzp.sandbox.mitz import Choice
from nuts_pzp.sandbox.organizations import member
from nuts_pzp.sandbox.people import by_slug

pytestmark = [pytest.mark.interop, pytest.mark.asyncio(loop_scope="module")]

HOLDER, URA = "meerwijck", "90000222"
MARK = "whole-"
LOADED = "dalen", "brouwer", "kuiper", "kok", "terlouw"
ALONE = {"sources": [URA]}
CONSULTED = "dalen", "brouwer", "kuiper", "terlouw"
"""Who is asked about. Terlouw said nothing about sharing (docs/reference/test-people.md)."""
TREATMENT = "http://terminology.hl7.org/CodeSystem/consentscope|treatment"
DIRECTIVE = "http://snomed.info/sct|129125009"
NOT_KNOWN = 400, 404
"""What the server answers to a parameter or a value set that it does not know; the gateway answers the first."""
MANY = 53
"""Directives of one patient: three pages of twenty."""


def records() -> list[dict[str, Any]]:
    """What the hospital holds of a few test people."""
    return [moved(one, MARK) for slug in LOADED for one in by_slug(slug).records[HOLDER]]


def many(resources: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Directives of one patient, until there are so many: history of one that is there."""
    patient = patient_of("kok")
    [pattern, *rest] = [
        one
        for one in resources
        if one["resourceType"] == "Consent" and one["patient"]["reference"] == f"Patient/{patient}"
    ]
    return [copy.deepcopy(pattern) | {"id": f"{MARK}more-{n}"} for n in range(MANY - 1 - len(rest))]


def patient_of(slug: str) -> str:
    """The id of a test person's Patient on the real server."""
    [patient] = [one for one in by_slug(slug).records[HOLDER] if one["resourceType"] == "Patient"]
    return MARK + str(patient["id"])


def rewrite(file: Path, change: Any) -> None:
    settings = yaml.safe_load(file.read_text("utf-8"))
    change(settings)
    file.write_text(yaml.safe_dump(settings, sort_keys=False), "utf-8")


@dataclass
class Whole:
    """Two gateways between real counterparts, and what they said when all were twins."""

    visitor: Visitor
    nodes: Nodes
    base: str
    before: dict[str, dict[str, Any]]

    async def token(self, person: str = "w-1", *, scope: str = "pzp-gf", role: str = "huisarts") -> dict[str, Any]:
        """A bound token of the user's real node for one employee, as the node answers it."""
        employee = {
            "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
            "type": ["VerifiableCredential", "NutsEmployeeCredential"],
            "credentialSubject": {"identifier": person, "name": "P. Vos", "roleName": role},
        }
        asked = {"authorization_server": self.nodes.issuer, "scope": scope, "token_type": "DPoP"}
        url = f"{self.nodes.user}/internal/auth/v2/{self.nodes.subject}/request-service-access-token"
        answer = await self.visitor.client(None).post(url, json=asked | {"credentials": [employee]})
        assert answer.status_code == 200, answer.text
        return dict(answer.json())

    async def proof(self, token: dict[str, Any], method: str, path: str) -> dict[str, str]:
        """Headers of one call at the hospital's door, its proof signed by the real node."""
        region = self.visitor.stage.region
        url = region.gateway_of(HOLDER).fhir_base(HOLDER) + path
        made = await self.visitor.client(None).post(
            f"{self.nodes.user}/internal/auth/v2/dpop/{quoted(token['dpop_kid'])}",
            json={"htm": method, "htu": url.partition("?")[0], "token": token["access_token"]},
        )
        assert made.status_code == 200, made.text
        return {"authorization": f"DPoP {token['access_token']}", "dpop": made.json()["dpop"]}

    async def ask(self, token: dict[str, Any], path: str, method: str = "GET", **how: Any) -> httpx.Response:
        headers = await self.proof(token, method, path)
        return await self.visitor.fhir(HOLDER, path, None, method=method, headers=headers, **how)


def quoted(text: str) -> str:
    return httpx.URL("http://x/").copy_with(params={"k": text}).query.decode().removeprefix("k=").replace("+", "%20")


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Whole]:
    nodes, base = real_nodes(), real_fhir()
    if (nodes.ura, nodes.type) != (member("kade").ura, member("kade").organization.type):
        pytest.skip(
            "NOT RUN: the user's node must speak for URA 90000444, type N6, which the sandbox's directory knows"
        )
    resources = records()
    sent = transaction(resources + many(resources))
    answer = httpx.post(base, json=sent, headers={"content-type": "application/fhir+json"}, timeout=120)
    assert answer.status_code == 200, answer.text[:500]
    async with Stage(tmp_path_factory.mktemp("whole"), hospice="answers", gateways=("kade", HOLDER)) as stage:
        visitor = Visitor(stage)
        before = {slug: (await visitor.consult(slug, **ALONE))[1] for slug in CONSULTED}
        await stage.stop_gateways()
        _make_real(stage, nodes, base)
        await stage.start_gateways()
        yield Whole(visitor, nodes, base, before)
        await visitor.close()


def _make_real(stage: Stage, nodes: Nodes, base: str) -> None:
    """Let the hospital and the post work with the real counterparts from their next start on."""
    region = stage.region
    listed = replace(region._listed(member(HOLDER)), authorization_server=nodes.issuer)
    region.national.lrza.add(listed)

    def hold(settings: dict[str, Any]) -> None:
        settings["disclose"]["authentication"] |= {"node": nodes.holder, "issuer": nodes.issuer, "require_proof": True}
        settings["disclose"]["records"] = {"kind": "fhir_server", "base": base}

    def look(settings: dict[str, Any]) -> None:
        settings["consult"]["credentials"] |= {"node": nodes.user, "subject": nodes.subject, "token_type": "DPoP"}

    rewrite(region.gateways[HOLDER].folder / "tenants" / f"{HOLDER}.yaml", hold)
    rewrite(region.gateways["kade"].folder / "tenants" / "kade.yaml", look)


# Disclose


async def test_both_gateways_are_ready_between_real_counterparts(whole: Whole) -> None:
    for gateway in ("kade", HOLDER):
        status, checks = await whole.visitor.ready(gateway)
        assert status == 200, checks


async def test_every_pzp_query_gives_through_the_gateway_what_the_server_gives(whole: Whole) -> None:
    """The resources that the server finds, all of them and nothing else; what it refuses is refused."""
    token, patient = await whole.token(), patient_of("dalen")
    found: dict[str, int] = {}
    unknown: set[int] = set()
    for query in PZP:
        for one in query.tries:
            raw = encode(one.about(patient))
            direct = await whole.visitor.client(None).get(f"{whole.base}{raw.path}?{raw.query}")
            ours = await whole.ask(token, f"{raw.path}?{raw.query}")
            if direct.status_code != 200:
                assert direct.status_code in NOT_KNOWN, direct.text
                assert (ours.status_code, issue_of(ours)["code"]) == (400, "invalid"), ours.text
                unknown.add(direct.status_code)
                continue
            assert ours.status_code == 200, (raw, ours.text)
            assert ids(ours) == ids(direct), raw
            found[query.name] = found.get(query.name, 0) + len(ids(ours))
    assert {name for name, count in found.items() if count} == {
        "TreatmentDirective", "Goal", "Observation", "DeviceUseStatement",
    }  # fmt: skip
    assert unknown == set(NOT_KNOWN)


def ids(answer: httpx.Response) -> list[str]:
    entries = answer.json().get("entry", [])
    return sorted(
        f"{one['resource']['resourceType']}/{one['resource']['id']}:{one['search']['mode']}" for one in entries
    )


async def test_a_patient_is_found_by_bsn_and_a_read_is_served(whole: Whole) -> None:
    token = await whole.token()
    headers = await whole.proof(token, "POST", "/Patient/_search")
    answer = await whole.visitor.patient(HOLDER, by_slug("dalen").bsn.value, None, headers=headers)
    assert ids(answer) == [f"Patient/{patient_of('dalen')}:match"]
    answer = await whole.ask(token, f"/Patient/{patient_of('dalen')}")
    assert (answer.status_code, answer.json()["birthDate"]) == (200, "1955-01-08")
    assert [one.word for one in whole.visitor.recorded(HOLDER, answer)] == ["Toegestaan", "Verstrekt"]


async def test_pages_are_followed_to_the_end_by_tokens_of_our_own(whole: Whole) -> None:
    token, patient = await whole.token(), patient_of("kok")
    base = whole.visitor.stage.region.gateway_of(HOLDER).fhir_base(HOLDER)
    path = f"/Consent?patient=Patient/{patient}&scope={TREATMENT}&category={DIRECTIVE}&_include=Consent:actor&_count=20"
    pages: list[list[str]] = []
    while path:
        answer = await whole.ask(token, path)
        assert answer.status_code == 200, answer.text
        pages.append([one for one in ids(answer) if one.endswith(":match")])
        assert "_getpages" not in answer.text
        assert urlsplit(whole.base).netloc not in answer.text
        links = [one["url"] for one in answer.json()["link"] if one["relation"] == "next"]
        assert all(url.startswith(base) for url in links)
        path = links[0].removeprefix(base) if links else ""
    assert [len(page) for page in pages] == [20, 20, MANY - 40]
    assert len({one for page in pages for one in page}) == MANY


async def test_a_page_is_for_the_person_who_asked(whole: Whole) -> None:
    path = f"/Consent?patient=Patient/{patient_of('kok')}&scope={TREATMENT}&category={DIRECTIVE}&_include=Consent:actor"
    first = await whole.ask(await whole.token("w-2"), f"{path}&_count=20")
    base = whole.visitor.stage.region.gateway_of(HOLDER).fhir_base(HOLDER)
    [further] = [one["url"].removeprefix(base) for one in first.json()["link"] if one["relation"] == "next"]
    stolen = await whole.ask(await whole.token("w-3"), further)
    assert 400 <= stolen.status_code < 500, stolen.text
    assert "entry" not in stolen.json()
    assert (await whole.ask(await whole.token("w-2"), further)).status_code == 200


async def test_what_comes_along_comes_through(whole: Whole) -> None:
    """A device and the people of a conversation, named by `_include`; each belongs to this patient."""
    token = await whole.token()
    answer = await whole.ask(
        token, f"/DeviceUseStatement?patient=Patient/{patient_of('dalen')}&_include=DeviceUseStatement:device"
    )
    assert [one.partition("/")[0] for one in ids(answer)] == ["Device", "DeviceUseStatement"]
    answer = await whole.ask(
        token,
        f"/Consent?patient=Patient/{patient_of('kuiper')}&scope={TREATMENT}&category={DIRECTIVE}&_include=Consent:actor",
    )
    assert {one.partition("/")[0] for one in ids(answer) if one.endswith(":include")} >= {"Patient", "PractitionerRole"}


async def test_a_stranger_and_somebody_who_said_nothing_look_the_same(whole: Whole) -> None:
    """Terlouw is a patient here and chose nothing; nobody has the other number."""
    token, seen = await whole.token(), []
    for bsn in (by_slug("terlouw").bsn.value, "999990019"):
        headers = await whole.proof(token, "POST", "/Patient/_search")
        answer = await whole.visitor.patient(HOLDER, bsn, None, headers=headers)
        seen.append((answer.status_code, issue_of(answer)["code"]))
        assert [one.word for one in whole.visitor.recorded(HOLDER, answer)] in (["Geweigerd"], ["Niet te bepalen"])
    assert seen == [(403, "forbidden"), (403, "forbidden")]


@pytest.mark.parametrize(("method", "path", "status"), [
    ("GET", f"/Consent?patient=Patient/{MARK}nobody&scope=x&category=y", 403),
    ("GET", f"/Consent/{MARK}nobody", 403),
    ("GET", "/Patient?identifier=http://fhir.nl/fhir/NamingSystem/bsn|999931635", 405),
    ("GET", "/Consent", 400),
    ("GET", "/Practitioner?name=Slot", 403),
    ("GET", "?_getpages=x&_getpagesoffset=20", 400),
    ("DELETE", f"/Consent/{MARK}more-1", 405),
    ("GET", f"/Patient/{MARK}4/$everything", 400),
    ("GET", "/Patient/_history", 400),
])  # fmt: skip
async def test_what_the_guides_do_not_ask_never_reaches_the_server(
    whole: Whole, method: str, path: str, status: int
) -> None:
    answer = await whole.ask(await whole.token(), path, method)
    assert (answer.status_code, issue_of(answer)["severity"]) == (status, "error"), answer.text
    assert urlsplit(whole.base).netloc not in answer.text


async def test_a_proof_opens_the_door_once_and_a_bound_token_never_without(whole: Whole) -> None:
    token, path = await whole.token(), f"/Patient/{patient_of('dalen')}"
    headers = await whole.proof(token, "GET", path)
    statuses = [(await whole.visitor.fhir(HOLDER, path, None, headers=headers)).status_code for _ in range(2)]
    assert statuses == [200, 401]
    bare = {"authorization": f"Bearer {token['access_token']}"}
    assert (await whole.visitor.fhir(HOLDER, path, None, headers=bare)).status_code == 401


async def test_a_role_that_may_not_see_this_is_refused(whole: Whole) -> None:
    answer = await whole.ask(await whole.token("w-4", role="baliemedewerker"), f"/Patient/{patient_of('dalen')}")
    assert answer.status_code == 403


# Consult


@pytest.mark.parametrize("slug", CONSULTED)
async def test_a_consultation_says_what_it_said_when_all_were_twins(whole: Whole, slug: str) -> None:
    status, after = await whole.visitor.consult(slug, **ALONE)
    before = whole.before[slug]
    assert (status, after["complete"]) == (200, before["complete"])
    assert [(one["id"], one["status"]) for one in after["sources"]] == [
        (one["id"], one["status"]) for one in before["sources"]
    ]
    assert {key.replace(MARK, ""): told(one) for key, one in items_of(after).items()} == {
        key: told(one) for key, one in items_of(before).items()
    }


async def test_a_consultation_reads_every_page(whole: Whole) -> None:
    _, overview = await whole.visitor.consult("kok", **ALONE)
    assert [(one["id"], one["status"]) for one in overview["sources"]] == [(URA, "ok")]
    own = whole.visitor.records("kade", "kade", overview["meldcode"])
    [received] = [one for one in own if one.code == "consult.received"]
    named = json.dumps(received.record)
    assert sum(f"{MARK}more-{number}" in named for number in range(MANY - 1)) == MANY - 1


async def test_an_emergency_goes_through_and_the_officer_hears_of_it(whole: Whole) -> None:
    officer = whole.visitor.stage.region.officer
    assert officer.alerts == {}
    claimed = {"purpose": "emergency", "reason": "no-time", "explanation": "gevallen, geen contact"}
    question = whole.visitor.question("terlouw", **ALONE, **claimed)
    question["professional"]["role"] = "waarnemend huisarts"
    answer = await whole.visitor.consultation("kade", json=question)
    [source] = answer.json()["sources"]
    assert (source["id"], source["status"]) == (URA, "partial"), "no more than the minimal set"
    items = items_of(answer.json())
    assert items["treatment:89666000"]["display"] == "Niet uitvoeren"
    assert items["goal:medical-policy"]["state"] == "not-recorded"
    async with asyncio.timeout(20):
        while not officer.alerts:
            await asyncio.sleep(0.05)


async def test_a_holder_whose_server_speaks_stu3_is_asked_and_answers_in_stu3(whole: Whole) -> None:
    """The hospital changes its server for one that speaks STU3, and nothing else of the exchange."""
    base, stage = real_fhir(FHIR_STU3), whole.visitor.stage
    sent = transaction([moved(one, stu3_source.MARK) for one in stu3_source.RECORDS])
    answer = httpx.post(base, json=sent, headers={"content-type": "application/fhir+json"}, timeout=120)
    assert answer.status_code == 200, answer.text[:500]

    def hold(settings: dict[str, Any]) -> None:
        settings["disclose"]["records"] = {"kind": "fhir_server", "base": base, "fhir_version": "STU3"}
        settings["disclose"]["policy"] = {"kind": "regorus", "bundle": "pzp_stu3"}

    rewrite(stage.region.gateways[HOLDER].folder / "tenants" / f"{HOLDER}.yaml", hold)
    await stage.stop_gateways()
    await stage.start_gateways()
    await stage.region.mitz.choose(Choice(stu3_source.BSN, URA, "GGC002", "RPZAC001", "permit"))
    question = whole.visitor.question("dalen", **ALONE)
    question["patient"] = {"bsn": stu3_source.BSN, "birthDate": stu3_source.BORN}
    answer = await whole.visitor.consultation("kade", json=question)
    [source] = answer.json()["sources"]
    assert (source["status"], source["dialect"]) == ("ok", "stu3"), json.dumps(source)
    items = items_of(answer.json())
    assert {key: items[key]["display"] for key in stu3_source.SHOWN} == stu3_source.SHOWN
    assert items["treatment:89666000"]["display"] == "Anders, namelijk: Alleen als zij kan herstellen"


async def test_both_logs_verify_and_no_number_is_in_them(whole: Whole) -> None:
    """The last of this file."""
    stage = whole.visitor.stage
    await stage.stop_gateways()
    for gateway in ("kade", HOLDER):
        assert {log.verdict for log in whole.visitor.verified(gateway).logs} == {Verdict.OK}
        written = stage.ledger(gateway).read_bytes() + stage.log_file(gateway).read_bytes()
        assert not [slug for slug in LOADED if by_slug(slug).bsn.value.encode() in written]
