"""The FHIR answer: what leads, at its own source, nothing altered but what is said to be."""

from __future__ import annotations

import datetime
from typing import Any

import orjson
import pytest
from fhir.resources.R4B.bundle import Bundle

from nuts_pzp.exchange import Answer, Source
from nuts_pzp.fhir.bundle import read_bundle
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Deny, Gap, Gathered, Unavailable
from nuts_pzp.overview.fhir_answer import all_failed, failure, searchset
from nuts_pzp.overview.merge import merge
from nuts_pzp.reasons import Reason

NOW = datetime.datetime(2026, 11, 22, 3, 0, tzinfo=datetime.UTC)
ASKED = (Bsn("999900006"), datetime.date(1941, 3, 9))


def patient() -> dict[str, Any]:
    identifier = [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999900006"}]
    return {"resourceType": "Patient", "id": "1", "identifier": identifier, "birthDate": "1941-03-09"}


def directive(kind: str, when: str, local_id: str = "c1", code: str = "89666000") -> dict[str, Any]:
    def coded(system: str, value: str) -> dict[str, Any]:
        return {"coding": [{"system": system, "code": value}]}

    return {
        "resourceType": "Consent",
        "id": local_id,
        "meta": {"versionId": "3", "profile": ["https://api.iknl.nl/docs/pzp/r4/ACP-TreatmentDirective"]},
        "status": "active",
        "scope": coded("http://terminology.hl7.org/CodeSystem/consentscope", "treatment"),
        "category": [coded("http://snomed.info/sct", "129125009")],
        "patient": {"reference": "Patient/1"},
        "dateTime": when,
        "policy": [{"uri": "https://wetten.overheid.nl/"}],
        "provision": {
            "type": kind,
            "code": [coded("http://snomed.info/sct", code)],
            "actor": [
                {
                    "role": coded("http://terminology.hl7.org/CodeSystem/v3-RoleCode", "CONSENTER"),
                    "reference": {"reference": "RelatedPerson/r1"},
                }
            ],
        },
    }


def answer(ura: str, *resources: dict[str, Any], gaps: tuple[Gap, ...] = (), raw: bytes | None = None) -> Answer:
    base = f"https://{ura}.example/fhir"
    entries = [{"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one} for one in resources]
    body = raw or orjson.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries})
    bundle = read_bundle(body, base)
    source = Source(Organization(Ura(ura), "V6", f"bron {ura}", "0570-1"), base, "as")
    return Answer(source, Gathered(bundle.resources, gaps))  # type: ignore[union-attr]


def bundle_of(*answers: Answer) -> dict[str, Any]:
    content: dict[str, Any] = orjson.loads(searchset(answers, merge(answers, (), now=NOW, asked=ASKED)))
    Bundle.model_validate(content)
    return content


def test_the_newest_leads_and_the_older_stays_home() -> None:
    content = bundle_of(
        answer("90000111", patient(), directive("permit", "2023-05-09")),
        answer("90000222", patient(), directive("deny", "2026-10-21")),
    )
    matches = [one["fullUrl"] for one in content["entry"] if one["search"]["mode"] == "match"]
    assert matches == ["https://90000222.example/fhir/Consent/c1"]
    assert content["total"] == 1


def test_history_comes_when_it_is_asked_for_and_says_that_it_is() -> None:
    answers = [
        answer("90000111", patient(), directive("permit", "2023-05-09")),
        answer("90000222", patient(), directive("deny", "2026-10-21")),
    ]
    content = orjson.loads(searchset(answers, merge(answers, (), now=NOW, asked=ASKED), history=True))
    Bundle.model_validate(content)
    matches = {
        one["fullUrl"]: [tag["code"] for tag in one["resource"]["meta"]["tag"]]
        for one in content["entry"]
        if one["search"]["mode"] == "match"
    }
    assert matches == {
        "https://90000111.example/fhir/Consent/c1": ["90000111", "history"],
        "https://90000222.example/fhir/Consent/c1": ["90000222"],
    }
    assert content["total"] == 2


def test_each_resource_says_where_it_came_from_and_nothing_else_changed() -> None:
    content = bundle_of(answer("90000222", patient(), directive("deny", "2026-10-21")))
    [consent] = [one["resource"] for one in content["entry"] if one["resource"]["resourceType"] == "Consent"]
    expected = directive("deny", "2026-10-21")
    expected["meta"] |= {
        "source": "https://90000222.example/fhir/Consent/c1",
        "tag": [{"system": "urn:nuts-pzp:source", "code": "90000222", "display": "bron 90000222"}],
    }
    expected["patient"]["reference"] = "https://90000222.example/fhir/Patient/1"
    expected["provision"]["actor"][0]["reference"]["reference"] = "https://90000222.example/fhir/RelatedPerson/r1"
    assert consent == expected


def test_what_a_match_points_at_comes_along_as_include() -> None:
    related = {"resourceType": "RelatedPerson", "id": "r1", "patient": {"reference": "Patient/1"}}
    unrelated = {"resourceType": "RelatedPerson", "id": "r2", "patient": {"reference": "Patient/1"}}
    content = bundle_of(answer("90000222", patient(), directive("deny", "2026-10-21"), related, unrelated))
    included = [one["fullUrl"].rpartition("fhir/")[2] for one in content["entry"] if one["search"]["mode"] == "include"]
    assert included == ["Patient/1", "RelatedPerson/r1"]


def test_both_sides_of_a_conflict_match_and_an_issue_names_the_item() -> None:
    content = bundle_of(
        answer("90000111", patient(), directive("permit", "2026-10-21")),
        answer("90000222", patient(), directive("deny", "2026-10-21")),
    )
    assert content["total"] == 2
    [outcome] = [one["resource"] for one in content["entry"] if one["search"]["mode"] == "outcome"]
    assert [(issue["severity"], issue["code"], issue["diagnostics"]) for issue in outcome["issue"]] == [
        ("warning", "conflict", "treatment:89666000")
    ]


def test_colliding_ids_of_two_sources_stay_apart() -> None:
    content = bundle_of(
        answer("90000111", patient(), directive("permit", "2026-10-21", code="40617009")),
        answer("90000222", patient(), directive("deny", "2026-10-21")),
    )
    urls = [one["fullUrl"] for one in content["entry"]]
    assert len(set(urls)) == len(urls)
    assert {"https://90000111.example/fhir/Patient/1", "https://90000222.example/fhir/Patient/1"} <= set(urls)


@pytest.mark.parametrize(
    ("stop", "code"),
    [
        (Unavailable(Reason.SOURCE_TIMEOUT), "timeout"),
        (Deny(Reason.SOURCE_REFUSED), "forbidden"),
        (Unavailable(Reason.SOURCE_DOWN), "exception"),
        (Unavailable(Reason.SOURCE_BROKEN), "exception"),
    ],
)
def test_a_failed_source_is_an_issue_without_a_bsn(stop: Any, code: str) -> None:
    content = bundle_of(
        answer("90000222", patient(), directive("deny", "2026-10-21")),
        answer("90000555", gaps=(Gap("patient", stop),)),
    )
    [outcome] = [one["resource"] for one in content["entry"] if one["search"]["mode"] == "outcome"]
    assert [issue["code"] for issue in outcome["issue"]] == [code]
    assert b"999900006" not in orjson.dumps(outcome)


def test_all_sources_failed_is_a_failure_and_none_is_not() -> None:
    failed = merge([answer("90000555", gaps=(Gap("token", Deny(Reason.TOKEN_REFUSED)),))], (), now=NOW, asked=ASKED)
    assert all_failed(failed)
    assert orjson.loads(failure(failed))["resourceType"] == "OperationOutcome"
    assert not all_failed(merge([], (), now=NOW, asked=ASKED))


def test_decimals_stay_as_they_were_written() -> None:
    device = b'{"resourceType":"Observation","id":"o1","subject":{"reference":"Patient/1"},"status":"final",'
    device += b'"code":{"coding":[{"system":"http://snomed.info/sct","code":"247751003"}]},'
    device += b'"effectiveDateTime":"2026-01-01","valueString":"x","extension":[{"url":"u","valueDecimal":1.50}]}'
    entries = b'{"resource":' + orjson.dumps(patient()) + b'},{"resource":' + device + b"}"
    body = b'{"resourceType":"Bundle","type":"searchset","entry":[' + entries + b"]}"
    answers = (answer("90000222", raw=body),)
    assert b'"valueDecimal":1.50' in searchset(answers, merge(answers, (), now=NOW, asked=ASKED))


def test_the_order_of_sources_does_not_matter() -> None:
    one = answer("90000111", patient(), directive("permit", "2026-10-21"))
    two = answer("90000222", patient(), directive("deny", "2026-10-21"))
    overview = merge([one, two], (), now=NOW, asked=ASKED)
    assert searchset((one, two), overview) == searchset((two, one), overview)


def test_a_source_that_speaks_stu3_is_told_of_and_not_put_in_an_r4_bundle() -> None:
    category = [{"coding": [{"system": "http://snomed.info/sct", "code": "11291000146105"}]}]
    old = {"resourceType": "Consent", "id": "s", "status": "active", "category": category, "dateTime": "2026-05-05"}
    old |= {"except": [{"type": "deny"}], "patient": {"reference": "Patient/1"}}
    content = bundle_of(
        answer("90000101", patient(), old), answer("90000202", patient(), directive("deny", "2026-01-01"))
    )
    assert "90000101.example" not in str([entry.get("fullUrl") for entry in content["entry"]])
    assert content["total"] == 1
    [issue] = content["entry"][-1]["resource"]["issue"]
    assert (issue["code"], issue["diagnostics"]) == ("not-supported", "source 90000101")


def urned(ura: str, *resources: dict[str, Any]) -> Answer:
    """A source that names all it has by `urn:uuid`, the same ones as any other does."""
    entries = [
        {"fullUrl": f"urn:uuid:00000000-0000-4000-8000-00000000000{number}", "resource": one}
        for number, one in enumerate(resources)
    ]
    return answer(ura, raw=orjson.dumps({"resourceType": "Bundle", "type": "searchset", "entry": entries}))


def test_sources_that_use_the_same_urn_keep_their_own_resources() -> None:
    first = urned("90000111", patient(), directive("permit", "2026-10-21"))
    second = urned("90000222", patient(), directive("deny", "2026-10-21"))
    content = bundle_of(first, second)
    assert content == bundle_of(second, first)
    matches = [one for one in content["entry"] if one["search"]["mode"] == "match"]
    assert sorted(one["resource"]["provision"]["type"] for one in matches) == ["deny", "permit"], "both of a conflict"
    urls = [one["fullUrl"] for one in content["entry"] if one["search"]["mode"] != "outcome"]
    assert len(urls) == len(set(urls)) == 4
    for one in matches:
        source = one["resource"]["meta"]["tag"][0]["code"]
        [theirs] = [
            other["fullUrl"]
            for other in content["entry"]
            if other["resource"]["resourceType"] == "Patient" and other["resource"]["meta"]["tag"][0]["code"] == source
        ]
        assert one["resource"]["patient"]["reference"] == theirs, "each points at the patient of its own source"


def test_a_reference_by_urn_points_at_the_resource_of_its_own_source() -> None:
    consent = directive("deny", "2026-10-21") | {
        "patient": {"reference": "urn:uuid:00000000-0000-4000-8000-000000000000"}
    }
    content = bundle_of(urned("90000111", patient(), consent), urned("90000222", patient()))
    [match] = [one["resource"] for one in content["entry"] if one["search"]["mode"] == "match"]
    [included] = [one for one in content["entry"] if one["search"]["mode"] == "include"]
    assert match["patient"]["reference"] == included["fullUrl"]
    assert included["resource"]["meta"]["tag"][0]["code"] == "90000111"
