"""The overview as a whole: completeness, sources, the right patient, the JSON that others build on (spec 3.6, 4)."""

from __future__ import annotations

import json
from datetime import date, datetime
from typing import Any

import msgspec
import pytest

from nuts_pzp.exchange import Answer, Source
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Deny, Gap, Gathered, Unavailable
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.merge import RULES, Overview, PatientsDisagree, as_json, digest, merge
from nuts_pzp.reasons import Reason

CPR = "treatment:89666000"
NOW = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM)
ASKED = (Bsn("900010009"), date(1941, 5, 9))
SECTIONS = {
    "capacity": ["capacity", "representative", "first-contact"],
    "goal": ["goal:medical-policy"],
    "treatment": [
        "treatment:89666000",
        "treatment:40617009",
        "treatment:305351004",
        "treatment:32485007",
        "treatment:281789004",
        "treatment:116762002",
        "treatment:other",
    ],
    "icd": ["icd:present", "treatment:400231000146108"],
    "wishes": ["obs:153851000146100", "obs:395091006", "obs:340171000146104", "obs:570801000146104"],
    "other": ["obs:247751003"],
    "directives": ["directive"],
    "sharing": ["inform-relatives", "prior-differs", "share-agreement"],
    "conversations": ["conversation.by", "conversation.present"],
}


def _answer(tell: Any, name: str, ura: str, resources: list[Any], *gaps: Gap) -> Answer:
    holder = Organization(Ura(ura), "Z3", name, "0570-555123")
    got = Gathered(tell(name.lower(), resources).resources, gaps)
    return Answer(Source(holder, f"https://{name.lower()}.example/fhir", None), got)


def test_every_item_is_always_present_in_the_order_of_the_form(look: Any) -> None:
    seen = look(a=[])
    assert {section["id"]: [item["key"] for item in section["items"]] for section in seen.json["sections"]} == SECTIONS
    assert list(SECTIONS) == [section["id"] for section in seen.json["sections"]]
    assert {item["state"] for item in seen.items.values()} == {"not-recorded"}
    assert {item["display"] for item in seen.items.values()} == {"Niet vastgelegd in de geraadpleegde bronnen"}
    assert all(item["label"] for item in seen.items.values())


def test_with_a_failed_source_nothing_is_called_not_recorded(pen: Any, look: Any) -> None:
    seen = look(a=[pen.treatment("deny", "2024-01-01")], failed=("vvt",))
    assert seen.json["complete"] is False
    assert seen["treatment:305351004"]["state"] == "not-recorded"
    assert seen["treatment:305351004"]["value"]["display"] == "Onbekend (niet alle bronnen bereikbaar)"
    assert seen.json["banner"] == ["Niet volledig: Vvt antwoordde niet, bel 0570-555000"]
    assert (seen.source("vvt")["status"], seen.source("vvt")["reason"]) == ("failed", "timeout")
    assert "Niet vastgelegd" not in json.dumps(seen.json)


def test_the_shape_of_a_led_item(pen: Any, look: Any) -> None:
    seen = look(
        huisarts=[pen.treatment("permit", "2020-10-01")],
        ziekenhuis=[pen.treatment("deny", "2022-11-08", comment="Te zwaar voor haar")],
    )
    item = seen[CPR]
    assert {
        field: item[field]
        for field in (
            "key",
            "label",
            "state",
            "value",
            "specification",
            "date",
            "dateFrom",
            "recordStatus",
            "source",
            "ref",
        )
    } == {
        "key": CPR,
        "label": "Reanimatie (cardiopulmonale resuscitatie)",
        "state": "current",
        "value": {"kind": "deny", "code": "deny", "display": "Niet uitvoeren"},
        "specification": "Te zwaar voor haar",
        "date": "2022-11-08",
        "dateFrom": "Consent.dateTime",
        "recordStatus": "active",
        "source": {"id": "ziekenhuis", "name": "Ziekenhuis"},
        "ref": "https://ziekenhuis.example/fhir/Consent/c",
    }
    assert item["conversation"] == "ziekenhuis|2022-11-08"
    assert (item["corroboratedBy"], item["attention"], item["conflict"], item["lastKnown"]) == ([], [], None, None)
    (old,) = item["history"]
    assert (old["date"], old["value"]["kind"], old["source"]["id"]) == ("2020-10-01", "permit", "huisarts")


