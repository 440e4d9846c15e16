"""Invariant: no BSN in clear in what Mitz, the officer and the own EHR hear of an evening, or what is left of it.

Subscriptions, notifications (good ones and broken ones), open questions and hostile answers to them, emergencies with
their alerts, and tokens for one person: each is done with BSNs where they do not belong, then everything is searched.
"""

from __future__ import annotations

import asyncio
import importlib.util
import json
import re
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
import yaml
from bsn_search import STRANGER, content, files, found
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePrivateKey, generate_private_key
from jwt.algorithms import ECAlgorithm
from staging import Visitor

from nuts_pzp.sandbox.gateways import Gateway
from nuts_pzp.sandbox.mitz import Choice, Fault
from nuts_pzp.sandbox.ports import Reservations

pytestmark = pytest.mark.asyncio(loop_scope="session")

ROOT = Path(__file__).parents[2]
HOLDER = "90000111"


@dataclass
class Evening:
    """What was answered, the overview that came by the open question, and the alert of its emergency."""

    gateway: Gateway
    said: list[httpx.Response] = field(default_factory=list)
    overview: dict[str, Any] = field(default_factory=dict)
    alerts: list[dict[str, Any]] = field(default_factory=list)


def _recipe() -> Any:
    """The client of the how-to page, as it stands there."""
    page = (ROOT / "docs/how-to/ehr-tokens.md").read_text("utf-8")
    found = re.search(r"```python ehr-token\n(.*?)```", page, re.DOTALL)
    assert found
    spec = importlib.util.spec_from_loader("recipe", loader=None)
    assert spec
    module = importlib.util.module_from_spec(spec)
    exec(re.sub(r"(?m)^   ", "", found[1]), vars(module))
    return module


RECIPE = _recipe()


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def second(visitor: Visitor) -> AsyncIterator[tuple[Gateway, EllipticCurvePrivateKey]]:
    """Another gateway of the out-of-hours post: its EHR has tokens, and it asks Mitz where to look."""
    stage = visitor.stage
    region, first, ports = stage.region, stage.region.gateways["kade"], Reservations()
    other = replace(
        first, name="kade-mitz", folder=first.folder.parent / "kade-mitz", tenants=("kade",), network=ports.take(),
        ehr=ports.take(), operations=ports.take(),
    )  # fmt: skip
    ports.release()
    key = generate_private_key(SECP256R1())
    (other.folder / "tenants").mkdir(parents=True)
    public = ECAlgorithm.to_jwk(key.public_key(), as_dict=True) | {"kid": "k1", "alg": "ES256"}
    (other.folder / "his.json").write_text(json.dumps({"keys": [public]}))
    settings = yaml.safe_load(first.deployment_file.read_text("utf-8"))
    settings["name"] = other.name
    settings["listeners"].pop("network", None)
    settings["listeners"]["ehr"] |= {"port": other.ehr, "url": other.ehr_url}
    settings["listeners"]["operations"]["port"] = other.operations
    settings["audit"]["anchor"]["path"] = f"../../anchors/{other.name}.jsonl"
    other.deployment_file.write_text(yaml.safe_dump(settings), "utf-8")
    tenant = yaml.safe_load((first.folder / "tenants/kade.yaml").read_text("utf-8"))
    tenant.pop("disclose", None)
    uzi = region.nodes["kade"].twin.resident.uzi
    client = {"id": "his", "name": "HIS", "jwks_file": "../his.json"}
    tenant["consult"]["ehr"] = {"kind": "issued_token", "issuer": f"{other.ehr_url}/kade", "clients": [client]}
    tenant["consult"]["localization"] = [
        {
            "kind": "mitz", "url": region.mitz.url, "roots_file": str(region.authority.root_file),
            "certificate_file": str(first.client.certificate_file), "key_file": str(first.client.key_file),
            "roles": {"waarnemend huisarts": "01.015"}, "professional_id_root": "2.999.1",
            "assertion": {
                "issuer": "urn:oid:2.999.1", "key_file": str(uzi.key_file),
                "certificate_file": str(uzi.certificate_file),
            },
        }
    ]  # fmt: skip
    (other.folder / "tenants/kade.yaml").write_text(yaml.safe_dump(tenant), "utf-8")
    region.gateways[other.name] = other
    await stage.start_gateways(other.name)
    yield other, key
    await stage.stop_gateways(other.name)
    del region.gateways[other.name]


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def evening(visitor: Visitor, second: tuple[Gateway, EllipticCurvePrivateKey]) -> AsyncIterator[Evening]:
    one = Evening(second[0])
    mitz, bsn = visitor.stage.region.mitz, visitor.stage.patient("postma").bsn.value
    refusal = Choice(bsn, HOLDER, "GGC002", "RPZAC001", "deny")
    [former] = [choice for choice in mitz.choices if choice.about(refusal)]
    await _subscribed(visitor)
    await _located(visitor, one, second[1])
    await _notified(visitor, one, refusal)
    await _emergency(visitor, one)
    await mitz.choose(former)
    yield one


