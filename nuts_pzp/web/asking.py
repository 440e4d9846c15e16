"""Who asks at the FHIR facade and why: in headers, because a FHIR search has no place for it (ADR 0089).

A token names its professional itself; headers may repeat that and never change it. The rules of every value are those
of the consultation body, which the question is written into.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from urllib.parse import unquote

import orjson

from ..consult.facade.ids import Bound
from ..exchange import Asked, Caller
from ..identity import Bsn, Professional, Purpose
from . import asked
from .asked import PURPOSES, Fault, Question, Wrong
from .call import Call, client_of
from .preferences import preferences

HEADERS = {
    "X-Professional-Id": ("professional", "id"),
    "X-Professional-Name": ("professional", "name"),
    "X-Professional-Role": ("professional", "role"),
    "X-Purpose": ("", "purpose"),
    "X-Purpose-Reason": ("", "reason"),
    "X-Purpose-Explanation": ("", "explanation"),
    "X-Relation-Kind": ("relation", "kind"),
    "X-Relation-Since": ("relation", "since"),
    "X-Context": ("", "context"),
}
"""Each header and where it stands in the consultation body. Values are percent-encoded UTF-8."""

_BY_KEY = {".".join(part for part in where if part): name for name, where in HEADERS.items()}
_NEEDED = "X-Professional-Id", "X-Professional-Name", "X-Professional-Role"
_SECONDS = re.compile(r"[1-9]|[1-5][0-9]|60", re.ASCII)
"""As many as a consultation may last; a caller that is given others than it named would not know."""
_BAD_WAIT = Fault("Prefer", "wait: 1 tot 60 seconden", "wait: 1 to 60 seconds")
_BAD_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")


@dataclass(frozen=True, slots=True)
class Stated:
    """What the headers say, held against the token: the professional, the purpose, and the rest of the question."""

    caller: Caller
    body: dict[str, Any] = field(repr=False)

    def bound(self, tenant: str) -> Bound:
        """To whom ids are bound."""
        person, purpose = self.body["professional"], PURPOSES.get(self.body["purpose"], Purpose.TREATMENT)
        who = Professional(str(person.get("id", "")), str(person.get("role", "")), str(person.get("name", "")))
        return Bound(tenant, client_of(self.caller), who, purpose)

    def about(self, bsn: Bsn, born: date) -> Asked | Wrong:
        """Return the question about this patient, or everything that is wrong with the headers."""
        patient = {"bsn": bsn.value, "birthDate": born.isoformat()}
        read = asked.read(orjson.dumps(self.body | {"patient": patient}))
        if isinstance(read, Question):
            return read.asked
        return in_headers(read.faults)


def in_headers(faults: tuple[Fault, ...]) -> Wrong:
    """Return what is wrong by the headers that say it."""
    return Wrong(tuple(Fault(_BY_KEY.get(one.key, one.key), one.nl, one.en) for one in faults))


def stated(call: Call, caller: Caller) -> Stated | Wrong:
    """Read the headers; Wrong for one that comes twice or is not percent-encoded text."""
    body: dict[str, Any] = {"professional": {}, "purpose": "treatment"}
    if (person := caller.professional) is not None:
        body["professional"] = {"id": person.id, "name": person.name, "role": person.role}
    faults = []
    for name, (part, key) in HEADERS.items():
        given = [value for header, value in call.scope["headers"] if header == name.lower().encode()]
        if not given:
            continue
        text = _text(given[0]) if len(given) == 1 else None
        if text is None:
            faults.append(Fault(name, "eenmaal, als percent-encoded UTF-8", "once, as percent-encoded UTF-8"))
        else:
            (body.setdefault(part, {}) if part else body)[key] = text
    known = body["professional"]
    faults += [
        Fault(name, "ontbreekt", "is missing") for name in _NEEDED if HEADERS[name][1] not in known and not faults
    ]
    wait = preferences(call.header(b"prefer")).get("wait")
    if wait is not None and _SECONDS.fullmatch(wait):
        body["deadline_ms"] = int(wait) * 1000
    elif wait is not None:
        faults.append(_BAD_WAIT)
    return Wrong(tuple(faults)) if faults else Stated(caller, body)


def _text(value: bytes) -> str | None:
    try:
        plain = value.decode("ascii")
        return None if _BAD_ESCAPE.search(plain) else unquote(plain, errors="strict")
    except UnicodeDecodeError:
        return None
