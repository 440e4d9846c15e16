"""The words of the decision API: reading a question in three dialects, writing the answer in each. Pure.

Trusts nothing of a question. The contract of the Nuts Knooppunt (spec decision-api 2), AuthZEN's evaluation, and our
own, which alone also takes the token itself. All mean the same: who asks, which request, and what is stated about it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import orjson

from ..accounted import Allowed, Denied, Receipt
from ..authorization.knooppunt import FHIR_REST, Call, Misshapen, Remark, Ruling, answer, call_of, document, remarks
from ..disclose.stated import Stated
from ..fhir.envelope import RawRequest
from ..fhir.request import encode
from ..outcome import Stop, Unavailable, Unknown
from ..reasons import Reason
from .door import Response
from .problem import problem

JSON = "application/json"
SCHEMA = "nuts-pzp-decision/1"

_ASKED = {"subject", "token", "request", "context"}


@dataclass(frozen=True, slots=True)
class Question:
    """What an enforcement point asks. Either `subject`, what the node said of the token, or the token as it was shown.

    `by_name`: the token's scopes choose policies as the Knooppunt does; else exactly one is mapped, as at our own door.
    """

    raw: RawRequest
    stated: Stated
    subject: Mapping[str, Any] | None = field(repr=False)
    authorization: str = field(repr=False, default="")
    dpop: str | None = field(repr=False, default=None)
    scopes: tuple[str, ...] = ()
    by_name: bool = False


@dataclass(frozen=True, slots=True)
class Ruled:
    """A decision that is recorded. `policy` is the name that it is told under; not `known`: there is none by it."""

    policy: str
    receipt: Receipt[Allowed] | Receipt[Denied]
    known: bool = True

    @property
    def stop(self) -> Stop | None:
        """Why not, or None for a yes."""
        event = self.receipt.event
        return event.stop if isinstance(event, Denied) else None


class Dialect(Protocol):
    """One way of asking and answering."""

    def read(self, body: bytes, /) -> Question:
        """Return the question; raise Unparsable or Misshapen, whose texts hold no values."""
        ...

    def write(self, ruled: tuple[Ruled, ...], code: str, /) -> Response:
        """Return the answer; `code` is its meldcode. At least one decision."""
        ...

    def misshapen(self, receipt: Receipt[Denied], why: str, code: str, /) -> Response:
        """Return what a body is told that is JSON and no question."""
        ...


class Knooppunt:
    """The contract that regions call already: 200 for every decision, a body that is no question included."""

    def read(self, body: bytes, /) -> Question:
        """Return the question in `input`."""
        whole = _object(document(body), "the call")
        call = call_of(_object(whole.get("input", {}), "input"))
        return replace(_question(call), scopes=call.subject.scopes, by_name=True)

    def write(self, ruled: tuple[Ruled, ...], code: str, /) -> Response:
        """Return `allow` and what each policy says."""
        if [one.policy for one in ruled] == [""]:
            [lone] = ruled
            return _answered(answer({}, _words(lone.stop)))
        return _answered(answer({one.policy: _ruling(one) for one in ruled}))

    def misshapen(self, receipt: Receipt[Denied], why: str, code: str, /) -> Response:
        """A decision all the same: no."""
        return _answered(answer({}, f"invalid request: {why}"))


class AuthZen:
    """AuthZEN 1.0 evaluation: `properties` of the subject hold the introspection answer, of the action the request."""

    def read(self, body: bytes, /) -> Question:
        """Return the question; names, types and ids that it gives must agree with the request."""
        whole = _object(document(body), "the evaluation")
        subject, action, resource = (_object(whole.get(name), name) for name in ("subject", "action", "resource"))
        context = _object(whole.get("context", {}), "context")
        if _text(subject, "type", "subject") != "user":
            raise Misshapen("subject.type is not user")
        properties = _object(action.get("properties"), "action.properties")
        call = call_of(
            {
                "subject": _object(subject.get("properties"), "subject.properties"),
                "request": _object(properties.get("request"), "action.properties.request"),
                "context": {"connection_type_code": FHIR_REST, **context},
            }
        )
        question = _question(call)
        stated = replace(
            question.stated,
            interaction=_name(action, "name", "action"),
            resource_type=_name(resource, "type", "resource"),
            resource_id=_name(resource, "id", "resource"),
            user_id=_name(subject, "id", "subject"),
        )
        return replace(question, stated=stated)

    def write(self, ruled: tuple[Ruled, ...], code: str, /) -> Response:
        """Return `decision`, and in its context why not or what goes with a yes."""
        [one] = ruled
        if (stop := one.stop) is None:
            return _answered({"decision": True, "context": {"meldcode": code, "obligations": _obligations(one)}})
        said = {"nl": stop.reason.text("it", "nl"), "en": stop.reason.text("it", "en")}
        return _answered({"decision": False, "context": {"meldcode": code, **_why(stop), "reason_admin": said}})

    def misshapen(self, receipt: Receipt[Denied], why: str, code: str, /) -> Response:
        """A bad request."""
        return problem(replace(receipt.event.stop, detail=why), code)


class Own:
    """Ours, version 1: the token itself or its introspection answer; obligations; what an outsider may be told."""

    def read(self, body: bytes, /) -> Question:
        """Return the question; anything that this version does not know is refused."""
        whole = _object(document(body), "the question")
        if unknown := set(whole) - _ASKED:
            raise Misshapen(f"{len(unknown)} unknown keys; known are {', '.join(sorted(_ASKED))}")
        if ("token" in whole) == ("subject" in whole):
            raise Misshapen("either token or subject is given")
        context = {"connection_type_code": FHIR_REST, **_object(whole.get("context", {}), "context")}
        given = {"subject": {}, **whole, "context": context}
        question = _question(call_of({name: given[name] for name in given if name != "token"}))
        if "subject" in whole:
            return question
        token = _object(whole["token"], "token")
        shown = _text(token, "authorization", "token")
        return replace(question, subject=None, authorization=shown, dpop=_text(token, "dpop", "token", "") or None)

    def write(self, ruled: tuple[Ruled, ...], code: str, /) -> Response:
        """Return the decision with its meldcode, reason, obligations and outward face."""
        [one] = ruled
        event, stop = one.receipt.event, one.stop
        said: dict[str, Any] = {"schema": SCHEMA, "allow": stop is None, "meldcode": code, "policy": event.policy}
        if stop is None:
            return _answered({**said, "obligations": _obligations(one)})
        texts = {"nl": stop.reason.text("it", "nl"), "en": stop.reason.text("it", "en")}
        face = stop.reason.face
        outward = {"status": face.status, "issue": face.issue, "retry_after": face.retry_after}
        return _answered({**said, "reason": {**_why(stop), "text": texts, "detail": stop.detail}, "outward": outward})

    def misshapen(self, receipt: Receipt[Denied], why: str, code: str, /) -> Response:
        """A bad request."""
        return problem(replace(receipt.event.stop, detail=why), code)


def _question(call: Call) -> Question:
    stated = Stated(
        connection=call.connection,
        holder_ura=call.holder_ura,
        holder_type=call.holder_type,
        purpose=call.purpose,
        patient_id=call.patient_id,
        patient_bsn=call.patient_bsn,
        consent=call.consent,
    )
    return Question(call.raw, stated, call.subject.others)


def _ruling(one: Ruled) -> Ruling:
    if not one.known:
        return Ruling(False, (Remark("not_implemented", "there is no policy by this name here"),))
    return Ruling(True) if one.stop is None else Ruling(False, remarks(one.stop))


def _words(stop: Stop | None) -> str:
    assert stop is not None, "without a policy there is no yes"
    return f"{stop.reason.code}: {stop.detail or stop.reason.text('it', 'en')}"


def _why(stop: Stop) -> dict[str, str]:
    kind = "unavailable" if isinstance(stop, Unavailable) else "unknown" if isinstance(stop, Unknown) else "deny"
    return {"code": stop.reason.code, "kind": kind}


def _obligations(one: Ruled) -> list[dict[str, Any]]:
    """What a yes is worth only with: forward exactly this, and release nothing about anybody else."""
    event = one.receipt.event
    assert isinstance(event, Allowed)
    written, patient = encode(event.access.request), event.access.patient.logical_id
    forward = {
        "type": "forward",
        "method": written.method,
        "path": written.path,
        "query": written.query,
        "header": {name: [value] for name, value in written.headers},
        "body": written.body.decode("ascii"),
    }
    return [forward, {"type": "release-only", "patient": f"Patient/{patient}"}]


def _answered(content: Mapping[str, Any]) -> Response:
    return Response(200, orjson.dumps(content), media_type=JSON)


def _object(value: object, where: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise Misshapen(f"{where} is not an object")
    return value


def _text(mapping: Mapping[str, Any], name: str, where: str, default: str | None = None) -> str:
    value = mapping.get(name, default)
    if not isinstance(value, str):
        raise Misshapen(f"{where}.{name} is not a string")
    return value


def _name(mapping: Mapping[str, Any], name: str, where: str) -> str:
    if not (value := _text(mapping, name, where)):
        raise Misshapen(f"{where}.{name} is empty")
    return value


NO_QUESTION = Reason.BODY_MALFORMED
"""The reason of a body that is no question."""
