"""The admission of one tenant: chain, list, revocation, in that order; the first that does not say yes ends it."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from datetime import UTC, datetime

from ...authentication.certificate import described
from ...authentication.port import Admitted
from ...exchange import ClientCertificate
from ...outcome import Deny, Outcome, Unavailable
from ...reasons import Reason
from .authorities import Authorities, Chain, Unfit
from .revocation import Revocation
from .settings import ListedClient, PkiSettings

_REMEMBERED = 1024
_PATIENCE = 2.0
"""Seconds that readiness waits for the first lists after a start."""


def _now() -> datetime:
    return datetime.now(UTC)


class PkiAdmission:
    """Admission by certificate. Also `outside.Living`."""

    def __init__(
        self,
        settings: PkiSettings,
        authorities: Authorities,
        revocation: Revocation,
        clock: Callable[[], datetime] = _now,
    ) -> None:
        self._settings, self._authorities, self._revocation = settings, authorities, revocation
        self._clock = clock
        self._known: OrderedDict[bytes, tuple[tuple[Chain, ...], Admitted]] = OrderedDict()

    async def admit(self, certificate: bytes | None, /) -> Outcome[Admitted]:
        """Return for whom a certificate may speak.

        Denies: none (CERTIFICATE_ABSENT), another chain, use, time or name than is listed (CERTIFICATE_UNLISTED),
        revoked (CERTIFICATE_REVOKED). Unavailable REVOCATION_UNKNOWN without a list that stands.
        """
        if not certificate:
            return Deny(Reason.CERTIFICATE_ABSENT)
        try:
            chains, admitted = self._looked_at(certificate)
        except Unfit as unfit:
            return Deny(Reason.CERTIFICATE_UNLISTED, detail=str(unfit))
        now = self._clock()
        said = {self._revocation.verdict(chain) for chain in chains if chain.stands(now)}
        if not said:
            why = "a certificate of the chain is not valid at this moment"
            return Deny(Reason.CERTIFICATE_UNLISTED, detail=why)
        if True in said:
            return admitted
        if False in said:
            return Deny(Reason.CERTIFICATE_REVOKED)
        return Unavailable(Reason.REVOCATION_UNKNOWN, detail=self._revocation.trouble() or "a list ended")

    async def start(self) -> None:
        """Take the lists that lie ready, and begin to refresh them."""
        await self._revocation.start()

    async def stop(self) -> None:
        """Stop refreshing."""
        await self._revocation.stop()

    async def health(self) -> Outcome[str]:
        """Say whether every authority has a revocation list that stands, where those are looked at."""
        await self._revocation.settled(_PATIENCE)
        if (trouble := self._revocation.trouble()) is not None:
            return Unavailable(Reason.REVOCATION_UNKNOWN, detail=trouble)
        return "lists stand" if self._settings.crls else "no revocation lists"

    def _looked_at(self, der: bytes) -> tuple[tuple[Chain, ...], Admitted]:
        """What does not change with time, worked out once per certificate; raise Unfit."""
        known = self._known.get(der)
        if known is None:
            chains = self._authorities.chains(der)
            shown = described(der)
            assert shown is not None
            known = self._known[der] = chains, self._listed(shown)
            if len(self._known) > _REMEMBERED:
                self._known.popitem(last=False)
        return known

    def _listed(self, shown: ClientCertificate) -> Admitted:
        """For whom it may speak: what its entry says, narrowed to its own URA where that is asked."""
        organizations: frozenset[str] | None = None
        if self._settings.clients:
            entry = next((one for one in self._settings.clients if _fits(one, shown)), None)
            if entry is None:
                raise Unfit("the certificate is not on the list")
            organizations = frozenset(entry.organizations) or None
        if self._settings.bind == "ura":
            if not shown.ura:
                raise Unfit("the certificate names no URA")
            own = frozenset({shown.ura})
            organizations = own if organizations is None else organizations & own
        return Admitted(shown, organizations)


def _fits(entry: ListedClient, shown: ClientCertificate) -> bool:
    given = ((entry.sha256, shown.sha256), (entry.common_name, shown.common_name), (entry.ura, shown.ura))
    return all(wanted is None or wanted == found for wanted, found in given)
