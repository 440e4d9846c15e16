"""Sandbox: the PZP form as a QuestionnaireResponse (spec pzp-fhir 1.2 and 1.3).

Only linkIds and codes, which are facts; the questionnaire's own wording is not ours and is left out. Sub-questions hang
under `answer.item`, not under `item.item`: a reader that walks only the latter loses every specification.
"""

from __future__ import annotations

from dataclasses import dataclass

from .resources import BASES, CONTACT_ROLE, NULL, ROLE, SNOMED, Chart, Json, Ref

CANONICAL = "Questionnaire/ACP-zib2020"
BETA3 = f"{BASES['r4-beta3']}{CANONICAL}|0.1.3-beta3"
RC2 = f"{BASES['r4-rc2']}{CANONICAL}"
DECISION = "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4.25.1"
YES, NO = "373066001", "373067005"

# treatment -> (group, question, decision, specification when "Anders", explanation)
_TREATMENTS = {
    "89666000": ("1409", "1410", "1386", "1001", "1002"),
    "40617009": ("1411", "1412", "1387", "1388", "1389"),
    "305351004": ("1413", "1414", "1390", "1391", "1392"),
    "32485007": ("1415", "1416", "1393", "1394", "1395"),
    "281789004": ("1417", "1418", "1396", "1397", "1398"),
    "116762002": ("1419", "1420", "1399", "1400", "1401"),
}
_DECISIONS = {"0": "Wel uitvoeren", "1": "Anders", "2": "Niet uitvoeren", "UNK": "Nog onbekend"}


@dataclass(frozen=True, slots=True)
class Answered:
    """Answered questions and the groups that they stand in, outermost first."""

    groups: tuple[str, ...]
    items: tuple[Json, ...]


def treatment(what: str, decision: str, text: str = "") -> Answered:
    """4a-4f: decision 0 wel, 1 anders (text is then the specification), 2 niet, UNK; text is the explanation."""
    group, question, besluit, anders, why = _TREATMENTS[what]
    below = _text(anders if decision == "1" else why, text) if text else None
    asked = _coded(question, SNOMED, what)
    return Answered(("83", group), (asked, _coded(besluit, _system(decision), decision, _DECISIONS[decision], below)))


def other(what: str, decision: str, text: str = "") -> Answered:
    """4g: another treatment in words; the form knows no "Anders" here."""
    asked = {"linkId": "1422", "answer": [{"valueString": what}]}
    below = _text("1404", text) if text else None
    return Answered(("83", "1421"), (asked, _coded("1402", _system(decision), decision, _DECISIONS[decision], below)))


def icd(code: str, text: str = "") -> Answered:
    """4h: whether there is a defibrillator."""
    below = _text("1009", text) if text else None
    return Answered(("83",), (_coded("1006", NULL if code == "UNK" else SNOMED, code, below=below),))


def icd_off(code: str, text: str = "") -> Answered:
    """4i: 0 wel uitvoeren, ASKU nog geen besluit, NASK niet besproken."""
    below = _text("1010", text) if text else None
    asked = _coded("1426", SNOMED, "400231000146108")
    return Answered(("83", "1425"), (asked, _coded("1005", DECISION if code == "0" else NULL, code, below=below)))


def goal(code: str) -> Answered:
    """3: the beta3 form says 225353007 where a Goal says 713148004."""
    return Answered(("586",), (_coded("999", NULL if code == "UNK" else SNOMED, code),))


def wishes(text: str) -> Answered:
    """5a."""
    return Answered(("107", "1427"), (_text("1190", text),))


def place(code: str, text: str = "") -> Answered:
    """5b."""
    below = _text("1192", text) if text else None
    return Answered(("107", "1429"), (_coded("1191", _snomed_or_null(code), code, below=below),))


def euthanasia(code: str, text: str = "") -> Answered:
    """5c."""
    below = _text("1194", text) if text else None
    return Answered(("107", "1431"), (_coded("1193", _snomed_or_null(code), code, below=below),))


def donor(code: str) -> Answered:
    """5d: whether a choice is registered, never which."""
    return Answered(("107", "1433"), (_coded("1435", _snomed_or_null(code), code),))


def matters(text: str) -> Answered:
    """6."""
    return Answered(("598",), (_text("1196", text),))


