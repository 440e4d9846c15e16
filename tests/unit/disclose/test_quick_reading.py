"""The quick reading of a searchset: taken for plain answers, given up for whatever could be read in another way."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.disclose import read as room
from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.fhir.searchset import strictly
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import Bsn, Patient, Standing
from nuts_pzp.outcome import Unavailable

BASE = "https://gateway.example/meerwijck/fhir"
INSIDE = "http://10.1.2.3:8080/fhir"
OURS = Patient(Bsn("900012341"), "p1", Standing.KNOWN)
SEARCH = FhirRequest("search-type", "Consent", params=(("patient", ("Patient/p1",)),))


@pytest.fixture
def slow_readings(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """The bodies that were read whole."""
    read: list[bytes] = []
    whole = room.refuse_repeated_keys

    def counted(raw: bytes) -> None:
        read.append(raw)
        whole(raw)

    monkeypatch.setattr(room, "refuse_repeated_keys", counted)
    return read


def left(body: bytes, fakes: Any) -> Minimized:
    found = minimize(FhirAnswer(200, body, None, INSIDE), Access(fakes.CALLER, SEARCH, OURS), Outside(BASE))
    assert isinstance(found, Minimized), found
    return found


def own_link(query: str) -> list[dict[str, str]]:
    return [{"relation": "self", "url": f"{INSIDE}/Consent?{query}"}]


@pytest.mark.parametrize("query", ["patient=Patient/p1&_count=20", "_count=20&patient=Patient/p1", "patient=p1", "x=1"])
def test_a_search_that_names_its_patient_in_its_own_link_is_read_quickly(
    query: str, fakes: Any, slow_readings: list[bytes]
) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c2", "Patient/p1"), link=own_link(query))
    assert left(body, fakes).references == ("Consent/c1/_history/3", "Consent/c2/_history/3")
    assert slow_readings == []


@pytest.mark.parametrize("query", ["patient=Patient/p1", "patient=Patient/p1&_count=20"])
def test_another_patient_named_deep_inside_is_not_hidden_by_the_link(
    query: str, fakes: Any, slow_readings: list[bytes]
) -> None:
    actor = {"provision": {"actor": [{"reference": {"reference": "Patient/p2"}}]}}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1", **actor), link=own_link(query))
    left(body, fakes)
    assert len(slow_readings) == 1


def test_addresses_are_made_external_wherever_only_one_resource_holds_them(fakes: Any) -> None:
    cites = fakes.consent("c2", "Patient/p1", sourceReference={"reference": f"{INSIDE}/DocumentReference/d1"})
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), cites, link=own_link("patient=p1"))
    written = left(body, fakes).body
    assert INSIDE.encode() not in written
    entries = json.loads(written)["entry"]
    assert entries[1]["resource"]["sourceReference"] == {"reference": f"{BASE}/DocumentReference/d1"}


def test_texts_that_speak_of_an_internal_address_are_left_alone(fakes: Any) -> None:
    told = fakes.consent("c1", "Patient/p1", note=[{"text": f"see {INSIDE}/Patient/p1"}])
    written = left(fakes.searchset(told, base=BASE), fakes).body
    assert f"see {INSIDE}/Patient/p1".encode() in written


@pytest.mark.parametrize("name", ["id", "total"])
def test_only_what_is_written_in_one_way_or_counted_is_read_quickly(
    name: str, fakes: Any, slow_readings: list[bytes]
) -> None:
    """Spaces and another order cost two more counts; a list of entries that is given twice is read whole."""
    bundle = json.loads(fakes.searchset(fakes.consent("c1", "Patient/p1"), id="b1"))
    last = {key: bundle[key] for key in bundle if key != name} | {name: bundle[name]}
    assert left(json.dumps(last, indent=1).encode(), fakes).references == ("Consent/c1/_history/3",)
    assert slow_readings == []


def judged(answer: FhirAnswer, fakes: Any) -> Any:
    return minimize(answer, Access(fakes.CALLER, SEARCH, OURS), Outside(BASE))


@pytest.mark.parametrize("link", [[], own_link("patient=p1")])
def test_what_was_read_on_arrival_serves_when_it_says_these_bytes(link: Any, fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"), link=link)
    kept = FhirAnswer(200, body, None, INSIDE, strictly(body))
    again = judged(FhirAnswer(200, body, None, INSIDE), fakes)
    assert judged(kept, fakes) == again
    assert judged(kept, fakes) == again, "it was written in, so it no longer says these bytes"


def test_what_was_read_on_arrival_of_other_bytes_says_nothing(fakes: Any) -> None:
    theirs = fakes.searchset(fakes.consent("c9", "Patient/p2"), fakes.consent("c8", "Patient/p2"))
    ours = fakes.searchset(fakes.consent("c1", "Patient/p1"))
    for body, other in ((theirs, ours), (ours, theirs)):
        found = judged(FhirAnswer(200, body, None, INSIDE, strictly(other)), fakes)
        assert found == judged(FhirAnswer(200, body, None, INSIDE), fakes)


@pytest.mark.parametrize("strange", [{"id": "x\nConsent/y"}, {"meta": {"versionId": "1\nConsent/y"}}])
def test_no_resource_is_recorded_under_the_names_of_two(strange: dict[str, Any], fakes: Any) -> None:
    """One name that holds a line end would read as two names, of which one is nobody's."""
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c2", "Patient/p1") | strange)
    found = judged(FhirAnswer(200, body, None, INSIDE, strictly(body)), fakes)
    assert isinstance(found, Unavailable)
    assert found.detail.endswith("a resource without a proper type, id and version")


ASKED, OTHERWISE = (f'{{"coding":[{{"system":"s","code":"{code}"}}]}}' for code in ("395091006", "1"))
TWICE = [
    f'"code":{OTHERWISE},"code":{ASKED}',
    f'"code" :{OTHERWISE},"code": {ASKED}',
    '"code":{"coding":[{"system":"s","code":"1","code":"395091006"}]}',
]


@pytest.mark.parametrize("twice", TWICE)
@pytest.mark.parametrize("beside", ["", '"note":[{"text":"Patient/"}],'])
def test_what_was_asked_for_is_said_once(twice: str, beside: str, fakes: Any) -> None:
    """The reader of the answer could take the other code, which nobody asked for."""
    search = FhirRequest(
        "search-type", "Observation", params=(("patient", ("Patient/p1",)), ("code", ("s|395091006",)))
    )
    owned = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}, "code": 0}
    body = fakes.searchset(owned).replace(b'"code":0', f"{beside}{twice}".encode())
    for kept in (strictly(body), None):
        answer = FhirAnswer(200, body, None, INSIDE, kept)
        found = minimize(answer, Access(fakes.CALLER, search, OURS), Outside(BASE))
        assert isinstance(found, Unavailable)
        assert found.detail.endswith("a repeated key")


def test_codes_beside_the_one_that_was_asked_for_are_read_quickly(fakes: Any, slow_readings: list[bytes]) -> None:
    search = FhirRequest(
        "search-type", "Observation", params=(("patient", ("Patient/p1",)), ("code", ("s|395091006",)))
    )
    coded = {"code": {"coding": [{"system": "s", "code": "395091006"}]}, "category": [{"coding": [{"code": "x"}]}]}
    owned = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}} | coded
    for body in (fakes.searchset(owned), json.dumps(json.loads(fakes.searchset(owned)), indent=1).encode()):
        found = minimize(FhirAnswer(200, body, None, INSIDE), Access(fakes.CALLER, search, OURS), Outside(BASE))
        assert isinstance(found, Minimized)
    assert slow_readings == []
