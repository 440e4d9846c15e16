"""The region's file: what it says, and when it is not to be used (spec consent 7.2, 6.3 row 19; 8: 88, 97 to 100)."""

from __future__ import annotations

import asyncio
import json
from datetime import date, datetime, timedelta
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from structlog.testing import capture_logs

from nuts_pzp.identity import Organization, Ura
from nuts_pzp.outcome import Deny, Permit, Unavailable, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.regional_consent.document import sign

HOSPITAL = Organization(Ura("90000999"), "V6", "Een ander ziekenhuis")


async def refused(region: Any) -> str:
    """The class of refusal; the source's answer is that of row 19."""
    verdict = await region.ask()
    assert isinstance(verdict.outcome, Unavailable), verdict
    assert verdict.outcome.reason is Reason.CONSENT_STATIC_INVALID
    assert not verdict.explicit
    return str(verdict.outcome.detail)


async def test_a_permit_comes_with_the_entry_and_the_file_as_evidence(region: Any) -> None:
    region.put(region.signed(region.entry()))
    verdict = await region.ask()
    assert isinstance(verdict.outcome, Permit)
    assert verdict.outcome.basis == "explicit-consent:regional_consent"
    assert verdict.outcome.evidence[0].reference == "e1"
    assert len(verdict.outcome.evidence[0].digest) == 64
    assert (verdict.explicit, verdict.specificity, verdict.cacheable_for) == (True, 3, 0.0)


async def test_a_choice_by_type_is_less_specific(region: Any) -> None:
    region.put(region.signed(region.entry(requester={"org_types": ["N6", "Z3"]})))
    assert (await region.ask()).specificity == 2
    assert (await region.ask(HOSPITAL)).outcome == Unknown(Reason.CONSENT_NONE)


async def test_who_is_not_in_it_is_no_opinion(region: Any) -> None:
    region.put(region.signed(region.entry()))
    assert (await region.ask(bsn="999912033")).outcome == Unknown(Reason.CONSENT_NONE)
    assert (await region.ask(HOSPITAL)).outcome == Unknown(Reason.CONSENT_NONE)


async def test_a_choice_about_another_holder_is_none_here(region: Any) -> None:
    region.put(region.signed(region.entry(holder_ura="90000333"), region.entry("deny", id="e2", holder_ura="90000333")))
    assert (await region.ask()).outcome == Unknown(Reason.CONSENT_NONE)


async def test_deny_before_permit(region: Any) -> None:
    region.put(region.signed(region.entry(), region.entry("deny", id="e2", requester={"org_types": ["N6"]})))
    verdict = await region.ask()
    assert isinstance(verdict.outcome, Deny)
    assert (verdict.outcome.reason, verdict.outcome.evidence[0].reference) == (Reason.CONSENT_OBJECTION, "e2")
    assert (verdict.explicit, verdict.specificity) == (True, 2)


async def test_an_objection_to_part_of_it_is_one_to_all_of_it(region: Any) -> None:
    region.put(region.signed(region.entry(), region.entry("deny", id="e2", data_categories=["GGC013"])))
    assert isinstance((await region.ask()).outcome, Deny)


@pytest.mark.parametrize(
    ("since", "until", "holds"),
    [("2026-11-23", None, False), ("2026-01-01", "2026-11-21", False), ("2026-01-01", "2026-11-22", True)],
)
async def test_expired_period(region: Any, since: str, until: str | None, holds: bool) -> None:
    region.put(region.signed(region.entry(valid_from=since, valid_to=until)))
    assert isinstance((await region.ask()).outcome, Permit) is holds


