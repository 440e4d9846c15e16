"""Mitz: the strict reader of an answer to the open question (spec consent 2, 6.5). Pure; no I/O.

Trusts nothing. What it gives are organizations that may be asked, by URA and nothing else: HomeCommunityId and SourceId
are not even read, so nothing in an answer can become an address. Parts about another patient are left out and counted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from xml.etree.ElementTree import Element

from ...identity import Ura
from . import codes, open_codes
from .answer import Refused, Rules, envelope, is_bare
from .flaw import Flaw, Refusal
from .open_question import OpenQuestion
from .scan import parse

MOST = 200
"""Organizations that are believed of one patient."""

_P = f"{{{open_codes.XCPD}}}"
_URA = re.compile(r"[0-9]{8}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Located:
    """The organizations, each once, in order; and why parts of the answer were left out, each reason once."""

    holders: tuple[Ura, ...]
    dropped: tuple[Flaw, ...] = ()


def read(body: bytes, question: OpenQuestion, action: str | None = open_codes.ANSWER_ACTION) -> Located | Refused:
    """Read an answer's bytes against its question: 256 KiB, UTF-8, no DTD, no comments, RelatesTo ours. Never raises.

    An empty list is an answer: nobody, or nobody whom this user may ask.
    """
    try:
        document = parse(body)
        rules = Rules(action, require_relates_to=True)
        content = envelope(document, question.message_urn, rules, f"{_P}PatientLocationQueryResponse")
        if not is_bare(content) or any(child.tag != f"{_P}PatientLocationResponse" for child in content):
            raise Refusal(Flaw.BODY)
    except Refusal as refusal:
        return Refused(refusal.flaw)
    return _gathered(content, question)


def _gathered(parts: Iterable[Element], question: OpenQuestion) -> Located:
    found: dict[str, Ura] = {}
    dropped: dict[Flaw, None] = {}
    for part in parts:
        try:
            holder = _holder(part, question)
        except Refusal as refusal:
            dropped[refusal.flaw] = None
            continue
        if holder is None or holder.value in found:
            continue
        if len(found) == MOST:
            dropped[Flaw.TOO_MANY_HOLDERS] = None
            break
        found[holder.value] = holder
    return Located(tuple(found.values()), tuple(dropped))


def _holder(part: Element, question: OpenQuestion) -> Ura | None:
    """Return whom one part names, None when that is for other data than PZP; Refusal when it is not of this answer."""
    if part.attrib or not is_bare(part):
        raise Refusal(Flaw.RESULT)
    patient = _one(part, "RequestedPatientId")
    if (patient.get("root"), patient.get("extension")) != (codes.BSN_ROOT, question.bsn.value):
        raise Refusal(Flaw.OTHER_PATIENT)
    for other in part.findall(f"{_P}CorrespondingPatientId"):
        if other.get("root") == codes.BSN_ROOT and other.get("extension") != question.bsn.value:
            raise Refusal(Flaw.OTHER_PATIENT)
    kinds = part.findall(f"{_P}event-code")
    if len(kinds) > 1:
        raise Refusal(Flaw.DUPLICATE_CATEGORY)
    institution = _one(part, "author-institution")
    extension = institution.get("extension", "")
    if institution.get("root") != codes.URA_ROOT or not _URA.fullmatch(extension):
        raise Refusal(Flaw.OTHER_HOLDER)
    named = Ura(extension)
    if kinds and (kinds[0].get("codeSystem"), kinds[0].get("code")) != (codes.CATEGORY_SYSTEM, codes.TREATMENT_DATA):
        return None
    return named


def _one(part: Element, name: str) -> Element:
    """Return the only element of that name, an HL7 identifier without content."""
    found = part.findall(f"{_P}{name}")
    if len(found) != 1 or len(found[0]) or (found[0].text or "").strip() or found[0].get("nullFlavor"):
        raise Refusal(Flaw.ECHO_MALFORMED)
    return found[0]
