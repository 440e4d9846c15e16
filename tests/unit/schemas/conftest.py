"""Validators that know every schema: `strict` refuses what a schema does not name, as no client ever should."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from jsonschema_rs import Draft202012Validator

from nuts_pzp.schemas import api


def closed(node: Any) -> Any:
    """Refuse unnamed members wherever a schema is used: in a property, in a list, in what is combined."""
    if isinstance(node, list):
        return [closed(one) for one in node]
    if not isinstance(node, dict):
        return node
    made = {key: closed(value) for key, value in node.items()}
    for place in ("items", "additionalProperties"):
        if isinstance(made.get(place), dict):
            made[place]["unevaluatedProperties"] = False
    if isinstance(made.get("properties"), dict):
        for one in made["properties"].values():
            one["unevaluatedProperties"] = False
    return made


@pytest.fixture(scope="session")
def strict() -> Callable[[str], Any]:
    parts = closed(api()["components"]["schemas"])

    def validator(title: str) -> Any:
        whole = {"$ref": f"#/components/schemas/{title}", "unevaluatedProperties": False}
        return Draft202012Validator(whole | {"components": {"schemas": parts}}, validate_formats=True)

    return validator
