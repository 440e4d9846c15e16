"""Cross-item checks X1 to X8 (spec pzp-fhir 3.7). They ask for attention and leave every value as it is.

They can be switched off: choosing a leading value is a presentation rule of the information standard, these are ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from .codes import COMFORT_ONLY, EUTHANASIA, ICD_OFF, NO_EUTHANASIA, PATIENT
from .deciding import Verdict
from .shape import CrossCheck
from .statements import Severity, Statement

_CPR, _IC, _OFF = "treatment:89666000", "treatment:305351004", f"treatment:{ICD_OFF}"


def cross_checks(verdicts: Mapping[str, Verdict]) -> list[CrossCheck]:
    """Return the checks that apply to these items, in order of their code."""
    found = [
        _x1(verdicts),
        _x2(verdicts),
        _x3(verdicts),
        _x4(verdicts),
        _x5(verdicts),
        _x6(verdicts),
        _x7(verdicts),
    ]
    return [check for check in found if check is not None]


def x8(source: str) -> CrossCheck:
    """Return the check of a source that was put aside whole, because it speaks of another person."""
    text = f"Persoonsgegevens komen niet overeen: bron {source} is niet meegenomen"
    return CrossCheck("X8", "high", text, (), (source,))


def _shown(verdict: Verdict | None) -> list[Statement]:
    """What is shown as holding now: the leading statement, or every rival of a conflict, or all that stand together."""
    if verdict is None or verdict.state not in ("current", "conflict"):
        return []
    leading = [verdict.leading] if verdict.leading is not None else []
    return [*leading, *verdict.rivals, *(one for one in verdict.parallel if one is not verdict.leading)]


def _check(code: str, severity: Severity, text: str, keys: Iterable[str], *groups: list[Statement]) -> CrossCheck:
    refs = sorted({one.ref for group in groups for one in group})
    return CrossCheck(code, severity, text, tuple(keys), tuple(refs))


def _directives(verdicts: Mapping[str, Verdict], *types: str) -> dict[str, list[Statement]]:
    keys = [f"directive:{code}" for code in types]
    return {key: shown for key in keys if (shown := _shown(verdicts.get(key)))}


def _x1(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    documents, cpr = _directives(verdicts, "NR"), _shown(verdicts.get(_CPR))
    verdict = verdicts.get(_CPR)
    denied = verdict is not None and verdict.state == "current" and all(one.said.kind == "deny" for one in cpr)
    if not documents or denied:
        return None
    text = "Er is een niet-reanimerenverklaring, maar reanimatie staat niet op “Niet uitvoeren”: bekijk beide"
    return _check("X1", "high", text, (_CPR, *documents), cpr, *documents.values())


def _x2(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    documents = _directives(verdicts, "VERB", "VERBVL", "VOL")
    if not documents:
        return None
    text = "Er is een behandelverbod of volmacht: lees document"
    return _check("X2", "medium", text, documents, *documents.values())


def _x3(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    documents, position = _directives(verdicts, "EU", "EUD"), _shown(verdicts.get(f"obs:{EUTHANASIA}"))
    if not documents or not any(one.said.code == NO_EUTHANASIA for one in position):
        return None
    text = "Wenst geen euthanasie, maar er is een actief euthanasieverzoek: bekijk beide"
    return _check("X3", "high", text, (f"obs:{EUTHANASIA}", *documents), position, *documents.values())


def _x4(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    capacity = [one for one in _shown(verdicts.get("capacity")) if one.said.same == "no"]
    if not capacity or _shown(verdicts.get("representative")):
        return None
    text = f"De {PATIENT} is wilsonbekwaam en in geen bron staat een vertegenwoordiger"
    return _check("X4", "high", text, ("capacity", "representative"), capacity)


def _x5(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    agreed = [one for one in _shown(verdicts.get(_OFF)) if one.said.kind in ("permit", "deny", "conditional")]
    absent = [one for one in _shown(verdicts.get("icd:present")) if one.said.same == "no"]
    if not agreed or not absent:
        return None
    text = "Er is een afspraak over het uitzetten van een ICD, maar volgens de vastlegging is er geen ICD"
    return _check("X5", "medium", text, (_OFF, "icd:present"), agreed, absent)


def _x6(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    goal = [one for one in _shown(verdicts.get("goal:medical-policy")) if one.said.code == COMFORT_ONLY]
    permits = {
        key: shown
        for key in (_CPR, _IC)
        if (shown := [one for one in _shown(verdicts.get(key)) if one.said.kind == "permit"])
    }
    if not goal or not permits:
        return None
    text = "Doel is alleen symptoomverlichting, terwijl reanimatie of IC op “Wel uitvoeren” staat: controleer samenhang"
    return _check("X6", "medium", text, ("goal:medical-policy", *permits), goal, *permits.values())


def _x7(verdicts: Mapping[str, Verdict]) -> CrossCheck | None:
    verdict = verdicts.get("representative")
    if verdict is None or verdict.state != "conflict" or len({one.source for one in verdict.rivals}) < 2:
        return None
    text = "De vertegenwoordiger verschilt tussen bronnen"
    return _check("X7", "high", text, ("representative",), list(verdict.rivals))