def test_the_shape_of_the_overview(pen: Any, look: Any) -> None:
    seen = look(a=[pen.patient(), pen.treatment("deny", "2024-01-01")])
    assert seen.json["schema"] == "nuts-pzp-overview/1"
    assert seen.json["rules"] == RULES
    assert seen.json["generated"] == "2026-11-22T00:40:00+01:00"
    assert seen.json["complete"] is True
    assert seen.json["patient"] == {
        "bsn": "900010009",
        "name": "Toos van den Akker",
        "birthDate": "1941-05-09",
        "test": True,
    }
    assert seen.json["sources"] == [
        {
            "id": "a",
            "ura": None,
            "name": "A",
            "phone": None,
            "dialect": "r4",
            "status": "ok",
            "reason": None,
            "statements": 1,
            "notice": "Volledig",
            "gaps": [],
        }
    ]
    assert (seen.json["crossChecks"], seen.json["excluded"], seen.json["unmapped"]) == ([], [], [])


@pytest.mark.parametrize(
    ("canonical", "dialect"),
    [("https://fhir.iknl.nl/fhir/", "r4-beta3"), ("https://api.iknl.nl/docs/pzp/r4/", "r4-rc2")],
)
def test_the_dialect_is_shown_and_never_decides(pen: Any, look: Any, canonical: str, dialect: str) -> None:
    meta = {"meta": {"profile": [f"{canonical}StructureDefinition/ACP-TreatmentDirective"]}}
    seen = look(a=[pen.treatment("deny", "2024-01-01", **meta)])
    assert seen.source("a")["dialect"] == dialect
    assert seen[CPR]["value"]["kind"] == "deny"


@pytest.mark.parametrize(
    ("stop", "gave", "status", "reason", "notice"),
    [
        (
            Unavailable(Reason.SOURCE_TIMEOUT),
            False,
            "failed",
            "timeout",
            "Niet volledig: Zh antwoordde niet, bel 0570-555123",
        ),
        (
            Unavailable(Reason.SOURCE_DOWN),
            False,
            "failed",
            "unreachable",
            "Niet volledig: Zh antwoordde niet, bel 0570-555123",
        ),
        (Deny(Reason.SOURCE_REFUSED), False, "not-authorised", "not-released", "Niet vrijgegeven"),
        (Deny(Reason.TOKEN_REFUSED), False, "not-authorised", "not-released", "Niet vrijgegeven"),
        (
            Deny(Reason.SOURCE_OTHER_PATIENT),
            False,
            "rejected",
            "patient-mismatch",
            "Persoonsgegevens komen niet overeen",
        ),
        (Deny(Reason.PATIENT_BIRTH_DATE), False, "rejected", "patient-mismatch", "Persoonsgegevens komen niet overeen"),
        (
            Deny(Reason.SOURCE_REFUSED),
            True,
            "partial",
            "not-released",
            "Niet volledig: Zh gaf niet alles, bel 0570-555123",
        ),
        (
            Unavailable(Reason.SOURCE_TRUNCATED),
            True,
            "partial",
            "truncated",
            "Niet volledig: Zh gaf niet alles, bel 0570-555123",
        ),
        (
            Deny(Reason.SOURCE_NO_PATIENT),
            False,
            "failed",
            "no-patient",
            "Niet volledig: Zh antwoordde niet, bel 0570-555123",
        ),
    ],
)
def test_a_source_that_did_not_tell_all_is_never_an_empty_one(
    pen: Any, tell: Any, stop: Any, gave: bool, status: str, reason: str, notice: str
) -> None:
    resources = [pen.patient(), pen.treatment("deny", "2024-01-01")] if gave else []
    overview = merge([_answer(tell, "Zh", "90000222", resources, Gap("Goal", stop))], (), now=NOW, asked=ASKED)
    (row,) = as_json(overview)["sources"]
    assert (row["id"], row["ura"], row["status"], row["reason"]) == ("90000222", "90000222", status, reason)
    assert row["notice"] == notice
    assert overview.banner == (notice if "Zh" in notice else f"Zh: {notice}, bel 0570-555123",)
    assert row["gaps"][0]["where"] == "Goal"
    assert overview.complete is False
    assert [check.code for check in overview.cross_checks] == (["X8"] if status == "rejected" else [])


