"""A token that somebody else introspected: the same checks of the same claims as at the network door. Pure.

Trusts the enforcement point for having asked this tenant's node, and for the proof of a bound token, which is not part
of what the node says; nothing else. The decision contract of the Nuts Knooppunt has names of its own for two claims.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ...exchange import Caller
from ...identity import Purpose
from ...outcome import Deny, Outcome
from ...reasons import Reason
from ...values import replace
from .claims import Expected, read
from .settings import GatekeeperSettings

MEANS = "introspection"
"""How such a caller is recorded to have proved itself: by what the enforcement point says the node said."""


def vouched(
    said: Mapping[str, Any], settings: GatekeeperSettings, *, instead: str, digest: bytes, now: float
) -> Outcome[Caller]:
    """Return the caller of an introspection answer; Deny as the network door would.

    `instead` names a scope of the token that the settings do not list; it then counts as its only one, for treatment.
    """
    scopes, scope_claims = dict(settings.scopes), dict(settings.scope_claims)
    if instead:
        said, scopes, scope_claims = {**said, "scope": instead}, {instead: Purpose.TREATMENT}, {}
    expected = Expected(settings.issuer, scopes, settings.claims, scope_claims)
    named = _renamed(said, expected)
    if named is None:
        return Deny(Reason.TOKEN_CLAIMS, detail="a claim is given under two names with two values")
    found = read(named, expected, digest=digest, now=now)
    if isinstance(found, Deny):
        return found
    if settings.require_proof and found.thumbprint is None:
        return Deny(Reason.PROOF_ABSENT, detail="the token is not bound to a key, and this tenant demands it")
    return replace(found.caller, means=MEANS)


def _renamed(said: Mapping[str, Any], expected: Expected) -> dict[str, Any] | None:
    """Give the contract's `user_id` and `user_role` the names of this region; None when the two names disagree."""
    claims, found = expected.names(said), dict(said)
    for theirs, ours in (("user_id", claims.employee_identifier), ("user_role", claims.employee_role)):
        if theirs in found and found.setdefault(ours, found[theirs]) != found[theirs]:
            return None
    return found
