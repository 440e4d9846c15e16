"""Where one tenant's records are written: its own organization, and what both records of a request say alike."""

from __future__ import annotations

from ..accounted import Allowed
from ..exchange import Attempt, Caller
from ..fhir.request import FhirRequest
from ..identity import Organization
from .fields import attempt_fields, object_field, org_field, organization_field
from .page import Members

_UNANSWERED = 512
"""Requests between decision and result: more than one worker answers at once."""


class Desk:
    """One tenant's, or the system's without one."""

    __slots__ = ("_decided", "own")

    def __init__(self, own: Organization | None) -> None:
        self.own = organization_field(own) if own else None
        self._decided: dict[int, tuple[Attempt, Members]] = {}
        """By identity of the attempt, which is held as long: nothing of it can be another's, or older."""

    def decided(self, event: Allowed) -> Members:
        """Return who asks what, for a decision; keep it for the result that follows."""
        attempt, access = event.attempt, event.access
        members = asked(attempt, access.caller, access.request, self.own)
        if attempt.caller is access.caller and attempt.request is access.request and not attempt.enforced_by:
            if len(self._decided) >= _UNANSWERED:  # the oldest was cut off before its result
                self._decided.pop(next(iter(self._decided)), None)
            self._decided[id(attempt)] = attempt, members
        return members

    def answered(self, attempt: Attempt) -> Members:
        """Return the same for the result."""
        kept = self._decided.pop(id(attempt), None)
        return kept[1] if kept else asked(attempt, attempt.caller, attempt.request, self.own)


def asked(attempt: Attempt, caller: Caller | None, request: FhirRequest | None, holder: Members | None) -> Members:
    """Return the members that say who asks, from where, what, and of which holder."""
    members = attempt_fields(attempt, caller)
    members["object"] = object_field(request)
    members["org"] = org_field(caller, holder)
    return members
