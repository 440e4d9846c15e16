"""Mitz: the strict reader of an answer to the closed question (spec consent 1.5, 1.6, 6.5). Pure; no I/O.

Trusts nothing. Every element is taken by its exact place, namespace and count, never by searching, and each Result must
repeat patient, holder and one category of this very question. What is odd about a Permit makes it no answer; what is
odd inside a Deny leaves it a Deny, for nothing in it can become a yes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum
from xml.etree.ElementTree import Element

from . import codes
from .flaw import Flaw, Refusal
from .question import Attribute, Question, attributes
from .scan import Document, parse

_S, _W, _X, _H = (f"{{{uri}}}" for uri in (codes.SOAP, codes.WSA, codes.XACML, codes.HL7))
_ID = "{http://www.w3.org/XML/1998/namespace}id"
_SPACE = " \t\r\n"


class Decision(Enum):
    """The four words of XACML. Only the first two are decisions (spec consent 1.5)."""

    PERMIT = "Permit"
    DENY = "Deny"
    INDETERMINATE = "Indeterminate"
    NOT_APPLICABLE = "NotApplicable"


@dataclass(frozen=True, slots=True)
class Decided:
    """A well-formed answer to this question: one word per category asked, in the order asked."""

    decisions: tuple[tuple[str, Decision], ...]


@dataclass(frozen=True, slots=True)
class Refused:
    """Not an answer to this question. `flaw` says why; nothing of the content is kept."""

    flaw: Flaw


@dataclass(frozen=True, slots=True)
class Rules:
    """What a deployment may sharpen: the answer's wsa:Action (None: unchecked), and whether RelatesTo must be there."""

    action: str | None = codes.ANSWER_ACTION
    require_relates_to: bool = False


DEFAULT_RULES = Rules()


def read(body: bytes, question: Question, rules: Rules = DEFAULT_RULES) -> Decided | Refused:
    """Read an answer's bytes against its question; at most 256 KiB, UTF-8, no DTD, no comments. Never raises."""
    try:
        document = parse(body)
        content = envelope(document, question.message_urn, rules, f"{_X}Response")
        return Decided(_decisions(content, question))
    except Refusal as refusal:
        return Refused(refusal.flaw)


def envelope(document: Document, urn: str, rules: Rules, expected: str) -> Element:
    """Return what is expected: the only child of the only Body of a SOAP 1.2 envelope that answers this message.

    `urn` is our MessageID, `expected` the name of the child; raises Refusal, also for a fault.
    """
    root = document.root
    if root.tag != f"{_S}Envelope":
        raise Refusal(Flaw.NOT_SOAP12)
    tags = [child.tag for child in root]
    if tags not in ([f"{_S}Body"], [f"{_S}Header", f"{_S}Body"]) or not is_bare(root):
        raise Refusal(Flaw.ENVELOPE)
    body = root[-1]
    if len(body) != 1 or not is_bare(body):
        raise Refusal(Flaw.BODY)
    content = body[0]
    if content.tag == f"{_S}Fault":
        raise Refusal(_fault(document, content))
    if len(root) == 2:
        _header(root[0], urn, rules)
    elif rules.require_relates_to:
        raise Refusal(Flaw.NO_RELATES_TO)
    if content.tag != expected:
        raise Refusal(Flaw.BODY)
    return content


_UNDERSTOOD = frozenset(
    f"{_W}{name}" for name in ("Action", "RelatesTo", "MessageID", "To", "From", "ReplyTo", "FaultTo")
)


def _header(header: Element, urn: str, rules: Rules) -> None:
    """Check whose answer this is. Other header blocks are not read, unless they demand to be understood."""
    for block in header:
        if block.get(f"{_S}mustUnderstand", "0") not in ("0", "false") and block.tag not in _UNDERSTOOD:
            raise Refusal(Flaw.MUST_UNDERSTAND)
    actions = header.findall(f"{_W}Action")
    if len(actions) > 1 or (rules.action is not None and any(_text(action) != rules.action for action in actions)):
        raise Refusal(Flaw.OTHER_ACTION)
    related = [block for block in header if block.tag.rpartition("}")[2] == "RelatesTo"]
    if not related:
        if rules.require_relates_to:
            raise Refusal(Flaw.NO_RELATES_TO)
        return
    answered = related[0]
    if (
        len(related) > 1
        or answered.tag != f"{_W}RelatesTo"
        or answered.get("RelationshipType", codes.REPLY) != codes.REPLY
        or (_text(answered) or "").lower() != urn
    ):
        raise Refusal(Flaw.OTHER_QUESTION)


def _fault(document: Document, fault: Element) -> Flaw:
    """Name a fault by its code alone; Reason and Detail may hold a BSN and are not looked at (spec consent 1.6)."""
    found = fault.findall(f"{_S}Code")
    values = found[0].findall(f"{_S}Value") if len(found) == 1 else []
    if len(values) != 1:
        return Flaw.FAULT_STRUCTURE
    known = {f"{_S}Sender": Flaw.FAULT_SENDER, f"{_S}Receiver": Flaw.FAULT_RECEIVER}
    return known.get(document.names.get(values[0], ""), Flaw.FAULT_OTHER)


