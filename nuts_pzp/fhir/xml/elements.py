"""The definitions as tables: which elements a type has, in which order and of which type. Pure.

Trusts `r4.json` and `stu3.json`, which tools/fhir_elements.py makes of the models of fhir.resources and a test holds to
them; how a line of them reads stands there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import Literal

from ..version import Speech

Kind = Literal["string", "boolean", "number", "xhtml", "resource", "type"]

_KINDS: Mapping[str, Kind] = {"s": "string", "b": "boolean", "n": "number", "x": "xhtml", "Resource": "resource"}


@dataclass(slots=True)
class Type:
    """A resource or data type. `places`: the place of an element by its key in JSON, with and without `_`."""

    name: str
    attributes: list[str] = field(default_factory=list)
    """Those of its elements that are attributes in XML."""
    elements: list[Element] = field(default_factory=list)
    places: dict[str, int] = field(default_factory=dict)


@dataclass(slots=True)
class Element:
    """One element. `beside` is the key of what a primitive has beside its value; `of` is the type of kind `type`."""

    name: str
    kind: Kind
    many: bool
    beside: str
    of: Type


@dataclass(frozen=True, slots=True)
class Definitions:
    """One FHIR version. `element` is what stands beside a primitive: an id and extensions."""

    resources: Mapping[str, Type]
    element: Type


@cache
def definitions(spoken: Speech) -> Definitions:
    """Return what may leave in that version, read once."""
    read = json.loads(files(__package__).joinpath(f"{spoken}.json").read_text("utf-8"))
    types = {name: Type(name) for name in read["types"]}
    resources = {name: Type(name) for name in read["resources"]}
    for group, made in ((read["types"], types), (read["resources"], resources)):
        for name, line in group.items():
            for written in line.split():
                _add(made[name], written, types)
    return Definitions(resources, types["Element"])


def _add(to: Type, written: str, types: Mapping[str, Type]) -> None:
    name, _, of = written.removeprefix("@").partition(":")
    kind = _KINDS.get(of.removesuffix("*"), "type")
    beside = "" if written.startswith("@") or kind in ("xhtml", "resource", "type") else f"_{name}"
    to.places[name] = len(to.elements)
    if written.startswith("@"):
        to.attributes.append(name)
    if beside:
        to.places[beside] = len(to.elements)
    to.elements.append(Element(name, kind, of.endswith("*"), beside, types.get(of.removesuffix("*"), to)))
