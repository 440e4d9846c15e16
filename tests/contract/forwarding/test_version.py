"""The own server says which FHIR it speaks before it is asked for anything; STU3 is never read as R4."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.systems.fhir_server import build_records

GOALS = FhirRequest("search-type", "Goal", params=(("patient", ("Patient/p1",)),))


def statement(version: Any = "4.0.1", kind: str = "CapabilityStatement") -> bytes:
    return json.dumps({"resourceType": kind, "fhirVersion": version}).encode()


@pytest.fixture
async def records(around: Surroundings, upstream: Any) -> Any:
    made: list[Any] = []

    def make(**settings: Any) -> Any:
        made.append(build_records({"base": upstream.base, **settings}, around))
        return made[-1]

    yield make
    for one in made:
        await one.stop()


def targets(upstream: Any) -> list[str]:
    return [seen.target for seen in upstream.seen]


async def asked(upstream: Any) -> None:
    """Wait until a question has reached it."""
    async with asyncio.timeout(20):
        while not upstream.seen:
            await asyncio.sleep(0.005)


async def test_an_r4_server_is_asked_its_version_once_and_then_for_data(
    records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(statement()), reply()]
    server = records()
    for _ in range(3):
        assert isinstance(await server.send(GOALS), FhirAnswer)
    assert [target.partition("?")[0] for target in targets(upstream)] == ["/fhir/metadata"] + ["/fhir/Goal"] * 3


@pytest.mark.parametrize("version", ["3.0.1", "3.0.2", "1.0.2", "4.3.0", "5.0.0"])
async def test_another_version_is_refused_by_name_and_asked_nothing(
    version: str, records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(statement(version)), reply()]
    server = records()
    for _ in range(3):
        stop = await server.send(GOALS)
        assert isinstance(stop, Unavailable)
        assert stop.reason is Reason.SOURCE_VERSION
        assert ("STU3" if version.startswith("3") else version) in stop.detail
    assert targets(upstream) == ["/fhir/metadata"]


async def test_readiness_says_that_it_is_stu3(records: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(statement("3.0.2"))]
    said = await records().health()
    assert isinstance(said, Unavailable)
    assert (said.reason, said.detail) == (Reason.SOURCE_VERSION, "the own server speaks FHIR STU3, not R4")


@pytest.mark.parametrize(
    ("body", "how", "reason"),
    [
        (statement(None), {}, Reason.SOURCE_VERSION),
        (statement(""), {}, Reason.SOURCE_VERSION),
        (statement(["4.0.1"]), {}, Reason.SOURCE_VERSION),
        (statement("4.0.1", "OperationOutcome"), {}, Reason.SOURCE_VERSION),
        (b"<CapabilityStatement/>", {}, Reason.SOURCE_VERSION),
        (b"[" * 100_000, {}, Reason.SOURCE_VERSION),
        (b"", {}, Reason.SOURCE_VERSION),
        (statement(), {"status": "401 No"}, Reason.SOURCE_VERSION),
        (statement(), {"status": "404 No"}, Reason.SOURCE_VERSION),
        (statement(), {"status": "302 Elsewhere", "more": "location: /other\r\n"}, Reason.SOURCE_VERSION),
        (statement(), {"status": "503 Later"}, Reason.SOURCE_DOWN),
    ],
)
async def test_a_server_that_does_not_say_is_not_asked(
    body: bytes, how: dict[str, str], reason: Reason, records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(body, **how)]
    stop = await records().send(GOALS)
    assert isinstance(stop, Unavailable)
    assert stop.reason is reason
    assert targets(upstream) == ["/fhir/metadata"]


async def test_not_having_heard_it_is_not_remembered(records: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(status="503 Later"), reply(statement()), reply()]
    server = records()
    assert isinstance(await server.send(GOALS), Unavailable)
    assert isinstance(await server.send(GOALS), FhirAnswer)


async def test_many_at_once_ask_once_also_when_the_first_leaves(records: Any, upstream: Any, reply: Any) -> None:
    hold = asyncio.Event()

    async def slowly(writer: asyncio.StreamWriter) -> None:
        await hold.wait()
        writer.write(reply(statement()))

    upstream.script = [slowly, reply()]
    server = records()
    first, *rest = [asyncio.create_task(server.send(GOALS)) for _ in range(5)]
    await asked(upstream)
    first.cancel()
    hold.set()
    assert all(isinstance(one, FhirAnswer) for one in await asyncio.gather(*rest))
    assert targets(upstream).count("/fhir/metadata") == 1


async def test_the_start_asks_and_does_not_wait(records: Any, upstream: Any, reply: Any) -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    upstream.script = [never]
    server = records()
    await asyncio.wait_for(server.start(), 20)
    await asked(upstream)
    assert targets(upstream) == ["/fhir/metadata"]


async def test_stopping_answers_whoever_waits(records: Any, upstream: Any) -> None:
    async def never(writer: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    upstream.script = [never]
    server = records()
    waiting = asyncio.create_task(server.send(GOALS))
    await asked(upstream)
    await server.stop()
    assert (await asyncio.wait_for(waiting, 20)).reason is Reason.SOURCE_DOWN


async def test_readiness_notices_a_server_that_was_replaced(records: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(statement()), reply(), reply(statement("3.0.2")), reply()]
    server = records()
    assert isinstance(await server.send(GOALS), FhirAnswer)
    assert (await server.health()).reason is Reason.SOURCE_VERSION
    assert (await server.send(GOALS)).reason is Reason.SOURCE_VERSION


async def test_a_named_version_asks_nothing_first(records: Any, upstream: Any, reply: Any) -> None:
    assert isinstance(await records(fhir_version="R4").send(GOALS), FhirAnswer)
    assert targets(upstream) == ["/fhir/Goal?patient=Patient/p1"]


async def test_a_server_named_stu3_says_so_itself_before_it_is_asked(records: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(statement("3.0.2")), reply()]
    server = records(fhir_version="STU3")
    for _ in range(3):
        assert isinstance(await server.send(GOALS), FhirAnswer)
    assert [target.partition("?")[0] for target in targets(upstream)] == ["/fhir/metadata"] + ["/fhir/Goal"] * 3
    assert server.speaks == "stu3"


@pytest.mark.parametrize("version", ["4.0.1", "1.0.2", "5.0.0"])
async def test_a_server_named_stu3_that_says_another_version_is_asked_nothing(
    version: str, records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(statement(version)), reply()]
    server = records(fhir_version="STU3")
    for _ in range(2):
        stop = await server.send(GOALS)
        assert (stop.reason, stop.detail) == (
            Reason.SOURCE_VERSION,
            f"fhir_version is STU3, the server says {version}",
        )
    assert targets(upstream) == ["/fhir/metadata"]
    assert (await server.health()).reason is Reason.SOURCE_VERSION


async def test_a_server_named_stu3_may_keep_its_metadata_to_itself(records: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(status="401 No"), reply()]
    assert isinstance(await records(fhir_version="STU3").send(GOALS), FhirAnswer)


async def test_a_server_named_stu3_that_is_down_is_not_taken_at_its_name(
    records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(status="503 Later"), reply(statement("4.0.1")), reply()]
    server = records(fhir_version="STU3")
    assert (await server.send(GOALS)).reason is Reason.SOURCE_DOWN
    assert (await server.send(GOALS)).reason is Reason.SOURCE_VERSION


async def test_a_server_found_to_say_otherwise_than_its_name_is_asked_no_more_until_it_is_mended(
    records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(), reply(statement("3.0.2")), reply(statement("4.0.1")), reply()]
    server = records(fhir_version="R4")
    assert isinstance(await server.send(GOALS), FhirAnswer)
    await server.health()
    assert (await server.send(GOALS)).reason is Reason.SOURCE_VERSION
    await server.health()
    assert isinstance(await server.send(GOALS), FhirAnswer)


async def test_a_server_that_says_otherwise_than_its_name_shows_in_check(
    records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(statement("3.0.2"))]
    said = await records(fhir_version="R4").health()
    assert said.detail == "fhir_version is R4, the server says 3.0.2"


async def test_a_named_server_may_keep_its_metadata_to_itself(records: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(status="401 No")]
    assert await records(fhir_version="R4").health() == "answers"


@pytest.mark.parametrize(
    ("media", "good"),
    [
        ("application/fhir+json; fhirVersion=4.0", True),
        ('application/fhir+json;charset=utf-8;fhirVersion="4.0"', True),
        ("application/fhir+json; fhirVersion=3.0", False),
        ('application/fhir+json; FHIRVERSION="3.0"', False),
    ],
)
async def test_an_answer_in_another_version_is_not_read(
    media: str, good: bool, records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(media=media)]
    said = await records(fhir_version="R4").send(GOALS)
    assert isinstance(said, FhirAnswer) is good
    if not good:
        assert said.reason is Reason.SOURCE_VERSION


@pytest.mark.parametrize(("label", "good"), [("3.0", True), ("4.0", False)])
async def test_an_answer_of_a_stu3_server_is_labelled_stu3(
    label: str, good: bool, records: Any, upstream: Any, reply: Any
) -> None:
    upstream.script = [reply(statement("3.0.2")), reply(media=f"application/fhir+json; fhirVersion={label}")]
    assert isinstance(await records(fhir_version="STU3").send(GOALS), FhirAnswer) is good