def _decisions(response: Element, question: Question) -> tuple[tuple[str, Decision], ...]:
    if len(response) == 0 or not is_bare(response) or any(child.tag != f"{_X}Result" for child in response):
        raise Refusal(Flaw.BODY)
    found: dict[str, Decision] = {}
    for result in response:
        decision = _decision(result)
        if decision is Decision.PERMIT:
            _unremarkable(result)
        category = _bound(result, question, exact=decision is Decision.PERMIT)
        if category in found:
            raise Refusal(Flaw.DUPLICATE_CATEGORY)
        found[category] = decision
    if len(found) != len(question.categories):
        raise Refusal(Flaw.MISSING_CATEGORY)
    return tuple((category, found[category]) for category in question.categories)


def _decision(result: Element) -> Decision:
    """Return the one word. XML white space around it is allowed; case, other spaces and look-alikes are not."""
    words = result.findall(f"{_X}Decision")
    if len(words) != 1:
        raise Refusal(Flaw.DECISION_COUNT)
    if len(words[0]) or words[0].attrib:
        raise Refusal(Flaw.DECISION)
    try:
        return Decision((words[0].text or "").strip(_SPACE))
    except ValueError:
        raise Refusal(Flaw.UNKNOWN_DECISION) from None


_ONCE = frozenset(f"{_X}{name}" for name in ("Decision", "Status", "AssociatedAdvice", "PolicyIdentifierList"))


def _unremarkable(result: Element) -> None:
    """Refuse a Permit with anything beside it that a Permit should not have."""
    if result.find(f"{_X}Obligations") is not None:
        raise Refusal(Flaw.OBLIGATION)
    tags = [child.tag for child in result if child.tag != f"{_X}Attributes"]
    if len(set(tags)) != len(tags) or not _ONCE.issuperset(tags) or result.attrib or not is_bare(result):
        raise Refusal(Flaw.RESULT)
    status = result.find(f"{_X}Status")
    if status is not None:
        statuses = status.findall(f"{_X}StatusCode")
        if len(statuses) != 1 or len(statuses[0]) or statuses[0].get("Value") != codes.STATUS_OK:
            raise Refusal(Flaw.STATUS)
    ids = [value for element in result.iter() for name, value in element.attrib.items() if _is_id(name)]
    if len(set(ids)) != len(ids):
        raise Refusal(Flaw.DUPLICATE_ID)


def _bound(result: Element, question: Question, *, exact: bool) -> str:
    """Return the category this Result is about, once it repeats this patient, this holder and nothing that differs."""
    expected: dict[str, list[Attribute]] = {}
    for attribute in attributes(question):
        expected.setdefault(attribute.id, []).append(attribute)
    seen: dict[str, str] = {}
    for category, element in _echoes(result, exact=exact):
        name = element.get("AttributeId", "")
        asked = expected.get(name)
        if asked is None:
            if exact:
                raise Refusal(Flaw.OTHER_ATTRIBUTE)
            continue
        if name in seen:
            raise Refusal(Flaw.ECHO_DUPLICATE)
        if (category, *_value(element)) not in [(one.category, one.kind, one.system, one.value) for one in asked]:
            raise Refusal(_DIFFERS.get(name, Flaw.OTHER_ATTRIBUTE))
        seen[name] = _value(element)[2]
    if not seen.keys() >= {codes.PATIENT, codes.HOLDER, codes.EVENT_CODE}:
        raise Refusal(Flaw.ECHO_MISSING)
    return seen[codes.EVENT_CODE]


_DIFFERS = {
    codes.PATIENT: Flaw.OTHER_PATIENT,
    codes.HOLDER: Flaw.OTHER_HOLDER,
    codes.EVENT_CODE: Flaw.UNASKED_CATEGORY,
}


def _echoes(result: Element, *, exact: bool) -> Iterator[tuple[str, Element]]:
    """Give each echoed Attribute with the category of its group."""
    ids: set[str] = set()
    for group in result.findall(f"{_X}Attributes"):
        if (name := group.get(_ID)) is not None:
            if name in ids:
                raise Refusal(Flaw.DUPLICATE_ID)
            ids.add(name)
        if exact and (not is_bare(group) or any(child.tag != f"{_X}Attribute" for child in group)):
            raise Refusal(Flaw.ECHO_MALFORMED)
        for attribute in group.findall(f"{_X}Attribute"):
            yield group.get("Category", ""), attribute


def _value(attribute: Element) -> tuple[str, str, str]:
    """Return (data type, root or code system, extension or code) of an attribute with exactly one HL7 value."""
    if len(attribute) != 1 or attribute[0].tag != f"{_X}AttributeValue" or not is_bare(attribute):
        raise Refusal(Flaw.ECHO_MALFORMED)
    value = attribute[0]
    if len(value) != 1 or len(value[0]) or not (is_bare(value) and is_bare(value[0])) or value[0].get("nullFlavor"):
        raise Refusal(Flaw.ECHO_MALFORMED)
    kind, inner = value.get("DataType", ""), value[0]
    if kind == codes.II and inner.tag == f"{_H}InstanceIdentifier":
        return kind, inner.get("root", ""), inner.get("extension", "")
    if kind == codes.CV and inner.tag == f"{_H}CodedValue":
        return kind, inner.get("codeSystem", ""), inner.get("code", "")
    raise Refusal(Flaw.ECHO_MALFORMED)


def _is_id(name: str) -> bool:
    return name.rpartition("}")[2].lower() == "id"


def is_bare(element: Element) -> bool:
    """True when there is only white space between the children."""
    return not (element.text or "").strip(_SPACE) and not any((child.tail or "").strip(_SPACE) for child in element)


def _text(element: Element) -> str | None:
    """The text of an element without children."""
    return None if len(element) else (element.text or "").strip(_SPACE)
