"""What stands beside a leading value: history, rivals, copies, documents, who and when (spec pzp-fhir 3.8, 4)."""

from __future__ import annotations

from typing import Any

CPR, WISHES = "treatment:89666000", "153851000146100"
A, B = {"id": "a", "name": "A"}, {"id": "b", "name": "B"}


def _by(pen: Any, display: str) -> dict[str, Any]:
    """An actor who agreed."""
    return {"role": pen.coded("CONSENTER", pen.KIN), "reference": {"display": display}}


def _talk(id: str, date: str | None, *names: str, **more: Any) -> list[dict[str, Any]]:
    encounter = {
        "resourceType": "Encounter",
        "id": id,
        "status": "finished",
        "participant": [{"individual": {"display": name}} for name in names],
        **({"period": {"start": date}} if date else {}),
        **more,
    }
    procedure = {
        "resourceType": "Procedure",
        "id": f"p-{id}",
        "status": "completed",
        "code": {"coding": [{"code": "713603004"}]},
        "encounter": {"reference": f"Encounter/{id}"},
    }
    return [encounter, procedure]


def test_a_rival_is_shown_with_all_that_is_known_of_it(pen: Any, look: Any) -> None:
    there = [*_talk("e", "2025-01-01", "Ilse van Dam", "Bea Vos")]
    provision = {"actor": [_by(pen, "Wim Bos")]}
    one = pen.treatment("Alleen thuis", "2025-01-01", comment="Besproken", provision=provision, encounter="Encounter/e")
    seen = look(a=[*there, one], b=[pen.treatment("permit", "2025-01-01", id="k")])
    item = seen[CPR]
    assert (item["label"], item["state"], item["value"]) == (
        "Reanimatie (cardiopulmonale resuscitatie)",
        "conflict",
        None,
    )
    first, second = item["conflict"]["candidates"]
    assert first == {
        "date": "2025-01-01",
        "dateFrom": "Consent.dateTime",
        "value": {"kind": "conditional", "code": "conditional", "display": "Anders, namelijk: Alleen thuis"},
        "specification": "Alleen thuis",
        "comment": "Besproken",
        "recordStatus": "active",
        "source": A,
        "ref": "https://a.example/fhir/Consent/c",
        "conversation": "a|2025-01-01",
        "attention": [],
        "author": "Ilse van Dam; Bea Vos",
        "agreedWith": ["Wim Bos"],
    }
    assert (second["specification"], second["comment"], second["author"]) == (None, None, "onbekend")
    assert (second["agreedWith"], second["source"]) == ([], B)


def test_a_rival_shows_its_own_comment_where_nothing_is_specified(pen: Any, look: Any) -> None:
    one = pen.treatment("deny", "2025-01-01", comment="Op eigen verzoek")
    candidates = look(a=[one], b=[pen.treatment("permit", "2025-01-01")])[CPR]["conflict"]["candidates"]
    assert [(one["specification"], one["comment"]) for one in candidates] == [
        ("Op eigen verzoek", "Op eigen verzoek"),
        (None, None),
    ]


def test_a_rival_names_the_equal_copies_of_itself(pen: Any, look: Any) -> None:
    same = {"identifier": [{"system": "urn:x", "value": "1"}]}
    seen = look(
        a=[pen.treatment("deny", "2025-01-01", **same)],
        b=[pen.treatment("deny", "2025-01-01", id="k", **same)],
        c=[pen.treatment("permit", "2025-01-01", id="m")],
    )
    first, second = seen[CPR]["conflict"]["candidates"]
    assert first["also"] == ["https://b.example/fhir/Consent/k"]
    assert "also" not in second
    assert [one["ref"] for one in seen[CPR]["corroboratedBy"]] == ["https://b.example/fhir/Consent/k"]


def test_what_is_history_keeps_its_words_and_its_conversation(pen: Any, look: Any) -> None:
    old = pen.treatment("Alleen thuis", "2020-01-01", id="o", comment="Toen", encounter="Encounter/e")
    older = pen.treatment("deny", "2019-01-01", id="p", comment="Nog eerder")
    seen = look(a=[*_talk("e", "2020-01-01", "Ilse van Dam"), old, older, pen.treatment("permit", "2025-01-01")])
    first, second = seen[CPR]["history"]
    assert first == {
        "date": "2020-01-01",
        "dateFrom": "Consent.dateTime",
        "value": {"kind": "conditional", "code": "conditional", "display": "Anders, namelijk: Alleen thuis"},
        "specification": "Alleen thuis",
        "comment": "Toen",
        "recordStatus": "active",
        "source": A,
        "ref": "https://a.example/fhir/Consent/o",
        "conversation": "a|2020-01-01",
        "attention": [],
    }
    assert (second["specification"], second["comment"]) == ("Nog eerder", "Nog eerder")
    assert seen[CPR]["changed"] is True


def test_documents_of_one_kind_stand_there_each_with_its_place(pen: Any, look: Any) -> None:
    def written(title: str, date: str | None, id: str) -> dict[str, Any]:
        attached = {"title": title, "url": f"https://files.example/{id}", "contentType": "application/pdf"}
        return pen.directive("VOL", date, id=id, sourceAttachment=attached)

    seen = look(a=[written("Volmacht Jo", "2024-01-01", "d")], b=[written("Volmacht Wim", None, "k")])
    first = {"title": "Volmacht Jo", "contentType": "application/pdf", "reference": "https://files.example/d"}
    second = {"title": "Volmacht Wim", "contentType": "application/pdf", "reference": "https://files.example/k"}
    assert seen["directive:VOL"]["value"] == {
        "kind": "decision",
        "code": "VOL",
        "display": "Volmacht",
        "document": first,
        "documents": [
            {
                "display": "Volmacht",
                "date": "2024-01-01",
                "source": A,
                "ref": "https://a.example/fhir/Consent/d",
                "document": first,
            },
            {
                "display": "Volmacht",
                "date": None,
                "source": B,
                "ref": "https://b.example/fhir/Consent/k",
                "document": second,
            },
        ],
    }


