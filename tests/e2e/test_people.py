"""Every other test person through real gateways, against docs/reference/test-people.md, written out by hand.

An item that is not named here must say that nothing is recorded, or that it is not known when a source is missing.
"""

from __future__ import annotations

import json
from typing import Any

import pytest
from staging import Visitor, items_of, told

pytestmark = pytest.mark.asyncio(loop_scope="session")

NO, YES = "Niet uitvoeren", "Wel uitvoeren"
CONFLICT = "Tegenstrijdig, geen keuze gemaakt: zie beide"
SYMPTOMS = "Palliatief met als doel symptoomverlichting, waarbij levensverlenging niet gewenst is"
NOTHING = "Niet vastgelegd in de geraadpleegde bronnen"
NOT_KNOWN = "Onbekend (niet alle bronnen bereikbaar)"
ITEMS = 24
"""Questions of the form: each is always answered with something, if only that nothing is recorded."""

Said = dict[str, Any]


def now(display: str, date: str | None, source: str, **more: Any) -> Said:
    """A current item; `date` None for one without a date."""
    return {"state": "current", "display": display, **({"date": date} if date else {}), "from": source, **more}


def torn(*rivals: tuple[Any, ...], severity: str = "high", **more: Any) -> Said:
    return {"state": "conflict", "display": CONFLICT, "severity": severity, "rivals": list(rivals), **more}


def ended(display: str, date: str, source: str, **more: Any) -> Said:
    return {"state": "ended", "display": f"Beëindigd op {display}", "date": date, "from": source, **more}


CAPABLE = {"capacity": now("Ja", None, "W")}
BOTH_CAPABLE = {"capacity": now("Ja", None, "W", **{"with": "M"})}
ICD = "implanteerbare cardioverter-defibrillator"

