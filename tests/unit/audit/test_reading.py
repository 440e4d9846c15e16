from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.accounted import Denied
from nuts_pzp.audit import reading
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.material import Unreadable
from nuts_pzp.audit.verify import LogReport, Verdict
from nuts_pzp.identity import Tenant
from nuts_pzp.outcome import Unavailable, Unknown
from nuts_pzp.reasons import Reason


async def test_the_trail_of_one_request_reads_in_an_officers_words(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening(place).of(tenant)
    for correlation in ("c1", "c10", "c1"):
        await audit.append(events.allowed(correlation))
        await audit.append(events.disclosed(correlation))
    trail = list(reading.records(place.path, "meerwijck", "c1"))
    assert [entry.word for entry in trail] == ["Toegestaan", "Verstrekt", "Toegestaan", "Verstrekt"]
    first = trail[0]
    assert (first.index, first.requester, first.responder) == (1, "Huisartsenpost De Kade", "Ziekenhuis Meerwijck")
    assert (first.user, first.role, first.assurance, first.test) == ("k-017", "01.015", "self-attested", True)
    assert trail[1].references == ("Observation/1/_history/2",)
    assert len(list(reading.records(place.path, "meerwijck"))) == 7
    assert list(reading.records(place.path, "nobody")) == []


@pytest.mark.parametrize(
    ("event", "word"),
    [
        ("denied", "Geweigerd"),
        ("not_disclosed", "Niet te bepalen"),
        ("intended", "Raadpleging begonnen"),
        ("addressed", "Bronnen bepaald"),
        ("received", "Ontvangen"),
        ("consulted", "Geraadpleegd"),
    ],
)
async def test_every_record_has_its_word(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any, event: str, word: str
) -> None:
    await opening(place).of(tenant).append(getattr(events, event)("c1"))
    assert [entry.word for entry in reading.records(place.path, "meerwijck", "c1")] == [word]


async def test_the_first_part_of_the_sources_is_told_apart_from_the_last(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening(place).of(tenant)
    await audit.append(events.addressed_first("c1"))
    await audit.append(events.addressed("c1"))
    words = [entry.word for entry in reading.records(place.path, "meerwijck", "c1")]
    assert words == ["Eerste bronnen bepaald", "Bronnen bepaald"]


async def test_no_choice_is_a_refusal_and_an_unreachable_source_is_not(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    audit = opening(place).of(tenant)
    await audit.append(Denied(events.attempt("c1"), Unknown(Reason.CONSENT_NONE)))
    await audit.append(Denied(events.attempt("c1"), Unavailable(Reason.MITZ_TIMEOUT)))
    words = [(entry.word, entry.reason) for entry in reading.records(place.path, "meerwijck", "c1")]
    assert words == [("Geweigerd", "PZP-CONSENT-005"), ("Niet te bepalen", "PZP-CONSENT-015")]


async def test_a_name_is_read_with_the_tenants_keys_only(
    opening: Callable[..., Ledger], place: Place, tenant: Tenant, events: Any
) -> None:
    ledger = opening(place)
    await ledger.of(tenant).append(events.allowed("c1"))
    entry = next(reading.records(place.path, "meerwijck", "c1"))
    assert reading.name(entry.record, ledger._seals["meerwijck"]) == "M. Verbeek"
    assert reading.name(entry.record, ledger._seals["system"]) == "(niet meer leesbaar)"


@pytest.mark.parametrize(
    ("report", "words"),
    [
        (LogReport("m", "o", Verdict.OK), "Logboek ongewijzigd"),
        (LogReport("m", "o", Verdict.INCOMPLETE), "Onvolledig: geen extern ijkpunt"),
        (LogReport("m", "o", Verdict.TAMPERED, proven=7, first_bad=12), "Logboek gewijzigd vanaf regel 12"),
        (LogReport("m", "o", Verdict.TAMPERED, proven=7), "Logboek gewijzigd vanaf regel 7"),
        (LogReport("m", "o", Verdict.UNREADABLE), "Logboek niet leesbaar"),
    ],
)
def test_a_verdict_has_its_words(report: LogReport, words: str) -> None:
    assert reading.verdict_words(report) == words


def test_no_ledger_is_unreadable(place: Place) -> None:
    with pytest.raises(Unreadable):
        list(reading.records(place.path, "meerwijck"))
