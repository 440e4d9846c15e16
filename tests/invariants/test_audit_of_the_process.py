"""Invariant, at the level of the process: a gateway whose ledger is gone, replaced or full gives no answer but 503.

Not for what it would have given, not for what it would have refused. It says why at /ready, and serves again once the
very same ledger takes records, without a restart.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import resource
import shutil
import signal
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from staging import Visitor

from nuts_pzp.audit.verify import Verdict
from nuts_pzp.cli.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

RESULT = "disclosure.result"
POSTMA, STRANGER = "999930412", "999990019"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def visitor(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Visitor]:
    """A region in which only the hospital's gateway runs."""
    async with Stage(tmp_path_factory.mktemp("lone"), hospice="answers", gateways=("meerwijck",)) as stage:
        one = Visitor(stage)
        yield one
        await one.close()


@contextmanager
def unlinked(ledger: Path, _: int) -> Iterator[None]:
    aside = ledger.with_suffix(".aside")
    ledger.rename(aside)
    yield
    aside.replace(ledger)


@contextmanager
def replaced(ledger: Path, _: int) -> Iterator[None]:
    aside = ledger.with_suffix(".aside")
    ledger.rename(aside)
    shutil.copyfile(aside, ledger)
    yield
    aside.replace(ledger)


@contextmanager
def full(ledger: Path, pid: int) -> Iterator[None]:
    """No file of this process may grow: what a full disk is to it, without needing one."""
    soft, hard = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (4096, hard))
    yield
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (soft, hard))


TROUBLES = {"unlinked": (unlinked, "moved"), "replaced": (replaced, "moved"), "full": (full, "written")}


async def ask_all(visitor: Visitor, token: str) -> dict[str, httpx.Response]:
    """One request of every kind: allowed, refused, nobody's, and the hospital's own question."""
    region = visitor.stage.region
    client = visitor.client(region.gateways["kade"].client)
    return {
        "allowed": await visitor.patient("meerwijck", POSTMA, token),
        "allowed search": await visitor.directives("meerwijck", "1", token),
        "unknown patient": await visitor.patient("meerwijck", STRANGER, token),
        "no token": await visitor.patient("meerwijck", POSTMA, None),
        "malformed": await visitor.fhir("meerwijck", "/Consent?patient=%zz", token),
        "unknown tenant": await client.get(f"{region.gateways['meerwijck'].network_url}/nobody/fhir/Patient/1"),
        "consultation": await visitor.consultation("meerwijck", json=visitor.question("visser")),
        "no question": await visitor.consultation("meerwijck", json={}),
        "wrong method": await visitor.consultation("meerwijck", method="GET"),
    }


GOOD = [200, 200, 403, 401, 400, 404, 200, 400, 405]


async def settled(visitor: Visitor, *, ready: bool) -> dict[str, dict[str, object]]:
    """Wait until /ready says so; return its checks."""
    for _ in range(100):
        status, checks = await visitor.ready("meerwijck")
        if (status == 200) is ready:
            return checks
        await asyncio.sleep(0.05)
    raise AssertionError(f"/ready stays {status}")


