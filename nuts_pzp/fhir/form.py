"""In which form an answer is written: what `_format` says, or else what Accept likes best (RFC 9110 12.5.1). Pure.

Trusts nothing. What is equally welcome is JSON; what leaves no room for a form that is spoken here is refused.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from ..reasons import Reason
from .operation_outcome import FHIR_JSON
from .version import RELEASES, Speech
from .wire import Refused

Form = Literal["json", "xml"]
JSON: frozenset[Form] = frozenset({"json"})
JSON_OR_XML: frozenset[Form] = frozenset({"json", "xml"})

FHIR_XML = "application/fhir+xml"
MEDIA: Mapping[Form, str] = {"json": FHIR_JSON, "xml": FHIR_XML}
"""How an answer in that form is labelled."""

_NAMES: dict[str, Form] = {
    FHIR_JSON: "json",
    "application/json": "json",
    "application/json+fhir": "json",
    "text/json": "json",
    FHIR_XML: "xml",
    "application/xml": "xml",
    "application/xml+fhir": "xml",
    "text/xml": "xml",
}
_STATED: dict[str, Form] = {**_NAMES, "json": "json", "xml": "xml"}
_WILDCARDS = frozenset({"application/*", "*/*"})
_QUALITY = re.compile(r"0(?:\.[0-9]*)?|1(?:\.0*)?", re.ASCII)


def stated(value: str, forms: frozenset[Form]) -> Form:
    """Return the form that a `_format` value asks for; a `+` may have become a space on the way."""
    form = _STATED.get(value.replace(" ", "+"))
    if form is None or form not in forms:
        raise Refused(Reason.REQUEST_NOT_ACCEPTABLE, f"_format: {_offered(forms)} is expected")
    return form


@lru_cache(maxsize=64)
def accepted(accept: str, spoken: Speech, forms: frozenset[Form]) -> Form:
    """Return the most welcome form of an Accept header. A range that names a form outweighs a wildcard.

    Clients say the same every time, so it is worked out once.
    """
    welcome = _welcome(accept, RELEASES[spoken])
    anything = welcome.get("application/*", welcome.get("*/*", 0.0))
    json, xml = welcome.get("json", anything), welcome.get("xml", anything)
    if xml > json and "xml" in forms:
        return "xml"
    if json > 0:
        return "json"
    raise Refused(Reason.REQUEST_NOT_ACCEPTABLE, f"Accept: {_offered(forms)} is expected, FHIR {RELEASES[spoken]}")


def _offered(forms: frozenset[Form]) -> str:
    return " or ".join(MEDIA[form] for form in sorted(forms))


def _welcome(accept: str, release: str) -> dict[str, float]:
    """How welcome each form is, and each wildcard; what names another FHIR release says nothing."""
    found: dict[str, float] = {}
    for one in accept.split(","):
        media, parameters = media_type(one)
        name = media if media in _WILDCARDS else _NAMES.get(media)
        if name is not None and parameters.get("fhirversion", release).startswith(release):
            found[name] = max(found.get(name, 0.0), _quality(parameters.get("q", "1")))
    return found


def _quality(given: str) -> float:
    """A weight that cannot be read is none."""
    return float(given) if _QUALITY.fullmatch(given) else 1.0


def media_type(text: str) -> tuple[str, dict[str, str]]:
    """Return a media type and its parameters, lower case; a parameter given twice makes it no media type at all."""
    media, *rest = text.split(";")
    parameters: dict[str, str] = {}
    for one in rest:
        name, _, value = one.partition("=")
        name = name.strip().lower()
        if name in parameters:
            return "", {}
        parameters[name] = value.strip().strip('"').lower()
    return media.strip().lower(), parameters
