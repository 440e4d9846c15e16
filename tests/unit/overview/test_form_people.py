"""Whom the form names: representative, first contact, who were there (spec pzp-fhir 1.2, questions 973 to 998)."""

from __future__ import annotations

from typing import Any

import pytest

DAY = "2025-04-02"


def _words(pen: Any, given: dict[str, str]) -> list[dict[str, Any]]:
    return [pen.words(link, text) for link, text in given.items()]


def _persons(item: dict[str, Any]) -> list[tuple[str, str, list[str], list[str]]]:
    return [(one["name"], one["relation"], one["roles"], one["telecom"]) for one in item["value"]["persons"]]


NAMED: dict[str, tuple[dict[str, str], list[tuple[str, str, str]], tuple[str, str, list[str], list[str]]]] = {
    "all there is to tell": (
        {
            "973": "Hanne",
            "974": "de",
            "975": "Wit",
            "976": " 0570-555010 ",
            "980": "hanne@thuis.example",
            "408": "nicht",
        },
        [("982", "24", ""), ("982", "15", ""), ("983", "OTH", "")],
        (
            "Hanne de Wit",
            "Anders: nicht",
            ["Mentor", "Wettelijke vertegenwoordiger (ook: wordt dit bij wilsonbekwaamheid)"],
            ["0570-555010", "hanne@thuis.example"],
        ),
    ),
    "a number and no name": ({"976": "0570-555010", "980": "  "}, [], ("onbekend", "", [], ["0570-555010"])),
    "a relation and no name": ({}, [("983", "DAUC", "")], ("onbekend", "Dochter", [], [])),
    "a relation in words alone": ({"408": "buurvrouw"}, [], ("onbekend", "buurvrouw", [], [])),
    "a role and a relation of the source's own": (
        {"975": "Wit"},
        [("982", "77", "Zaakwaarnemer"), ("983", "COUSN", "")],
        ("Wit", "onbekende code (COUSN)", ['"Zaakwaarnemer" (77)'], []),
    ),
    "a role by its display alone": ({"975": "Wit"}, [("982", "", "Mentor")], ("Wit", "", ['"Mentor"'], [])),
}


@pytest.mark.parametrize("how", NAMED)
def test_the_representative_as_the_form_names_it(pen: Any, look: Any, how: str) -> None:
    words, coded, person = NAMED[how]
    choices = [pen.choice(link, code, display=display) for link, code, display in coded]
    explained = pen.choice("1406", "1", pen.words("1407", "Ook 's avonds"))
    item = look(vvt=[pen.form(DAY, explained, *_words(pen, words), *choices)])["representative"]
    assert _persons(item) == [person]
    assert item["comment"] is None, "what was said of another question is not said of this one"


def test_the_first_contact_as_the_form_names_it(pen: Any, look: Any) -> None:
    words = {"985": "Bouke", "986": "van", "987": "Loon", "988": "06-55501", "992": "b@thuis.example", "412": "oom"}
    item = look(vvt=[pen.form(DAY, *_words(pen, words), pen.choice("995", "OTH"))])["first-contact"]
    assert _persons(item) == [("Bouke van Loon", "Anders: oom", [], ["06-55501", "b@thuis.example"])]
    assert item["display"] == "Bouke van Loon (anders: oom), 06-55501, b@thuis.example"


@pytest.mark.parametrize("link", ["976", "977", "978", "979", "980", "981"])
def test_every_way_to_reach_somebody_is_shown(pen: Any, look: Any, link: str) -> None:
    words = {"973": "Wim", "975": "Bos", link: "06-55501"}
    words |= {"985": "Rita", "987": "Bos", str(int(link) + 12): "06-55502"}
    seen = look(vvt=[pen.form(DAY, *_words(pen, words))])
    assert [_persons(seen[key])[0][3] for key in ("representative", "first-contact")] == [["06-55501"], ["06-55502"]]


def test_nobody_is_named_by_a_role_alone(pen: Any, look: Any) -> None:
    assert look(vvt=[pen.form(DAY, pen.choice("982", "24"))])["representative"]["state"] == "not-recorded"


def test_the_representative_is_the_first_contact_only_where_the_form_says_so(pen: Any, look: Any) -> None:
    wim = _words(pen, {"973": "Wim", "975": "Bos"})
    assert look(vvt=[pen.form(DAY, *wim, pen.choice("984", "0"))])["first-contact"]["state"] == "not-recorded"
    assert look(vvt=[pen.form(DAY, *wim)])["first-contact"]["state"] == "not-recorded"


@pytest.mark.parametrize(
    ("answer", "state"),
    [
        ({"valueCoding": {"code": "1"}}, "current"),
        ({"valueCoding": {"code": "373066001"}}, "current"),
        ({"valueBoolean": True}, "current"),
        ({"valueCoding": {"code": "373067005"}}, "not-recorded"),
        ({"valueBoolean": False}, "not-recorded"),
        ({"valueCoding": {"display": "wisselend"}}, "not-recorded"),
        ({"valueInteger": 1}, "not-recorded"),
    ],
)
def test_a_form_says_in_each_shape_of_yes_that_they_are_the_same(
    pen: Any, look: Any, answer: dict[str, Any], state: str
) -> None:
    wim = _words(pen, {"973": "Wim", "975": "Bos"})
    seen = look(vvt=[pen.form(DAY, *wim, {"linkId": "984", "answer": [answer]})])
    assert seen["first-contact"]["state"] == state


def test_a_contact_of_its_own_goes_before_the_representative(pen: Any, look: Any) -> None:
    both = _words(pen, {"973": "Wim", "975": "Bos", "985": "Rita", "987": "Bos"})
    item = look(vvt=[pen.form(DAY, *both, pen.choice("984", "1"))])["first-contact"]
    assert ([one[0] for one in _persons(item)], item["display"]) == (["Rita Bos"], "Rita Bos")


def test_who_were_there_each_once(pen: Any, look: Any) -> None:
    form = pen.form(
        DAY,
        pen.choice("82", "Patiënt"),
        pen.choice("997", "24"),
        pen.choice("998", "DAUC"),
        pen.choice("998", "DAUC"),
        pen.words("414", "de dominee"),
        pen.words("413", "een buurvrouw"),
        pen.choice("1386", "2"),
    )
    role = "Wettelijke vertegenwoordiger (ook: wordt dit bij wilsonbekwaamheid)"
    [talk] = look(vvt=[form]).json["conversations"]
    assert talk["present"] == ["patiënt", role, "Dochter", "de dominee", "een buurvrouw"]