async def _subscribed(visitor: Visitor) -> None:
    bsn, book = visitor.stage.patient("postma").bsn.value, visitor.stage.region.mitz.book
    status, _ = await visitor.consult("postma")
    assert status == 200
    async with asyncio.timeout(20):
        while not book.matching(bsn, HOLDER):
            await asyncio.sleep(0.05)


async def _located(visitor: Visitor, one: Evening, key: EllipticCurvePrivateKey) -> None:
    """Tokens and open questions: one that works, and what does not."""
    region, issuer = visitor.stage.region, f"{one.gateway.ehr_url}/kade"
    client = visitor.client(region.ehr_clients["kade"])
    given = await client.post(f"{issuer}/oauth/token", data=RECIPE.token_request(key, "his", issuer))
    assert given.status_code == 200, given.text
    headers = {"authorization": f"Bearer {given.json()['access_token']}"}
    person = {"id": "k-17", "name": "M. Okker", "role": "waarnemend huisarts"}
    question = visitor.question("postma") | {"professional": person}

    async def asked() -> httpx.Response:
        return await client.post(one.gateway.consultations("kade"), json=question, headers=headers)

    answer = await asked()
    assert answer.status_code == 200, answer.text
    one.overview = answer.json()
    for name in ("fault_with_the_bsn", "other_patient", "relates_to_other"):
        region.mitz.open_faults.set(Fault("hostile", name=name))
        one.said.append(await asked())
    region.mitz.open_faults.clear()
    bsn = question["patient"]["bsn"]
    for claims in ({"sub": bsn}, {"employee_name": bsn, "organization_ura": bsn}, {"login_means": bsn, "aud": bsn}):
        spoiled = RECIPE.token_request(key, "his", issuer)
        spoiled["assertion"] = RECIPE.assertion(key, "his", issuer, **claims)
        one.said.append(await client.post(f"{issuer}/oauth/token", data=spoiled))
    for form in ({"grant_type": bsn}, {"assertion": bsn}, {bsn: bsn}):
        wrong = RECIPE.token_request(key, "his", issuer) | form
        one.said.append(await client.post(f"{issuer}/oauth/token", data=wrong))
    one.said.append(
        await client.post(one.gateway.consultations("kade"), json=question, headers={"authorization": f"Bearer {bsn}"})
    )


