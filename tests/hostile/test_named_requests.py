"""Each named attack at a real gateway: its answer, its record, and that nothing reached the holder's server."""

from __future__ import annotations

import importlib.util
import json
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from hostile.attack import DEAD, POSTMA, STRANGER, VERMEER, Attack
from hostile.scene import Scene
from hostile.table import TABLE
from staging import Raw

from nuts_pzp.cli.stage import Stage

pytestmark = pytest.mark.asyncio(loop_scope="module")

_UNIFORM = {
    401: '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"login","details":{"text":'
    '"Niet aangemeld"},"diagnostics":"meldcode %s"}]}',
    403: '{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"forbidden","details":{"text":'
    '"Toegang niet toegestaan"},"diagnostics":"meldcode %s"}]}',
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def scene(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Scene]:
    folder = tmp_path_factory.mktemp("hostile")
    async with Stage(folder, hospice="answers", gateways=("meerwijck", "providers")) as stage:
        made = await Scene.of(stage, folder)
        yield made
        await made.visitor.close()


async def test_there_are_more_than_two_hundred_and_no_two_of_a_name() -> None:
    assert len(TABLE) > 200
    assert [name for name, count in Counter((one.kind, one.name) for one in TABLE).items() if count > 1] == []


async def test_the_page_is_made_from_the_tables() -> None:
    spec = importlib.util.spec_from_file_location("attacks_page", Path(__file__).parents[2] / "tools/attacks.py")
    assert spec
    assert spec.loader
    attacks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(attacks)
    assert attacks.PAGE.read_text("utf-8") == attacks.page()


@pytest.mark.parametrize("attack", TABLE, ids=lambda one: f"{one.kind}: {one.name}")
async def test_it_is_answered_as_the_table_says_recorded_and_kept_from_the_server(attack: Attack, scene: Scene) -> None:
    scene.forget()
    answers = await scene.send(attack)
    assert tuple(one.status for one in answers) == attack.status
    reached(attack, scene)
    for answer in answers:
        tells_nothing(answer)
        if attack.log:
            on_record(attack, answer, scene)


def reached(attack: Attack, scene: Scene) -> None:
    """By the registers of the servers and of the citizen's choices."""
    if attack.reaches == "nothing":
        assert scene.reached == []
        assert list(scene.stage.region.mitz.questions) == []
    elif attack.reaches == "the look-up":
        assert scene.looked_up, scene.reached
    else:
        asked = [one for one in scene.reached if one.path == "/fhir/Consent"]
        assert [one.path for one in scene.reached if one.path not in ("/fhir/Consent", "/fhir/Patient/1")] == []
        assert [dict(one.parameters)["patient"] for one in asked] == ["Patient/1"]


def tells_nothing(answer: Raw) -> None:
    """No BSN, no other patient, and every 401 and 403 of the network door the same but for its meldcode."""
    for secret in (POSTMA, VERMEER, STRANGER, DEAD, b"Patient/6", b"elsewhere.example"):
        assert secret not in answer.body or answer.status == 200
    for secret in (VERMEER, b"Patient/6", b"elsewhere.example", b'"allow":true', b'"decision":true'):
        assert secret not in answer.body
    assert all(b"elsewhere" not in value.encode() for value in answer.headers.values())
    assert answer.headers["cache-control"] == "no-store"
    if answer.headers["content-type"] == "application/fhir+json" and answer.body:
        content = json.loads(answer.body)
        if answer.status in _UNIFORM:
            assert answer.body.decode() == _UNIFORM[answer.status] % answer.headers["x-meldcode"]
        elif answer.status != 200:
            assert (content["resourceType"], len(content["issue"])) == ("OperationOutcome", 1)
        owners = {entry["resource"].get("patient", {}).get("reference") for entry in content.get("entry", ())}
        assert owners <= {"Patient/1", None}


def on_record(attack: Attack, answer: Raw, scene: Scene) -> None:
    """One record with its reason before a refusal, two for what was answered."""
    found = scene.recorded(attack, answer)
    if answer.status == 200 and attack.door != "operations":
        assert [one.code for one in found] == ["disclosure.decision", "disclosure.result"]
        assert {one.record["outcome"]["kind"] for one in found} == {"permit"}
    else:
        assert [one.reason for one in found] == [attack.reason]
