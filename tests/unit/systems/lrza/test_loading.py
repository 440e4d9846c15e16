"""Copying the directory: order of requests, links, waiting, watermark."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest

from nuts_pzp.outside import Heard, Trouble
from nuts_pzp.systems.lrza.loading import Copier, RoundFailed
from nuts_pzp.systems.lrza.replica import Replica

BASE = "https://lrza.example/fhir"
T0, T1 = "2026-11-01T10:00:00.000Z", "2026-11-01T10:00:05.000Z"
URA = "http://fhir.nl/fhir/NamingSystem/ura"


def organization(name: str, at: str = "2026-10-01T00:00:00Z", version: str = "1") -> dict[str, Any]:
    return {
        "resourceType": "Organization",
        "id": "o1",
        "meta": {"lastUpdated": at, "versionId": version},
        "identifier": [{"system": URA, "value": "90000222"}],
        "name": name,
    }


def page(*resources: dict[str, Any], stamp: str = T0, following: str | None = None, **more: Any) -> Heard:
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": stamp},
        "entry": [{"resource": resource} for resource in resources],
        "link": [{"relation": "next", "url": following}] if following else [],
    }
    return Heard(200, {}, json.dumps(bundle | more).encode())


class Asked:
    """A directory that gives these answers by path, an empty page for any other, and remembers what was asked."""

    def __init__(self) -> None:
        self.answers: dict[str, list[Heard | Trouble]] = {}
        self.paths: list[str] = []
        self.pauses: list[float] = []

    def on(self, path: str, *answers: Heard | Trouble) -> Asked:
        self.answers[path] = list(answers)
        return self

    async def send(self, method: str, path: str, *, headers: Mapping[str, str]) -> Heard | Trouble:
        self.paths.append(path)
        scripted = self.answers.get(path)
        if not scripted:
            return page()
        return scripted.pop(0) if len(scripted) > 1 else scripted[0]

    async def close(self) -> None:
        self.paths.append("closed")

    async def pause(self, seconds: float) -> None:
        self.pauses.append(seconds)

    def copier(self) -> Copier:
        return Copier(lambda: self, BASE, pause=self.pause)  # type: ignore[arg-type, return-value]


def names(replica: Replica) -> list[str]:
    return [listing.name for listing in replica.listings("90000222")]


async def test_a_load_takes_each_type_in_order_and_then_what_changed_since_the_very_first_page() -> None:
    directory = Asked().on("/fhir/Organization", page(stamp=T0)).on("/fhir/Endpoint", page(stamp=T1))
    since = "_since=2026-11-01T10%3A00%3A00.000Z"
    history = f"/fhir/Organization/_history?{since}"
    directory.on(history, page(stamp=T1))
    _, watermark = await directory.copier().load()
    assert directory.paths == [
        "/fhir/Organization",
        "/fhir/HealthcareService",
        "/fhir/Endpoint",
        history,
        f"/fhir/HealthcareService/_history?{since}",
        f"/fhir/Endpoint/_history?{since}",
    ]
    assert watermark == T1


async def test_next_links_are_followed_at_the_same_origin_relative_ones_too() -> None:
    directory = Asked()
    directory.on("/fhir/Organization", page(following="https://lrza.example:443/other/path?page=2"))
    directory.on("/other/path?page=2", page(organization("Meerwijck"), following="?page=3"))
    replica, _ = await directory.copier().load()
    assert directory.paths[:3] == ["/fhir/Organization", "/other/path?page=2", "/other/path?page=3"]
    assert names(replica) == ["Meerwijck"]


@pytest.mark.parametrize(
    "link",
    [
        "https://elsewhere.example/fhir/Organization?page=2",
        "http://lrza.example/fhir/Organization?page=2",
        "https://lrza.example:8443/fhir?page=2",
        "https://user@lrza.example/fhir?page=2",
        "//elsewhere.example/fhir",
        "https://[broken",
    ],
)
async def test_a_next_link_to_another_origin_ends_the_round(link: str) -> None:
    directory = Asked().on("/fhir/Organization", page(following=link))
    with pytest.raises(RoundFailed, match="somewhere else"):
        await directory.copier().load()


async def test_pages_that_lead_back_to_themselves_end_the_round() -> None:
    directory = Asked().on("/fhir/Organization", page(following=f"{BASE}/Organization"))
    with pytest.raises(RoundFailed, match="do not end"):
        await directory.copier().load()


async def test_history_comes_newest_first_and_the_newest_stays() -> None:
    directory = Asked()
    newest_first = page(organization("nieuw", T1, "2"), organization("oud", T0, "1"))
    directory.on("/fhir/Organization/_history?_since=x", newest_first)
    replica = Replica()
    await directory.copier().refresh(replica, "x")
    assert names(replica) == ["nieuw"]


async def test_of_two_versions_without_a_time_the_first_in_the_history_stays() -> None:
    bare = [{**organization(name), "meta": {}} for name in ("nieuw", "oud")]
    directory = Asked().on("/fhir/Organization/_history?_since=x", page(*bare))
    replica = Replica()
    await directory.copier().refresh(replica, "x")
    assert names(replica) == ["nieuw"]


async def test_the_same_round_twice_changes_nothing() -> None:
    directory = Asked().on("/fhir/Organization/_history?_since=x", page(organization("Meerwijck")))
    replica = Replica()
    await directory.copier().refresh(replica, "x")
    once = replica.dump("o", "", 0.0)
    await directory.copier().refresh(replica, "x")
    assert replica.dump("o", "", 0.0) == once


async def test_a_deletion_in_the_history_of_an_older_directory_removes_the_entry() -> None:
    deleted = json.dumps(
        {"resourceType": "Bundle", "entry": [{"request": {"method": "DELETE", "url": "Organization/o1"}}]}
    )
    directory = Asked().on("/fhir/Organization/_history?_since=x", page(organization("Meerwijck")))
    replica = Replica()
    await directory.copier().refresh(replica, "x")
    directory.on("/fhir/Organization/_history?_since=x", Heard(200, {}, deleted.encode()))
    await directory.copier().refresh(replica, "x")
    assert names(replica) == []


async def test_the_watermark_stays_when_a_type_fails() -> None:
    directory = Asked().on("/fhir/Endpoint/_history?_since=x", Heard(403, {}, b""))
    with pytest.raises(RoundFailed, match="403"):
        await directory.copier().refresh(Replica(), "x")


async def test_a_watermark_without_a_new_time_stays_as_it_was() -> None:
    directory = Asked()
    for kind in ("Organization", "HealthcareService", "Endpoint"):
        directory.on(f"/fhir/{kind}/_history?_since=x", page(meta={}))
    assert await directory.copier().refresh(Replica(), "x") == "x"


async def test_a_directory_that_throttles_is_asked_again_when_it_said() -> None:
    throttled = Heard(429, {"retry-after": "17"}, b"")
    directory = Asked().on("/fhir/Organization", throttled, page(organization("Meerwijck")))
    replica, _ = await directory.copier().load()
    assert directory.pauses == [17.0]
    assert names(replica) == ["Meerwijck"]


async def test_waiting_is_never_longer_than_an_hour_and_a_date_in_the_past_is_no_wait() -> None:
    long = Heard(429, {"retry-after": "999999"}, b"")
    past = Heard(503, {"retry-after": "Wed, 01 Jan 2020 00:00:00 GMT"}, b"")
    directory = Asked().on("/fhir/Organization", long, past, page())
    await directory.copier().load()
    assert directory.pauses == [3600.0, 0.0]


async def test_passing_failures_are_tried_four_times_with_doubling_waits() -> None:
    directory = Asked().on("/fhir/Organization", Trouble.TIMEOUT)
    with pytest.raises(RoundFailed, match="timeout"):
        await directory.copier().load()
    assert directory.paths == ["/fhir/Organization"] * 4
    assert directory.pauses == [1.0, 2.0, 4.0]


@pytest.mark.parametrize("answer", [Heard(404, {}, b""), Trouble.TLS, Trouble.ADDRESS, Trouble.OVERSIZE])
async def test_lasting_failures_are_not_repeated(answer: Heard | Trouble) -> None:
    directory = Asked().on("/fhir/Organization", answer)
    with pytest.raises(RoundFailed):
        await directory.copier().load()
    assert directory.paths == ["/fhir/Organization"]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[" * 200_000, b"[]", b'{"resourceType":"Organization"}', b'{"resourceType":"Bundle","entry":7}'],
)
async def test_an_answer_that_is_no_bundle_ends_the_round(body: bytes) -> None:
    directory = Asked().on("/fhir/Organization", Heard(200, {}, body))
    with pytest.raises(RoundFailed):
        await directory.copier().load()


async def test_a_load_without_any_time_on_its_pages_fails_for_nothing_could_follow_it() -> None:
    directory = Asked()
    for kind in ("Organization", "HealthcareService", "Endpoint"):
        directory.on(f"/fhir/{kind}", page(meta={}))
    with pytest.raises(RoundFailed, match="no time"):
        await directory.copier().load()
