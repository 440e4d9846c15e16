"""What one record is written on: its id, its salt, its sealed fields (spec audit 3.2, 3.8)."""

from __future__ import annotations

from typing import Any

import msgspec

from ..identity import Bsn, Professional, Purpose
from .canonical import Randomness, base64url, uuid7
from .seal import NONCE_BYTES, Seal

Members = dict[str, Any]
LONGEST_TEXT = 400
"""Characters of a name, a role, a detail that are kept."""

_NONCES = 4
_SALT_BYTES = 16
_UUID_BYTES = 10


class Draft(msgspec.Struct, frozen=True, gc=False):
    """A record but for what only the writer knows: index, time, time since the last. Canonical around the holes."""

    id: str
    parts: tuple[bytes, bytes, bytes, bytes]
    opens: tuple[str, ...] = ()
    """Keys under which a result must follow."""
    closes: tuple[str, ...] = ()
    """Keys of which this is the result."""
    keep: bool = False
    """Keep the checkpoint that covers it."""

    @property
    def size(self) -> int:
        """Bytes, without the holes."""
        one, two, three, four = self.parts
        return len(one) + len(two) + len(three) + len(four)


class Page:
    """What one record is written with: its id, its salt, and sealing under this month's key."""

    __slots__ = ("_kid", "_random", "_seal", "_used", "bsn", "id", "salt")

    def __init__(self, seal: Seal, milliseconds: int, randomness: Randomness) -> None:
        random = self._random = randomness(_SALT_BYTES + _UUID_BYTES + _NONCES * NONCE_BYTES)
        self._seal, self._used = seal, _SALT_BYTES + _UUID_BYTES
        self.salt = base64url(random[:_SALT_BYTES])
        self.id = uuid7(milliseconds, random[_SALT_BYTES : _SALT_BYTES + _UUID_BYTES])
        self.bsn: Bsn | None = None
        self._kid = seal.month(milliseconds)

    def sealed(self, field: str, text: str) -> str:
        """Seal a text for this field of this record, each time with a nonce of its own."""
        used = self._used
        nonce = self._random[used : used + NONCE_BYTES]
        if len(nonce) != NONCE_BYTES:
            raise ValueError("more sealed fields than nonces")
        self._used = used + NONCE_BYTES
        return self._seal.close(self._kid, f"{self.id}|{field}", text, nonce)

    def patient(self, bsn: Bsn | None) -> Members:
        """Return the patient member; empty when nobody knows whose request it was."""
        if bsn is None:
            return {}
        self.bsn = bsn
        patient: Members = {"enc": self.sealed("bsn", bsn.value), "kid": self._kid}
        if bsn.is_test:
            patient["test"] = True
        return {"patient": patient}

    def person(self, professional: Professional, field: str = "name") -> Members:
        """Return who acted: id and role in clear, for they are unique only with the URA; the name sealed."""
        person: Members = {
            "auth": professional.assurance.value,
            "id": professional.id[:LONGEST_TEXT],
            "role": {"text": professional.role[:LONGEST_TEXT]},
        }
        if professional.login:
            person["login"] = professional.login[:LONGEST_TEXT]
        if professional.name:
            person |= {"kid": self._kid, "name_enc": self.sealed(field, professional.name[:LONGEST_TEXT])}
        if professional.mandated_by and field == "name":
            person["responsible"] = self.person(professional.mandated_by, "responsible")
        return person

    def purpose(self, purpose: Purpose, reason: str | None, text: str = "") -> Members:
        """Return why, with the reason of an emergency and what was added to it sealed: it may be free text."""
        if purpose is not Purpose.EMERGENCY or not reason:
            return {"purpose": purpose.value}
        emergency = {"kid": self._kid, "reason_enc": self.sealed("reason", reason[:LONGEST_TEXT])}
        if text:
            emergency["text_enc"] = self.sealed("text", text[:LONGEST_TEXT])
        return {"emergency": emergency, "purpose": purpose.value}