@pytest.mark.parametrize(
    ("born", "since", "now", "holds"),
    [
        (date(2014, 11, 29), "2020-03-01", "2026-11-28T12:00:00Z", True),
        (date(2014, 11, 29), "2020-03-01", "2026-11-28T22:30:00Z", False),
        (date(2014, 11, 29), "2020-03-01", "2026-11-29T12:00:00Z", False),
        (date(2014, 11, 29), "2026-11-29", "2030-11-28T12:00:00Z", True),
        (date(2014, 11, 29), "2026-11-29", "2030-11-29T12:00:00Z", False),
        (date(2014, 11, 29), "2030-11-29", "2050-01-01T12:00:00Z", True),
        (date(2012, 2, 29), "2020-03-01", "2024-02-28T12:00:00Z", True),
        (date(2012, 2, 29), "2020-03-01", "2024-02-29T12:00:00Z", False),
        (date(2014, 11, 29), "2010-01-01", "2026-11-29T12:00:00Z", False),
        (None, "2020-03-01", "2050-01-01T12:00:00Z", True),
    ],
)
async def test_whoever_spoke_for_a_child_is_outgrown(
    region: Any, born: date | None, since: str, now: str, holds: bool
) -> None:
    """Nobody wrote an end: the holder's own birth date gives it (spec consent 5 item 5)."""
    region.now = datetime.fromisoformat(now)
    region.put(region.signed(region.entry(valid_from=since)))
    assert isinstance((await region.ask(born=born)).outcome, Permit) is holds
    region.put(region.signed(region.entry("deny", valid_from=since), serial=43))
    assert isinstance((await region.ask(born=born)).outcome, Deny), "an objection does not end by age"


async def test_an_end_that_was_written_before_the_birthday_counts(region: Any) -> None:
    region.put(region.signed(region.entry(valid_from="2020-01-01", valid_to="2026-11-21")))
    assert (await region.ask(born=date(2018, 1, 1))).outcome == Unknown(Reason.CONSENT_NONE)


async def test_static_bad_signature(region: Any) -> None:
    honest = json.loads(region.signed(region.entry("deny")))
    for change in (
        {"entries": []},
        {"serial": 43},
        {"not_after": "2026-12-04T00:00:00Z"},
        {"signature": {**honest["signature"], "value": "A" * 86 + "=="}},
        {"signature": {**honest["signature"], "alg": "none"}},
        {"signature": None},
    ):
        region.put(json.dumps(honest | change).encode())
        assert await refused(region) == "bad-signature"
    region.put(sign(region.content(region.entry()), Ed25519PrivateKey.generate(), "rso-2026"))
    assert await refused(region) == "bad-signature"
    region.put(sign(region.content(region.entry()), region.key, "rso-2025"))
    assert await refused(region) == "unknown-key"
    del honest["signature"]
    region.put(json.dumps(honest).encode())
    assert await refused(region) == "bad-signature"


async def test_a_file_may_say_what_its_pseudonyms_are_and_what_was_signed(region: Any) -> None:
    signed = json.loads(region.signed(region.entry(), pseudonym={**region.content()["pseudonym"], "note": "HMAC"}))
    over = {**signed["signature"], "over": "JCS(document without signature)"}
    region.put(json.dumps(signed | {"signature": over}).encode())
    assert isinstance((await region.ask()).outcome, Permit)
    region.source = region.holder()
    region.put(json.dumps(signed | {"signature": over | {"over": "entries"}}).encode())
    assert await refused(region) == "bad-signature"


async def test_static_expired(region: Any) -> None:
    region.put(region.signed(region.entry()))
    assert isinstance((await region.ask()).outcome, Permit)
    region.now += timedelta(days=7)
    assert await refused(region) == "expired"
    region.source = region.holder()
    assert await refused(region) == "expired"


async def test_static_serial_rollback(region: Any) -> None:
    older, newer = region.signed(region.entry(), serial=41), region.signed(region.entry("deny"), serial=42)
    region.put(newer)
    assert isinstance((await region.ask()).outcome, Deny)
    region.put(older)
    assert isinstance((await region.ask()).outcome, Deny), "the newer one stays in force"
    region.source = region.holder()
    assert await refused(region) == "rollback", "and is remembered after a new start"


async def test_another_file_of_the_same_serial_is_a_rollback_too(region: Any) -> None:
    region.put(region.signed(region.entry()))
    await region.ask()
    region.source = region.holder()
    region.put(region.signed(region.entry("deny")))
    assert await refused(region) == "rollback"


@pytest.mark.parametrize(
    "requester", [{}, {"uras": []}, {"org_types": []}, {"org_types": ["*"]}, {"uras": ["*"]}, {"everyone": True}]
)
async def test_static_wildcard_rejected(region: Any, requester: dict[str, Any]) -> None:
    region.put(region.signed(region.entry(requester=requester)))
    assert (await refused(region)).startswith("schema:entries.0.requester")


