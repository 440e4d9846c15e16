"""Two workers and one audit writer before the region: what dies is started again, and no answer leaves unrecorded."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from staging import Visitor

from nuts_pzp.audit.reading import records
from nuts_pzp.audit.verify import Verdict
from nuts_pzp.cli.stage import Stage

HOLDER = "meerwijck"
CODES = "http://snomed.info/sct|153851000146100,http://snomed.info/sct|395091006"
UNCHANGED = (Verdict.OK, Verdict.INCOMPLETE)
"""While it runs the newest records are not anchored yet."""

pytestmark = [pytest.mark.timeout(240), pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def crewed(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visitor]:
    """A hospital's gateway with two workers."""
    async with Stage(tmp_path_factory.mktemp("crew"), hospice="answers", gateways=()) as stage:
        file = stage.region.gateways[HOLDER].deployment_file
        file.write_text(file.read_text("utf-8").replace("level: warning", "level: info") + "workers: 2\n", "utf-8")
        await stage.start_gateways(HOLDER)
        visitor = Visitor(stage)
        yield visitor
        await visitor.close()


def processes(stage: Stage) -> dict[str, int]:
    """The children of the supervisor, by role and slot."""
    parent = stage.pid(HOLDER)
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    found = {}
    for child in children:
        words = Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
        if "nuts_pzp.crew" in words:
            found[f"{words[words.index('nuts_pzp.crew') + 1]}-{words[words.index('--slot') + 1]}"] = int(child)
    return found


