"""The FHIR answer, part by part: its tags, its issues, references to versions, and what is read on arrival (spec 4)."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from nuts_pzp.exchange import Answer, Source
from nuts_pzp.fhir.bundle import Bundle, Resource, read_bundle
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Gap, Gathered, Unavailable
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.fhir_answer import all_failed, conflict_issues, failure, searchset
from nuts_pzp.overview.merge import Overview, Prepared, merge, prepare
from nuts_pzp.overview.returned import once
from nuts_pzp.reasons import Reason

ASKED = (Bsn("900010009"), datetime.date(1941, 5, 9))
NOW = datetime.datetime(2026, 11, 22, 3, 0, tzinfo=AMSTERDAM)
URA, HOME = "90000111", "https://90000111.example/fhir"
LATE = Gap("query:Goal", Unavailable(Reason.SOURCE_TIMEOUT))


def _answer(*resources: dict[str, Any], gaps: tuple[Gap, ...] = (), home: str = HOME) -> Answer:
    entries = [{"fullUrl": f"{home}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    bundle = read_bundle(json.dumps({"resourceType": "Bundle", "entry": entries}).encode(), home)
    assert isinstance(bundle, Bundle)
    source = Source(Organization(Ura(URA), "V6", "Huisarts Vos", "0570-1"), home, "as")
    return Answer(source, Gathered(bundle.resources, gaps))


def _overview(answer: Answer) -> Overview:
    return merge([answer], (), now=NOW, asked=ASKED)


def _bundle(answer: Answer, *, history: bool = False) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(searchset([answer], _overview(answer), history=history))
    return content


def _by_mode(content: dict[str, Any], mode: str) -> list[str]:
    return [one["fullUrl"] for one in content["entry"] if one["search"]["mode"] == mode]


def test_a_bundle_without_anything_has_no_entries() -> None:
    assert _bundle(_answer()) == {"resourceType": "Bundle", "type": "searchset", "total": 0}


def test_a_resource_keeps_its_own_tags_and_its_place_in_order(pen: Any) -> None:
    consent = pen.treatment("deny", "2025-01-01", meta={"tag": [{"code": "own"}]})
    [entry] = [one for one in _bundle(_answer(consent))["entry"] if one["search"]["mode"] == "match"]
    tag = {"system": "urn:nuts-pzp:source", "code": URA, "display": "Huisarts Vos"}
    assert entry["resource"]["meta"] == {"tag": [{"code": "own"}, tag], "source": f"{HOME}/Consent/c"}
    assert list(entry["resource"])[:3] == ["resourceType", "id", "meta"]
    odd = pen.treatment("deny", "2025-01-01", meta={"tag": "x"})
    assert _bundle(_answer(odd))["entry"][0]["resource"]["meta"]["tag"] == [tag]


def test_a_source_that_gave_part_is_incomplete_and_no_failure(pen: Any) -> None:
    answer = _answer(pen.treatment("deny", "2025-01-01"), gaps=(LATE,))
    [issue] = _bundle(answer)["entry"][-1]["resource"]["issue"]
    assert issue == {
        "severity": "warning",
        "code": "incomplete",
        "details": {"text": "Niet volledig: Huisarts Vos gaf niet alles, bel 0570-1"},
        "diagnostics": f"source {URA}",
    }
    assert not all_failed(_overview(answer))
    assert not all_failed(_overview(_answer()))


def test_a_consultation_in_which_all_failed_says_what_did() -> None:
    overview = _overview(_answer(gaps=(LATE,)))
    assert all_failed(overview)
    outcome = json.loads(failure(overview))
    assert outcome["resourceType"] == "OperationOutcome"
    assert [(one["severity"], one["code"], one["details"]["text"]) for one in outcome["issue"]] == [
        ("error", "incomplete", "Onbekend: geen enkele bron gaf gegevens"),
        ("warning", "timeout", "Niet volledig: Huisarts Vos antwoordde niet, bel 0570-1"),
    ]


def test_what_ended_is_a_match_and_what_was_never_recorded_is_none(pen: Any) -> None:
    ended = pen.treatment("deny", "2025-01-01", status="inactive")
    assert _by_mode(_bundle(_answer(ended)), "match") == [f"{HOME}/Consent/c"]
    draft = pen.treatment("deny", "2025-01-01", status="draft")
    assert _bundle(_answer(draft))["total"] == 0
    assert _by_mode(_bundle(_answer(draft), history=True), "match") == [f"{HOME}/Consent/c"]


def test_every_document_of_one_kind_is_a_match(pen: Any) -> None:
    documents = [pen.directive("VOL", f"202{year}-01-01", id=f"d{year}") for year in (3, 4)]
    assert _by_mode(_bundle(_answer(*documents)), "match") == [f"{HOME}/Consent/d3", f"{HOME}/Consent/d4"]


def test_an_answer_of_a_form_matches_the_form_in_history_too(pen: Any) -> None:
    old, new = pen.form("2020-01-01", pen.choice("1386", "2"), id="f1"), pen.treatment("permit", "2025-01-01")
    content = _bundle(_answer(old, new), history=True)
    assert _by_mode(content, "match") == [f"{HOME}/Consent/c", f"{HOME}/QuestionnaireResponse/f1"]


def test_a_reference_to_a_version_brings_the_resource_along(pen: Any) -> None:
    actor = {"role": pen.coded("CONSENTER", pen.KIN), "reference": {"reference": "RelatedPerson/jo-smit/_history/2"}}
    content = _bundle(_answer(pen.treatment("deny", "2025-01-01", provision={"actor": [actor]}), pen.person("Jo Smit")))
    assert _by_mode(content, "include") == [f"{HOME}/RelatedPerson/jo-smit"]


def test_a_plain_http_address_is_kept(pen: Any) -> None:
    home = "http://90000111.example/fhir"
    assert _by_mode(_bundle(_answer(pen.treatment("deny", "2025-01-01"), home=home)), "match") == [f"{home}/Consent/c"]


def test_a_conflict_is_told_with_the_addresses_of_both_sides_in_order(pen: Any) -> None:
    form = pen.form("2025-01-01", pen.choice("1386", "0"), id="f")
    [(issue, about)] = conflict_issues(_overview(_answer(pen.treatment("deny", "2025-01-01"), form)))
    assert about == (f"{HOME}/Consent/c", f"{HOME}/QuestionnaireResponse/f")
    assert (issue["code"], issue["diagnostics"]) == ("conflict", "treatment:89666000")
    assert issue["details"]["text"] == (
        "Reanimatie (cardiopulmonale resuscitatie): Tegenstrijdig, geen keuze gemaakt: zie beide"
    )


def test_what_was_refused_for_another_person_says_where(pen: Any) -> None:
    read = prepare(_answer(pen.patient(birthDate="1950-01-01")), now=NOW, asked=ASKED)
    assert (read.statements, read.talks, read.now, read.asked) == ([], [], NOW.timestamp(), ASKED)
    assert read.rejection is not None
    assert (read.rejection.where, read.rejection.stop.reason) == ("patient", Reason.SOURCE_OTHER_PATIENT)
    assert read.who.births == {"1950-01-01"}


def test_what_was_read_on_arrival_is_used_as_it_is_and_a_moment_without_zone_is_dutch(pen: Any) -> None:
    read = prepare(_answer(pen.treatment("deny", "2025-01-01")), now=NOW.replace(tzinfo=None), asked=ASKED)
    assert (read.now, read.asked) == (NOW.timestamp(), ASKED)
    told = Prepared(read.told, read.now, read.asked, read.dossier, read.who, None, [], [])
    assert merge([told], (), now=NOW, asked=ASKED).sources[0].statements == 0
    elsewhere = NOW.astimezone(datetime.UTC)
    assert prepare(_answer(), now=elsewhere, asked=None).now == NOW.timestamp()


def test_the_patient_is_not_in_the_words_of_an_overview(pen: Any) -> None:
    overview = _overview(_answer(pen.patient()))
    assert repr(overview.patient) == "PatientShown(*)"
    assert repr(overview) == "Overview(complete=True, sources=1)"
    assert overview.item("no such item") is None


@pytest.mark.parametrize("turned", [False, True])
def test_of_equal_contents_a_match_with_an_address_is_kept(turned: bool) -> None:
    url = "https://a.example/fhir/Consent/c"
    loose = Resource("Consent", "c", "", "", "match", b'{"a":1,"b":2}')
    told = Resource("Consent", "c", "", url, "include", b'{"b":2,"a":1}')
    best = Resource("Consent", "c", "", f"{url}/_history/1", "match", b'{"b":2, "a":1}')
    given = [best, told, loose] if turned else [loose, told, best]
    assert once(given) == [best]
    assert once([told, loose] if turned else [loose, told]) == [loose]


@pytest.mark.parametrize("digits", [18, 19])
def test_a_version_number_counts_up_to_eighteen_digits(digits: int) -> None:
    low, high = (Resource("Goal", "g", f"{first}" * digits, "", "match", b'{"a":%d}' % first) for first in (1, 2))
    assert once([low, high]) == ([high] if digits == 18 else [low, high])
