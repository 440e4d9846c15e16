"""The consultation body: what is wrong is named, what stands there is not repeated."""

from __future__ import annotations

import datetime
from typing import Any

import orjson
import pytest
from jsonschema_rs import Draft202012Validator

from nuts_pzp.exchange import Asked, Relation
from nuts_pzp.identity import Bsn, Professional, Purpose, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.schemas import schema
from nuts_pzp.web.asked import Question, Wrong, parse, read

GOOD: dict[str, Any] = {
    "patient": {"bsn": "999900006", "birthDate": "1941-03-09"},
    "professional": {"id": "k-17", "name": "M. Okker", "role": "huisarts"},
    "purpose": "treatment",
}


def test_the_least_that_can_be_asked() -> None:
    asked = parse(orjson.dumps(GOOD))
    assert asked == Asked(
        bsn=Bsn("999900006"),
        birth_date=datetime.date(1941, 3, 9),
        professional=Professional("k-17", "huisarts", "M. Okker"),
        purpose=Purpose.TREATMENT,
        reason=None,
        relation=None,
        targets=(),
        deadline=10.0,
        context="",
    )


def test_everything_that_can_be_asked() -> None:
    more = GOOD | {
        "relation": {"kind": "patient", "since": "2026-01-31"},
        "context": "visit",
        "sources": ["90000111", "90000222", "90000111"],
        "deadline_ms": 2500,
    }
    asked = parse(orjson.dumps(more))
    assert isinstance(asked, Asked)
    assert asked.relation == Relation("patient", datetime.date(2026, 1, 31))
    assert (asked.targets, asked.deadline) == ((Ura("90000111"), Ura("90000222")), 2.5)


def changed(path: str, value: Any) -> bytes:
    body: dict[str, Any] = orjson.loads(orjson.dumps(GOOD))
    *way, last = path.split(".")
    target = body
    for step in way:
        target = target[step]
    target[last] = value
    return orjson.dumps(body)


WRONG = {
    "not JSON": (b"{", "JSON"),
    "not UTF-8": (b'{"purpose":"\xff"}', "JSON"),
    "a list": (b"[]", "object"),
    "unknown key": (changed("patient.email", "x"), "email"),
    "bsn as number": (changed("patient.bsn", 999900006), "patient.bsn"),
    "bsn fails the eleven-test": (changed("patient.bsn", "999900007"), "patient.bsn"),
    "date that does not exist": (changed("patient.birthDate", "1941-02-30"), "patient.birthDate"),
    "date in another form": (changed("patient.birthDate", "09-03-1941"), "patient.birthDate"),
    "no such purpose": (changed("purpose", "curiosity"), "purpose"),
    "empty professional": (changed("professional.id", " "), "professional.id"),
    "control character in a name": (changed("professional.name", "a\nb"), "professional.name"),
    "too long a role": (changed("professional.role", "r" * 201), "professional.role"),
    "not a URA": (changed("sources", ["90000111x"]), "sources"),
    "named sources, and none": (changed("sources", []), "sources"),
    "too many sources": (changed("sources", ["90000111"] * 51), "sources"),
    "no time at all": (changed("deadline_ms", 5), "deadline_ms"),
    "too much time": (changed("deadline_ms", 60_001), "deadline_ms"),
    "more time than can be counted": (changed("deadline_ms", 0).replace(b":0", b":1" + b"0" * 400), "deadline_ms"),
    "no such context": (changed("context", "party"), "context"),
    "relation in free text": (changed("relation", {"kind": "Onze patiënt!"}), "relation.kind"),
}


