"""A gatekeeper behind a certificate: who speaks must be admitted first, and may speak for some organizations only."""

from __future__ import annotations

from ..exchange import Caller, Presented
from ..outcome import Deny, Outcome
from ..reasons import Reason
from ..values import replace
from .port import Admission, Admitted, Gatekeeper


class Certified:
    """Asks about the certificate, then about the token, then whether the one goes with the other."""

    def __init__(self, admission: Admission, inner: Gatekeeper) -> None:
        """`inner` says who the caller is; it is not asked about a connection that is not admitted."""
        self._admission, self.inner = admission, inner

    async def verify(self, presented: Presented, /) -> Outcome[Caller]:
        """Return the caller with its certificate; Deny CERTIFICATE_MISMATCH for a token of another organization."""
        admitted = await self._admission.admit(presented.certificate)
        if not isinstance(admitted, Admitted):
            return admitted
        caller = await self.inner.verify(presented)
        if not isinstance(caller, Caller):
            return caller
        allowed = admitted.organizations
        if allowed is not None and caller.organization.ura.value not in allowed:
            return Deny(Reason.CERTIFICATE_MISMATCH, detail="the certificate does not speak for this organization")
        return replace(caller, certificate=admitted.certificate.sha256)
