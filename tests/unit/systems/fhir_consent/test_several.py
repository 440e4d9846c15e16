"""Which of several Consents or rules counts, and whose word it was (spec consent 7, 7.1, 5 item 5)."""

from __future__ import annotations

from datetime import date

import pytest
from sharing_consents import (
    ADULT,
    CHILD,
    CONTAINED,
    CONTAINED_SELF,
    LOCAL,
    OTHER,
    PARENT,
    SELF,
    TREAT,
    US,
    USER,
    YEAR,
    YOUTH,
    One,
    actor,
    by_type,
    concept,
    consent,
    decision,
    narrowed,
    no,
    rule,
    yes,
    yes_type,
)

CASES: dict[str, tuple[list[One], str]] = {
    # which of several counts
    "the user before the type": ([consent(rule("deny", actor(by_type("N6")))), yes(id="c2")], "permit"),
    "an objection to the user before the type": ([yes_type(), no(id="c2")], "deny"),
    "an objection of equals": ([yes(), no(id="c2")], "deny"),
    "an objection to one nobody knows, beside the type": (
        [yes_type(), consent(rule("deny", actor(LOCAL)), id="c2")],
        "deny",
    ),
    "the same in a role nobody knows": ([yes_type(), consent(rule("deny", actor(USER, "AUT")), id="c2")], "deny"),
    "the same beside a permission by name": ([yes(), consent(rule("deny", actor(LOCAL)), id="c2")], "deny"),
    "an objection to the type and to one nobody knows": (
        [yes(), consent(rule("deny", actor(by_type("N6")), actor(LOCAL)), id="c2")],
        "deny",
    ),
    "a permission for the type and for one nobody knows, against an objection to the type": (
        [
            consent(rule("permit", actor(by_type("N6")), actor(LOCAL))),
            consent(rule("deny", actor(by_type("N6"))), id="c2"),
        ],
        "deny",
    ),
    "a permission for the type and for one nobody knows, against an objection by name": (
        [consent(rule("permit", actor(by_type("N6")), actor(LOCAL))), no(id="c2")],
        "deny",
    ),
    "an objection to everybody outranked by name": ([consent(rule("deny")), yes(id="c2")], "permit"),
    "a purpose outranks none": ([narrowed("permit", purpose=[TREAT]), no(id="c2")], "permit"),
    "an objection about some data outranks as much": (
        [
            narrowed("permit", purpose=[TREAT]),
            {**narrowed("deny", data=[{"meaning": "instance", "reference": LOCAL}]), "id": "c2"},
        ],
        "deny",
    ),
    "an objection with a label": (
        [narrowed("permit", purpose=[TREAT]), {**narrowed("deny", securityLabel=[{"code": "R"}]), "id": "c2"}],
        "deny",
    ),
    "an objection of a period of data": (
        [narrowed("permit", purpose=[TREAT]), {**narrowed("deny", dataPeriod={"start": "2020"}), "id": "c2"}],
        "deny",
    ),
    "an objection with a modifier": (
        [narrowed("permit", purpose=[TREAT]), {**narrowed("deny", modifierExtension=[{"url": "x"}]), "id": "c2"}],
        "deny",
    ),
    "a withdrawn permission and an objection": ([yes(status="inactive"), no(id="c2")], "deny"),
    "a withdrawn objection and a permission": ([no(status="inactive"), yes(id="c2")], "permit"),
    "an objection in error and a permission": ([no(status="entered-in-error"), yes(id="c2")], "permit"),
    # nested
    "an exception for the user": (
        [consent(rule("permit", actor(by_type("N6")), provision=[rule("deny", actor(USER))]))],
        "deny",
    ),
    "an exception for one nobody knows": (
        [consent(rule("permit", actor(by_type("N6")), provision=[rule("deny", actor(LOCAL))]))],
        "deny",
    ),
    "an exception that is over": (
        [consent(rule("permit", actor(USER), provision=[rule("deny", period={"end": "2026-01-01"})]))],
        "permit",
    ),
    "an exception about some data": (
        [consent(rule("permit", actor(USER), provision=[rule("deny", code=[concept("http://loinc.org", "1")])]))],
        "deny",
    ),
    "an exception to an objection": ([consent(rule("deny", provision=[rule("permit", actor(USER))]))], "permit"),
    "an exception to an objection, of two custodians": (
        [consent(rule("deny", provision=[rule("permit", actor(USER), actor(US, "CST"), actor(OTHER, "CST"))]))],
        "deny",
    ),
    "an exception to an objection for one organization of the type": (
        [consent(rule("deny", provision=[rule("permit", actor(by_type("N6", **LOCAL)))]))],
        "deny",
    ),
    "an exception to an objection, for some data": (
        [consent(rule("deny", provision=[rule("permit", actor(USER), dataPeriod=YEAR)]))],
        "deny",
    ),
    "an exception to the exception": (
        [consent(rule("deny", provision=[rule("permit", actor(USER), provision=[rule("deny", period=YEAR)])]))],
        "deny",
    ),
    "an exception that is no object": ([consent(rule("permit", actor(USER), provision=["x"]))], "trouble"),
}


