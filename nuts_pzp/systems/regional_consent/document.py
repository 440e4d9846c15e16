"""The file itself: its shape, its one canonical spelling, its signature, its time (spec consent 7.2).

What is verified is what is used: the parsed document without its signature is spelled canonically (sorted keys, no
white space, UTF-8) and that is what the region signed. An unknown field refuses the whole.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Annotated, Any, Literal, NoReturn

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints, ValidationError, model_validator

from ...identity import Bsn

FORMAT = "nuts-pzp-consent/1"
MOST_BYTES = 32 * 1024 * 1024
MOST_ENTRIES = 200_000
LONGEST = timedelta(days=14)
_SKEW = timedelta(minutes=5)


class Refused(Exception):
    """The file is not to be used. `kind` is the class of refusal, without content."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def _day(text: str) -> str:
    date.fromisoformat(text)
    if text < "1900":
        raise ValueError("a day from 1900 on")
    return text


_Name = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._-]{1,64}$")]
_Reference = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:/-]{1,80}$")]
_Ura = Annotated[str, StringConstraints(pattern=r"^[0-9]{8}$")]
_Type = Annotated[str, StringConstraints(pattern=r"^[A-Z][A-Z0-9]{1,3}$")]
_Date = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"), AfterValidator(_day)]
_Moment = Annotated[str, StringConstraints(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$")]
_Pseudonym = Annotated[str, StringConstraints(pattern=r"^hmac:[0-9a-f]{64}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)


class Requester(_Strict):
    """Whom the choice is about: never empty, never everybody."""

    uras: list[_Ura] = []
    org_types: list[_Type] = []

    @model_validator(mode="after")
    def _somebody(self) -> Requester:
        if not self.uras and not self.org_types:
            raise ValueError("nobody is named")
        return self


class _Choice(_Strict):
    """What an entry says, whoever it is about."""

    id: _Name
    holder_ura: _Ura
    effect: Literal["permit", "deny"]
    requester: Requester
    purposes: list[Literal["TREAT"]] = []
    data_categories: list[Literal["GGC002", "GGC012", "GGC013"]] = []
    valid_from: _Date
    valid_to: _Date | None = None
    evidence: _Reference
    recorded_by: _Reference = ""

    @model_validator(mode="after")
    def _whole(self) -> _Choice:
        if self.effect == "permit" and ("TREAT" not in self.purposes or "GGC002" not in self.data_categories):
            raise ValueError("a permit says for which purpose (TREAT) and which data (GGC002)")
        return self


class Entry(_Choice):
    """One choice of one patient about one holder. PZP is GGC002; an objection to part of it is one to all of it."""

    patient: _Pseudonym


class Draft(_Choice):
    """An entry as the region writes it before signing: with the BSN in clear."""

    bsn: Annotated[str, StringConstraints(pattern=r"^[0-9]{9}$")]


class _PseudonymKey(_Strict):
    alg: Literal["HMAC-SHA256"]
    key_id: _Name
    note: Annotated[str, StringConstraints(max_length=200)] = ""


class _Signature(_Strict):
    alg: Literal["EdDSA"]
    key_id: _Name
    over: Literal["JCS(document without signature)"] = "JCS(document without signature)"
    value: Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9+/]{86}==$")]


class Document(_Strict):
    """The whole file."""

    format: Literal["nuts-pzp-consent/1"]
    region: _Name
    serial: Annotated[int, Field(ge=1, lt=2**53)]
    issued_at: _Moment
    not_after: _Moment
    pseudonym: _PseudonymKey
    entries: Annotated[list[Entry], Field(max_length=MOST_ENTRIES)]
    signature: _Signature

    @model_validator(mode="after")
    def _distinct(self) -> Document:
        if len({entry.id for entry in self.entries}) != len(self.entries):
            raise ValueError("an id stands twice")
        return self


@dataclass(frozen=True, slots=True)
class Expected:
    """What a holder takes: which region, whose signatures by key id, which pseudonym key."""

    region: str
    public_keys: Mapping[str, Ed25519PublicKey]
    pseudonym_key_id: str


@dataclass(frozen=True, slots=True)
class Signed:
    """A file that was verified: its document, when it ends, and the SHA-256 of what was signed."""

    document: Document
    not_after: datetime
    digest: str


def pseudonym(key: bytes, bsn: Bsn) -> str:
    """Return how this patient is named in a file under that region's key."""
    return f"hmac:{hmac.digest(key, bsn.value.encode(), 'sha256').hex()}"


def verified(raw: bytes, expected: Expected, now: datetime) -> Signed:
    """Return the document if it is the region's own, for now (aware); Refused with the class of what is wrong."""
    document = _parsed(raw)
    signature = document.get("signature")
    signed = _canonical({name: value for name, value in document.items() if name != "signature"})
    _verify(signature, signed, expected)
    try:
        found = Document.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False, include_context=False)[0]
        raise Refused("schema:" + ".".join(str(part) for part in first["loc"][:4])) from None
    if found.region != expected.region:
        raise Refused("other-region")
    if found.pseudonym.key_id != expected.pseudonym_key_id:
        raise Refused("other-pseudonym-key")
    return Signed(found, _in_time(found, now), hashlib.sha256(signed).hexdigest())


def sign(content: dict[str, Any], key: Ed25519PrivateKey, key_id: str) -> bytes:
    """Return the file: the content with its signature, canonically spelled."""
    value = base64.b64encode(key.sign(_canonical(content))).decode()
    return _canonical(content | {"signature": {"alg": "EdDSA", "key_id": key_id, "value": value}})


def _parsed(raw: bytes) -> dict[str, Any]:
    if len(raw) > MOST_BYTES:
        raise Refused("too-large")
    try:
        document = json.loads(raw.decode("utf-8"), object_pairs_hook=_once, parse_float=_number, parse_constant=_number)
    except (ValueError, RecursionError):
        raise Refused("not-json") from None
    if type(document) is not dict:
        raise Refused("not-json")
    return document


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Refused("duplicate-key")
    return found


def _number(_: str) -> NoReturn:
    raise Refused("schema:number")


def _canonical(content: dict[str, Any]) -> bytes:
    """RFC 8785 for what the schema has: ASCII keys, text, integers."""
    try:
        return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    except (UnicodeEncodeError, RecursionError):
        raise Refused("not-json") from None


def _verify(signature: object, signed: bytes, expected: Expected) -> None:
    try:
        found = _Signature.model_validate(signature)
    except ValidationError:
        raise Refused("bad-signature") from None
    key = expected.public_keys.get(found.key_id)
    if key is None:
        raise Refused("unknown-key")
    try:
        key.verify(base64.b64decode(found.value, validate=True), signed)
    except (InvalidSignature, ValueError):
        raise Refused("bad-signature") from None


def _in_time(document: Document, now: datetime) -> datetime:
    try:
        issued, ends = datetime.fromisoformat(document.issued_at), datetime.fromisoformat(document.not_after)
    except ValueError:
        raise Refused("schema:issued_at") from None
    if not issued < ends <= issued + LONGEST:
        raise Refused("too-long")
    if issued > now + _SKEW:
        raise Refused("not-yet")
    if now >= ends:
        raise Refused("expired")
    return ends.astimezone(UTC)
