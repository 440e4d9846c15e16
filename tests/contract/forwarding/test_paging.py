"""A next link is followed on the server's own origin, below its own base, and nowhere else."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason

GOALS = FhirRequest("search-type", "Goal", params=(("patient", ("Patient/p1",)),))


def bundle(*links: tuple[str, str]) -> bytes:
    return json.dumps(
        {"resourceType": "Bundle", "link": [{"relation": relation, "url": url} for relation, url in links]}
    ).encode()


@pytest.mark.parametrize(
    ("link", "further"),
    [
        ("{base}?_getpages=abc&_getpagesoffset=20", "?_getpages=abc&_getpagesoffset=20"),
        ("{base}/Goal?patient=Patient/p1&page=2", "/Goal?patient=Patient/p1&page=2"),
        ("Goal?page=2", "/Goal?page=2"),
        ("?page=2", "?page=2"),
    ],
)
async def test_a_next_link_below_the_base_is_returned_relative(
    connect: Any, upstream: Any, reply: Any, link: str, further: str
) -> None:
    upstream.script = [reply(bundle(("self", "https://elsewhere.example/"), ("next", link.format(base=upstream.base))))]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, FhirAnswer)
    assert answer.next == further


async def test_the_next_page_is_fetched_where_it_is(connect: Any, upstream: Any, reply: Any) -> None:
    page = FhirRequest("search-type", "Goal", params=GOALS.params, continuation="?_getpages=abc&x=%7C")
    await connect(upstream.base).send(page)
    assert upstream.seen[0].target == "/fhir?_getpages=abc&x=%7C"


@pytest.mark.parametrize(
    "link",
    [
        "https://evil.example/fhir/Goal?page=2",
        "http://127.0.0.1:1/fhir/Goal?page=2",
        "//evil.example/fhir?page=2",
        "{base}-other/Goal?page=2",
        "{base}/../admin?page=2",
        "{base}/%2e%2e/admin?page=2",
        "{base}\\@evil.example/?page=2",
        "{origin}/admin?page=2",
        "/admin?page=2",
        "../admin?page=2",
        "http://user@{host}/fhir/Goal?page=2",
        "{base}/Goal?page=2#x",
        "{base}",
        "file:///etc/passwd",
        "{base}/Goal?page=2\n",
        "",
    ],
)
async def test_a_next_link_elsewhere_stops(connect: Any, upstream: Any, reply: Any, link: str) -> None:
    origin = upstream.base.removesuffix("/fhir")
    url = link.format(base=upstream.base, origin=origin, host=origin.removeprefix("http://"))
    upstream.script = [reply(bundle(("next", url)))]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_LINK


async def test_two_next_links_stop(connect: Any, upstream: Any, reply: Any) -> None:
    upstream.script = [reply(bundle(("next", f"{upstream.base}?page=2"), ("next", f"{upstream.base}?page=3")))]
    answer = await connect(upstream.base).send(GOALS)
    assert isinstance(answer, Unavailable)
    assert answer.reason is Reason.SOURCE_LINK
