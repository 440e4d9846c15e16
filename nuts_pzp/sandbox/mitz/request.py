"""Mitz twin: reads a closed question as strictly as the guide allows one to be written (spec consent 1.9).

A broken message is a Fault with code Sender; a well-formed one with values that mean nothing is Indeterminate.
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from xml.etree.ElementTree import Element, ParseError, fromstring

from ...identity import eleven_test
from . import codes

_S, _W, _Q, _X, _H = (f"{{{uri}}}" for uri in (codes.SOAP, codes.WSA, codes.QUERY, codes.XACML, codes.HL7))


class Broken(Exception):
    """Not a question. The text goes into the fault's Reason, as a real service's would."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A well-formed question; its values may still mean nothing."""

    message_id: str
    bsn: str = field(repr=False)
    holder: str
    holder_type: str
    user: str
    user_type: str
    role: str
    professional: str
    mandated: str
    purpose: str
    categories: tuple[str, ...]


def read(body: bytes, headers: Mapping[str, str], *, roots: frozenset[str], to: str | None) -> Asked:
    """Return the question or raise Broken. `roots` are the OIDs accepted for professionals; `to` None: not compared."""
    if b"<!" in body:
        raise Broken("document type declarations are not accepted")
    try:
        envelope = fromstring(body)  # noqa: S314 (what it warns of needs a declaration, refused above)
    except ParseError:
        raise Broken("the message is not well-formed") from None
    if envelope.tag != f"{_S}Envelope" or [child.tag for child in envelope] != [f"{_S}Header", f"{_S}Body"]:
        raise Broken("a SOAP 1.2 envelope with a header and a body is expected")
    message_id = _message_id(envelope[0], headers, to)
    body_ = envelope[1]
    if len(body_) != 1 or body_[0].tag != f"{_Q}XACMLAuthzDecisionQuery":
        raise Broken("one XACMLAuthzDecisionQuery is expected")
    requests = list(body_[0])
    if len(requests) != 1 or requests[0].tag != f"{_X}Request":
        raise Broken("one XACML 3.0 Request is expected")
    if (requests[0].get("ReturnPolicyIdList"), requests[0].get("CombinedDecision")) != ("false", "false"):
        raise Broken("ReturnPolicyIdList and CombinedDecision must be false")
    return _asked(requests[0], message_id, roots)


def _message_id(header: Element, headers: Mapping[str, str], to: str | None) -> str:
    if _text(header, "Action") != codes.ASK_ACTION:
        raise Broken("wsa:Action is not that of the closed question")
    identifier = _text(header, "MessageID")
    try:
        if not identifier.startswith("urn:uuid:"):
            raise ValueError
        message_id = str(uuid.UUID(identifier.removeprefix("urn:uuid:")))
    except ValueError:
        raise Broken("wsa:MessageID is not a urn:uuid") from None
    if headers.get("x-request-id", "").lower() != message_id:
        raise Broken("X-Request-Id is absent or differs from wsa:MessageID")
    if to is not None and _text(header, "To") != to:
        raise Broken("wsa:To is another address")
    return message_id


def _text(header: Element, name: str) -> str:
    found = header.findall(f"{_W}{name}")
    if len(found) != 1:
        raise Broken(f"exactly one wsa:{name} is expected")
    return (found[0].text or "").strip()


def _asked(request: Element, message_id: str, roots: frozenset[str]) -> Asked:
    given: dict[tuple[str, str], list[Element]] = {}
    categories: list[str] = []
    for category, attribute in _attributes(request):
        key = (category, attribute.get("AttributeId", ""))
        if key == (codes.ACTION, codes.CATEGORY_RULE.id):
            categories.append(_value(codes.CATEGORY_RULE, attribute, roots))
        else:
            given.setdefault(key, []).append(attribute)
    values: dict[str, str] = {}
    for rule in codes.RULES:
        found = given.pop((rule.category, rule.id), [])
        if len(found) != 1 and (rule.required or found):
            raise Broken(f"the attribute {rule.name} is expected exactly once")
        values[rule.name] = _value(rule, found[0], roots) if found else ""
    if given:
        raise Broken("an attribute of another service was sent")
    if not categories or len(set(categories)) != len(categories):
        raise Broken("one or more categories are expected, each once")
    return Asked(message_id=message_id, categories=tuple(categories), **values)


def _attributes(request: Element) -> Iterator[tuple[str, Element]]:
    """Give each attribute with its category; one group per category, but one group per data category asked."""
    seen: set[str] = set()
    for group in request:
        category = group.get("Category", "")
        if group.tag != f"{_X}Attributes" or (category in seen and category != codes.ACTION):
            raise Broken("one group of attributes per category is expected")
        if category == codes.ACTION and len(group) != 1:
            raise Broken("one group of attributes per data category is expected")
        seen.add(category)
        for attribute in group:
            yield category, attribute


def _value(rule: codes.Rule, attribute: Element, roots: frozenset[str]) -> str:
    values = list(attribute)
    if attribute.tag != f"{_X}Attribute" or len(values) != 1 or values[0].tag != f"{_X}AttributeValue":
        raise Broken(f"the attribute {rule.name} has not exactly one value")
    inner = list(values[0])
    name = "InstanceIdentifier" if rule.kind == codes.II else "CodedValue"
    if values[0].get("DataType") != rule.kind or len(inner) != 1 or inner[0].tag != f"{_H}{name}":
        raise Broken(f"the attribute {rule.name} has another data type")
    system = inner[0].get("root" if rule.kind == codes.II else "codeSystem", "")
    if system not in ({rule.system} if rule.system else roots):
        raise Broken(f"the attribute {rule.name} has another OID")
    return inner[0].get("extension" if rule.kind == codes.II else "code", "")


def meaningless(asked: Asked, more_types: frozenset[str] = frozenset()) -> str | None:
    """Return the XACML status code (without its URN prefix) of the first value that means nothing, or None."""
    if not eleven_test(asked.bsn) or not all(re.fullmatch("[0-9]{8}", ura) for ura in (asked.holder, asked.user)):
        return "syntax-error"
    if not re.fullmatch(r"[0-9]{2}\.[0-9]{3}", asked.role) or not asked.professional:
        return "syntax-error"
    known = codes.TYPES.keys() | more_types
    if not {asked.holder_type, asked.user_type} <= known or asked.purpose not in codes.PURPOSES:
        return "missing-attribute"
    return None if set(asked.categories) <= codes.COVERS.keys() else "missing-attribute"
