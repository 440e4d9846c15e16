"""Mitz: reads a notification: a transaction Bundle of Consents with one Patient and one holder (spec consent 3.3).

Pure. Nothing of the transaction is executed: entries' methods and URLs are not looked at. In this profile `inactive` is
a refusal, and so is whatever is not plainly a permission.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

from ...consent.notice import Change, Notice
from ...identity import BSN_SYSTEM, URA_SYSTEM, Bsn, NotAnIdentifier, Ura
from .flaw import Flaw, Refusal
from .tree import Node, from_json, from_xml

XML_TYPES = frozenset({"application/fhir+xml", "application/xml"})
JSON_TYPES = frozenset({"application/fhir+json", "application/json"})

ALL = "*"
_MOST = 500
"""Choices in one notification."""

_USERS = "http://fhir.nl/StructureDefinition/OTV-ProviderCategory"
_USER_SYSTEM = "http://fhir.nl/otv/CodeSystem/raadplegende-zorgaanbiedercategorie"
_DATA_SYSTEM = "http://fhir.nl/otv/CodeSystem/gegevenscategorie"
_REASONS = frozenset({"http://hl7.org/fhir/v3/ActReason", "http://terminology.hl7.org/CodeSystem/v3-ActReason"})
_CODE = re.compile(r"[A-Za-z0-9._-]{1,40}", re.ASCII)
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?(Z|[+-][0-9]{2}:[0-9]{2})", re.ASCII
)
_DAY = re.compile(r"[0-9]{4}(-[0-9]{2}(-[0-9]{2})?)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class Read:
    """A notification, and the holder that it is about."""

    holder: Ura
    notice: Notice


def read(media_type: str, body: bytes) -> Read | Flaw:
    """Read the bytes of a notification; the flaw when it is none. Never raises."""
    try:
        if media_type in XML_TYPES:
            bundle = from_xml(body)
        elif media_type in JSON_TYPES:
            bundle = from_json(body)
        else:
            return Flaw.MEDIA_TYPE
        return _bundle(bundle, hashlib.sha256(body).hexdigest())
    except Refusal as refusal:
        return refusal.flaw


def _bundle(bundle: Node, digest: str) -> Read:
    if bundle.kind != "Bundle" or bundle.text("type") != "transaction":
        raise Refusal(Flaw.BUNDLE)
    held: dict[str, Node] = {}
    for entry in bundle.all("entry"):
        url, resources = entry.text("fullUrl"), entry.all("resource")
        if not url or len(resources) != 1 or url in held:
            raise Refusal(Flaw.BUNDLE)
        held[url] = resources[0]
    patients = {url: one for url, one in held.items() if one.kind == "Patient"}
    holders = {url: one for url, one in held.items() if one.kind == "Organization"}
    consents = [one for one in held.values() if one.kind == "Consent"]
    if len(patients) != 1:
        raise Refusal(Flaw.BUNDLE_PATIENT)
    if len(holders) != 1:
        raise Refusal(Flaw.BUNDLE_HOLDER)
    (patient_url, patient), (holder_url, holder) = *patients.items(), *holders.items()
    for consent in consents:
        _belongs(consent, patient_url, holder_url)
    deceased = _deceased(patient)
    changes = tuple(change for consent in consents for change in _changes(consent))
    if len(changes) > _MOST or not (changes or deceased):
        raise Refusal(Flaw.BUNDLE_CONSENT)
    return Read(_ura(holder), Notice(_bsn(patient), changes, deceased, digest))


def _bsn(patient: Node) -> Bsn:
    found = {one.text("value") for one in patient.all("identifier") if one.text("system") == BSN_SYSTEM}
    try:
        (value,) = found
        return Bsn(value)
    except (ValueError, NotAnIdentifier):
        raise Refusal(Flaw.BUNDLE_PATIENT) from None


def _ura(holder: Node) -> Ura:
    found = {one.text("value") for one in holder.all("identifier") if one.text("system") == URA_SYSTEM}
    try:
        (value,) = found
        return Ura.parse(value)
    except (ValueError, NotAnIdentifier):
        raise Refusal(Flaw.BUNDLE_HOLDER) from None


def _deceased(patient: Node) -> str:
    moment, flag = patient.text("deceasedDateTime"), patient.text("deceasedBoolean")
    if moment:
        return moment[:10] if _DAY.fullmatch(moment[:10]) else "yes"
    return "yes" if flag == "true" else ""


def _belongs(consent: Node, patient: str, holder: str) -> None:
    """Refuse a Consent that is not about the Patient, or names another custodian, of this very Bundle."""
    if consent.text("patient", "reference") != patient:
        raise Refusal(Flaw.BUNDLE_PATIENT)
    custodians = [
        actor.text("reference", "reference")
        for actor in consent.all("provision", "actor")
        if "CST" in actor.texts("role", "coding", "code")
    ]
    if custodians != [holder]:
        raise Refusal(Flaw.BUNDLE_HOLDER)


def _changes(consent: Node) -> Iterator[Change]:
    """Give one change per category of users and of data that the Consent names."""
    refuses = _refuses(consent)
    at = _moment(consent.text("dateTime"), exactly=refuses) if refuses or _is_whole(consent) else ""
    for user in _users(consent, refuses):
        for kind in _codes(consent.all("category", "coding"), _DATA_SYSTEM, refuses):
            yield Change(user, kind, refuses, at)


def _users(consent: Node, refuses: bool) -> list[str]:
    """Return the categories of users. One that nobody knows, of a refusal, is all of them."""
    found: set[str] = set()
    for extension in consent.all("extension"):
        if extension.text("url") == _USERS:
            found.update(_codes(extension.all("valueCodeableConcept", "coding"), _USER_SYSTEM, refuses))
    return sorted(found) or ([ALL] if refuses else [])


def _refuses(consent: Node) -> bool:
    """Only a plain, active permission without conditions is one (spec consent 3.3); all else is a refusal."""
    return not (
        consent.text("status") == "active"
        and consent.texts("provision", "type") == ("permit",)
        and not consent.all("modifierExtension")
        and not consent.all("provision", "modifierExtension")
        and not consent.all("provision", "provision")
    )


_PLAIN = frozenset({"id", "extension", "type", "period", "actor", "purpose"})


def _is_whole(consent: Node) -> bool:
    """False for a permission of some of it only, or for a while: that ends no refusal."""
    provisions, purposes = consent.all("provision"), consent.all("provision", "purpose")
    treats = any(one.text("system") in _REASONS and one.text("code") == "TREAT" for one in purposes)
    return (
        not consent.all("implicitRules")
        and _PLAIN.issuperset(name for one in provisions for name, found in one.children.items() if found)
        and len(consent.all("provision", "actor")) == 1
        and not consent.all("provision", "actor", "modifierExtension")
        and not consent.all("provision", "period", "end")
        and (treats or not purposes)
    )


def _codes(codings: list[Node] | tuple[Node, ...], system: str, refuses: bool) -> list[str]:
    """Return the codes of a system. A refusal that names none of them is one of all; a permission then is of none."""
    found = sorted({coding.text("code") for coding in codings if coding.text("system") == system})
    if not all(_CODE.fullmatch(code) for code in found):
        raise Refusal(Flaw.BUNDLE_CONSENT)
    return found or ([ALL] if refuses else [])


def _moment(text: str, *, exactly: bool) -> str:
    """Return an instant in UTC; nothing for what is none. A permission's date is the first moment of it.

    A refusal without an instant counts from when it arrives: it must not be older than it may be.
    """
    try:
        if _INSTANT.fullmatch(text):
            return datetime.fromisoformat(text).astimezone(UTC).isoformat(timespec="microseconds")
        if not exactly and _DAY.fullmatch(text):
            whole = (text + "-01-01")[:10]
            return datetime.fromisoformat(whole).replace(tzinfo=UTC).isoformat(timespec="microseconds")
    except (ValueError, OverflowError):
        pass
    return ""
