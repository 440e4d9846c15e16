"""Which policy decides: a tenant maps token scopes to policies by name (design D5).

Room: authorization. Trusts the settings of one tenant. A scope stands for a purpose and a use case, so a token that
carries two mapped scopes leaves open which of the two it asks for, and is refused: nobody shops for the milder policy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import reduce

from ..fhir.capability import Capability
from ..outcome import Deny, Outcome
from ..reasons import Reason
from .capability import joined
from .port import Policy

DEFAULT_SCOPES: Mapping[str, str] = {"pzp-gf": "pzp"}
"""Which policy a token scope means when the settings do not say."""


def by_rule(scope: str) -> str:
    """Return the policy that the Knooppunt would choose for a scope."""
    return scope.replace("-", "_").lower()


class Policies:
    """The policies of one tenant, by name, and which token scope chooses which. At least one."""

    def __init__(self, named: Mapping[str, Policy], scopes: Mapping[str, str] = DEFAULT_SCOPES) -> None:
        """Raise ValueError for a scope that means a policy which is not there, or policies of two FHIR versions."""
        if missing := sorted(set(scopes.values()) - set(named)):
            raise ValueError(f"a scope means policy {missing[0]}, which is not there")
        if len(named) > 1 and len({policy.capability.version for policy in named.values()}) > 1:
            raise ValueError("policies of two FHIR versions: a tenant's own server speaks one")
        self._named, self._scopes = dict(named), dict(scopes)
        self._capability = reduce(joined, [policy.capability for policy in self._named.values()])

    def of(self, scopes: Iterable[str]) -> Outcome[Policy]:
        """Return the policy that a token's scopes choose; Deny TOKEN_SCOPE unless exactly one of them is mapped."""
        mapped = {scope for scope in scopes if scope in self._scopes}
        if len(mapped) != 1:
            return Deny(Reason.TOKEN_SCOPE, detail=f"{len(mapped)} scopes of the token choose a policy, not one")
        return self._named[self._scopes[mapped.pop()]]

    def by_name(self, scopes: Iterable[str]) -> list[tuple[str, str, Policy | None]]:
        """Return what the Knooppunt would ask: (policy name, scope, policy or None), each name once, in order of name.

        A mapped scope means its policy, any other the policy of its own name: `-` becomes `_`, in lower case.
        """
        chosen: dict[str, str] = {}
        for scope in scopes:
            name = self._scopes.get(scope) or by_rule(scope)
            if name not in chosen or scope in self._scopes:
                chosen[name] = scope
        return [(name, chosen[name], self._named.get(name)) for name in sorted(chosen)]

    def maps(self, scope: str) -> bool:
        """True when the settings say which policy this scope means."""
        return scope in self._scopes

    def only(self, name: str, scope: str) -> Policies:
        """Return the policies of a tenant that has this one, for this scope."""
        return Policies({name: self._named[name]}, {scope: name})

    @property
    def capability(self) -> Capability:
        """What may be asked with one scope or another: what the CapabilityStatement of the door lists."""
        return self._capability

    def __iter__(self) -> Iterator[tuple[str, Policy, tuple[str, ...]]]:
        """Yield each policy with its name and the scopes that choose it."""
        for name, policy in self._named.items():
            yield name, policy, tuple(sorted(scope for scope, chosen in self._scopes.items() if chosen == name))