async def _notified(visitor: Visitor, one: Evening, refusal: Choice) -> None:
    """A refusal that arrives, and what looks like one."""
    region = visitor.stage.region
    bsn = refusal.bsn
    assert await region.mitz.choose(refusal)
    url = f"{region.gateway_of('wilgenhof').network_url}/wilgenhof/mitz/notifications"
    for issued in (region.mitz_identity, region.gateways["kade"].client):
        client = visitor.client(issued)
        for body, kind in (
            (f'{{"resourceType":"Bundle","{bsn}":"{bsn}"}}', "application/fhir+json"),
            (f'{{"resourceType":"{bsn}"', "application/fhir+json"),
            (f'<Bundle xmlns="http://hl7.org/fhir"><{"x"}{bsn}/></Bundle>', "application/fhir+xml"),
            (bsn, bsn),
        ):
            one.said.append(await client.post(url, content=body, headers={"content-type": kind}))
        one.said.append(await client.post(f"{url}?patientid={STRANGER}", content=b"{}"))


async def _emergency(visitor: Visitor, one: Evening) -> None:
    bsn = visitor.stage.patient("terlouw").bsn.value
    question = visitor.question("terlouw", purpose="emergency", reason="no-time", explanation="gevallen")
    question["professional"] |= {"role": "waarnemend huisarts", "id": uuid.uuid4().hex[:12]}
    alerts = visitor.stage.region.officer.alerts
    known = set(alerts)
    assert (await visitor.consultation("kade", json=question)).status_code == 200
    async with asyncio.timeout(20):
        while not (fresh := set(alerts) - known):
            await asyncio.sleep(0.05)
    one.alerts = [alerts[id] for id in fresh]
    for wrong in ({"reason": bsn}, {"explanation": f"gevallen {bsn}"}):
        one.said.append(await visitor.consultation("kade", json=question | wrong))


async def test_the_open_question_finds_who_subscribed_and_permits(evening: Evening) -> None:
    sources = {one["id"]: one["status"] for one in evening.overview["sources"]}
    assert sources[HOLDER] == "ok"


async def test_every_flow_was_met_at_the_other_end(evening: Evening, visitor: Visitor) -> None:
    region = visitor.stage.region
    assert len(region.mitz.open_questions) == 4
    assert region.mitz.channel is not None
    assert region.mitz.channel.attempts
    [alert] = evening.alerts
    assert alert["reason"] == "no-time"
    codes = {one.code for one in visitor.records("kade-mitz", "kade")}
    assert any("token" in code for code in codes)


async def test_no_answer_repeats_one(evening: Evening) -> None:
    assert len(evening.said) > 15
    for answer in evening.said:
        about = json.loads(answer.content) if answer.status_code == 200 else {}
        about.pop("patient", None)  # an overview says whose it is, to who asked for it
        told = json.dumps(about).encode() if about else answer.content
        assert found(told) == set()
        assert found(repr(answer.headers.raw).encode()) == set()


async def test_no_alert_holds_one(evening: Evening) -> None:
    assert found(json.dumps(evening.alerts).encode()) == set()


async def test_no_url_at_mitz_the_officer_or_a_node_holds_one(evening: Evening, visitor: Visitor) -> None:
    seen = list(visitor.stage.region.lines.seen)
    assert ("mitz", "/openautorisatievraag") in {(line.service, line.target) for line in seen}
    assert any(line.target.startswith("/abonnementen") for line in seen)
    assert "officer" in {line.service for line in seen}
    assert [line for line in seen if found(line.target.encode())] == []


async def test_no_file_log_metric_or_command_line_holds_one(evening: Evening, visitor: Visitor) -> None:
    left = files(visitor.stage.folder / "gateways") + files(visitor.stage.folder / "anchors")
    assert {"store.sqlite", "ledger.sqlite", "gateway.log"} <= {file.name for file in left}
    assert {str(file): hits for file in left if (hits := found(content(file)))} == {}
    logged = visitor.stage.log_file("kade-mitz").read_text("utf-8")
    assert "mitz.not_located" in logged, "what a hostile answer was is told, without its words"
    for gateway in visitor.stage.region.gateways:
        for path in ("/metrics", "/ready", "/health"):
            assert found((await visitor.operations(gateway, path)).content) == set()
        process = Path("/proc") / str(visitor.stage.pid(gateway))
        for name in ("cmdline", "environ"):
            assert found((process / name).read_bytes()) == set()
