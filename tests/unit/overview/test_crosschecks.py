"""Cross-item checks ask for attention and leave values untouched (spec pzp-fhir 3.7)."""

from __future__ import annotations

from typing import Any

import pytest

CPR, IC, OFF = "treatment:89666000", "treatment:305351004", "treatment:400231000146108"
EUTHANASIA, GOAL = "340171000146104", "goal:medical-policy"
NO_EUTHANASIA, COMFORT, NO = "340201000146103", "713148004", "373067005"


@pytest.mark.parametrize("decision", ["permit", "Alleen kort", "Nee, nog geen besluit", None, "absent"])
def test_x1_a_do_not_resuscitate_document_beside_anything_but_no(pen: Any, look: Any, decision: str | None) -> None:
    cpr = [] if decision == "absent" else [pen.treatment(decision, "2025-01-01")]
    seen = look(a=[pen.directive("NR", "2010-01-01"), *cpr])
    check = next(check for check in seen.json["crossChecks"] if check["code"] == "X1")
    assert (check["severity"], check["keys"]) == ("high", [CPR, "directive:NR"])
    assert "X1" in seen.codes(CPR)
    assert "X1" in seen.codes("directive:NR")


def test_x1_fires_on_a_contradiction_about_resuscitation(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.directive("NR", "2010-01-01"), pen.treatment("deny", "2025-01-01")],
        b=[pen.treatment("permit", "2025-01-01")],
    )
    assert "X1" in seen.checks()


def test_x1_is_silent_when_both_say_no_or_the_document_ended(pen: Any, look: Any) -> None:
    agree = look(a=[pen.directive("NR", "2010-01-01"), pen.treatment("deny", "2025-01-01")])
    ended = look(a=[pen.directive("NR", "2010-01-01", status="inactive"), pen.treatment("permit", "2025-01-01")])
    assert agree.checks() == ended.checks() == []


@pytest.mark.parametrize("code", ["VERB", "VERBVL", "VOL"])
def test_x2_read_the_document(pen: Any, look: Any, code: str) -> None:
    seen = look(a=[pen.directive(code, "2020-01-01")])
    assert seen.checks() == ["X2"]
    assert "lees document" in seen.json["crossChecks"][0]["text"]


@pytest.mark.parametrize("code", ["EU", "EUD"])
def test_x3_no_euthanasia_beside_a_request(pen: Any, look: Any, code: str) -> None:
    refuses = pen.observation(EUTHANASIA, pen.coded("340201000146103"), "2025-01-01")
    seen = look(a=[pen.directive(code, "2020-01-01"), refuses])
    assert [(check["code"], check["severity"]) for check in seen.json["crossChecks"]] == [("X3", "high")]
    has = pen.observation(EUTHANASIA, pen.coded("340181000146102"), "2025-01-01")
    assert look(a=[pen.directive(code, "2020-01-01"), has]).checks() == []


def test_x4_not_capable_and_nobody_represents(pen: Any, look: Any) -> None:
    assert look(a=[pen.patient(capable=False)]).checks() == ["X4"]
    assert look(a=[pen.patient(capable=False), pen.person("Jo Smit", "23")]).checks() == ["X4"]
    assert look(a=[pen.patient(capable=False)], b=[pen.person("Jo Smit", "15")]).checks() == []
    assert look(a=[pen.patient(capable=True)]).checks() == []


def test_x5_switching_off_an_icd_that_is_not_there(pen: Any, look: Any) -> None:
    form = pen.form("2025-01-01", pen.choice("1006", "373067005"))
    seen = look(a=[form], b=[pen.treatment("permit", "2025-01-01", code=OFF[10:])])
    assert seen.checks() == ["X5"]
    undecided = pen.treatment("Nee, nog geen besluit", "2025-01-01", code=OFF[10:])
    assert look(a=[form], b=[undecided]).checks() == []


@pytest.mark.parametrize("code", ["89666000", "305351004"])
def test_x6_comfort_only_beside_resuscitation_or_intensive_care(pen: Any, look: Any, code: str) -> None:
    seen = look(a=[pen.goal("713148004", "2025-01-01"), pen.treatment("permit", "2025-01-01", code=code)])
    assert [(check["code"], check["severity"]) for check in seen.json["crossChecks"]] == [("X6", "medium")]
    assert "controleer samenhang" in seen.json["crossChecks"][0]["text"]
    assert seen[GOAL]["state"] == "current"
    other = look(a=[pen.goal("1351964001", "2025-01-01"), pen.treatment("permit", "2025-01-01", code=code)])
    assert other.checks() == []


def test_x7_sources_name_another_representative(pen: Any, look: Any) -> None:
    seen = look(a=[pen.person("Jo Smit", "24")], b=[pen.person("Wim Bos", "24")])
    assert [(check["code"], check["severity"]) for check in seen.json["crossChecks"]] == [("X7", "high")]
    assert look(a=[pen.person("Jo Smit", "24")], b=[pen.person("jo smit", "24")]).checks() == []