BORN: dict[str, tuple[date, One, str]] = {
    "a contained parent, at six": (
        CHILD,
        yes(performer=[{"reference": "#ouder"}], contained=CONTAINED, dateTime="2024-01-01"),
        "permit",
    ),
    "a contained parent, since twelve": (
        YOUTH,
        yes(performer=[{"reference": "#ouder"}], contained=CONTAINED, dateTime="2020-01-01"),
        "nothing",
    ),
    "a contained child, at six": (
        CHILD,
        yes(performer=[{"reference": "#kind"}], contained=CONTAINED_SELF, dateTime="2024-01-01"),
        "nothing",
    ),
    "a child by type, at six": (
        CHILD,
        yes(performer=[{"type": "Patient", "display": "x"}], dateTime="2024-01-01"),
        "nothing",
    ),
    "a child by version, at six": (
        CHILD,
        yes(performer=[{"reference": "Patient/p1/_history/2"}], dateTime="2024-01-01"),
        "nothing",
    ),
    "a parent who is a patient here too, since twelve": (
        YOUTH,
        yes(performer=[{"reference": "Patient/p9"}], dateTime="2020-01-01"),
        "nothing",
    ),
    "a parent who is a patient here too, at six": (
        CHILD,
        yes(performer=[{"reference": "Patient/p9"}], dateTime="2024-01-01"),
        "permit",
    ),
    "recorded by a clerk at eight, since twelve": (
        YOUTH,
        yes(performer=[{"reference": "Practitioner/d1"}], dateTime="2020-01-01"),
        "nothing",
    ),
    "by nobody at eight, since twelve": (YOUTH, yes(dateTime="2020-01-01"), "nothing"),
    "by nobody at eight, objecting": (YOUTH, no(dateTime="2020-01-01"), "deny"),
    "recorded by a clerk at six": (
        CHILD,
        yes(performer=[{"reference": "Practitioner/d1"}], dateTime="2024-06-01"),
        "permit",
    ),
    "by nobody at thirteen": (YOUTH, yes(dateTime="2025-06-01"), "permit"),
    "by nobody, of an adult": (ADULT, yes(dateTime="2020-01-01"), "permit"),
    "by nobody, of an adult, undated": (ADULT, yes(), "permit"),
    "a clerk at fifteen, of who is forty": (
        date(1986, 5, 1),
        yes(performer=[{"reference": "Practitioner/d1"}], dateTime="2001-06-01"),
        "nothing",
    ),
    "the patient and a parent at thirteen": (YOUTH, yes(performer=[SELF, PARENT], dateTime="2025-06-01"), "permit"),
    "the patient alone at thirteen": (YOUTH, yes(performer=[SELF], dateTime="2025-06-01"), "nothing"),
}


@pytest.mark.parametrize("name", CASES)
def test_which_of_them_counts(name: str) -> None:
    consents, expected = CASES[name]
    assert decision(ADULT, *consents) == expected
    assert decision(ADULT, *reversed(consents)) == expected


@pytest.mark.parametrize("name", BORN)
def test_whose_word_it_was(name: str) -> None:
    born, one, expected = BORN[name]
    assert decision(born, one) == expected
