"""`consent explain`: the chain of reasons, accounted for, and no question to Mitz unless told to (spec consent 7.3)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from nuts_pzp.sandbox.mitz import Choice, MitzTwin, Switches
from nuts_pzp.web.server import Server

OPERATOR = ("--operator", "m-3", "--operator-name", "T. Hofstra", "--operator-role", "functionaris")
USER = ("--user-ura", "90000444", "--user-type", "N6", "--role", "huisarts")


class OwnServer:
    """The holder's own FHIR server: knows one patient, perhaps."""

    def __init__(self) -> None:
        self.found: dict[str, Any] | None = {
            "resourceType": "Patient",
            "id": "p1",
            "identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999912008"}],
            "birthDate": "1950-03-04",
        }

    async def app(self, scope: Any, receive: Any, send: Any) -> None:
        await receive()
        entry = [{"resource": self.found, "search": {"mode": "match"}}] if self.found else []
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", **({"entry": entry} if entry else {})}
        body = json.dumps(bundle).encode()
        headers = [(b"content-type", b"application/fhir+json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


class Around:
    """What stands around the holder: its own server, and Mitz."""

    def __init__(self, own: OwnServer, twin: MitzTwin) -> None:
        self.own, self.twin = own, twin

    @property
    def mitz(self) -> dict[str, Any]:
        root = {"professional_id_root": "2.16.528.1.1007.3.1"}
        return {"kind": "mitz", "url": self.twin.url, "roles": {"huisarts": "01.015"}, **root}

    @property
    def questions(self) -> int:
        return len(self.twin.questions)


@pytest.fixture
async def around(office: Any) -> AsyncIterator[Around]:
    own = OwnServer()
    twin = MitzTwin(
        "", [Choice("999912008", "90000222", "GGC002", "90000444", "permit")], switches=Switches(mutual_tls=False)
    )
    servers = [Server(own.app, host="127.0.0.1", port=0), Server(twin.app, host="127.0.0.1", port=0)]
    office.own_server = f"http://127.0.0.1:{await servers[0].start()}/fhir"
    twin.url = f"http://127.0.0.1:{await servers[1].start()}"
    yield Around(own, twin)
    for server in servers:
        await server.stop(grace=0.1)


async def explained(office: Any, *words: str) -> tuple[int, dict[str, Any]]:
    done = await asyncio.to_thread(office.run, "explain", *USER, *OPERATOR, "--json", *words)
    assert "999912008" not in done.output
    return done.exit_code, json.loads(done.stdout)


async def test_a_local_permission_is_explained_with_its_choice(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "not-connected", "sources": [{"kind": "local"}]})
    async with office.gateway():
        said = await asyncio.to_thread(office.record, "--permit", "--user-type", "N6")
        code, found = await explained(office)
    assert (code, found["decision"], found["basis"]) == (0, "permit", "explicit-consent:local")
    [source] = found["sources"]
    assert (source["kind"], source["said"], source["specificity"]) == ("local", "permit", 2)
    assert source["evidence"] == [f"local: {said['id']}"]
    [choice] = found["choices"]
    assert (choice["id"], choice["user_types"], choice["accounted"]) == (said["id"], ["N6"], True)


async def test_what_an_objection_took_back_is_shown_not_to_count(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "not-connected", "sources": [{"kind": "local"}]})
    async with office.gateway():
        await asyncio.to_thread(office.record, "--permit", "--user-type", "N6")
        objection = await asyncio.to_thread(office.record, "--objection")
        await asyncio.to_thread(office.revoke, objection["id"])
        await asyncio.to_thread(office.record, "--permit", "--user-ura", "90000999")
        code, found = await explained(office)
        assert (code, found["decision"]) == (1, "unknown")
        assert [(one["effect"], one["withdrawn"], one["counts"]) for one in found["choices"]] == [
            ("permit", False, False), ("objection", True, False), ("permit", False, False),
        ]  # fmt: skip
        await asyncio.to_thread(office.record, "--permit", "--user-ura", "90000444")
        assert [one["counts"] for one in (await explained(office))[1]["choices"]] == [False, False, False, True]
        done = await asyncio.to_thread(office.run, "explain", *USER, *OPERATOR)
    assert done.stdout.count("does not count") == 3


