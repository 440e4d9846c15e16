"""The twin's half of the correspondence: as strict as the guide, as talkative and as clumsy as it is told to be."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import httpx
import pytest

from nuts_pzp.identity import Bsn, Ura
from nuts_pzp.sandbox.authority import Authority
from nuts_pzp.sandbox.mitz import Choice, MitzTwin, Switches
from nuts_pzp.sandbox.mitz.control import control_app
from nuts_pzp.sandbox.mitz.subscribed import PATH, Wrong, read
from nuts_pzp.systems.mitz.question import Party
from nuts_pzp.systems.mitz.subscription import Channel, Wish, build

BSN = "999912008"
CHANNEL = Channel("https://127.0.0.1:1/notify", "json", "2.999.2.1", "2.999.2.2")
WISH = Wish(Bsn(BSN), Party(Ura("90000222"), "V6"))
HEADERS = {"content-type": "application/fhir+json", "x-request-id": "1"}
DENY = Choice(BSN, "90000222", "GGC002", "RPZAC104", "deny")


@pytest.fixture
async def twin(tmp_path: Path) -> AsyncIterator[MitzTwin]:
    roots = Authority(tmp_path, "Sandbox").root_file
    one = MitzTwin("https://mitz.example", switches=Switches(mutual_tls=False), trust=roots)
    yield one
    await one.close()


@pytest.fixture
async def client(twin: MitzTwin) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(twin.app), base_url=twin.url) as one:
        yield one


@pytest.fixture
async def control(twin: MitzTwin) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(control_app(twin)), base_url="http://control") as one:
        yield one


@pytest.mark.parametrize("form", ["json", "xml"])
def test_what_our_client_writes_is_a_subscription(form: Any) -> None:
    found = read(build(WISH, replace(CHANNEL, format=form)), f"application/fhir+{form}")
    assert (found.bsn, found.provider, found.type, found.payload) == (BSN, "90000222", "V6", form)


def edited(change: Callable[[dict[str, Any]], object]) -> bytes:
    document = json.loads(build(WISH, CHANNEL))
    change(document)
    return json.dumps(document).encode()


WRONG: dict[str, tuple[Callable[[dict[str, Any]], object], int]] = {
    "active at once": (lambda d: d.update(status="active"), 400),
    "another reason": (lambda d: d.update(reason="x"), 400),
    "no criteria": (lambda d: d.pop("criteria"), 400),
    "other criteria": (lambda d: d.update(criteria=d["criteria"].replace("_query=otv", "_query=x")), 400),
    "two patients": (lambda d: d.update(criteria=d["criteria"] + f"&patientid={BSN}"), 400),
    "a URA of seven digits": (lambda d: d.update(criteria=d["criteria"].replace("90000222", "9000022")), 400),
    "a BSN that is none": (lambda d: d.update(criteria=d["criteria"].replace(BSN, "123456789")), 422),
    "a type that is none": (lambda d: d.update(criteria=d["criteria"].replace("=V6", "=QQ")), 422),
    "plain http": (lambda d: d["channel"].update(endpoint="http://127.0.0.1/"), 400),
    "another payload": (lambda d: d["channel"].update(payload="text/plain"), 400),
    "no systems": (lambda d: d.update(extension=[]), 400),
    "a bare OID": (lambda d: d["extension"][0].update(valueOid="2.999.1"), 400),
    "another resource": (lambda d: d.update(resourceType="Consent"), 400),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_is_not_quite_one_is_refused(name: str) -> None:
    change, status = WRONG[name]
    with pytest.raises(Wrong) as refused:
        read(edited(change), "application/fhir+json")
    assert refused.value.status == status


async def test_subscribing_is_accepted_queued_and_ended(client: Any, control: Any, twin: MitzTwin) -> None:
    await control.patch("/subscriptions", json={"lazy": True})
    first = await client.post(PATH, content=build(WISH, CHANNEL), headers=HEADERS)
    again = await client.post(PATH, content=build(WISH, CHANNEL), headers=HEADERS)
    assert (first.status_code, first.headers["location"]) == (202, again.headers["location"])
    told = (await client.get(f"{PATH}/$processingStatus?providerid=90000222", headers=HEADERS)).json()
    assert told["parameter"] == [{"name": "queued", "valueInteger": 2}]
    id = first.headers["location"].removeprefix("Subscription/")
    assert (await client.delete(f"{PATH}/{id}", headers=HEADERS)).status_code == 204
    assert (await client.delete(f"{PATH}/{id}", headers=HEADERS)).status_code == 404
    assert (await control.get("/subscriptions")).json() == {"held": [], "queued": 2, "received": 2}


async def test_without_a_request_id_or_a_certificate_nothing_is_taken(client: Any, twin: MitzTwin) -> None:
    bare = {"content-type": "application/fhir+json"}
    assert (await client.post(PATH, content=build(WISH, CHANNEL), headers=bare)).status_code == 400
    twin.switches.mutual_tls = True
    assert (await client.post(PATH, content=build(WISH, CHANNEL), headers=HEADERS)).status_code == 401
    assert twin.book.held == {}


async def test_faults_come_as_often_as_they_are_set(client: Any, control: Any) -> None:
    fault = {"kind": "status", "status": 429, "retry_after": "7", "times": 1}
    assert (await control.post("/subscription-faults", json=fault)).status_code == 204
    throttled = await client.post(PATH, content=build(WISH, CHANNEL), headers=HEADERS)
    assert (throttled.status_code, throttled.headers["retry-after"]) == (429, "7")
    assert (await client.post(PATH, content=build(WISH, CHANNEL), headers=HEADERS)).status_code == 202
    assert (await control.post("/subscription-faults", json={"kind": "x", "y": 1})).status_code == 400


async def test_a_choice_is_told_to_those_it_concerns_in_the_manner_that_was_asked_for(
    client: Any, control: Any, twin: MitzTwin, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[str] = []

    async def send(one: Any) -> Any:
        sent.append(one.provider)
        return one

    assert twin.channel is not None
    monkeypatch.setattr(twin.channel, "send", send)
    for ura, type in (("90000222", "V6"), ("90000111", "Z3"), ("90000333", "T2")):
        wish = replace(WISH, holder=Party(Ura(ura), type))
        await client.post(PATH, content=build(wish, CHANNEL), headers=HEADERS)
    await twin.choose(DENY)
    await twin.choose(replace(DENY, holder="RPZAC001"))
    assert sent == ["90000222", "90000111"], "by URA, and by the category of its type"
    assert (await control.patch("/notifications", json={"duplicates": 2})).status_code == 200
    await twin.choose(DENY)
    assert sent[2:] == ["90000222"] * 3
    await control.patch("/notifications", json={"duplicates": 0, "held": True})
    await twin.choose(DENY)
    await twin.choose(replace(DENY, holder="90000333"))
    assert (await control.get("/notifications")).json()["waiting"] == 2
    await control.post("/notifications")
    assert sent[5:] == ["90000333", "90000222"], "newest first"
    assert (await control.patch("/notifications", json={"loud": True})).status_code == 400


async def test_a_new_choice_takes_the_place_of_the_former(control: Any, twin: MitzTwin) -> None:
    for effect in ("permit", "deny"):
        await control.post("/choices", json=asdict(replace(DENY, effect=effect)))  # type: ignore[arg-type]
    assert [one.effect for one in twin.choices] == ["deny"]
