"""The Authorization header, read strictly: one scheme, one space, one bounded token (RFC 6750, RFC 9449). Pure."""

from __future__ import annotations

import re
from typing import Literal

from ...exchange import Presented
from ...outcome import Deny
from ...reasons import Reason
from ...values import Value

_HEADER = re.compile(r"(?P<scheme>Bearer|DPoP) (?P<token>[A-Za-z0-9._~+/-]{16,4096}={0,2})", re.ASCII | re.IGNORECASE)


class Shown(Value, frozen=True):
    """A token and the way it was shown."""

    hidden = frozenset({"token"})

    scheme: Literal["bearer", "dpop"]
    token: str


def shown(presented: Presented) -> Shown | Deny:
    """Return the token, or deny an absent header (TOKEN_ABSENT) or one of another form (TOKEN_INVALID)."""
    if not presented.authorization:
        return Deny(Reason.TOKEN_ABSENT)
    match = _HEADER.fullmatch(presented.authorization)
    if match is None:
        return Deny(Reason.TOKEN_INVALID, detail="the Authorization header is not one Bearer or DPoP token")
    return Shown("dpop" if match["scheme"].lower() == "dpop" else "bearer", match["token"])