@pytest.mark.parametrize("trouble", TROUBLES)
async def test_without_its_ledger_every_answer_is_the_same_503_and_no_data(trouble: str, visitor: Visitor) -> None:
    breaking, said = TROUBLES[trouble]
    token = await visitor.token("meerwijck")
    assert [one.status_code for one in (await ask_all(visitor, token)).values()] == GOOD
    asked = len(visitor.stage.region.lines.seen)
    sizes = {tenant: len(visitor.records("meerwijck", tenant)) for tenant in ("meerwijck", "system")}

    with breaking(visitor.stage.ledger("meerwijck"), visitor.stage.pid("meerwijck")):
        answers = await ask_all(visitor, token)
        for what, answer in answers.items():
            assert (what, answer.status_code) == (what, 503)
            assert answer.headers["retry-after"] == "30"
            for value in (POSTMA, "Postma", "Visser", "Geertje", "Meerwijck"):
                assert value not in answer.text
            if answer.headers["content-type"] == "application/problem+json":
                assert answer.json()["code"] == "PZP-AUDIT-001"
            else:
                code = answer.headers["x-meldcode"]
                assert answer.text.replace(code, "*") == json.dumps(UNIFORM, ensure_ascii=False, separators=(",", ":"))
        forwarded = [line for line in list(visitor.stage.region.lines.seen)[asked:] if "Consent" in line.target]
        assert forwarded == [], "the decision is not on record, so nothing was fetched"
        asked_around = [line.service for line in list(visitor.stage.region.lines.seen)[asked:]]
        assert not {"nvi", "prs"} & set(asked_around), "the intent is not on record, so nobody was asked"
        checks = await settled(visitor, ready=False)
        assert checks["audit"]["ok"] is False
        assert said in str(checks["audit"]["says"])

    checks = await settled(visitor, ready=True)
    assert checks["audit"]["ok"] is True
    assert [one.status_code for one in (await ask_all(visitor, token)).values()] == GOOD
    kept = visitor.records("meerwijck", "meerwijck")
    assert len(kept) > sizes["meerwijck"]
    assert [one.index for one in kept] == list(range(len(kept)))
    degraded = [
        one for one in visitor.records("meerwijck", "system")[sizes["system"] :] if one.code == "audit.degraded"
    ]
    assert degraded, "the log says itself that it was away"


UNIFORM = {
    "resourceType": "OperationOutcome",
    "issue": [
        {
            "severity": "error",
            "code": "transient",
            "details": {"text": "Tijdelijk niet beschikbaar, probeer het later opnieuw"},
            "diagnostics": "meldcode *",
        }
    ],
}


async def test_what_was_refused_for_want_of_a_record_is_counted(visitor: Visitor) -> None:
    text = (await visitor.operations("meerwijck", "/metrics")).text
    [line] = [line for line in text.splitlines() if line.startswith("nuts_pzp_not_recorded_total")]
    assert float(line.split()[1]) >= 3 * len(GOOD)


async def test_what_was_answered_before_a_sudden_death_is_on_record_after_it(visitor: Visitor) -> None:
    """kill -9 under load: no answer that anybody got is without its result, and the log goes on where it was."""
    stage, token = visitor.stage, await visitor.token("meerwijck")
    got: list[httpx.Response] = []

    async def ask() -> None:
        with contextlib.suppress(httpx.HTTPError):
            while True:
                got.append(await visitor.directives("meerwijck", "1", token))

    asking = [asyncio.create_task(ask()) for _ in range(8)]
    while len(got) < 40:
        await asyncio.sleep(0.01)
    os.kill(stage.pid("meerwijck"), signal.SIGKILL)
    await asyncio.gather(*asking)
    await stage.stop_gateways("meerwijck")
    await stage.start_gateways("meerwijck")

    results = Counter(one.correlation for one in visitor.records("meerwijck", "meerwijck") if one.code == RESULT)
    assert {answer.status_code for answer in got} == {200}
    assert {answer.headers["x-meldcode"]: results[answer.headers["x-meldcode"]] for answer in got} == {
        answer.headers["x-meldcode"]: 1 for answer in got
    }
    trail = visitor.records("meerwijck", "meerwijck")
    permits = {one.correlation for one in trail if one.code == "disclosure.decision" and one.word == "Toegestaan"}
    ended = {one.correlation for one in trail if one.code in (RESULT, "outcome.unknown")}
    assert permits <= ended, "what death cut off is written down as unknown"
    assert (await visitor.patient("meerwijck", POSTMA, token)).status_code == 200


async def test_after_all_that_the_log_still_verifies(visitor: Visitor) -> None:
    await visitor.stage.stop_gateways()
    verdicts = {log.tenant: log.verdict for log in visitor.verified("meerwijck").logs}
    assert verdicts == {"meerwijck": Verdict.OK, "system": Verdict.OK}
