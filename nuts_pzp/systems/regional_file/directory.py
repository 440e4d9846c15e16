"""The addressing port over a regional file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime
from typing import Any

from ...exchange import Holder, Source
from ...identity import Organization, Ura
from ...outcome import Deny, Gap, Gathered, Outcome, Stop
from ...outside import Outbound, Surroundings
from ...reasons import Reason
from .table import Entry, Table, read_table


def _today() -> date:
    return datetime.now(UTC).date()


class RegionalDirectory:
    """What the region's own list says."""

    def __init__(self, table: Table, own: Ura, outbound: Outbound, today: Callable[[], date] = _today) -> None:
        self._entries = {entry.ura: entry for entry in table.organizations}
        self._table, self._own, self._outbound, self._today = table, own, outbound, today

    async def organization(self, ura: Ura, /) -> Outcome[Organization]:
        """Return the organisation, or Deny ORGANIZATION_UNKNOWN when it is not listed."""
        entry = self._entries.get(ura.value)
        return entry.organization if entry else Deny(Reason.ORGANIZATION_UNKNOWN, detail="not in the regional file")

    async def sources(self, holders: tuple[Holder, ...], /) -> Gathered[Source]:
        """Return one source or one gap per holder, each organisation once."""
        unique = dict.fromkeys(holder.ura for holder in holders)
        answers = [(ura, self._source(ura)) for ura in unique]
        return Gathered(
            tuple(answer for _, answer in answers if isinstance(answer, Source)),
            tuple(Gap(ura.value, answer) for ura, answer in answers if not isinstance(answer, Source)),
        )

    async def start(self) -> None:
        """Nothing runs: the file was read when this was built."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def health(self) -> Outcome[str]:
        """Say whose list it is, how long, and whether its review is overdue."""
        return self._table.state(self._today())

    def _source(self, ura: Ura) -> Source | Stop:
        entry = self._entries.get(ura.value)
        if entry is None:
            return Deny(Reason.ORGANIZATION_UNKNOWN, detail="not in the regional file")
        if not entry.fhir_base:
            return Deny(Reason.ADDRESS_NONE, detail="the regional file gives no address")
        if why := self._refused(entry):
            return Deny(Reason.ADDRESS_REFUSED, detail=why)
        server = entry.authorization_server.rstrip("/") or None
        return Source(entry.organization, entry.fhir_base.rstrip("/"), server, own=ura == self._own)

    def _refused(self, entry: Entry) -> str | None:
        addresses = (entry.fhir_base, entry.authorization_server)
        return next((why for url in addresses if url and (why := self._outbound.refuses(url))), None)


def build_directory(settings: Mapping[str, Any], around: Surroundings) -> RegionalDirectory:
    """Return this tenant's directory; raises ValueError (ValidationError among them) or OSError for a wrong file."""
    return RegionalDirectory(read_table(settings, around), around.tenant.organization.ura, around.outbound)


def build_types(settings: Mapping[str, Any], around: Surroundings) -> RegionalDirectory:
    """Return the region's table of types; ValueError when it is not signed, besides what `build_directory` raises."""
    if not settings.get("public_key_file"):
        raise ValueError("public_key_file and signature_file: a table that makes types must be signed by its owner")
    return build_directory(settings, around)