def earlier(code: str, text: str = "", differs: str = "") -> Answered:
    """7a and 7b."""
    below = _text("1198", text) if text else None
    items = [_coded("1197", _snomed_or_null(code), code, below=below)]
    if differs:
        items.append(_coded("1199", _snomed_or_null(differs), differs))
    return Answered(("115",), tuple(items))


def sharing(informed: str, agrees: str) -> Answered:
    """8a (1 or 0, without a system) and 8b (441898007 or UNK; never an access consent)."""
    return Answered(("119",), (_coded("1200", "", informed), _coded("1201", _snomed_or_null(agrees), agrees)))


def capable(code: str, text: str = "") -> Answered:
    """1: 1 or 0, without a system."""
    below = _text("1407", text) if text else None
    return Answered(("26",), (_coded("1406", "", code, below=below),))


def representative(given: str, family: str, phone: str, relation: str, *, first_contact: bool) -> tuple[Answered, ...]:
    """1a-d."""
    name = Answered(("26", "29", "30"), (_text("973", given), _text("975", family)))
    reached = Answered(("26", "29", "39", "40"), (_text("976", phone),))
    role = _coded("982", CONTACT_ROLE, "24")
    also = _coded("984", "", "1" if first_contact else "0")
    return name, reached, Answered(("26", "29"), (role, _coded("983", ROLE, relation), also))


def contact(given: str, family: str, phone: str, relation: str) -> tuple[Answered, ...]:
    """1e-g: the first contact, when that is not the representative."""
    name = Answered(("26", "29", "53"), (_text("985", given), _text("987", family)))
    reached = Answered(("26", "29", "61", "62"), (_text("988", phone),))
    return name, reached, Answered(("26", "29"), (_coded("995", ROLE, relation),))


def present(*relations: str, patient: bool = True) -> Answered:
    """2: who was there."""
    items = [_coded("82", "", "Patiënt")] if patient else []
    items += [_coded("998", ROLE, relation) for relation in relations]
    return Answered(("78",), tuple(items))


def held_by(family: str, role: str) -> Answered:
    """Gesprek gevoerd door: family name and UZI role code."""
    function = _coded("1405", "http://fhir.nl/fhir/NamingSystem/uzi-rolcode", role)
    name = {"linkId": "16", "item": [_text("970", family)]}
    return Answered(("8",), (name, function))


@dataclass(frozen=True, slots=True)
class Cover:
    """What stands around the answers. `filled` is item 963 (the date that decides), `authored` decides nothing."""

    filled: str
    authored: str
    questionnaire: str = BETA3
    status: str = "completed"
    subject: bool = True


def add_form(chart: Chart, cover: Cover, *answers: Answered) -> Ref:
    """Write one form into a chart. Without a subject the server still knows whose it is, the resource does not say."""
    top: list[Json] = [{"linkId": "963", "answer": [{"valueDateTime": cover.filled}]}]
    for answered in answers:
        _place(top, answered)
    body: Json = {"status": cover.status, "questionnaire": cover.questionnaire, "authored": cover.authored, "item": top}
    if cover.subject:
        body["subject"] = chart.patient.json()
    reference = chart.add("QuestionnaireResponse", "", body)
    if not cover.subject:
        chart.unlinked.append(reference.reference)
    return reference


def _place(items: list[Json], answered: Answered) -> None:
    """Walk down the groups, making those that are not there; a repeated group for another treatment is a new one."""
    for depth, group in enumerate(answered.groups):
        repeats = group == "1421" and depth == len(answered.groups) - 1
        found = None if repeats else next((item for item in items if item["linkId"] == group), None)
        if found is None:
            found = {"linkId": group, "item": []}
            items.append(found)
        items = found["item"]
    items.extend(answered.items)


def _coded(link: str, system: str, code: str, display: str = "", below: Json | None = None) -> Json:
    coding: Json = {"system": system, "code": code} if system else {"code": code}
    if display:
        coding["display"] = display
    answer: Json = {"valueCoding": coding}
    if below:
        answer["item"] = [below]
    return {"linkId": link, "answer": [answer]}


def _text(link: str, text: str) -> Json:
    return {"linkId": link, "answer": [{"valueString": text}]}


def _system(decision: str) -> str:
    return NULL if decision == "UNK" else DECISION


def _snomed_or_null(code: str) -> str:
    return SNOMED if code.isdigit() else NULL