def test_places_that_could_not_be_asked_are_rows_too(tell: Any) -> None:
    missing = (
        Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN)),
        Gap("90000555", Deny(Reason.ADDRESS_NONE)),
    )
    overview = merge([_answer(tell, "Ha", "90000111", [])], missing, now=NOW, asked=ASKED)
    assert {row.id: row.status for row in overview.sources} == {
        "90000111": "ok",
        "localization": "failed",
        "90000555": "failed",
    }
    assert overview.complete is False


def test_an_organisation_that_the_directory_does_not_know_was_not_asked_and_refused_nothing(tell: Any) -> None:
    missing = (Gap("90000999", Deny(Reason.ORGANIZATION_UNKNOWN)),)
    (row,) = merge([], missing, now=NOW, asked=ASKED).sources
    assert (row.status, row.reason, row.notice) == (
        "failed",
        "unknown-organization",
        "Niet volledig: 90000999 antwoordde niet",
    )


def test_an_error_outcome_among_the_answers_means_not_whole(pen: Any, look: Any) -> None:
    def outcome(severity: str, code: str) -> dict[str, Any]:
        return {"resourceType": "OperationOutcome", "issue": [{"severity": severity, "code": code}]}

    assert (
        look(a=[pen.treatment("deny", "2024-01-01"), outcome("error", "exception")]).source("a")["status"] == "partial"
    )
    assert look(a=[outcome("error", "forbidden")]).source("a")["status"] == "not-authorised"
    assert look(a=[pen.treatment("deny", "2024-01-01"), outcome("warning", "informational")]).json["complete"] is True


@pytest.mark.parametrize(
    "other",
    [
        {"identifier": [{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "900010010"}]},
        {"birthDate": "1941-09-05"},
    ],
)
def test_a_source_about_another_patient_is_put_aside_whole(pen: Any, tell: Any, other: dict[str, Any]) -> None:
    wrong = _answer(tell, "Zh", "90000222", [pen.patient(**other), pen.treatment("deny", "2025-01-01")])
    right = _answer(tell, "Ha", "90000111", [pen.patient(), pen.treatment("permit", "2020-01-01")])
    overview = merge([wrong, right], (), now=NOW, asked=ASKED)
    item = overview.item(CPR)
    assert item is not None
    assert item.value is not None
    assert (item.value.kind, item.history) == ("permit", ())
    assert {row.id: row.status for row in overview.sources} == {"90000111": "ok", "90000222": "rejected"}
    [check] = overview.cross_checks
    assert (check.code, check.severity, check.keys) == ("X8", "high", ())
    assert check.refs == tuple(row.id for row in overview.sources if row.status == "rejected")
    assert check.text == f"Persoonsgegevens komen niet overeen: bron {check.refs[0]} is niet meegenomen"
    assert overview.complete is False


def test_a_birth_date_of_lower_precision_does_not_disagree(pen: Any, tell: Any) -> None:
    answer = _answer(tell, "Ha", "90000111", [pen.patient(birthDate="1941")])
    assert merge([answer], (), now=NOW, asked=ASKED).complete is True