def test_checks_can_be_switched_off_and_never_change_a_value(pen: Any, look: Any) -> None:
    resources = [pen.directive("NR", "2010-01-01"), pen.treatment("permit", "2025-01-01"), pen.patient(capable=False)]
    with_checks, without = look(a=resources), look(a=resources, checks=False)
    assert with_checks.checks() == ["X1", "X4"]
    assert without.checks() == []
    assert without.codes(CPR) == []
    for key, item in with_checks.items.items():
        assert item["value"] == without[key]["value"]


def test_x6_sees_a_permit_that_is_contradicted(pen: Any, look: Any) -> None:
    goal = pen.goal("713148004", "2025-01-01")
    seen = look(a=[goal, pen.treatment("permit", "2025-01-01")], b=[pen.treatment("deny", "2025-01-01")])
    assert seen[CPR]["state"] == "conflict"
    assert seen.checks() == ["X6"]


def _told(pen: Any, check: str) -> dict[str, list[Any]]:
    """Two sources that make one check apply, with everything it is about."""
    consent, day = pen.treatment, "2025-01-01"
    given: dict[str, tuple[list[Any], list[Any]]] = {
        "X1": ([pen.directive("NR", "2010-01-01")], [consent("permit", day)]),
        "X2": ([pen.directive("VOL", "2020-01-01")], [pen.directive("VOL", "2021-01-01", id="d2")]),
        "X3": (
            [pen.directive("EU", "2020-01-01")],
            [pen.observation(EUTHANASIA, pen.coded(NO_EUTHANASIA), day), pen.directive("EUD", "2020-01-01", id="d2")],
        ),
        "X4": ([pen.patient(capable=False)], [pen.person("Jo Smit", "23")]),
        "X5": ([pen.form(day, pen.choice("1006", NO))], [consent("permit", day, code=OFF[10:])]),
        "X6": (
            [pen.goal(COMFORT, day)],
            [consent("permit", day), consent("permit", day, code=IC[10:], id="ic")],
        ),
        "X7": ([pen.person("Jo Smit", "24", id="jo")], [pen.person("Wim Bos", "24", id="wim")]),
    }
    return dict(zip("ab", given[check], strict=True))


SAID: dict[str, tuple[str, str, list[str], list[str]]] = {
    "X1": (
        "high",
        "Er is een niet-reanimerenverklaring, maar reanimatie staat niet op “Niet uitvoeren”: bekijk beide",
        [CPR, "directive:NR"],
        ["a/Consent/d", "b/Consent/c"],
    ),
    "X2": (
        "medium",
        "Er is een behandelverbod of volmacht: lees document",
        ["directive:VOL"],
        ["a/Consent/d", "b/Consent/d2"],
    ),
    "X3": (
        "high",
        "Wenst geen euthanasie, maar er is een actief euthanasieverzoek: bekijk beide",
        [f"obs:{EUTHANASIA}", "directive:EU", "directive:EUD"],
        ["a/Consent/d", "b/Consent/d2", "b/Observation/o"],
    ),
    "X4": (
        "high",
        "De patiënt is wilsonbekwaam en in geen bron staat een vertegenwoordiger",
        ["capacity", "representative"],
        ["a/Patient/p"],
    ),
    "X5": (
        "medium",
        "Er is een afspraak over het uitzetten van een ICD, maar volgens de vastlegging is er geen ICD",
        [OFF, "icd:present"],
        ["a/QuestionnaireResponse/f", "b/Consent/c"],
    ),
    "X6": (
        "medium",
        "Doel is alleen symptoomverlichting, terwijl reanimatie of IC op “Wel uitvoeren” staat: controleer samenhang",
        [GOAL, CPR, IC],
        ["a/Goal/g", "b/Consent/c", "b/Consent/ic"],
    ),
    "X7": (
        "high",
        "De vertegenwoordiger verschilt tussen bronnen",
        ["representative"],
        ["a/RelatedPerson/jo", "b/RelatedPerson/wim"],
    ),
}


@pytest.mark.parametrize("code", SAID)
def test_a_check_says_how_grave_it_is_in_which_words_about_which_items_and_records(
    pen: Any, look: Any, code: str
) -> None:
    seen = look(**_told(pen, code))
    severity, text, keys, refs = SAID[code]
    records = [f"https://{source}.example/fhir/{rest}" for source, _, rest in (ref.partition("/") for ref in refs)]
    assert seen.json["crossChecks"] == [
        {"code": code, "severity": severity, "text": text, "keys": keys, "refs": records}
    ]
    for key in keys:
        assert code in seen.codes(key)


@pytest.mark.parametrize("decision", ["permit", "deny", "Alleen op verzoek"])
def test_x5_whatever_was_agreed_on_an_icd_that_is_not_there(pen: Any, look: Any, decision: str) -> None:
    form = pen.form("2025-01-01", pen.choice("1006", NO))
    assert look(a=[form], b=[pen.treatment(decision, "2025-01-01", code=OFF[10:])]).checks() == ["X5"]


def test_x7_is_silent_about_two_representatives_of_one_source(pen: Any, look: Any) -> None:
    form = pen.form("2025-01-01", pen.words("973", "Wim"), pen.words("975", "Bos"))
    assert look(a=[pen.person("Jo Smit", "24"), form]).checks() == []