MUST_SAY: dict[str, dict[str, Said]] = {
    "hofstra": CAPABLE | {
        "treatment:89666000": now(NO, "2024-11-08", "W", **{"with": "W"}),
        "treatment:305351004": torn(
            ("2024-11-08T10:15:00+01:00", "W", NO, "Te zwaar, en te weinig te winnen."), ("2024-11-08", "W", YES),
        ),
        "treatment:281789004": now(YES, "2024-11-08", "W", before=[("2022-11-18T11:00:00+01:00", "W", NO)]),
        "treatment:400231000146108": now(
            "Geen besluit vastgelegd", "2024-11-08", "W", comment="Wil eerst horen wat de cardioloog ervan vindt.",
        ),
        "icd:present": now("Ja", "2024-11-08", "W", comment=ICD),
        "conversation.by": now(
            "Annelies Terpstra, huisarts", "2024-11-08", "W",
            before=[("2022-11-08", "W", "Annelies Terpstra, huisarts")],
        ),
        "conversation.present": now("patiënt", "2024-11-08", "W", before=[("2022-11-08", "W", "patiënt")]),
    },
    "brouwer": BOTH_CAPABLE | {
        "treatment:89666000": ended(
            "15-01-2025 (Op verzoek van mevrouw ingetrokken.)", "2025-01-15", "M", before=[("2022-03-01", "W", YES)],
        ),
        "treatment:305351004": torn(
            ("2025-01-15", "M", "Beëindigd op 15-01-2025"), ("2024-06-01", "W", NO),
        ),
        "treatment:40617009": ended("20-08-2023 (laatst vastgelegd)", "2023-08-20", "M"),
        "treatment:32485007": torn(("2024-02-10", "M", NO), (None, "W", YES)),
        "treatment:281789004": now(YES, None, "W"),
        "treatment:116762002": now(YES, "2022-03-01", "W", before=[("2062-05-01", "M", NO)]),
        "treatment:other:sondevoeding": now(NO, "2024-06-01", "M", **{"with": "W"}),
        "treatment:other:dialyse": torn(("2024-06-01", "M", YES), ("2024", "W", NO)),
    },
    "dalen": BOTH_CAPABLE | {
        "treatment:89666000": now(
            NO, "2023-04-04", "W", before=[("2025-09-10", "M", YES), ("2025-09-09", "M", YES)],
        ),
        "treatment:40617009": torn(
            ("2024-05-05", "W", YES),
            ("2024-05-05", "M", "Anders, namelijk: Wel met een masker, niet met een buis."),
        ),
        "treatment:305351004": now(
            "Anders, namelijk: Alleen kortdurend, met het oog op herstel naar huis.", "2024-05-05", "M",
        ),
        "treatment:32485007": now(
            "Nee, nog geen besluit genomen", "2025-03-03", "M", before=[("2023-04-04", "W", NO)],
        ),
        "treatment:116762002": now(NO, "2023-04-04", "W", before=[("2025-03-03", "M", "Niet besproken")]),
        "treatment:281789004": now("Niet te interpreteren", "2025-03-03", "M"),
        "treatment:400231000146108": now(
            "Geen besluit vastgelegd", "2025-03-03", "M", comment="Komt terug op de polikliniek.",
        ),
        "treatment:other:sondevoeding": now(NO, "2023-04-04", "W", **{"with": "M"}),
        "treatment:other:dialyse": now(NO, "2025-03-03", "M", before=[("2023-04-04", "W", YES)]),
        "treatment:other:#90000222/4-12": now(YES, "2025-03-03", "M"),
        "goal:medical-policy": now(
            "Palliatief met als doel levensverlenging én symptoomverlichting", "2023-04-04", "W",
            before=[("2026-02-02", "M", "Curatief / actief ziektebeleid")],
        ),
        "obs:395091006": now("Verpleeghuis", "2023-04-04", "W", before=[("2026-01-05", "M", "Thuis")]),
        "obs:340171000146104": now("Gevraagd, onbekend", "2025-03-03", "M"),
        "obs:247751003": now(
            "Muziek van Bach op de kamer. | Dat de hond bij hem mag blijven.", "2024-05-05", "W", beside="WM",
        ),
        "icd:present": now("Ja", "2025-03-03", "M", comment=ICD),
        "conversation.by": now("Annelies Terpstra, huisarts", "2023-04-04", "W"),
        "conversation.present": now("patiënt", "2023-04-04", "W"),
    },
    "kuiper": {
        "capacity": torn((None, "W", "Ja"), (None, "M", "Nee", "Verward sinds de opname.")),
        "representative": torn(
            (None, "W", "Jelle Kuiper (zoon), 0612000501"), (None, "M", "Marloes Kuiper (dochter), 0612000503"),
        ),
        "first-contact": now("Trijntje Bos (zuster), 0612000502", None, "W", **{"with": "M"}),
        "treatment:89666000": now(YES, "2025-02-14", "W"),
        "treatment:32485007": now(YES, "2025-08-08", "M"),
        "directive:VOL": now("Volmacht", "2023-03-03", "M"),
        "directive:EU": now("Euthanasieverzoek", "2021-10-10", "W"),
        "directive:NR": now("Niet-reanimerenverklaring", "2016-05-01", "W"),
        "directive:LW": ended("01-01-2010 (laatst vastgelegd)", "2010-01-01", "W"),
        "obs:340171000146104": now("Wenst geen euthanasie", "2025-02-14", "W"),
        "obs:153851000146100": now("Geen bezoek na acht uur. | Wil haar eigen deken.", "2025-02-14", "W", beside="WM"),
        "inform-relatives": now("Ja", "2025-08-08", "M", before=[("2025-02-14", "W", "Ja")]),
        "conversation.by": now("Annelies Terpstra, huisarts", "2025-02-14", "W"),
        "conversation.present": now("patiënt; Jelle Kuiper", "2025-02-14", "W"),
    },
    "zandstra": {
        "capacity": now("Nee", "2025-03-05T14:00:00+01:00", "L", comment="Sinds het herseninfarct.", **{"with": "M"}),
        "first-contact": now("Bea Zandstra (zuster), 0612000601", "2025-03-05T14:00:00+01:00", "L"),
        "goal:medical-policy": now(SYMPTOMS, "2025-04-22", "M"),
        "treatment:89666000": now(YES, "2025-04-22", "M"),
        "treatment:305351004": now("Anders, namelijk: Ten hoogste drie dagen.", "2025-04-22", "M"),
        "treatment:400231000146108": now(YES, "2025-04-22", "M"),
        "icd:present": now("Nee", "2025-03-05T14:00:00+01:00", "L"),
        "obs:153851000146100": now("Rustig, zonder slangen.", "2025-04-22", "M"),
        "directive": now("Ja", "2025-03-05T14:00:00+01:00", "L", comment="Ergens in 2019."),
        "inform-relatives": now("Nee", "2025-03-05T14:00:00+01:00", "L"),
        "prior-differs": now("Nee", "2025-03-05T14:00:00+01:00", "L"),
        "share-agreement": now("Nog onbekend", "2025-03-05T14:00:00+01:00", "L"),
        "conversation.by": now("Elzinga", "2025-03-05T14:00:00+01:00", "L"),
    },
    "wit": {
        "goal:medical-policy": now(SYMPTOMS, "2025-07-01", "M", **{"with": "LM"}),
        "treatment:89666000": now(NO, "2025-07-01", "M", before=[("2025-09-12", "L", YES)], **{"with": "M"}),
        "treatment:116762002": now(NO, "2025-07-01", "M", before=[("2025-06-30T22:15:00Z", "M", "Nog onbekend")]),
        "treatment:32485007": now("Anders, namelijk: Alleen voor een gebroken heup.", "2025-07-01", "L"),
        "treatment:40617009": now("Nog onbekend", "2025-07-01", "L"),
        "treatment:other:antistolling": now(NO, "2025-07-01", "L", comment="Na de maagbloeding."),
        "treatment:other:bestraling": now(YES, "2025-07-01", "L"),
        "treatment:400231000146108": now("Nee, nog geen besluit genomen", "2025-07-01", "L"),
        "icd:present": now("Ja", "2025-07-01", "L", comment="Links onder het sleutelbeen."),
        "obs:340171000146104": now("Nog onbekend", "2025-07-01", "L", comment="Nog niet besproken."),
        "obs:570801000146104": now("Nee", "2025-07-01", "L"),
        "obs:247751003": now("Elke zondag kerkradio.", "2025-07-01", "L"),
        "conversation.by": now("Hamid Ouali, klinisch geriater", "2025-07-01", "M"),
        "conversation.present": now("patiënt", "2025-07-01", "M"),
    },
    "vermeer": {"capacity": now("Ja", None, "M"), "treatment:89666000": now(YES, "2024-09-17", "M")},
    "kok": {"capacity": now("Ja", None, "M"), "treatment:89666000": now(YES, "2025-01-12", "M")},
    "visser": {},
    "talsma": {},
    "hendriks": CAPABLE | {
        "treatment:32485007": now(
            NO, "2025-11-11", "W",
            before=[(f"{year}-{month}-11", "W", YES) for year in range(2025, 2014, -1)
                    for month in ("11", "08", "05", "02")][1:],
        ),
    },
}  # fmt: skip

