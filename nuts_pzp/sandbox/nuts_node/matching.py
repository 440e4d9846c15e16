"""Sandbox: presentation exchange as the node does it: first match, filters, one capture, format gate (spec 3.2)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from .credentials import Credential, expand, format_of
from .jose import parse

_PATH = re.compile(r"\$(?:\.[A-Za-z_@][A-Za-z0-9_@-]*|\[\d+\])*", re.ASCII)
_STEP = re.compile(r"\.([A-Za-z_@][A-Za-z0-9_@-]*)|\[(\d+)\]", re.ASCII)
_KINDS: Mapping[str, tuple[type, ...]] = {"string": (str,), "number": (int, float), "boolean": (bool,)}


class NoMatch(ValueError):
    """No credential for one or more input descriptors."""


class BadDefinition(ValueError):
    """The definition uses what the node does not support."""


@dataclass(frozen=True, slots=True)
class Match:
    """One input descriptor met by one credential, and the claims its fields gave."""

    descriptor: str
    credential: Credential
    claims: Mapping[str, Any]


def match(definition: Mapping[str, Any], credentials: Sequence[Credential]) -> list[Match]:
    """Return a match per input descriptor, the first credential that fits; raises NoMatch or BadDefinition."""
    found, missing = [], []
    for descriptor in definition.get("input_descriptors", ()):
        hit = _first(definition, descriptor, credentials)
        if hit is None:
            missing.append(f"no VC for InputDescriptor ({descriptor['id']})")
        else:
            found.append(hit)
    if missing:
        raise NoMatch(f"constraints not matched: {', '.join(missing)}")
    return found


def submission(definition: Mapping[str, Any], matches: Sequence[Match], submission_id: str) -> dict[str, Any]:
    """Return the presentation submission; with one credential the node of version 6.2 leaves the index out."""
    alone = len(matches) == 1
    return {
        "id": submission_id,
        "definition_id": definition["id"],
        "descriptor_map": [
            {
                "id": one.descriptor,
                "format": format_of(one.credential),
                "path": "$.verifiableCredential" if alone else f"$.verifiableCredential[{index}]",
            }
            for index, one in enumerate(matches)
        ],
    }


def at(path: str, value: Any) -> Any:
    """Return what a JSON path of names and indexes points at, or None; raises BadDefinition for any other path."""
    if not _PATH.fullmatch(path):
        raise BadDefinition("unsupported JSON path")
    for name, index in _STEP.findall(path):
        if name and isinstance(value, dict):
            value = value.get(name)
        elif index and isinstance(value, list) and int(index) < len(value):
            value = value[int(index)]
        else:
            return None
    return value


def _first(
    definition: Mapping[str, Any], descriptor: Mapping[str, Any], credentials: Sequence[Credential]
) -> Match | None:
    for credential in credentials:
        claims = _claims(descriptor.get("constraints", {}).get("fields", ()), expand(credential))
        if claims is None:
            continue
        if _format_fits(definition.get("format"), credential) and _format_fits(descriptor.get("format"), credential):
            return Match(descriptor["id"], credential, claims)
    return None


def _format_fits(formats: Mapping[str, Any] | None, credential: Credential) -> bool:
    """True when the format is listed; a JWT also needs its algorithm listed, an unsigned credential nothing more."""
    if not formats:
        return True
    listed = formats.get(format_of(credential))
    if listed is None or isinstance(credential, dict):
        return listed is not None
    return parse(credential).algorithm in listed.get("alg", ())


def _claims(fields: Sequence[Mapping[str, Any]], credential: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the claims when every field matches, else None."""
    claims: dict[str, Any] = {}
    for field in fields:
        matched, value = _field(field, credential)
        if not matched:
            return None
        if "id" in field:
            claims[field["id"]] = value
    return claims


def _field(field: Mapping[str, Any], credential: Mapping[str, Any]) -> tuple[bool, Any]:
    """The first path with a value that passes the filter wins; optional only when no path has a value at all."""
    seen = False
    for path in field["path"]:
        value = at(path, credential)
        if value is None:
            continue
        seen = True
        matched, claim = _filter(field["filter"], value) if "filter" in field else (True, value)
        if matched:
            return True, claim
    return (bool(field.get("optional")) and not seen), None


def _filter(rule: Mapping[str, Any], value: Any) -> tuple[bool, Any]:
    if isinstance(value, dict):
        raise BadDefinition("filter on an object")
    if isinstance(value, list):
        # Any element may match, and the claim is the whole array: no capture.
        return (True, value) if any(_filter(rule, one)[0] for one in value) else (False, None)
    if "enum" in rule:
        return (True, value) if value in rule["enum"] else (False, None)
    if not isinstance(value, _KINDS.get(rule.get("type", ""), ())) or (
        isinstance(value, bool) and rule["type"] == "number"
    ):
        return False, None
    if "const" in rule and value != rule["const"]:
        return False, None
    return _pattern(rule["pattern"], value) if "pattern" in rule and isinstance(value, str) else (True, value)


def _pattern(pattern: str, value: str) -> tuple[bool, Any]:
    """Search, not anchored; one capture group gives the claim, two or more are an error.

    `$` is the very end in the node, not also the place before a last line break.
    """
    try:
        hit = re.search(re.sub(r"(?<!\\)\$$", r"\\Z", pattern), value, re.ASCII)
    except re.error:
        raise BadDefinition("invalid pattern") from None
    if hit is None:
        return False, None
    if len(hit.groups()) > 1:
        raise BadDefinition("can't return results from multiple regex capture groups")
    return True, hit[1] if hit.groups() else hit[0]
