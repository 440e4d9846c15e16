"""What the EHR listener publishes about itself: the API document and the schemas. About nobody, so not recorded."""

from __future__ import annotations

import json
from functools import cache

from ..schemas import SCHEMAS, api, schema

DOCUMENTS = ("openapi.json", *(f"schemas/{name}" for name in SCHEMAS))


@cache
def document(name: str) -> bytes | None:
    """Return a published document by its place under `/pzp/v1/`; None when there is none of that name."""
    if name not in DOCUMENTS:
        return None
    found = api() if name == DOCUMENTS[0] else schema(name.partition("/")[2])
    return json.dumps(found, ensure_ascii=False, separators=(",", ":")).encode()
