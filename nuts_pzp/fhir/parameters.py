"""Which parameters a request may have, and what they mean: capability, one patient in one place, bounds. Pure.

Trusts the capability of the policy bundle, nothing else. Spec decision-api 3.3, 3.4, 3.7 and 3.8.
"""

from __future__ import annotations

import re
from datetime import date

from ..identity import BSN_SYSTEM, eleven_test
from ..reasons import Reason
from .capability import ResourceCapability
from .wire import Refused, alternatives

Parameter = tuple[str, tuple[str, ...]]
r"""(name with modifier, values joined by OR). A repeated name (AND) is a further Parameter.

Commas in values are unescaped; `\|`, `\$` and `\\` stay escaped, so that `system|code` and a code with a bar differ.
"""

MAX_COUNT = 500
"""The largest `_count`; a server may always give less."""

CHAINS = frozenset({"reason-reference:Procedure.code", "device.type", "device.type:in"})
"""The chained parameters that a PZP query needs (spec pzp-fhir 2.1 and 5), and no others."""

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.:-]{0,63}")
_ID = r"(?!\.{1,2}(?:/|\Z))[A-Za-z0-9.-]{1,64}"
ID = re.compile(_ID)
_PATIENT = re.compile(rf"Patient/({_ID})")
_SOME_PATIENT = re.compile(r"(?:^|[/|])Patient/", re.IGNORECASE)
_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_COUNT = re.compile(r"[1-9][0-9]{0,2}")
_WORD = re.compile(r"[a-z_][a-z.-]{0,39}(?::[a-z]{1,12})?", re.ASCII)
"""A name that may be repeated in a refusal: no digit, so no number of anybody."""
_SEEN_BY_OTHER_NAMES = ("patient", "subject", "identifier", "individual", "_id")
_SINGLE = frozenset({"patient", "subject", "identifier", "birthdate", "questionnaire", "_count", "_format", "_id"})


def drop_format(given: list[tuple[str, str]]) -> tuple[list[tuple[str, str]], str | None]:
    """Check names and take out `_format`, returned beside the rest; single parameters are given once."""
    kept: list[tuple[str, str]] = []
    form: str | None = None
    seen: set[str] = set()
    for name, value in given:
        if not _NAME.fullmatch(name):
            raise Refused(Reason.REQUEST_MALFORMED, "a parameter name that is none")
        if name in seen and (name in _SINGLE or (name, value) in kept):
            raise Refused(Reason.REQUEST_AMBIGUOUS, f"a parameter given twice{_shown(name)}")
        seen.add(name)
        if name != "_format":
            kept.append((name, value))
        else:
            form = value
    return kept, form


def patient_search(given: list[tuple[str, str]], *, born: bool = False) -> tuple[Parameter, ...]:
    """A Patient is searched by exactly one BSN identifier, and nothing else but `_count`; `born`: and a birth date."""
    params: list[Parameter] = []
    for name, value in given:
        if name == "_count":
            params.append((name, (_count(value),)))
            continue
        if born and name == "birthdate":
            params.append((name, (_birth_date(value),)))
            continue
        if name != "identifier":
            by = "identifier (a BSN) and birthdate" if born else "identifier (a BSN)"
            raise Refused(Reason.REQUEST_BSN, f"a Patient is searched by {by} only{_shown(name)}")
        system, _, bsn = value.partition("|")
        if system != BSN_SYSTEM or not eleven_test(bsn):
            raise Refused(Reason.REQUEST_BSN, f"identifier: {BSN_SYSTEM}|<a BSN> is expected")
        params.append((name, (value,)))
    if not any(name == "identifier" for name, _ in params):
        raise Refused(Reason.REQUEST_BSN, "no BSN identifier")
    if born and not any(name == "birthdate" for name, _ in params):
        raise Refused(Reason.REQUEST_BIRTH_DATE, "birthdate: is missing")
    return tuple(params)


def _birth_date(value: str) -> str:
    try:
        if not _DATE.fullmatch(value):
            raise ValueError("another form")
        return date.fromisoformat(value).isoformat()
    except ValueError:
        raise Refused(Reason.REQUEST_BIRTH_DATE, "birthdate: a date that exists, as YYYY-MM-DD") from None


def patient_bound_search(given: list[tuple[str, str]], listed: ResourceCapability, base: str) -> tuple[Parameter, ...]:
    """Any other search names exactly one patient, once; the capability lists each parameter, modifier included."""
    params: list[Parameter] = []
    patients = 0
    for name, value in given:
        if name in ("patient", "subject") and name in listed.params:
            params.append((name, (_patient(name, value, base),)))
            patients += 1
        elif name == "_count":
            params.append((name, (_count(value),)))
        elif name == "_include":
            params.append((name, (_included(value, listed),)))
        else:
            params.append((name, _other(name, value, listed)))
    if patients != 1:
        raise Refused(Reason.REQUEST_PATIENT, "not exactly one patient in exactly one place")
    return tuple(params)


def _patient(name: str, value: str, base: str) -> str:
    """Return `Patient/{id}`. An absolute reference must be below our own base; `subject` needs the type spelled out."""
    if value.startswith(f"{base}/"):
        value = value[len(base) + 1 :]
    elif name == "patient" and "/" not in value:
        value = f"Patient/{value}"
    if not _PATIENT.fullmatch(value):
        raise Refused(Reason.REQUEST_PATIENT, "not a reference to exactly one patient of this holder")
    return value


def _count(value: str) -> str:
    if not _COUNT.fullmatch(value) or int(value) > MAX_COUNT:
        raise Refused(Reason.REQUEST_UNSUPPORTED, f"_count is 1 to {MAX_COUNT}")
    return value


def _shown(name: str) -> str:
    return f": {name}" if _WORD.fullmatch(name) else ""


def _included(value: str, listed: ResourceCapability) -> str:
    if value not in listed.includes:
        raise Refused(Reason.REQUEST_UNSUPPORTED, "an _include that the capability does not list")
    return value


def _other(name: str, value: str, listed: ResourceCapability) -> tuple[str, ...]:
    if name not in listed.params or (name[0] == "_" and name != "_id"):
        raise Refused(Reason.REQUEST_UNSUPPORTED, f"a parameter that the capability does not list{_shown(name)}")
    if "." in name and name not in CHAINS:
        raise Refused(Reason.REQUEST_UNSUPPORTED, "a chained parameter")
    if name != "_id" and name.startswith(_SEEN_BY_OTHER_NAMES):
        raise Refused(Reason.REQUEST_PATIENT, "a patient by another name")
    values = alternatives(value)
    for one in values:
        if BSN_SYSTEM in one or _SOME_PATIENT.search(one):
            raise Refused(Reason.REQUEST_PATIENT, "a second patient")
    if name == "_id" and not all(ID.fullmatch(one) for one in values):
        raise Refused(Reason.REQUEST_MALFORMED, "an id that is none")
    return values