def test_documents_stand_newest_first_and_undated_ones_last(pen: Any, look: Any) -> None:
    seen = look(
        a=[
            pen.directive("DO", None, id="1"),
            pen.directive("VOL", "2020-01-01", id="2"),
            pen.directive("NR", "1965-01-01", id="3"),
            pen.directive("LW", "2024-01-01", id="4"),
        ]
    )
    shown = [key for key in seen.items if key.startswith("directive:")]
    assert shown == ["directive:LW", "directive:VOL", "directive:NR", "directive:DO"]


def test_wishes_of_one_day_stand_side_by_side_in_one_line(pen: Any, look: Any) -> None:
    seen = look(
        a=[pen.observation(WISHES, "Graag muziek", "2025-01-01")],
        b=[pen.observation(WISHES, "Geen bezoek", "2025-01-01")],
    )
    assert seen[f"obs:{WISHES}"]["value"] == {
        "kind": "text",
        "code": None,
        "display": "Graag muziek | Geen bezoek",
        "texts": ["Graag muziek", "Geen bezoek"],
    }


def test_the_last_known_decision_names_where_it_stands(pen: Any, look: Any) -> None:
    later = pen.treatment("Nee, nog geen besluit genomen", "2025-01-01")
    item = look(a=[later], b=[pen.treatment("deny", "2024-02-03", id="k")])[CPR]
    assert item["lastKnown"] == {
        "value": {"kind": "deny", "code": "deny", "display": "Niet uitvoeren"},
        "date": "2024-02-03",
        "source": B,
        "ref": "https://b.example/fhir/Consent/k",
    }


def test_an_ended_agreement_says_what_it_was(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("deny", "2024-01-01", status="inactive")])[CPR]
    assert item["value"] == {
        "kind": "ended",
        "code": "deny",
        "display": "Beëindigd op 01-01-2024 (laatst vastgelegd)",
        "was": {"kind": "deny", "code": "deny", "display": "Niet uitvoeren"},
    }


def test_the_day_of_the_latest_conversation_stands_beside_what_has_no_date_and_nowhere_else(
    pen: Any, look: Any
) -> None:
    talk = _talk("e", "2025-01-01", "Ilse van Dam")
    seen = look(a=[*talk, pen.patient(capable=True), pen.treatment("deny", "2025-01-01")])
    assert seen["capacity"]["latestConversation"] == "2025-01-01"
    assert "latestConversation" not in seen[CPR]
    differs = look(
        a=[*talk, pen.patient(capable=True), pen.treatment("deny", "2025-01-01")],
        b=[pen.patient(capable=False), pen.treatment("permit", "2025-01-01")],
    )
    days = [one.get("latestConversation") for one in differs["capacity"]["conflict"]["candidates"]]
    assert days == ["2025-01-01", "2025-01-01"]
    assert all("latestConversation" not in one for one in differs[CPR]["conflict"]["candidates"])


def test_who_held_the_conversation_is_that_of_the_latest_and_earlier_ones_are_history(pen: Any, look: Any) -> None:
    form = pen.form("2023-05-06", pen.words("968", "Bea"), pen.words("970", "Vos"), id="f")
    seen = look(a=[*_talk("e", "2025-01-01", "Ilse van Dam", "Jan Kok")], b=[form])
    item = seen["conversation.by"]
    assert {key: item[key] for key in ("state", "display", "date", "dateFrom", "author", "source", "ref")} == {
        "state": "current",
        "display": "Ilse van Dam; Jan Kok",
        "date": "2025-01-01",
        "dateFrom": "encounter",
        "author": "Ilse van Dam; Jan Kok",
        "source": A,
        "ref": "https://a.example/fhir/Encounter/e",
    }
    assert item["conversation"] == "a|2025-01-01"
    [earlier] = item["history"]
    assert (earlier["dateFrom"], earlier["ref"]) == ("form", "https://b.example/fhir/QuestionnaireResponse/f")
    assert (earlier["conversation"], earlier["author"], earlier["source"]) == ("b|2023-05-06", "Bea Vos", B)
    assert earlier["value"] == {"kind": "text", "code": None, "display": "Bea Vos"}


def test_a_conversation_without_date_or_that_was_not_held_is_not_the_latest(pen: Any, look: Any) -> None:
    undated = look(a=_talk("e", None, "Ilse van Dam"))["conversation.by"]
    assert (undated["display"], undated["date"], undated["dateFrom"]) == ("Ilse van Dam", None, None)
    cancelled = look(a=_talk("e", "2025-01-01", "Ilse van Dam", status="cancelled"))["conversation.by"]
    assert (cancelled["state"], cancelled["label"]) == ("not-recorded", "Gesprek gevoerd door")
    assert cancelled["value"]["kind"] == "no-information"


def test_what_was_not_recorded_has_its_label_and_says_so(pen: Any, look: Any) -> None:
    everything = look(a=[pen.patient()])
    assert all(item["label"] and item["state"] == "not-recorded" for item in everything.items.values())
    assert everything["goal:medical-policy"]["label"] == "Belangrijkste doel medisch beleid"


def test_an_ended_agreement_keeps_the_words_that_went_with_it(pen: Any, look: Any) -> None:
    item = look(a=[pen.treatment("Alleen thuis", "2024-01-01", status="inactive")])[CPR]
    assert (item["state"], item["specification"]) == ("ended", "Alleen thuis")
    assert item["value"]["was"]["display"] == "Anders, namelijk: Alleen thuis"
