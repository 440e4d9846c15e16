"""The decision API as the PDP of the Nuts Knooppunt speaks it: reading a call, choosing policies, writing the answer.

Room: authorization. Trusts nothing of a call. Spec decision-api 2. Only `allow` decides; every reason also carries our
own code, and no answer holds a value of the call.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NoReturn

from ..fhir.envelope import RawRequest
from ..outcome import Stop, Unavailable
from ..reasons import Reason
from .policies import DEFAULT_SCOPES, by_rule
from .question import Subject

FHIR_REST = "hl7-fhir-rest"
LARGEST = 262_144
"""A call of more bytes is not read."""


class Unparsable(ValueError):
    """The bytes are not JSON, or JSON that can be read in two ways. Nothing was decided."""


class Misshapen(ValueError):
    """JSON, but not a call of this contract. The decision is no."""


@dataclass(frozen=True, slots=True)
class Call:
    """One question to the decision API, checked for its shape only."""

    subject: Subject
    active: bool
    raw: RawRequest
    connection: str
    holder_ura: str
    holder_type: str
    patient_bsn: str = field(repr=False)
    patient_id: str = field(repr=False)
    consent: bool | None
    """What `mitz_consent` says: None when it is absent or null, True only for the JSON value true."""
    purpose: str


@dataclass(frozen=True, slots=True)
class Remark:
    """Why, in the contract's words: a code, a description, and our own reason where there is one."""

    code: str
    description: str
    reason: Reason | None = None

    def document(self) -> dict[str, str]:
        """Return the remark as the answer has it."""
        written = {"code": self.code, "description": self.description}
        return {**written, "reason": self.reason.code} if self.reason else written


@dataclass(frozen=True, slots=True)
class Ruling:
    """What one policy says."""

    allow: bool
    remarks: tuple[Remark, ...] = ()


def answer(rulings: Mapping[str, Ruling], error: str = "") -> dict[str, Any]:
    """Return the answer's document: allowed when any policy allows."""
    document: dict[str, Any] = {"allow": any(ruling.allow for ruling in rulings.values())}
    if error:
        document["error"] = error
    document["policies"] = {
        name: {"allow": ruling.allow, "reasons": [remark.document() for remark in ruling.remarks]}
        for name, ruling in rulings.items()
    }
    return document


_NO_SINGLE_MEANING = frozenset(
    {
        Reason.REQUEST_AMBIGUOUS,
        Reason.REQUEST_MALFORMED,
        Reason.REQUEST_METHOD,
        Reason.REQUEST_MEDIA_TYPE,
        Reason.REQUEST_TOO_BIG,
        Reason.REQUEST_PATIENT,
        Reason.REQUEST_BSN,
        Reason.BODY_MALFORMED,
        Reason.STATED_OTHERWISE,
    }
)
_OURS = frozenset(
    {Reason.POLICY_ERROR, Reason.POLICY_UNAVAILABLE, Reason.INTERNAL, Reason.OVERLOADED, Reason.NOT_RECORDED}
)


def remarks(stop: Stop) -> tuple[Remark, ...]:
    """Return why not, in the contract's words: whoever enforces for the holder may know, and no value is told.

    What could not be asked (a register, a directory, the holder's own server) is `pip_error`; what broke here is
    `internal_error`.
    """
    first = Remark(code_of(stop), stop.reason.text("it", "en"), stop.reason)
    return (first, Remark("info", stop.detail)) if stop.detail else (first,)


def code_of(stop: Stop) -> str:
    """Return the contract's code of a stop."""
    if stop.reason in _OURS:
        return "internal_error"
    if isinstance(stop, Unavailable) or stop.reason is Reason.SOURCE_OTHER_PATIENT:
        return "pip_error"
    return "unexpected_input" if stop.reason in _NO_SINGLE_MEANING else "not_allowed"


def policies(scopes: tuple[str, ...], mapping: Mapping[str, str] = DEFAULT_SCOPES) -> tuple[str, ...]:
    """Return the policies to ask, in order: mapped, or by the Knooppunt's rule (`-` to `_`, lower case), each once."""
    return tuple(sorted({mapping.get(scope) or by_rule(scope) for scope in scopes}))


def read(body: bytes) -> Call:
    """Read a call; raise Unparsable or Misshapen, whose texts hold no values."""
    return call_of(_mapping(_mapping(document(body), "the call").get("input", {}), "input"))


def call_of(given: Mapping[str, Any]) -> Call:
    """Return the call that an `input` of the contract is; raise Misshapen."""
    subject = _mapping(given.get("subject", {}), "input.subject")
    context = _mapping(given.get("context", {}), "input.context")
    text = _Texts(subject, "input.subject")
    about = _Texts(context, "input.context")
    return Call(
        subject=Subject(
            text("client_id"),
            tuple(scope for scope in text("scope").split(" ") if scope),
            {
                "ura": text("organization_ura"),
                "name": text("organization_name"),
                "facility_type": text("organization_facility_type"),
            },
            text("user_id"),
            text("user_role"),
            subject,
        ),
        active=subject.get("active", True) is True,
        raw=_request(_mapping(given.get("request", {}), "input.request")),
        connection=about("connection_type_code"),
        holder_ura=about("data_holder_organization_id"),
        holder_type=about("data_holder_facility_type"),
        patient_bsn=about("patient_bsn"),
        patient_id=about("patient_id"),
        consent=None if context.get("mitz_consent") is None else context["mitz_consent"] is True,
        purpose=about("purpose_of_use"),
    )


@dataclass(frozen=True, slots=True)
class _Texts:
    """Reads strings out of a mapping: absent and null are empty, anything else that is not a string is refused."""

    mapping: Mapping[str, Any]
    where: str

    def __call__(self, name: str) -> str:
        value = self.mapping.get(name)
        if value is None:
            return ""
        if not isinstance(value, str):
            raise Misshapen(f"{self.where}.{name} is not a string")
        return value


def _request(given: Mapping[str, Any]) -> RawRequest:
    text = _Texts(given, "input.request")
    text("protocol")  # of a request over HTTP there is nothing in it to decide on
    path = text("path")
    path = path if path.startswith("/") else f"/{path}"
    return RawRequest(text("method"), path, text("query"), _headers(given), text("body").encode())


def _headers(given: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    """Return the header pairs, names in lower case; a value is a string or a list of strings."""
    pairs: list[tuple[str, str]] = []
    for name, values in _mapping(given.get("header") or {}, "input.request.header").items():
        for value in values if isinstance(values, list) else [values]:
            if not isinstance(value, str):
                raise Misshapen("input.request.header maps a name to a list of strings")
            pairs.append((name.lower(), value))
    return tuple(pairs)


def _mapping(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Misshapen(f"{where} is not an object")
    return value


def document(body: bytes) -> object:
    """Return what JSON says that can be read in one way only; raise Unparsable, or Misshapen for half a character.

    An escape such as `\\ud800` alone is JSON, but no text that could be recorded or answered.
    """
    if len(body) > LARGEST:
        raise Unparsable("the call is larger than 256 KiB")
    try:
        found: object = json.loads(body.decode("utf-8"), object_pairs_hook=_once, parse_constant=_no_constant)
        if b"\\u" in body:
            json.dumps(found, ensure_ascii=False).encode()
    except Unparsable:
        raise
    except UnicodeEncodeError:
        raise Misshapen("a text of the call is not Unicode") from None
    except (ValueError, RecursionError):
        raise Unparsable("the call is not JSON") from None
    return found


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise Unparsable("the call names a key twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise Unparsable("the call holds a number that JSON does not have")