def test_offline_sources_that_disagree_are_an_error_that_names_no_identifier(pen: Any, tell: Any) -> None:
    other = pen.patient(identifier=[{"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "900010010"}])
    found = merge([tell("a", [pen.patient()]), tell("b", [other])], (), now=NOW, asked=None)
    assert isinstance(found, PatientsDisagree)
    assert (found.code, found.sources) == ("PATIENT_DISAGREES", ("a", "b"))
    assert "9000" not in found.text
    born = merge([tell("a", [pen.patient()]), tell("b", [pen.patient(birthDate="1942")])], (), now=NOW, asked=None)
    assert isinstance(born, PatientsDisagree)
    one = merge([tell("a", [pen.patient(), {**other, "id": "p2"}])], (), now=NOW, asked=None)
    assert isinstance(one, PatientsDisagree)


def test_a_record_of_another_patient_is_dropped_when_we_know_whom_we_asked(pen: Any, tell: Any, look: Any) -> None:
    stranger = pen.treatment("deny", "2025-01-01", patient={"reference": "Patient/somebody-else"})
    live = merge([_answer(tell, "Ha", "90000111", [pen.patient(), stranger])], (), now=NOW, asked=ASKED)
    assert [(one.type, one.reason) for one in live.excluded] == [("Consent", "other-patient")]
    item = live.item(CPR)
    assert item is not None
    assert item.state == "not-recorded"
    offline = look(a=[pen.patient(), stranger])
    assert "SUBJECT_DIFFERS" in offline.codes(CPR)


def test_answers_of_one_source_are_joined(pen: Any, tell: Any) -> None:
    parts = [tell("a", [pen.treatment("deny", "2024-01-01")]), tell("a", [pen.goal("385987000", "2024-01-01")])]
    overview = merge(parts, (), now=NOW, asked=None)
    assert isinstance(overview, Overview)
    assert [row.statements for row in overview.sources] == [2]


def test_unknown_types_are_unmapped_unless_they_only_came_along(pen: Any, look: Any, tell: Any) -> None:
    seen = look(a=[{"resourceType": "Condition", "id": "x"}, {"resourceType": "Organization", "id": "y"}])
    assert [(one["type"], one["ref"], one["source"]["id"]) for one in seen.json["unmapped"]] == [
        ("Condition", "https://a.example/fhir/Condition/x", "a")
    ]


def test_the_digest_is_of_the_canonical_json_and_depends_on_what_is_shown(pen: Any, tell: Any) -> None:
    def look_at(decision: str) -> Overview:
        return merge(
            [_answer(tell, "Ha", "90000111", [pen.treatment(decision, "2024-01-01")])], (), now=NOW, asked=ASKED
        )

    assert digest(look_at("deny")) == digest(look_at("deny"))
    assert digest(look_at("deny")) != digest(look_at("permit"))
    assert len(digest(look_at("deny"))) == 64


def test_nothing_that_is_printed_by_accident_names_the_patient(pen: Any, tell: Any) -> None:
    answer = _answer(tell, "Ha", "90000111", [pen.patient()])
    assert "900010009" not in repr(merge([answer], (), now=NOW, asked=ASKED))
    assert "900010009" not in repr(tell("a", [pen.patient()]))


def test_without_any_source_the_overview_is_empty_and_says_so() -> None:
    overview = merge([], (), now=NOW, asked=ASKED)
    assert overview.complete is True
    assert overview.patient.bsn == "900010009"
    assert {item.state for item in overview.items()} == {"not-recorded"}


def test_the_json_can_be_read_back_into_the_same_overview(pen: Any, tell: Any) -> None:
    resources = [
        pen.patient(capable=True),
        pen.treatment("deny", "2020-01-01", status="inactive"),
        pen.directive("NR", "2020-01-01"),
        pen.person("Jo Smit", "24"),
        pen.form("2024-01-01", pen.choice("1390", "2")),
    ]
    overview = merge([_answer(tell, "Ha", "90000111", resources)], (), now=NOW, asked=ASKED)
    assert msgspec.convert(as_json(overview), Overview) == overview
