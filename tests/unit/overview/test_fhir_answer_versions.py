"""The FHIR answer gives what the overview shows: of versions the newest, and never one of two that share a name."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest
from fhir.resources.R4B.bundle import Bundle as Valid

from nuts_pzp.exchange import Answer, Source
from nuts_pzp.fhir.bundle import Bundle, read_bundle
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Gathered
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.fhir_answer import searchset
from nuts_pzp.overview.merge import merge

ASKED = (Bsn("900010009"), datetime.date(1941, 5, 9))
NOW = datetime.datetime(2026, 11, 22, 3, 0, tzinfo=AMSTERDAM)
HOME = "https://a.example/fhir"


def _bundle(resources: list[dict[str, Any]], *, history: bool = False) -> dict[str, Any]:
    raw = json.dumps({"resourceType": "Bundle", "entry": [{"resource": one} for one in resources]})
    bundle = read_bundle(raw.encode(), HOME)
    assert isinstance(bundle, Bundle)
    answer = Answer(Source(Organization(Ura("90000111"), "V6", "Vos", ""), HOME, "as"), Gathered(bundle.resources, ()))
    content: dict[str, Any] = json.loads(
        searchset([answer], merge([answer], (), now=NOW, asked=ASKED), history=history)
    )
    Valid.model_validate(content)
    return content


def _decisions(content: dict[str, Any]) -> dict[str, str]:
    matches = [one for one in content.get("entry", ()) if one["search"]["mode"] == "match"]
    return {one["fullUrl"]: one["resource"]["provision"]["type"] for one in matches}


def _version(pen: Any, number: str, decision: str, **more: Any) -> dict[str, Any]:
    policy = {"policy": [{"uri": "https://wetten.overheid.nl/"}]}
    return {**pen.treatment(decision, "2026-01-01", meta={"versionId": number}), **policy, **more}


@pytest.mark.parametrize("turned", [False, True])
@pytest.mark.parametrize("history", [False, True])
def test_an_older_version_is_never_given_for_the_newest(pen: Any, turned: bool, history: bool) -> None:
    versions = [_version(pen, "2", "deny"), _version(pen, "1", "permit")]
    content = _bundle(versions[::-1] if turned else versions, history=history)
    assert _decisions(content) == {f"{HOME}/Consent/c": "deny"}


@pytest.mark.parametrize("turned", [False, True])
def test_a_version_before_one_entered_in_error_is_not_given(pen: Any, turned: bool) -> None:
    versions = [_version(pen, "2", "deny", status="entered-in-error"), _version(pen, "1", "permit")]
    assert _decisions(_bundle(versions[::-1] if turned else versions)) == {}


def test_a_person_of_another_patient_is_not_included_though_a_match_points_there(pen: Any) -> None:
    actor = {"role": pen.coded("CONSENTER"), "reference": {"reference": "RelatedPerson/jo-smit"}}
    named = {"type": "deny", "code": [pen.coded(pen.CPR)], "actor": [actor]}
    policy = [{"uri": "https://wetten.overheid.nl/"}]
    consent = pen.treatment("deny", "2026-01-01", provision=named, policy=policy)
    stranger = pen.person("Jo Smit", patient={"reference": "Patient/other"})
    assert "Jo Smit" not in json.dumps(_bundle([pen.patient(), consent, stranger]))
    assert "Jo Smit" in json.dumps(_bundle([pen.patient(), consent, pen.person("Jo Smit")]))


def test_each_person_who_represents_the_patient_is_given(pen: Any) -> None:
    both = [pen.person("Jo Smit", "24"), pen.person("Bo Vos", "15")]
    content = _bundle(both)
    assert [one["fullUrl"].rpartition("/")[2] for one in content["entry"]] == ["bo-vos", "jo-smit"]
    assert content["total"] == 2
    former = [{**one, "active": False} for one in both]
    assert _bundle(former)["total"] == 0
    assert _bundle(former, history=True)["total"] == 2


@pytest.mark.parametrize("number", ["900010009", "9000.10.009", "900 010 009"])
def test_a_number_of_a_person_in_the_name_of_a_treatment_stays_out_of_the_issues(pen: Any, number: str) -> None:
    def said(decision: str) -> dict[str, Any]:
        code = [{"coding": [{"system": pen.NULL, "code": "OTH"}], "text": f"Dialyse ({number}, doos 123456789)"}]
        policy = [{"uri": "https://wetten.overheid.nl/"}]
        return dict(
            pen.treatment(
                decision, "2026-01-01", id=decision, provision={"type": decision, "code": code}, policy=policy
            )
        )

    [outcome] = [one for one in _bundle([said("permit"), said("deny")])["entry"] if one["search"]["mode"] == "outcome"]
    [issue] = outcome["resource"]["issue"]
    assert issue["diagnostics"] == "treatment:other:dialyse (*********, doos 123456789)"
    assert number not in json.dumps(issue)


@pytest.mark.parametrize("named", [True, False])
def test_of_two_contents_under_one_name_both_are_given_in_either_order(pen: Any, named: bool) -> None:
    policy = {"policy": [{"uri": "https://wetten.overheid.nl/"}]}
    both = [{**pen.treatment(decision, "2026-01-01"), **policy} for decision in ("permit", "deny")]
    both = both if named else [{key: value for key, value in one.items() if key != "id"} for one in both]
    content = _bundle(both)
    found = _decisions(content)
    assert (content["total"], sorted(found.values())) == (2, ["deny", "permit"])
    assert all(url.startswith(("https://a.example/fhir/Consent", "urn:uuid:")) for url in found)
    assert _bundle(both[::-1]) == content