@pytest.mark.parametrize(("body", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_body_is_refused_and_the_key_named(body: bytes, named: str) -> None:
    stop = parse(body)
    assert isinstance(stop, Deny)
    assert stop.reason in (Reason.BODY_MALFORMED, Reason.REQUEST_BSN)
    assert named in stop.detail
    assert "9999" not in stop.detail


@pytest.mark.parametrize(
    ("key", "named"),
    [("urgent", "urgent"), ("999930412", "?"), ("urgent`999930412", "?"), ("x` - at `$.999930412", "?")],
)
@pytest.mark.parametrize("where", ["", "patient"])
def test_a_key_is_named_only_when_it_cannot_be_a_number_of_somebody(key: str, named: str, where: str) -> None:
    body = orjson.loads(orjson.dumps(GOOD))
    (body[where] if where else body)[key] = 1
    wrong = read(orjson.dumps(body))
    assert isinstance(wrong, Wrong)
    assert [fault.key for fault in wrong.faults] == [f"{where}.{named}" if where else named]
    assert "9999" not in repr(wrong)


def test_every_wrong_key_is_named_at_once_in_two_languages() -> None:
    body = {
        "patient": {"bsn": "123", "birthDate": "yesterday"},
        "professional": {"id": "k-17", "name": 7},
        "relation": {"since": "2026-13-01"},
        "context": "party",
        "deadline_ms": True,
        "view": "all",
        "extra": 1,
    }
    wrong = read(orjson.dumps(body))
    assert isinstance(wrong, Wrong)
    assert [fault.key for fault in wrong.faults] == [
        "patient.bsn", "patient.birthDate", "professional.role", "professional.name", "purpose", "relation.kind",
        "relation.since", "context", "deadline_ms", "view", "extra",
    ]  # fmt: skip
    assert all(fault.nl and fault.en and fault.nl != fault.en for fault in wrong.faults)
    assert wrong.stop.reason is Reason.BODY_MALFORMED


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("context", "a text is expected"),
        ("relation", "an object is expected"),
        ("sources", "a list is expected"),
        ("localize", "true or false is expected"),
        ("patient", "an object is expected"),
        ("purpose", "a text is expected"),
    ],
)
def test_a_key_that_holds_null_is_there_and_wrong(path: str, expected: str) -> None:
    wrong = read(changed(path, None))
    assert isinstance(wrong, Wrong)
    assert [(fault.key, fault.en) for fault in wrong.faults] == [(path, expected)]


TRAPS = {
    "a key twice": (b'{"purpose":"treatment","purpose":"emergency"}', "twice"),
    "a key twice, deep": (b'{"patient":{"bsn":"1","bsn":"2"}}', "twice"),
    "no number": (b'{"deadline_ms":NaN}', "JSON"),
    "another encoding": ('{"purpose":1}'.encode("utf-16"), "JSON"),
    "deeper than anybody reads": (b"[" * 60_000, "JSON"),
    "a number of many digits": (b'{"deadline_ms":' + b"9" * 5_000 + b"}", "JSON"),
}


@pytest.mark.parametrize(("body", "said"), TRAPS.values(), ids=TRAPS.keys())
def test_a_body_that_two_readers_could_read_in_two_ways_is_none(body: bytes, said: str) -> None:
    stop = parse(body)
    assert isinstance(stop, Deny)
    assert said in stop.detail


SHAPES: list[tuple[str, Any]] = [
    ("patient", None),
    ("patient", []),
    ("patient.bsn", "12345678"),
    ("patient.bsn", None),
    ("patient.birthDate", "1941"),
    ("professional.id", ""),
    ("professional.id", "x" * 128),
    ("professional.id", "x" * 129),
    ("professional.name", None),
    ("purpose", "emergency"),
    ("purpose", ""),
    ("purpose", None),
    ("reason", "r" * 500),
    ("reason", "r" * 501),
    ("relation", {"kind": "gp"}),
    ("relation", {"kind": "GP"}),
    ("relation", {}),
    ("relation", {"kind": "gp", "since": "x"}),
    ("context", "other"),
    ("context", ""),
    ("sources", []),
    ("sources", ["1"] * 50),
    ("sources", ["1"] * 51),
    ("sources", [1]),
    ("sources", ["123456789"]),
    ("deadline_ms", 100),
    ("deadline_ms", 99),
    ("deadline_ms", 60_000),
    ("deadline_ms", 100.5),
    ("deadline_ms", "100"),
    ("view", "both"),
    ("view", "none"),
    ("more", 1),
    ("patient.more", 1),
]


@pytest.mark.parametrize(("path", "value"), SHAPES, ids=lambda one: str(one)[:30])
def test_the_published_schema_takes_what_the_door_takes(path: str, value: Any) -> None:
    body = changed(path, value)
    valid = Draft202012Validator(schema("consultation-1.json")).is_valid(orjson.loads(body))
    assert valid == isinstance(read(body), Question)


@pytest.mark.parametrize(("added", "localize"), [({}, False), ({"localize": True}, True), ({"localize": False}, False)])
def test_registers_are_asked_beside_the_named_sources_when_that_is_said(added: dict[str, Any], localize: bool) -> None:
    found = parse(orjson.dumps({**GOOD, "sources": ["90000222"], **added}))
    assert isinstance(found, Asked)
    assert found.localize is localize


def test_localize_is_true_or_false_and_nothing_like_it() -> None:
    found = parse(orjson.dumps({**GOOD, "localize": "yes"}))
    assert isinstance(found, Deny)
    assert "localize" in found.detail
