"""What the EHR and operations listeners speak: JSON Schema (2020-12) per value and version, and the APIs (OpenAPI 3.1).

A version of a schema only grows: fields are added, never renamed, removed or given another meaning. `api` puts the
schemas into the API document, so that one file is enough for whoever generates code from it.
"""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any

import yaml

from .. import __version__

SCHEMAS: dict[str, str] = {
    "consultation-1.json": "Consultation",
    "overview-1.json": "Overview",
    "sources-1.json": "BySource",
    "problem-1.json": "Problem",
    "events-1.json": "Event",
    "started-1.json": "Started",
}
"""Each schema file, and its name in the API document."""

PRINTED: dict[str, str] = {"conformance-1.json": "Conformance"}
"""What commands print for other programs; no listener serves it."""


@cache
def schema(name: str) -> dict[str, Any]:
    """Return one schema by its file name; KeyError when there is none."""
    if name not in SCHEMAS | PRINTED:
        raise KeyError(name)
    found: dict[str, Any] = json.loads(files(__name__).joinpath(name).read_text("utf-8"))
    return found


@cache
def api() -> dict[str, Any]:
    """Return the API of the EHR listener with every schema in it; paths begin behind the tenant's address."""
    document: dict[str, Any] = yaml.safe_load(files(__name__).joinpath("ehr-api.yaml").read_text("utf-8"))
    parts: dict[str, Any] = document["components"]["schemas"]
    for name, title in SCHEMAS.items():
        whole = _moved(schema(name))
        parts |= whole.pop("$defs", {})
        parts[title] = {key: value for key, value in whole.items() if key not in ("$schema", "$id")}
    document["info"]["version"] = __version__
    return document


@cache
def operations_api() -> dict[str, Any]:
    """Return the API of the operations listener, the decision API among it."""
    document: dict[str, Any] = yaml.safe_load(files(__name__).joinpath("operations-api.yaml").read_text("utf-8"))
    whole = schema("problem-1.json")
    document["components"]["schemas"]["Problem"] = {k: v for k, v in whole.items() if k not in ("$schema", "$id")}
    document["info"]["version"] = __version__
    return document


def _moved(node: Any) -> Any:
    """Point references inside a schema file, and to another file, at the parts of the API document."""
    if isinstance(node, list):
        return [_moved(one) for one in node]
    if not isinstance(node, dict):
        return node
    moved = {key: _moved(value) for key, value in node.items()}
    target = moved.get("$ref")
    if isinstance(target, str) and not target.startswith("#/components/"):
        inner = target.rpartition("/")[2]
        moved["$ref"] = f"#/components/schemas/{SCHEMAS.get(inner, inner)}"
    return moved
