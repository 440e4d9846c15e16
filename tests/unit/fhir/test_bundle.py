"""Bundles are read as they come; nothing a source sends makes the reader raise."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.fhir.bundle import Bundle, Resource, read_bundle
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason

BASE = "https://bron.example/fhir"


def _read(content: Any, base: str = BASE) -> Bundle:
    bundle = read_bundle(json.dumps(content).encode(), base)
    assert isinstance(bundle, Bundle)
    return bundle


def _bundle(*entries: Any, **more: Any) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": list(entries), **more}


def test_entries_keep_their_bytes_type_version_and_mode() -> None:
    raw = (
        b'{"resourceType":"Bundle","type":"searchset","total":1,"entry":[{"fullUrl":"https://bron.example/fhir/Goal/g",'
        b'"resource":{"resourceType":"Goal", "id":"g","meta":{"versionId":"3"},"x":1.10},"search":{"mode":"include"}}]}'
    )
    bundle = read_bundle(raw, BASE)
    assert isinstance(bundle, Bundle)
    assert bundle.type == "searchset"
    assert bundle.total == 1
    assert bundle.resources == (
        Resource(
            "Goal",
            "g",
            "3",
            "https://bron.example/fhir/Goal/g",
            "include",
            b'{"resourceType":"Goal", "id":"g","meta":{"versionId":"3"},"x":1.10}',
        ),
    )
    assert bundle.resources[0].reference == "Goal/g/_history/3"


def test_an_entry_without_full_url_gets_one_below_the_base() -> None:
    bundle = _read(_bundle({"resource": {"resourceType": "Goal", "id": "g"}}))
    assert bundle.resources[0].url == "https://bron.example/fhir/Goal/g"
    assert _read(_bundle({"resource": {"resourceType": "Goal", "id": "g"}}), "").resources[0].url == "Goal/g"


def test_a_single_resource_reads_as_a_bundle_of_one() -> None:
    bundle = _read({"resourceType": "Patient", "id": "p"})
    assert [resource.reference for resource in bundle.resources] == ["Patient/p"]


@pytest.mark.parametrize("more", [{}, {"fullUrl": 7}], ids=["sound", "odd"])
def test_only_an_operation_outcome_is_an_outcome(more: dict[str, Any]) -> None:
    """Outcomes are set apart from what was found: no record may be lost among them by its search mode."""
    entry = {"resource": {"resourceType": "Consent", "id": "1"}, "search": {"mode": "outcome"}, **more}
    bundle = _read({"resourceType": "Bundle", "entry": [entry]})
    assert bundle.resources[0].mode == "match"


def test_an_operation_outcome_is_an_outcome_whatever_its_search_mode_says() -> None:
    bundle = _read(_bundle({"resource": {"resourceType": "OperationOutcome"}, "search": {"mode": "match"}}))
    assert bundle.resources[0].mode == "outcome"


def test_transaction_and_collection_entries_count_as_match() -> None:
    for kind in ("transaction", "collection"):
        entry = {"resource": {"resourceType": "Goal", "id": "g"}, "request": {"method": "PUT", "url": "Goal/g"}}
        bundle = _read({"resourceType": "Bundle", "type": kind, "entry": [entry]})
        assert bundle.resources[0].mode == "match"


def test_nested_bundles_are_opened_with_their_links() -> None:
    inner = _bundle(
        {"resource": {"resourceType": "Goal", "id": "g"}},
        link=[{"relation": "next", "url": "https://bron.example/fhir?page=2"}],
    )
    bundle = _read(_bundle({"resource": inner}, {"resource": {"resourceType": "Patient", "id": "p"}}))
    assert [resource.reference for resource in bundle.resources] == ["Goal/g", "Patient/p"]
    assert bundle.link("next") == "https://bron.example/fhir?page=2"


def test_a_bundle_nested_too_deep_stays_closed_but_is_not_lost() -> None:
    content: dict[str, Any] = {"resourceType": "Goal", "id": "g"}
    for _ in range(8):
        content = _bundle({"resource": content})
    bundle = _read(content)
    assert [resource.type for resource in bundle.resources] == ["Bundle"]


def test_a_response_entry_without_resource_is_no_resource() -> None:
    assert _read(_bundle({"response": {"status": "201"}}, {"resource": None})).resources == ()


def test_no_entries_is_an_empty_bundle() -> None:
    assert _read({"resourceType": "Bundle", "type": "searchset"}).resources == ()


@pytest.mark.parametrize("resource", [[], "text", 7, True, {"id": "g"}, {"resourceType": 4, "id": []}])
def test_what_is_no_resource_is_kept_without_type(resource: Any) -> None:
    bundle = _read(_bundle({"fullUrl": "https://bron.example/fhir/Goal/g", "resource": resource}))
    assert [(one.type, one.url) for one in bundle.resources] == [("", "https://bron.example/fhir/Goal/g")]


@pytest.mark.parametrize("entry", ["text", 3, [], None])
def test_an_entry_that_is_no_object_is_kept_without_type(entry: Any) -> None:
    assert [one.type for one in _read(_bundle(entry)).resources] == [""]


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"not json",
        b"[]",
        b"{}",
        b"null",
        b'{"resourceType":7}',
        b'{"resourceType":""}',
        b'{"resourceType":"Bundle","entry":{}}',
        b'{"resourceType":"Bundle","entry":[1,',
        b'{"resourceType":"Patient","id":"\xff"}',
        b'{"resourceType":"Bundle"' + b',"x":' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    ],
)
def test_what_cannot_be_read_is_unavailable_and_not_empty(raw: bytes) -> None:
    bundle = read_bundle(raw, BASE)
    assert isinstance(bundle, Unavailable)
    assert bundle.reason is Reason.SOURCE_BROKEN


def test_odd_search_link_and_meta_shapes_are_survived() -> None:
    content = _bundle(
        {"resource": {"resourceType": "Goal", "id": "g", "meta": []}, "search": {"mode": {}}, "fullUrl": 4},
        link={"relation": "next"},
        total=True,
    )
    bundle = _read(content)
    assert bundle.resources[0].mode == "match"
    assert bundle.links == ()
    assert bundle.total is None


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(entry=_JSON, resource=_JSON, search=_JSON, link=_JSON, total=_JSON)
def test_no_shape_makes_the_reader_raise(entry: Any, resource: Any, search: Any, link: Any, total: Any) -> None:
    content = {
        "resourceType": "Bundle",
        "link": link,
        "total": total,
        "entry": [entry, {"resource": resource, "search": search, "fullUrl": link}],
    }
    assert isinstance(read_bundle(json.dumps(content).encode(), BASE), Bundle)


def test_one_odd_entry_changes_nothing_for_its_neighbours() -> None:
    """What has the shape of FHIR is read in one go, anything else entry by entry: with the same outcome."""
    sound = [
        {"fullUrl": f"{BASE}/Goal/g", "resource": {"resourceType": "Goal", "id": "g", "meta": {"versionId": "2"}}},
        {"resource": {"resourceType": "Patient", "id": "p"}, "search": {"mode": "include"}},
        {"resource": None},
        {"search": {"mode": "match"}},
        {"resource": _bundle({"resource": {"resourceType": "Consent", "id": "c"}})},
    ]
    whole = _read(_bundle(*sound)).resources
    assert [resource.reference for resource in whole] == ["Goal/g/_history/2", "Patient/p", "Consent/c"]
    odd: list[Any] = [7, {"fullUrl": None}, {"resource": {"id": 3}}, {"resource": []}, {"search": "match"}]
    for one in odd:
        assert _read(_bundle(*sound, one)).resources[: len(whole)] == whole


def test_a_resource_does_not_show_its_content() -> None:
    assert "Roelfien" not in repr(_read(_bundle({"resource": {"resourceType": "Patient", "name": "Roelfien"}})))
