"""Mitz: the closed question as a value, and its bytes (spec consent 1.3, 1.4). Pure; no I/O.

Trusts its caller for who is who; refuses what cannot be a question. Written with an XML writer, so no value can add
structure. The BSN is in the body only.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID
from xml.etree.ElementTree import Element, SubElement, tostring

from ...identity import Bsn, Purpose, Ura
from . import codes

_TEXT = re.compile(r"[\u0020-\uD7FF\uE000-\uFFFD\U00010000-\U0010FFFF]{1,200}")
_CODE = re.compile(r"[A-Za-z0-9]{1,10}", re.ASCII)
_OID = re.compile(r"[0-2](\.(0|[1-9][0-9]{0,15})){1,30}", re.ASCII)


class NotAQuestion(ValueError):
    """These values do not make a closed question. Says which, never the value."""


@dataclass(frozen=True, slots=True)
class Party:
    """A care organisation as Mitz knows it: URA and organization type (`Z3`)."""

    ura: Ura
    type: str

    def __post_init__(self) -> None:
        if not _CODE.fullmatch(self.type):
            raise NotAQuestion("an organization type is 1 to 10 letters and digits")


@dataclass(frozen=True, slots=True)
class Responsible:
    """The responsible professional: id, UZI role code, and who acts under that mandate.

    `root` is the OID that makes the ids unique; `authority` names its keeper, and only the UZI register has one.
    """

    id: str
    role: str
    mandated: str | None = None
    root: str = codes.UZI_ROOT
    authority: str = codes.UZI_AUTHORITY

    def __post_init__(self) -> None:
        for name, text in (("id", self.id), ("role code", self.role), ("mandated id", self.mandated)):
            if text is not None and not (_TEXT.fullmatch(text) and text.strip()):
                raise NotAQuestion(f"the {name} of the professional is empty, too long or has control characters")
        if not _OID.fullmatch(self.root):
            raise NotAQuestion("the root of the professional's id is not an OID")


@dataclass(frozen=True, slots=True)
class Question:
    """May `holder` make these categories of this patient's data available to this professional of `user`?"""

    message_id: UUID
    bsn: Bsn
    holder: Party
    user: Party
    professional: Responsible
    purpose: Purpose
    categories: tuple[str, ...] = (codes.TREATMENT_DATA,)

    def __post_init__(self) -> None:
        if self.purpose not in (Purpose.TREATMENT, Purpose.COORDINATION):
            raise NotAQuestion("Mitz takes purpose TREAT or COC")
        if not self.categories or len(set(self.categories)) != len(self.categories):
            raise NotAQuestion("a question has one or more categories, each once")
        if not set(self.categories) <= codes.CATEGORIES:
            raise NotAQuestion("a category is GGC002, GGC012 or GGC013")

    @property
    def message_urn(self) -> str:
        """What `wsa:MessageID` says and `wsa:RelatesTo` must repeat."""
        return f"urn:uuid:{self.message_id}"


class Attribute(NamedTuple):
    """One line of spec consent 1.4. `kind` II: root and extension in `system` and `value`; CV: code system and code."""

    category: str
    id: str
    kind: str
    system: str
    value: str
    echoed: bool
    authority: str = ""


def attributes(question: Question) -> Iterator[Attribute]:
    """Give the attributes of a question in wire order: resource, action per category, subject, environment."""
    who, ii, cv = question.professional, codes.II, codes.CV
    yield Attribute(codes.RESOURCE, codes.PATIENT, ii, codes.BSN_ROOT, question.bsn.value, True)
    yield Attribute(codes.RESOURCE, codes.HOLDER_TYPE, cv, codes.TYPE_SYSTEM, question.holder.type, True)
    yield Attribute(codes.RESOURCE, codes.HOLDER, ii, codes.URA_ROOT, question.holder.ura.value, True)
    for category in question.categories:
        yield Attribute(codes.ACTION, codes.EVENT_CODE, cv, codes.CATEGORY_SYSTEM, category, True)
    yield Attribute(codes.SUBJECT, codes.ROLE, cv, codes.ROLE_SYSTEM, who.role, True)
    if who.mandated is not None:
        yield Attribute(codes.SUBJECT, codes.MANDATED, ii, who.root, who.mandated, False, who.authority)
    yield Attribute(codes.SUBJECT, codes.PROFESSIONAL, ii, who.root, who.id, True, who.authority)
    yield Attribute(codes.SUBJECT, codes.USER, ii, codes.URA_ROOT, question.user.ura.value, False)
    yield Attribute(codes.SUBJECT, codes.USER_TYPE, cv, codes.TYPE_SYSTEM, question.user.type, False)
    yield Attribute(codes.ENVIRONMENT, codes.PURPOSE, cv, codes.PURPOSE_SYSTEM, question.purpose.value, False)


def build(question: Question, endpoint: str) -> bytes:
    """Write the SOAP 1.2 envelope, UTF-8. `endpoint` is the absolute URL it is sent to (spec consent 1.3)."""
    envelope = Element("soap:Envelope", {"xmlns:soap": codes.SOAP, "xmlns:wsa": codes.WSA})
    header = SubElement(envelope, "soap:Header")
    SubElement(header, "wsa:Action", {"soap:mustUnderstand": "1"}).text = codes.ASK_ACTION
    SubElement(header, "wsa:MessageID").text = question.message_urn
    SubElement(header, "wsa:To", {"soap:mustUnderstand": "1"}).text = endpoint
    SubElement(SubElement(header, "wsa:ReplyTo"), "wsa:Address").text = codes.ANONYMOUS
    query = SubElement(
        SubElement(envelope, "soap:Body"),
        "xacml-samlp:XACMLAuthzDecisionQuery",
        {"xmlns:xacml-samlp": codes.QUERY, "xmlns:xacml": codes.XACML, "xmlns:hl7": codes.HL7},
    )
    request = SubElement(query, "xacml:Request", {"ReturnPolicyIdList": "false", "CombinedDecision": "false"})
    _write(request, question)
    written: bytes = tostring(envelope, encoding="UTF-8", xml_declaration=True)
    return written


_IDS = {codes.RESOURCE: "resource", codes.SUBJECT: "subject", codes.ENVIRONMENT: "environment"}


def _write(request: Element, question: Question) -> None:
    """One `Attributes` per category of attributes, but one per data category asked: each gets its own decision."""
    groups: dict[str, Element] = {}
    actions = 0
    for attribute in attributes(question):
        if attribute.category == codes.ACTION:
            name, actions = f"action{actions}", actions + 1
        else:
            name = _IDS[attribute.category]
        if name not in groups:
            groups[name] = SubElement(request, "xacml:Attributes", {"Category": attribute.category, "xml:id": name})
        _write_one(groups[name], attribute)


def _write_one(group: Element, attribute: Attribute) -> None:
    echoed = "true" if attribute.echoed else "false"
    outer = SubElement(group, "xacml:Attribute", {"AttributeId": attribute.id, "IncludeInResult": echoed})
    value = SubElement(outer, "xacml:AttributeValue", {"DataType": attribute.kind})
    if attribute.kind == codes.CV:
        SubElement(value, "hl7:CodedValue", {"code": attribute.value, "codeSystem": attribute.system})
        return
    inner = SubElement(value, "hl7:InstanceIdentifier", {"root": attribute.system, "extension": attribute.value})
    if attribute.authority:
        inner.set("assigningAuthorityName", attribute.authority)
