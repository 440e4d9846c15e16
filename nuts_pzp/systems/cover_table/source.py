"""The source: a table in memory, read when the tenant is built; a reload reads it anew."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, model_validator

from ...exchange import Access
from ...identity import Ura
from ...outcome import Evidence, Outcome, Permit, Unavailable, Unknown
from ...outside import Surroundings
from ...reasons import Reason
from .table import DUTCH, Table, read_table

Clock = Callable[[], datetime]


class CoverSettings(BaseModel):
    """`table_file` is the table. With `public_key_file` (Ed25519, PEM) the signature (base64) is demanded."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    table_file: Path
    public_key_file: Path | None = None
    signature_file: Path | None = None

    @model_validator(mode="after")
    def _both_or_neither(self) -> CoverSettings:
        if (self.public_key_file is None) != (self.signature_file is None):
            raise ValueError("public_key_file and signature_file belong together")
        return self


class CoverTable:
    """Who stands in for this practice. The basis is the arrangement's own: `cover:<id>`."""

    def __init__(self, own: Ura, table: Table, digest: str, clock: Clock = lambda: datetime.now(UTC)) -> None:
        """`digest` is the hex SHA-256 of the table's bytes."""
        self._own, self._table, self._digest, self._clock = own, table, digest, clock

    async def ground(self, access: Access, /) -> Outcome[Permit]:
        """Say by which arrangement the user stands in for this practice now."""
        found = self._table.covering(self._own, access.caller.organization, self._clock())
        if found is None:
            return Unknown(Reason.CONSENT_NONE)
        return Permit(f"cover:{found.id}", (Evidence("cover_table", found.id, self._digest),))

    async def start(self) -> None:
        """Nothing runs."""

    async def stop(self) -> None:
        """Nothing to let go of."""

    async def health(self) -> Outcome[str]:
        """Say whose table it is and until when it holds."""
        table, today = self._table, self._clock().astimezone(DUTCH).date()
        words = f"{len(table.arrangements)} arrangements, owner {table.owner}, until {table.valid_until.isoformat()}"
        if not table.valid_from <= today <= table.valid_until:
            return Unavailable(Reason.RELATION_UNKNOWN, detail=f"covers nobody today: {words}")
        return words


def build(settings: Mapping[str, Any], around: Surroundings) -> CoverTable:
    """Read the table of one tenant; ValidationError, ValueError or OSError when it cannot be used."""
    own = CoverSettings.model_validate(dict(settings))
    content = around.path(own.table_file).read_bytes()
    key, signature = own.public_key_file, own.signature_file
    table = read_table(content, around.path(key) if key else None, around.path(signature) if signature else None)
    return CoverTable(around.tenant.organization.ura, table, hashlib.sha256(content).hexdigest())
