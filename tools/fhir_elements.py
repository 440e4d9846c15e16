"""Write nuts_pzp/fhir/xml/*.json from the models of fhir.resources: `python tools/fhir_elements.py`.

In which order elements stand in XML, and of what type they are, for what may leave by the network door and what that
may contain. The models of R4 are those of R4B: they have two data types more and one element less, which is
made good here. A test holds the files to this.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from decimal import Decimal
from importlib import import_module
from pathlib import Path
from typing import Any, get_args

from fhir_core.types import Xhtml
from fhir_core.utils import is_list_type

_FOLDER = Path(__file__).parent.parent / "nuts_pzp" / "fhir" / "xml"
RELEASES = {"r4": "R4B", "stu3": "STU3"}
"""What we call a version, and in which package of fhir.resources its models are."""

LEAVE = (
    "Bundle CapabilityStatement Communication CommunicationRequest Consent Device DeviceUseStatement Encounter Goal "
    "Observation OperationOutcome Organization Patient Practitioner PractitionerRole Procedure QuestionnaireResponse "
    "RelatedPerson"
)
INSIDE = "CareTeam Condition DocumentReference Endpoint HealthcareService Location Medication Questionnaire"
"""What the types that leave refer to and a server may put inside them (`contained`)."""
ONLY_R4B = frozenset({"CodeableReference", "RatioRange"})
ONLY_R4 = {("r4", "Extension"): "valueMeta:Meta"}

_KINDS = {bool: "b", int: "n", Decimal: "n"}


def table(spoken: str) -> dict[str, dict[str, str]]:
    """Return, for resources and for types, every element of each in order, as `name:type`.

    The type is s (string), b (boolean), n (number), x (XHTML), Resource, or a name under `types`; `*` behind it: more
    than one. `@` before the name: an attribute in XML.
    """
    models = import_module(f"fhir.resources.{RELEASES[spoken]}")
    resources = {name: models.get_fhir_model_class(name) for name in sorted(f"{LEAVE} {INSIDE}".split())}
    types: dict[str, Any] = {"Element": models.get_fhir_model_class("Element")}
    listed: dict[str, str] = {}
    waiting = list(resources.values()) + list(types.values())
    while waiting:
        model = waiting.pop()
        written = []
        for name, field in _elements(model):
            kind, further = _type(field.annotation)
            if kind in ONLY_R4B:
                continue
            if further is not None and kind not in types and kind != "Resource":
                types[kind] = further
                waiting.append(further)
            written.append(f"{'@' * _is_attribute(model, name)}{name}:{kind}{'*' * is_list_type(field)}")
        written += filter(None, [ONLY_R4.get((spoken, model.__name__))])
        listed[model.__name__] = " ".join(written)
    return {
        "resources": {name: listed[name] for name in resources},
        "types": {name: listed[name] for name in sorted(types)},
    }


def _elements(model: Any) -> Iterator[tuple[str, Any]]:
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    for name in dict.fromkeys(model.elements_sequence()):
        yield name, fields[name]


def _is_attribute(model: Any, name: str) -> bool:
    return (name == "id" and not model.has_resource_base()) or (model.__name__, name) == ("Extension", "url")


def _type(annotation: Any) -> tuple[str, Any]:
    """The type as it is written, and its model when it has elements of its own."""
    if (path := getattr(annotation, "_model_klass", None)) is not None:
        module, _, name = path.rpartition(".")
        return name, getattr(import_module(module), name)
    parts = get_args(annotation)
    if any(isinstance(part, Xhtml) for part in parts):
        return "x", None
    found = {_type(part) for part in parts if isinstance(part, type) or get_args(part)} - {("s", None)}
    return found.pop() if found else (_KINDS.get(annotation, "s"), None)


def page(spoken: str) -> str:
    """Return the file as it is written: a line for a type."""
    return json.dumps(table(spoken), indent=0, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name in RELEASES:
        (_FOLDER / f"{name}.json").write_text(page(name), "utf-8")
