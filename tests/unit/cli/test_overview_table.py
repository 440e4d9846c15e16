"""The table shows conflicts, missing sources and refusals in plain sight, in the words of design section 7."""

from __future__ import annotations

import io
import json
from datetime import date, datetime
from typing import Any

from rich.console import Console

from nuts_pzp.cli.overview_table import harmless, overview_table
from nuts_pzp.exchange import Answer, Source
from nuts_pzp.fhir.bundle import Bundle, read_bundle
from nuts_pzp.identity import Bsn, Organization, Ura
from nuts_pzp.outcome import Deny, Gap, Gathered, Unavailable
from nuts_pzp.overview.dates import AMSTERDAM
from nuts_pzp.overview.merge import merge
from nuts_pzp.reasons import Reason

NOW = datetime(2026, 11, 22, 0, 40, tzinfo=AMSTERDAM)
ASKED = (Bsn("900010009"), date(1941, 5, 9))


def _consent(extra: str, day: str, code: str = "89666000", id: str = "c") -> str:
    return (
        f'{{"resourceType":"Consent","id":"{id}","status":"active","dateTime":"{day}",'
        '"category":[{"coding":[{"code":"129125009"}]}],'
        f'"provision":{{{extra}"code":[{{"coding":[{{"code":"{code}"}}]}}]}}}}'
    )


def _answer(name: str, ura: str, phone: str, resources: list[str], *gaps: Gap) -> Answer:
    entries = ",".join(f'{{"resource":{one}}}' for one in resources)
    bundle = read_bundle(f'{{"resourceType":"Bundle","entry":[{entries}]}}'.encode(), "https://x.example/fhir")
    assert isinstance(bundle, Bundle)
    holder = Organization(Ura(ura), "Z3", name, phone)
    return Answer(Source(holder, "https://x.example/fhir", None), Gathered(bundle.resources, gaps))


def _shown(*answers: Answer) -> str:
    return " ".join(_printed(*answers).split())


def _printed(*answers: Answer) -> str:
    console = Console(file=io.StringIO(), width=600)
    console.print(overview_table(merge(list(answers), (), now=NOW, asked=ASKED)))
    out: Any = console.file
    return str(out.getvalue())


def test_a_conflict_shows_every_candidate_and_no_choice() -> None:
    text = _shown(
        _answer("Praktijk A", "90000111", "", [_consent('"type":"permit",', "2024-02-11")]),
        _answer("Ziekenhuis B", "90000222", "", [_consent('"type":"deny",', "2024-02-11")]),
    )
    assert "Tegenstrijdig, geen keuze gemaakt: zie beide" in text
    assert "- Wel uitvoeren (11-02-2024, Praktijk A)" in text
    assert "- Niet uitvoeren (11-02-2024, Ziekenhuis B)" in text


def test_a_missing_source_is_named_with_its_phone_number_and_a_refusal_without_a_reason() -> None:
    text = _shown(
        _answer("Hospice C", "90000555", "0570-555555", [], Gap("Goal", Unavailable(Reason.SOURCE_TIMEOUT))),
        _answer("Thuiszorg D", "90000333", "", [], Gap("token", Deny(Reason.TOKEN_REFUSED))),
        _answer("Praktijk A", "90000111", "", [_consent('"type":"permit",', "2024-02-11")]),
    )
    assert "Niet volledig: Hospice C antwoordde niet, bel 0570-555555" in text
    assert "Niet vrijgegeven" in text
    assert "Meest actueel bekend (11-02-2024, Praktijk A)" in text
    assert "Onbekend (niet alle bronnen bereikbaar)" in text
    assert "Niet vastgelegd" not in text


def test_earlier_answers_and_what_could_not_be_read_are_there() -> None:
    text = _shown(
        _answer(
            "Praktijk A",
            "90000111",
            "",
            [
                _consent('"type":"permit",', "2020-01-01"),
                _consent('"type":"deny",', "2024-02-11", id="new"),
                '{"resourceType":"Consent","id":"bad","status":[]}',
            ],
        )
    )
    assert "Eerder vastgelegd: Wel uitvoeren (01-01-2020, Praktijk A)" in text
    assert "Niet te plaatsen (1)" in text
    assert "Consent/bad" in text
    assert "Niet vastgelegd in de geraadpleegde bronnen" in text
    assert "Per gesprek" in text
    assert "900010009" not in text


NASTY = (
    "\x1b[2J\x1b[31mniet\x1b[0m \x1b]8;;https://x.example\x1b\\klik \u202eereitna\u202c \u2066\u2069"
    " [bold]vet[/bold] [/los] \x07\x00\x9b31m\x7f regel\nBron: volledig\r\u2028einde <b>html</b> \u200f\ufeff"
)