PRACTICE = "Huisartsenpraktijk De Wilgenhof"
MISSING = {"vermeer": "Niet vrijgegeven", "kok": "Persoonsgegevens komen niet overeen", "talsma": "Niet vrijgegeven"}
"""What becomes of the practice, the first source of these three."""

CHECKS = {"kuiper": ["X1", "X2", "X3", "X7"], "zandstra": ["X4", "X5", "X6"], "kok": ["X8"]}


@pytest.mark.parametrize("slug", MUST_SAY)
async def test_the_overview_says_what_was_written_by_hand(slug: str, visitor: Visitor) -> None:
    status, overview = await visitor.consult(slug)
    assert status == 200
    items, expected = items_of(overview), MUST_SAY[slug]
    assert {key: told(item) for key, item in items.items() if item["state"] != "not-recorded"} == expected
    silent = {item["display"] for key, item in items.items() if key not in expected}
    assert silent == {NOT_KNOWN if slug in MISSING else NOTHING}
    assert len({key.partition(":#")[0] for key in items}) >= ITEMS
    assert overview["complete"] is (slug not in MISSING)
    assert overview["banner"] == ([f"{PRACTICE}: {MISSING[slug]}, bel 0570-555111"] if slug in MISSING else [])
    assert [check["code"] for check in overview["crossChecks"]] == CHECKS.get(slug, [])


@pytest.mark.parametrize(
    ("slug", "item", "attention"),
    [
        ("hofstra", "treatment:305351004", {"ENCOUNTER_DATE_DIFFERS", "FORM_DATE_FAR_FROM_AUTHORED"}),
        ("brouwer", "treatment:89666000", {"OLDER_AGREEMENT_AFTER_END"}),
        ("brouwer", "treatment:32485007", {"UNDATED_DIFFERENT_VALUE"}),
        ("brouwer", "treatment:116762002", {"FUTURE_DATE"}),
        ("dalen", "treatment:305351004", {"TYPE_AND_SPECIFICATION"}),
        ("dalen", "treatment:32485007", {"UNDECIDED_AFTER_DECISION"}),
        ("dalen", "treatment:116762002", {"NEWER_NO_INFORMATION"}),
        ("dalen", "treatment:281789004", {"UNKNOWN_MODIFIER"}),
        ("dalen", "treatment:other:dialyse", {"DUPLICATE_ID_DIFFERS"}),
        ("kuiper", "treatment:89666000", {"X1"}),
        ("zandstra", "representative", {"X4"}),
    ],
)
async def test_what_asks_for_attention_says_so(slug: str, item: str, attention: set[str], visitor: Visitor) -> None:
    _, overview = await visitor.consult(slug)
    assert {one["code"] for one in items_of(overview)[item]["attention"]} == attention


