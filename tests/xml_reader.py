"""Reads FHIR XML back into JSON, by the models of fhir.resources and nothing of ours. Numbers stay as written."""

from __future__ import annotations

import json
from decimal import Decimal
from functools import cache
from typing import Any, get_args

import fhir.resources.R4B
import fhir.resources.STU3
from fhir_core.utils import is_list_type
from lxml import etree

FHIR, XHTML = "{http://hl7.org/fhir}", "{http://www.w3.org/1999/xhtml}"
MODELS = {"r4": fhir.resources.R4B, "stu3": fhir.resources.STU3}
NARROW = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False)
WIDE = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=True)


class Number(str):
    """A number as it is written."""


def written(value: Any) -> str:
    """JSON with every number as it was read."""
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key)}:{written(one)}" for key, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(map(written, value)) + "]"
    return json.dumps(value, ensure_ascii=False)


def json_of(body: str | bytes) -> Any:
    """JSON with numbers as written; a narrative in canonical XML, so that two ways of writing it are one."""
    return _canonical(json.loads(body, parse_float=Number, parse_int=Number))


def _canonical(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: _c14n(etree.fromstring(one, NARROW)) if key == "div" and isinstance(one, str) else _canonical(one)
            for key, one in value.items()
        }
    return [_canonical(one) for one in value] if isinstance(value, list) else value


def _c14n(element: Any) -> str:
    return etree.tostring(element, method="c14n2").decode().strip()


def read(document: bytes, spoken: str = "r4", *, huge: bool = False) -> Any:
    """Return the resource that an XML document holds, as `json_of` gives it."""
    return _resource(etree.fromstring(document, WIDE if huge else NARROW), spoken)


def _resource(element: Any, spoken: str) -> dict[str, Any]:
    name = element.tag.removeprefix(FHIR)
    return {"resourceType": name} | _object(element, MODELS[spoken].get_fhir_model_class(name), spoken)


def _object(element: Any, model: Any, spoken: str) -> dict[str, Any]:
    found: dict[str, Any] = {key: value for key, value in element.attrib.items() if key != "value"}
    fields = _fields(model)
    assert not (element.text or "").strip()
    for child in element:
        assert isinstance(child.tag, str)
        assert not (child.tail or "").strip()
        name = child.tag.removeprefix(FHIR)
        if child.tag == f"{XHTML}div":
            found["div"] = _c14n(child)
            continue
        many, kind = fields[name]
        value, beside = _value(child, kind, spoken)
        if not many:
            assert name not in found
            found |= {key: one for key, one in ((name, value), (f"_{name}", beside)) if one is not None}
            continue
        values, besides = found.get(name, []), found.get(f"_{name}", [])
        values.append(value)
        besides.append(beside)
        found[name], found[f"_{name}"] = values, besides
    return _trimmed(found)


@cache
def _fields(model: Any) -> dict[str, tuple[bool, Any]]:
    """Whether there may be more than one, and the kind, of each element."""
    found = {
        field.alias or name: (is_list_type(field), _kind(field.annotation))
        for name, field in model.model_fields.items()
    }
    if model.__name__ == "Extension":  # what R4 has and the models of R4B lack
        found.setdefault("valueMeta", (False, "fhir.resources.R4B.meta.Meta"))
    return found


def _trimmed(found: dict[str, Any]) -> dict[str, Any]:
    """Lists of nothing but null say nothing."""
    return {key: one for key, one in found.items() if not isinstance(one, list) or any(x is not None for x in one)}


def _value(element: Any, kind: Any, spoken: str) -> tuple[Any, Any]:
    """The value, and what stands beside it when it is a primitive."""
    if isinstance(kind, str):
        if kind == "Resource":
            return _resource(element[0], spoken), None
        module, _, name = kind.rpartition(".")
        return _object(element, getattr(__import__(module, fromlist=[name]), name), spoken), None
    text = element.get("value")
    beside = _object(element, MODELS[spoken].get_fhir_model_class("Element"), spoken) or None
    if text is None:
        return None, beside
    if kind is bool:
        return {"true": True, "false": False}[text], beside
    return Number(text) if kind in (int, Decimal) else text, beside


def _kind(annotation: Any) -> Any:
    """The path of a model, "Resource", or a Python type for a primitive."""
    path = getattr(annotation, "_model_klass", None)
    if path is not None:
        return "Resource" if path.endswith(".Resource") else path
    inside = [_kind(part) for part in get_args(annotation)]
    telling = [one for one in inside if one in (bool, int, Decimal) or isinstance(one, str)]
    return telling[0] if telling else annotation
