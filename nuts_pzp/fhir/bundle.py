"""Reading Bundles without models: entries, links, references, raw bytes kept as they came. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Resource:
    """One resource as a source gave it. `url` is absolute at the source; `raw` is its JSON, byte for byte."""

    type: str
    id: str
    version: str
    url: str
    mode: Literal["match", "include", "outcome"]
    raw: bytes = field(repr=False)

    @property
    def reference(self) -> str:
        """`Type/id/_history/version`, or `Type/id` when the source gives no version."""
        return f"{self.type}/{self.id}/_history/{self.version}" if self.version else f"{self.type}/{self.id}"