async def test_an_undecided_answer_keeps_the_decision_before_it_on_the_row(visitor: Visitor) -> None:
    _, overview = await visitor.consult("dalen")
    known = items_of(overview)["treatment:32485007"]["lastKnown"]
    assert (known["value"]["display"], known["date"], known["source"]["id"]) == (NO, "2023-04-04", "90000111")


async def test_what_is_in_error_or_not_understood_is_listed_without_its_value(visitor: Visitor) -> None:
    _, overview = await visitor.consult("dalen")
    excluded = [(one["type"], one["reason"], one["source"]["id"]) for one in overview["excluded"]]
    unmapped = [(one["type"], one["reason"], one["source"]["id"]) for one in overview["unmapped"]]
    assert excluded == [("Consent", "entered-in-error", "90000222")]
    assert unmapped == [("Goal", "not-recognized", "90000111")]


@pytest.mark.parametrize("slug", ["vermeer", "talsma"])
async def test_a_source_that_does_not_release_gives_nothing_and_no_reason(slug: str, visitor: Visitor) -> None:
    _, overview = await visitor.consult(slug)
    practice = overview["sources"][0]
    assert (practice["id"], practice["status"], practice["statements"]) == ("90000111", "not-authorised", 0)
    assert practice["notice"] == "Niet vrijgegeven"
    assert [gap["code"] for gap in practice["gaps"]] == ["PZP-SOURCE-003"], "refused: the same for every reason"
    answer = json.dumps(overview)
    base = visitor.stage.region.gateway_of("wilgenhof").fhir_base("wilgenhof")
    assert base not in answer
    for of_the_practice in ("2026-05-20", "2026-02-02", "2026-06-30", "Annelies Terpstra"):
        assert of_the_practice not in answer


@pytest.mark.parametrize(
    ("slug", "reason"), [("vermeer", "PZP-CONSENT-010"), ("talsma", "PZP-PATIENT-002")]
)  # fmt: skip
async def test_the_reason_is_in_the_log_of_the_holder_alone(slug: str, reason: str, visitor: Visitor) -> None:
    _, overview = await visitor.consult(slug)
    own = visitor.records("kade", "kade", overview["meldcode"])
    assert reason not in json.dumps([one.record for one in own])
    [theirs] = visitor.joined(own, "wilgenhof")
    assert (theirs.code, theirs.word, theirs.reason) == ("disclosure.decision", "Geweigerd", reason)


async def test_a_source_with_another_birth_date_is_rejected_whole(visitor: Visitor) -> None:
    _, overview = await visitor.consult("kok")
    practice = overview["sources"][0]
    assert (practice["status"], practice["statements"]) == ("rejected", 0)
    assert "1985" not in json.dumps(overview)
    own = visitor.records("kade", "kade", overview["meldcode"])
    received = next(one for one in own if one.code == "consult.received" and one.reason)
    assert (received.reason, received.references) == ("PZP-PATIENT-005", ())
    asked = {one.record["object"]["type"] for one in visitor.joined(own, "wilgenhof")}
    assert asked == {"Patient"}, "nothing more is asked of a source that speaks of somebody else"


async def test_all_three_pages_come_through_the_holders_own_page_tokens(visitor: Visitor) -> None:
    _, overview = await visitor.consult("hendriks")
    own = visitor.records("kade", "kade", overview["meldcode"])
    pages = [
        len([ref for ref in one.references if ref.startswith("Consent/")])
        for one in visitor.joined(own, "wilgenhof")
        if one.code == "disclosure.result" and "scope|treatment" in one.record["object"]["query"].replace("consent", "")
    ]
    assert sorted(pages) == [4, 20, 20]


async def test_a_form_that_names_no_patient_is_withheld_and_the_removal_recorded(visitor: Visitor) -> None:
    _, overview = await visitor.consult("hofstra")
    assert "De duiven" not in json.dumps(overview, ensure_ascii=False)
    own = visitor.records("kade", "kade", overview["meldcode"])
    withheld = [one.record["object"].get("withheld") for one in visitor.joined(own, "wilgenhof")]
    assert [one for one in withheld if one] == [["QuestionnaireResponse/2-3/_history/1"]]
