"""Of one resource only the newest version counts; what cannot be told apart is kept twice, never chosen (spec 3.6)."""

from __future__ import annotations

import itertools
import json

from nuts_pzp.fhir.bundle import Bundle, Resource, read_bundle
from nuts_pzp.overview.returned import once

HERE, THERE = "https://a.example/fhir/Consent/c", "https://b.example/fhir/Consent/c"


def _resource(text: str, version: str = "", updated: str = "", url: str = "", spaced: bool = False) -> Resource:
    meta = {**({"versionId": version} if version else {}), **({"lastUpdated": updated} if updated else {})}
    content = {"resourceType": "Consent", "id": "c", "text": text, **({"meta": meta} if meta else {})}
    entry = {"resource": content, **({"fullUrl": url} if url else {})}
    raw = json.dumps({"resourceType": "Bundle", "entry": [entry]}, indent=1 if spaced else None)
    bundle = read_bundle(raw.encode(), "")
    assert isinstance(bundle, Bundle)
    return bundle.resources[0]


def _texts(*given: Resource) -> list[str]:
    """What is kept, which must be the same in every order of arrival."""
    seen = {
        tuple(sorted(json.loads(one.raw)["text"] for one in once(order))) for order in itertools.permutations(given)
    }
    assert len(seen) == 1
    return list(seen.pop())


def test_the_highest_version_number_counts() -> None:
    assert _texts(_resource("ten", "10"), _resource("nine", "9")) == ["ten"]


def test_without_numbers_the_last_update_counts() -> None:
    old, new = _resource("old", "ab", "2025-01-01T00:00:00Z"), _resource("new", "aa", "2025-01-01T12:00:00+01:00")
    assert _texts(old, new) == ["new"]


def test_what_cannot_be_ordered_is_kept_twice() -> None:
    assert _texts(_resource("one"), _resource("other")) == ["one", "other"]
    assert _texts(_resource("one", "2"), _resource("other")) == ["one", "other"]
    assert _texts(_resource("one", "2"), _resource("other", "2")) == ["one", "other"]
    assert _texts(_resource("one", updated="2025"), _resource("other", updated="morgen")) == ["one", "other"]


def test_the_same_content_is_one_resource_however_it_is_spaced() -> None:
    assert _texts(_resource("one"), _resource("one", spaced=True), _resource("one")) == ["one"]


def test_one_id_at_two_servers_is_two_resources() -> None:
    assert _texts(_resource("one", "1", url=HERE), _resource("other", "2", url=THERE)) == ["one", "other"]


def test_one_without_url_goes_with_the_only_place_there_is() -> None:
    assert _texts(_resource("one", "1", url=HERE), _resource("other", "2")) == ["other"]
    three = (_resource("one", "1", url=HERE), _resource("other", "1", url=THERE), _resource("third", "2"))
    assert _texts(*three) == ["one", "other", "third"]


def test_resources_without_an_id_are_each_their_own() -> None:
    idless = [Resource("Consent", "", "", "", "match", raw) for raw in (b'{"a":1}', b'{"a":2}', b'{"a":1}')]
    assert [one.raw for one in once(idless)] == [b'{"a":1}', b'{"a":2}']
