"""Settings of the small state: a folder on a local disk, or a PostgreSQL database that several machines share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Discriminator, Tag, model_validator

from .consent_settings import Strict
from .keys import BadKeyFile, read_private


class PostgresState(Strict):
    """State in a database. `folder` keeps what is this machine's own: keys, copies of lists, the writer's socket."""

    kind: Literal["postgres"]
    folder: Path
    dsn_file: Path | None = None
    dsn_env: str | None = None
    roots_file: Path | None = None

    @model_validator(mode="after")
    def _one_dsn(self) -> PostgresState:
        if (self.dsn_file is None) == (self.dsn_env is None):
            raise ValueError("dsn_file or dsn_env, one of the two")
        return self

    def dsn(self, folder: Path) -> str:
        """Return libpq's connection string; BadKeyFile, without its value, when it cannot be had."""
        if self.dsn_file is not None:
            try:
                return read_private(folder / self.dsn_file).decode("utf-8").strip()
            except UnicodeDecodeError:
                raise BadKeyFile(f"{self.dsn_file}: not UTF-8") from None
        found = os.environ.get(self.dsn_env or "", "").strip()
        if not found:
            raise BadKeyFile(f"{self.dsn_env}: is not set in the environment")
        return found


def _kind(given: Any) -> str:
    return "<folder>" if isinstance(given, str | Path) else "<postgres>"


StateSettings = Annotated[
    Annotated[Path, Tag("<folder>")] | Annotated[PostgresState, Tag("<postgres>")], Discriminator(_kind)
]