async def test_a_newer_serial_takes_effect_at_the_next_question(region: Any) -> None:
    region.put(region.signed(region.entry(), serial=42))
    assert isinstance((await region.ask()).outcome, Permit)
    region.put(region.signed(serial=43))
    assert (await region.ask()).outcome == Unknown(Reason.CONSENT_NONE), "prompt revocation"


async def test_a_refused_file_leaves_the_old_one_until_its_own_end(region: Any) -> None:
    region.put(region.signed(region.entry()))
    assert isinstance((await region.ask()).outcome, Permit)
    with capture_logs() as lines:
        for raw in (b"{}", b"", b"not json"):
            region.put(raw)
            assert isinstance((await region.ask()).outcome, Permit)
            await region.ask()
    assert [line["kind"] for line in lines] == ["bad-signature", "not-json", "not-json"], "each file told once"
    (region.folder / "consents.json").unlink()
    assert isinstance((await region.ask()).outcome, Permit)
    region.now += timedelta(days=7)
    assert await refused(region) == "expired"


async def test_a_file_that_is_not_there_yet_is_taken_when_it_comes(region: Any) -> None:
    assert await refused(region) == "unreadable"
    region.put(region.signed(region.entry()))
    assert isinstance((await region.ask()).outcome, Permit)


async def test_a_file_of_tomorrow_is_taken_tomorrow(region: Any) -> None:
    region.now += timedelta(days=1)
    raw = region.signed(region.entry())
    region.now -= timedelta(days=1)
    region.put(raw)
    assert await refused(region) == "not-yet"
    region.now += timedelta(days=1)
    assert isinstance((await region.ask()).outcome, Permit)


CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "an unknown field": ({"note": "x"}, "schema:note"),
    "another format": ({"format": "nuts-pzp-consent/2"}, "schema:format"),
    "another region": ({"region": "elsewhere"}, "other-region"),
    "another pseudonym key": ({"pseudonym": {"alg": "HMAC-SHA256", "key_id": "k2"}}, "other-pseudonym-key"),
    "another pseudonym": ({"pseudonym": {"alg": "none", "key_id": "k1"}}, "schema:pseudonym.alg"),
    "a serial that is text": ({"serial": "42"}, "schema:serial"),
    "a serial that is true": ({"serial": True}, "schema:serial"),
    "a serial of zero": ({"serial": 0}, "schema:serial"),
    "a serial with a fraction": ({"serial": 42.0}, "schema:number"),
    "too long": ({"not_after": "2026-12-24T00:00:00Z"}, "too-long"),
    "ended before it began": ({"not_after": "2026-11-01T00:00:00Z"}, "too-long"),
    "a local time": ({"not_after": "2026-11-29T00:00:00+01:00"}, "schema:not_after"),
    "a day that is none": ({"issued_at": "2026-02-30T00:00:00Z"}, "schema:issued_at"),
    "entries that are none": ({"entries": {}}, "schema:entries"),
}


@pytest.mark.parametrize(("change", "kind"), CHANGES.values(), ids=CHANGES.keys())
async def test_a_signed_file_that_is_not_right_is_refused_by_class(
    region: Any, change: dict[str, Any], kind: str
) -> None:
    region.put(region.signed(region.entry(), **change))
    assert await refused(region) == kind


ENTRIES: dict[str, dict[str, Any]] = {
    "a BSN in clear": {"bsn": "999912008"},
    "a pseudonym that is none": {"patient": "999912008"},
    "an unknown effect": {"effect": "maybe"},
    "a permit for no purpose": {"purposes": []},
    "a permit for any purpose": {"purposes": None},
    "a permit for another purpose": {"purposes": ["COC"]},
    "a permit for no data": {"data_categories": None},
    "a permit for less data": {"data_categories": ["GGC013"]},
    "a short URA": {"requester": {"uras": ["444"]}},
    "a day that is none": {"valid_to": "2026-02-30"},
    "a day that no period has": {"valid_from": "0001-01-01"},
    "no beginning": {"valid_from": None},
    "evidence with words": {"evidence": "gesprek met mevrouw"},
}


@pytest.mark.parametrize("change", ENTRIES.values(), ids=ENTRIES.keys())
async def test_one_wrong_entry_refuses_the_whole(region: Any, change: dict[str, Any]) -> None:
    region.put(region.signed(region.entry("deny", id="e0"), region.entry(**change)))
    kind = await refused(region)
    assert kind.startswith("schema:entries.1")
    assert "999912008" not in kind


