"""Pages and ids of the facade: everything once, and nobody's id but one's own."""

from __future__ import annotations

import dataclasses
import time
from typing import Any

import pytest
from facade_pen import (
    BASE,
    CONSENTS,
    ME,
    RELATED,
    Client,
    M,
    W,
    directive,
    holds,
    matches,
    refusal,
)

from nuts_pzp.house import House
from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.values import replace
from nuts_pzp.web.ehr import EhrDoor


async def test_pages_follow_each_other_and_hold_everything_once(region: Any, client: Client) -> None:
    region.source(W, holds(*(directive(f"c{n}", "permit", f"20{n:02d}-01-01") for n in range(5))))
    region.source(M, holds(*(directive(f"c{n}", "deny", f"20{n:02d}-01-01") for n in range(4)), RELATED))
    id = await client.id()
    url, seen = CONSENTS.format(id) + "&_count=4", []
    for size in (4, 4, 1):
        page = await client(url)
        assert (page.json["total"], len(matches(page))) == (9, size)
        seen += [one["id"] for one in matches(page)]
        url = {one["relation"]: one["url"] for one in page.json["link"]}.get("next", "").removeprefix(f"{BASE}/")
    assert (len(set(seen)), url) == (9, "")


async def test_a_page_token_opens_for_nobody_else(region: Any, client: Client) -> None:
    region.source(W, holds(*(directive(f"c{n}", "permit", f"20{n:02d}-01-01") for n in range(3))))
    page = await client(CONSENTS.format(await client.id()) + "&_count=1")
    further = next(one["url"] for one in page.json["link"] if one["relation"] == "next").removeprefix(f"{BASE}/")
    assert (await client(further)).status == 200
    assert refusal(await client(further, headers=ME | {"x-professional-id": "k-18"})) == (403, "PZP-REQUEST-009")
    assert refusal(await client(further.replace("Consent", "Goal"))) == (403, "PZP-REQUEST-009")
    assert refusal(await client(further + "&_count=2")) == (400, "PZP-REQUEST-002")


async def test_a_client_that_says_its_format_with_every_request_can_turn_the_page(region: Any, client: Client) -> None:
    region.source(W, holds(*(directive(f"c{n}", "permit", f"20{n:02d}-01-01") for n in range(3))))
    page = await client(CONSENTS.format(await client.id()) + "&_count=1&_format=json")
    further = next(one["url"] for one in page.json["link"] if one["relation"] == "next").removeprefix(f"{BASE}/")
    second = await client(further + "&_format=application/fhir+json")
    assert len(matches(second)) == 1
    assert matches(second) != matches(page)
    assert refusal(await client(further + "&_format=xml")) == (406, "PZP-REQUEST-015")
    assert refusal(await client(further + "&_format=json&_count=2")) == (400, "PZP-REQUEST-002")


@pytest.mark.parametrize(
    ("who", "certificate"),
    [
        ({"x-professional-id": "k-18"}, b"der"),
        ({"x-professional-role": "verpleegkundige"}, b"der"),
        ({"x-purpose": "emergency", "x-purpose-reason": "no-time"}, b"der"),
    ],
)
async def test_an_id_of_another_is_no_id(region: Any, client: Client, who: dict[str, str], certificate: bytes) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    id = await client.id()
    refused = await client(CONSENTS.format(id), headers=ME | who, certificate=certificate)
    assert refusal(refused) == (404, "PZP-REQUEST-019")
    assert type(region.events[-1]).__name__ == "Denied"


async def test_an_id_of_another_client_or_tenant_is_no_id(region: Any, called: Any, house: Any) -> None:
    from prometheus_client import CollectorRegistry

    from nuts_pzp.web.meter import Meter

    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    here = house()
    there = dataclasses.replace(here, tenant=Tenant("meer", Organization(Ura("90000999"), "V6", "Meer")))
    houses = {one.tenant.id: House(one.tenant, None, one) for one in (here, there)}
    client = Client(called, EhrDoor(houses.get, region, "https://gw", Meter(CollectorRegistry())))
    id = await client.id()
    assert refusal(await client(CONSENTS.format(id), slug="meer")) == (404, "PZP-REQUEST-019")
    known = await region.verify(None)
    region.caller = replace(known, certificate="cd")
    assert refusal(await client(CONSENTS.format(id))) == (404, "PZP-REQUEST-019")
    await client.door.stop()


async def test_an_id_has_its_time(region: Any, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    id = await client.id()
    later = time.time() + 601
    monkeypatch.setattr("nuts_pzp.web.facade.time.time", lambda: later)
    assert refusal(await client(CONSENTS.format(id))) == (404, "PZP-REQUEST-019")
    assert refusal(await client(f"Patient/{id}")) == (404, "PZP-REQUEST-019")


async def test_an_id_of_a_replica_whose_clock_is_ahead_opens_here(
    region: Any, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    region.source(W, holds(directive("c1", "permit", "2023-05-09")))
    id, now = await client.id(), time.time()
    for behind, status in ((20, 200), (40, 404)):
        monkeypatch.setattr("nuts_pzp.web.facade.time.time", lambda at=now - behind: at)
        assert (await client(CONSENTS.format(id))).status == status
