"""The body of a token request: who asks, in the same bytes every time (spec nuts-node 1.2, 2.7). Pure.

The credential has no `id` and no date, so the node's own memory of tokens works per user. It is self-attested: the
other side learns what we say of our employee, not how that employee logged in.
"""

from __future__ import annotations

from typing import Any

import orjson

from ...exchange import Inquiry
from ...identity import Purpose

_CONTEXTS = ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"]
_TYPES = ["VerifiableCredential", "NutsEmployeeCredential"]


def request_body(inquiry: Inquiry, *, server: str, scope: str, token_type: str) -> bytes:
    """Return A1's JSON for this user, this authorization server and this scope; keys in a fixed order."""
    subject: dict[str, Any] = {
        "identifier": inquiry.professional.id,
        "name": inquiry.professional.name,
        "roleName": inquiry.professional.role,
    }
    if inquiry.purpose is Purpose.EMERGENCY and inquiry.emergency_reason:
        subject["purposeOfUse"] = inquiry.purpose.value
        subject["emergencyReason"] = inquiry.emergency_reason
        if inquiry.emergency_text:
            subject["emergencyText"] = inquiry.emergency_text
    credential = {"@context": _CONTEXTS, "credentialSubject": subject, "type": _TYPES}
    request = {"authorization_server": server, "credentials": [credential], "scope": scope, "token_type": token_type}
    return orjson.dumps(request, option=orjson.OPT_SORT_KEYS)