async def test_without_a_patient_nobody_can_say_what_counts(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "not-connected", "sources": [{"kind": "local"}]})
    await asyncio.to_thread(office.record, "--objection")
    around.own.found = None
    assert [one["counts"] for one in (await explained(office))[1]["choices"]] == [None]


async def test_the_holder_does_not_ask_itself(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "not-connected", "sources": [{"kind": "local"}]})
    done = await asyncio.to_thread(office.run, "explain", *USER, *OPERATOR, "--user-ura", "90000222")
    assert (done.exit_code, "--user-ura: the holder itself" in done.stderr) == (2, True)


async def test_mitz_is_not_asked_unless_told_to(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "leading", "sources": [around.mitz, {"kind": "local"}]})
    code, found = await explained(office)
    assert (code, found["decision"], around.questions) == (1, "depends-on-mitz", 0)
    assert [(one["kind"], one["said"]) for one in found["sources"]] == [
        ("mitz-notified", "unknown"), ("local", "unknown"), ("mitz", "not-asked"),
    ]  # fmt: skip
    code, found = await explained(office, "--ask-mitz")
    assert (code, found["decision"], around.questions) == (0, "permit", 1)
    assert found["basis"] == "explicit-consent:mitz"


async def test_where_an_objection_stands_mitz_would_not_be_asked_either(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "leading", "sources": [around.mitz, {"kind": "local"}]})
    await asyncio.to_thread(office.record, "--objection")
    code, found = await explained(office, "--ask-mitz")
    assert (code, found["decision"], found["reason"], around.questions) == (1, "deny", "PZP-CONSENT-004", 0)
    assert found["sources"][-1]["why"] == "nothing it could say would change the outcome"


async def test_patient_unknown_uniform_and_mitz_not_asked(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "leading", "sources": [around.mitz]})
    around.own.found = None
    code, found = await explained(office, "--ask-mitz")
    assert (code, found["decision"], found["reason"], around.questions) == (1, "deny", "PZP-PATIENT-001", 0)


async def test_deceased(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "leading", "sources": [around.mitz]})
    assert around.own.found is not None
    around.own.found["deceasedBoolean"] = True
    code, found = await explained(office, "--ask-mitz")
    assert (code, found["reason"], around.questions) == (1, "PZP-PATIENT-002", 0)


async def test_who_looked_is_in_the_log(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "leading", "sources": [around.mitz]})
    await explained(office, "--ask-mitz")
    async with office.gateway():
        pass
    [record] = office.records("consent.explained")
    assert record["detail"] == {"asked_mitz": "yes", "user": "90000444 N6"}
    assert record["user"]["id"] == "m-3"
    assert record["patient"]["test"] is True


async def test_it_is_told_in_words_too(office: Any, around: Around) -> None:
    office.settle_in({"mitz": "leading", "sources": [around.mitz, {"kind": "local"}]})
    await asyncio.to_thread(office.record, "--permit", "--user-ura", "90000444")
    done = await asyncio.to_thread(office.run, "explain", *USER, *OPERATOR)
    assert "decision: depends-on-mitz" in done.stdout
    assert "not accounted for yet" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--purpose", "research"), "--purpose"),
        (("--user-ura", "x"), "--user-ura"),
        (("--user-type", "n6"), "--user-type"),
        (("--operator", ""), "--operator"),
    ],
)
def test_what_is_not_a_question_is_refused(office: Any, words: tuple[str, ...], said: str) -> None:
    done = office.run("explain", *USER, *OPERATOR, *words)
    assert done.exit_code == 2
    assert said in done.stderr