def test_what_sources_write_steers_no_terminal() -> None:
    text = json.dumps(NASTY)
    resources = [
        f'{{"resourceType":"Patient","id":"p","birthDate":"1941-05-09","name":[{{"text":{text}}}]}}',
        _consent("", "2025-01-01").replace(
            '"status"', f'"extension":[{{"url":"ext-Comment","valueString":{text}}}],"status"'
        ),
        f'{{"resourceType":"Observation","id":"o","status":"final","effectiveDateTime":"2025-01-01",'
        f'"code":{{"coding":[{{"code":"153851000146100"}}]}},"valueString":{text}}}',
        f'{{"resourceType":"RelatedPerson","id":"r","name":[{{"text":{text}}}],"relationship":[{{"coding":[{{"code":"24"}}]}}]}}',
        f'{{"resourceType":"Encounter","id":"e","status":"finished","period":{{"start":"2025-01-01"}},'
        f'"participant":[{{"individual":{{"display":{text}}}}}],"reasonReference":[{{"reference":"Procedure/x"}}]}}',
        f'{{"resourceType":"Basic","id":{text}}}',
    ]
    shown = _printed(_answer(f"Praktijk {NASTY}", "90000111", NASTY, resources))
    assert {one for one in shown if not one.isprintable()} == {"\n"}
    flat = "".join(shown.split())
    assert "[bold]vet[/bold][/los]" in flat
    assert "<b>html</b>" in flat
    assert "\n Bron: volledig" not in shown
    assert "\nBron: volledig" not in shown


def test_white_space_stays_white_and_joined_letters_stay_joined() -> None:
    assert harmless("een\u00a0twee\tdrie\nvier") == "een twee drie vier"
    assert harmless("co\u00adop \U0001f468\u200d\U0001f469") == "co\u00adop \U0001f468\u200d\U0001f469"
    assert harmless("\ud800|\x85|\u202d|\ue000") == "\ufffd|\ufffd|\ufffd|\ufffd"


def _said(words: str) -> str:
    url = "http://nictiz.nl/fhir/StructureDefinition/ext-Comment"
    more = json.dumps({"extension": [{"url": url, "valueString": words}]})[1:-1]
    return _consent('"type":"permit",', "2024-02-11")[:-1] + f",{more}}}"


def test_a_condition_in_the_comment_of_who_says_the_same_is_not_lost() -> None:
    bare = _answer("Praktijk A", "90000111", "", [_consent('"type":"permit",', "2024-02-11")])
    text = _shown(bare, _answer("Ziekenhuis B", "90000222", "", [_said("alleen bij getuige")]))
    assert "- Wel uitvoeren (11-02-2024, Ziekenhuis B): alleen bij getuige" in text
    assert "- Wel" not in _shown(
        bare, _answer("Ziekenhuis B", "90000222", "", [_consent('"type":"permit",', "2024-02-11")])
    )


def test_another_number_of_the_same_representative_is_shown() -> None:
    def person(number: str) -> str:
        role = '"relationship":[{"coding":[{"code":"24"}]}],"name":[{"text":"Jo Smit"}]'
        return f'{{"resourceType":"RelatedPerson","id":"r",{role},"telecom":[{{"value":"{number}"}}]}}'

    text = _shown(
        _answer("Praktijk A", "90000111", "", [person("06-11111111")]),
        _answer("Ziekenhuis B", "90000222", "", [person("06-22222222")]),
    )
    assert "Jo Smit, 06-11111111" in text
    assert "- Jo Smit, 06-22222222 (zonder datum, Ziekenhuis B)" in text


def test_each_active_wilsverklaring_is_shown_with_its_comment() -> None:
    def document(day: str, words: str, id: str) -> str:
        url = "http://nictiz.nl/fhir/StructureDefinition/ext-Comment"
        kind = '"category":[{"coding":[{"code":"acd"}]}],"provision":{"code":[{"coding":[{"code":"NR"}]}]}'
        more = json.dumps({"extension": [{"url": url, "valueString": words}]})[1:-1]
        return f'{{"resourceType":"Consent","id":"{id}","status":"active","dateTime":"{day}",{kind},{more}}}'

    text = _shown(
        _answer(
            "Praktijk A", "90000111", "", [document("2020-01-02", "penning", "a"), document("2021-03-04", "brief", "b")]
        )
    )
    assert "- Niet-reanimerenverklaring (02-01-2020, Praktijk A): penning" in text
    assert "- Niet-reanimerenverklaring (04-03-2021, Praktijk A): brief" in text