async def test_two_entries_of_one_id_are_refused(region: Any) -> None:
    region.put(region.signed(region.entry(), region.entry("deny")))
    assert (await refused(region)).startswith("schema:")


@pytest.mark.parametrize(
    "raw", [b"\xff\xfe{}", b'{"a":1,"a":2}', b'{"a":NaN}', b"[" * 100_000, b'{"a":"\\ud800"}', b"[]", b"null"]
)
async def test_bytes_that_are_read_two_ways_are_refused(region: Any, raw: bytes) -> None:
    region.put(raw)
    assert await refused(region) in ("not-json", "duplicate-key", "schema:number", "bad-signature")


async def test_a_repeated_key_in_a_signed_file_is_refused(region: Any) -> None:
    raw = region.signed(region.entry("deny"))
    region.put(raw.replace(b'"effect":"deny"', b'"effect":"permit","effect":"deny"'))
    assert await refused(region) == "duplicate-key"


async def test_white_space_changes_nothing(region: Any) -> None:
    region.put(json.dumps(json.loads(region.signed(region.entry())), indent=2).encode())
    assert isinstance((await region.ask()).outcome, Permit)


async def test_a_file_that_is_too_large_is_not_parsed(region: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nuts_pzp.systems.regional_consent.document.MOST_BYTES", 100)
    region.put(region.signed(region.entry()))
    assert await refused(region) == "too-large"


async def test_without_a_store_that_holds_the_serial_no_file_is_taken(region: Any, store: SqliteStore) -> None:
    region.put(region.signed(region.entry()))
    store.close()
    assert await refused(region) == "the store is closed"


async def test_many_questions_at_once_read_it_once(region: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from nuts_pzp.systems.regional_consent import shelf

    reads = []
    real = shelf.read
    monkeypatch.setattr(shelf, "read", lambda *what: reads.append(1) or real(*what))
    region.put(region.signed(region.entry()))
    found = await asyncio.gather(*(region.ask() for _ in range(20)))
    assert all(isinstance(one.outcome, Permit) for one in found)
    assert len(reads) == 1


async def test_health_says_which_serial_is_in_force(region: Any) -> None:
    assert isinstance(await region.source.health(), Unavailable)
    region.put(region.signed(region.entry()))
    assert await region.source.health() == "serial 42, until 2026-11-29 02:00 UTC"


@pytest.mark.parametrize("mode", [0o640, 0o604])
def test_a_pseudonym_key_that_others_read_is_refused(region: Any, mode: int) -> None:
    (region.folder / "pseudonym.key").chmod(mode)
    with pytest.raises(ValueError, match="0600"):
        region.holder()


def test_a_key_that_is_none_is_refused(region: Any) -> None:
    (region.folder / "region.pem").write_text("not a key")
    with pytest.raises(ValueError, match="public_key_files"):
        region.holder()


async def test_without_a_file_in_force_it_rests_for_everybody_before_a_patient_is_looked_up(region: Any) -> None:
    """Else an old file would tell who is a patient here: of nobody else is the region asked (design D4)."""
    told = Unavailable(Reason.CONSENT_STATIC_INVALID, detail="unreadable")
    assert region.source.resting() == told
    region.put(region.signed(region.entry()))
    assert region.source.resting() is None, "only a look can tell"
    assert isinstance((await region.ask()).outcome, Permit)
    assert region.source.resting() is None
    region.put(b"{}")
    assert await region.ask() == await region.ask()
    assert region.source.resting() is None, "its predecessor is in force"
    region.now += timedelta(days=8)
    assert region.source.resting().reason is Reason.CONSENT_STATIC_INVALID
    (region.folder / "consents.json").unlink()
    assert region.source.resting().reason is Reason.CONSENT_STATIC_INVALID
    region.put(region.signed(region.entry(), serial=43))
    assert region.source.resting() is None
    assert isinstance((await region.ask()).outcome, Permit)


async def test_a_file_that_was_refused_rests_until_another_is_there(region: Any) -> None:
    region.put(b"{}")
    assert region.source.resting() is None
    assert region.source.resting() is None, "asking changes nothing"
    kind = await refused(region)
    assert region.source.resting().detail == kind
