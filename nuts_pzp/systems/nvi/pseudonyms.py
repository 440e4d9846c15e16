"""The pseudonym service (PRS): a fresh token for the NVI from a BSN, without the service learning the BSN (spec 2).

Neither pseudonym nor blind factor outlives the one request it was made for (spec 8.7, PS-7 and PS-8).
"""

from __future__ import annotations

import base64
import json
import re
import uuid
from dataclasses import dataclass, field

import msgspec

from ...identity import Bsn
from ...outcome import Deny, Outcome, Stop, Unavailable, Unknown
from ...outside import Trouble
from ...reasons import Reason
from .calls import Authorized, Call
from .oprf import Blinded, blind, derive, personal_id
from .settings import Dialect, Pseudonyms

_COMPACT_JWE = re.compile(r"[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]*){4}", re.ASCII)
_MAX_JWE = 4096


@dataclass(frozen=True, slots=True)
class _Wire:
    path: str
    blinded: str
    organization: str
    scope: str
    answer: str


_WIRES = {
    Dialect.SERVICE_2026_08: _Wire(
        "/oprf/eval", "encryptedPersonalId", "recipientOrganization", "recipientScope", "jwe"
    ),
    Dialect.IG_0_10: _Wire(
        "/evaluate", "blinded_input", "recipient_organization", "recipient_scope", "evaluated_output"
    ),
}


@dataclass(frozen=True, slots=True)
class PatientToken:
    """What the NVI knows a patient by, for one request: base64url, padded. Masks itself."""

    value: str = field(repr=False)

    def __str__(self) -> str:
        return "PatientToken(***)"


class PseudonymSource:
    """Makes patient tokens for one recipient."""

    def __init__(self, prs: Authorized, settings: Pseudonyms) -> None:
        self._prs, self._settings = prs, settings
        self._wire = _WIRES[settings.dialect]

    async def token(self, bsn: Bsn) -> Outcome[PatientToken]:
        """Return a new token; PSEUDONYM_FAILED when the service fails, the token endpoint's own Stop when that does."""
        blinded = blind(derive(personal_id(bsn), self._settings.info))
        call = self._call(blinded)

        async def compose() -> Outcome[Call]:
            return call

        heard = await self._prs.call(compose)
        if isinstance(heard, Deny | Unknown | Unavailable):
            return heard
        if isinstance(heard, Trouble):
            return _failed(heard.value)
        if heard.status in (401, 403):
            return Deny(Reason.PSEUDONYM_FAILED, detail=f"pseudonym service: {heard.status}")
        if heard.status != 200:
            return _failed(str(heard.status))
        jwe = _jwe(heard.body, self._wire.answer)
        return _failed("not a pseudonym response") if jwe is None else patient_token(jwe, blinded.factor)

    def _call(self, blinded: Blinded) -> Call:
        body = {
            self._wire.blinded: base64.urlsafe_b64encode(blinded.point).decode(),
            self._wire.organization: self._settings.recipient_organization,
            self._wire.scope: self._settings.recipient_scope,
        }
        headers = {
            "content-type": "application/json",
            "accept": "application/json",
            "x-gf-correlation-id": str(uuid.uuid4()),
        }
        return Call("POST", self._wire.path, headers, msgspec.json.encode(body))


def patient_token(jwe: str, factor: bytes) -> PatientToken:
    """Join the sealed evaluation and the blind factor as the recipient expects them (spec 1.2)."""
    token = {"evaluated_output": jwe, "blind_factor": base64.urlsafe_b64encode(factor).decode()}
    return PatientToken(base64.urlsafe_b64encode(json.dumps(token, separators=(",", ":")).encode()).decode())


def _jwe(body: bytes, name: str) -> str | None:
    try:
        answer = msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None
    jwe = answer.get(name) if isinstance(answer, dict) else None
    return jwe if isinstance(jwe, str) and len(jwe) <= _MAX_JWE and _COMPACT_JWE.fullmatch(jwe) else None


def _failed(how: str) -> Stop:
    return Unavailable(Reason.PSEUDONYM_FAILED, detail=f"pseudonym service: {how}")
