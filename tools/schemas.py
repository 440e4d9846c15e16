"""Writes the JSON Schemas of the values that the gateway writes, from those values: `python tools/schemas.py`.

What a client sends (`consultation-1.json`), the problem and the API itself are written by hand beside them.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import msgspec

ROOT = Path(__file__).parents[1]
sys.path.insert(0, str(ROOT))

from nuts_pzp.overview.shape import Overview  # noqa: E402
from nuts_pzp.web.telling import BySource  # noqa: E402

FOLDER = ROOT / "nuts_pzp" / "schemas"
DIALECT = "https://json-schema.org/draft/2020-12/schema"


def made() -> dict[str, dict[str, Any]]:
    """Return each generated schema by file name."""
    return {"overview-1.json": _schema(Overview, "overview", 1), "sources-1.json": _schema(BySource, "sources", 1)}


def written(schema: dict[str, Any]) -> str:
    """Return the text of a schema file."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def _schema(kind: type, name: str, version: int) -> dict[str, Any]:
    (top,), parts = msgspec.json.schema_components((kind,), ref_template="#/$defs/{name}")
    root = parts.pop(top["$ref"].rpartition("/")[2])
    if "Overview" in parts:
        parts["Overview"]["properties"]["schema"] = {"const": "nuts-pzp-overview/1"}
    root["properties"]["schema"] = {"const": f"nuts-pzp-{name}/{version}"}
    head = {"$schema": DIALECT, "$id": f"urn:nuts-pzp:schema:{name}:{version}"}
    return head | root | {"$defs": dict(sorted(parts.items()))}


if __name__ == "__main__":
    for file, schema in made().items():
        (FOLDER / file).write_text(written(schema), "utf-8")