async def whole(visitor: Visitor, seconds: float = 30.0) -> None:
    """Wait until readiness has nothing to say."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        answer = await visitor.operations(HOLDER, "/ready")
        if answer.status_code == 200 and not answer.json()["degraded"]:
            return
        await asyncio.sleep(0.1)
    raise AssertionError(answer.text)


async def counted(visitor: Visitor, status: int = 200) -> float:
    text = (await visitor.operations(HOLDER, "/metrics")).text
    found = re.findall(rf'^nuts_pzp_answers_total{{[^}}]*status="{status}"[^}}]*}} ([0-9.e+]+)$', text, re.MULTILINE)
    return sum(map(float, found))


async def looked(visitor: Visitor, token: str) -> httpx.Response:
    """One look at the directives of a patient, over a connection of its own: any worker may take it."""
    region = visitor.stage.region
    chart = visitor.stage.patient("postma").charts[HOLDER]
    url = region.gateway_of(HOLDER).fhir_base(HOLDER) + "/Observation"
    async with httpx.AsyncClient(verify=visitor.context(region.gateways["kade"].client), trust_env=False) as client:
        query = {"patient": f"Patient/{chart.patient_id}", "code": CODES}
        headers = {"authorization": f"Bearer {token}", "accept": "application/fhir+json"}
        return await client.get(url, params=query, headers=headers, timeout=20)


def stored(visitor: Visitor) -> dict[str, set[str]]:
    """What the ledger says of each answer, by meldcode."""
    found: dict[str, set[str]] = {}
    for entry in records(visitor.stage.ledger(HOLDER), HOLDER):
        found.setdefault(entry.correlation, set()).add(entry.code)
    return found


async def test_readiness_and_metrics_speak_for_all(crewed: Visitor) -> None:
    await whole(crewed)
    status, checks = await crewed.ready(HOLDER)
    assert (status, checks["workers"]["says"], checks["audit"]["critical"]) == (200, "2 of 2 answer", True)
    assert "meerwijck: records" in checks
    token = await crewed.token(HOLDER)
    before = await counted(crewed)
    answers = await asyncio.gather(*(looked(crewed, token) for _ in range(24)))
    assert {one.status_code for one in answers} == {200}
    assert await counted(crewed) - before == 24
    worker = processes(crewed.stage)["worker-1"]
    assert b"RUST_LIB_BACKTRACE=0" in Path(f"/proc/{worker}/environ").read_bytes().split(b"\0")


async def test_the_socket_of_the_writer_is_nobody_else_s(crewed: Visitor) -> None:
    socket = crewed.stage.ledger(HOLDER).parent / "audit.sock"
    assert socket.stat().st_mode & 0o777 == 0o600


async def test_a_worker_that_dies_is_started_again_while_the_other_answers(crewed: Visitor) -> None:
    await whole(crewed)
    token, before = await crewed.token(HOLDER), processes(crewed.stage)
    counted_before = await counted(crewed)
    os.kill(before["worker-1"], signal.SIGKILL)
    answers = [await looked(crewed, token) for _ in range(6)]
    assert {one.status_code for one in answers} == {200}
    await whole(crewed)
    after = processes(crewed.stage)
    assert (after["worker-0"], after["writer-0"]) == (before["worker-0"], before["writer-0"])
    assert after["worker-1"] != before["worker-1"]
    assert await counted(crewed) == counted_before + 6
    assert crewed.verified(HOLDER).verdict in UNCHANGED


async def test_a_writer_killed_under_load_leaves_no_answer_without_its_durable_record(crewed: Visitor) -> None:
    await whole(crewed)
    token, before = await crewed.token(HOLDER), processes(crewed.stage)
    answers: list[httpx.Response] = []
    stop = asyncio.Event()

    async def ask() -> None:
        while not stop.is_set():
            answers.append(await looked(crewed, token))

    async def answered(status: int) -> None:
        async with asyncio.timeout(30):
            while status not in {one.status_code for one in answers}:
                await asyncio.sleep(0.05)

    asking = [asyncio.create_task(ask()) for _ in range(6)]
    await answered(200)
    await asyncio.sleep(0.5)
    os.kill(before["writer-0"], signal.SIGKILL)
    await answered(503)
    await asyncio.sleep(0.5)
    stop.set()
    await asyncio.gather(*asking)
    assert {one.status_code for one in answers} == {200, 503}
    await whole(crewed)
    kept = stored(crewed)
    for answer in answers:
        codes = kept.get(answer.headers["x-meldcode"], set())
        if answer.status_code == 200:
            assert {"disclosure.decision", "disclosure.result"} <= codes
    assert (await looked(crewed, token)).status_code == 200
    assert processes(crewed.stage)["writer-0"] != before["writer-0"]
    assert crewed.verified(HOLDER).verdict in UNCHANGED


async def test_without_a_writer_readiness_says_no_and_every_door_says_503(crewed: Visitor) -> None:
    await whole(crewed)
    token, writer = await crewed.token(HOLDER), processes(crewed.stage)["writer-0"]
    os.kill(writer, signal.SIGSTOP)
    try:
        answer = await looked(crewed, token)
        status, checks = await crewed.ready(HOLDER)
    finally:
        os.kill(writer, signal.SIGCONT)
    assert answer.status_code == 503
    assert (status, checks["audit"]["ok"]) == (503, False)
    await whole(crewed)
    assert (await looked(crewed, token)).status_code == 200


async def test_a_decision_is_answered_and_recorded_by_a_worker(crewed: Visitor) -> None:
    await whole(crewed)
    chart = crewed.stage.patient("postma").charts[HOLDER]
    request = {
        "method": "GET", "protocol": "HTTP/1.1", "path": "/Observation", "header": {}, "body": "",
        "query": f"patient=Patient/{chart.patient_id}&code={CODES}",
    }  # fmt: skip
    token = {"authorization": f"Bearer {await crewed.token(HOLDER)}"}
    url = crewed.stage.region.gateways[HOLDER].operations_url + f"/{HOLDER}/decision/v1/evaluate"
    for _ in range(2):
        answer = await crewed.client(None).post(url, json={"request": request, "token": token})
        assert answer.json()["allow"] is True, answer.text
        [entry] = crewed.records(HOLDER, HOLDER, answer.headers["x-meldcode"])
        assert entry.record["enforced_by"] == "loopback"
    oversized = await crewed.client(None).post(
        url, content=b"{" + b" " * 2_000_000, headers={"content-type": "application/json"}
    )
    assert 400 <= oversized.status_code < 500
    assert oversized.headers["x-meldcode"]


async def test_a_reload_reaches_every_worker(crewed: Visitor) -> None:
    await whole(crewed)
    crewed.stage.reload(HOLDER)
    pids: set[str] = set()
    for _ in range(100):
        pids = set(re.findall(r'"pid":([0-9]+),"event":"worker.reloaded"', crewed.stage.log_file(HOLDER).read_text()))
        if len(pids) >= 2:
            break
        await asyncio.sleep(0.1)
    own = processes(crewed.stage)
    assert {str(own["worker-0"]), str(own["worker-1"])} <= pids


async def test_the_end_drains_and_closes_every_log(crewed: Visitor) -> None:
    await whole(crewed)
    token, children = await crewed.token(HOLDER), processes(crewed.stage)
    asking = [asyncio.create_task(looked(crewed, token)) for _ in range(8)]
    await asyncio.sleep(0.15)
    await crewed.stage.stop_gateways(HOLDER)
    for answer in await asyncio.gather(*asking, return_exceptions=True):
        assert isinstance(answer, httpx.TransportError) or answer.status_code in (200, 503)
    assert not any(Path(f"/proc/{pid}").exists() for pid in children.values())
    last = list(records(crewed.stage.ledger(HOLDER), HOLDER))[-1]
    assert last.code == "audit.closed"
    assert crewed.verified(HOLDER).verdict is Verdict.OK
    await crewed.stage.start_gateways(HOLDER)


async def test_children_whose_supervisor_was_killed_end_by_themselves_and_close_the_ledger(crewed: Visitor) -> None:
    await whole(crewed)
    children = processes(crewed.stage)
    os.kill(crewed.stage.pid(HOLDER), signal.SIGKILL)
    until = time.monotonic() + 25
    while time.monotonic() < until and any(Path(f"/proc/{pid}").exists() for pid in children.values()):
        await asyncio.sleep(0.1)
    assert [name for name, pid in children.items() if Path(f"/proc/{pid}").exists()] == []
    assert list(records(crewed.stage.ledger(HOLDER), HOLDER))[-1].code == "audit.closed"
    assert crewed.verified(HOLDER).verdict is Verdict.OK
    await crewed.stage.stop_gateways(HOLDER)
    await crewed.stage.start_gateways(HOLDER)


async def test_what_the_settings_refuse_is_said_and_nothing_stays_behind(crewed: Visitor) -> None:
    await crewed.stage.stop_gateways(HOLDER)
    gateway = crewed.stage.region.gateways[HOLDER]
    text = gateway.deployment_file.read_text("utf-8")
    broken = gateway.deployment_file.with_name("broken.yaml")
    broken.write_text(text.replace("tenants: tenants", "tenants: nowhere"), "utf-8")
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "nuts_pzp", "serve", "--config", str(broken),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    children = asyncio.create_task(process.communicate())
    said = (await asyncio.wait_for(children, 60))[0].decode()  # to its end: nobody else holds the pipe any more
    assert process.returncode == 2, said
    assert "no tenant can be served" in said
