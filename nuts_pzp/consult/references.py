"""What resources point at and did not come along. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from ..fhir.bundle import Resource

_LOCAL = re.compile(r"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_REFERENCE = re.compile(rb'"reference"\s*:\s*"([^"]*)"')


def unresolved(resources: Sequence[Resource], base: str, types: frozenset[str]) -> list[tuple[str, str]]:
    """Return (type, id) of each reference to one of `types` at this source that no resource answers, sorted.

    Only relative references and absolute ones below `base` count: nothing else is ever dialled.
    """
    here = {(resource.type, resource.id) for resource in resources}
    wanted: set[tuple[str, str]] = set()
    for reference in {found for resource in resources for found in _referenced(resource)}:
        local = reference.removeprefix(f"{base}/")
        if (match := _LOCAL.fullmatch(local)) and match[1] in types:
            wanted.add((match[1], match[2]))
    return sorted(wanted - here)


def _referenced(resource: Resource) -> Iterator[str]:
    """Yield every reference in a resource. Without an escape in it the text says them all; else it is read whole."""
    if b"\\" in resource.raw:
        yield from _references(_content(resource), 0)
        return
    if b'"reference"' in resource.raw:
        for found in _REFERENCE.findall(resource.raw):
            yield found.decode(errors="replace")


def _content(resource: Resource) -> object:
    """What cannot be decoded points at nothing; the merge lists it."""
    try:
        return msgspec.json.decode(resource.raw)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _references(node: object, depth: int) -> Iterator[str]:
    if depth > 40:
        return
    if isinstance(node, dict):
        reference = node.get("reference")
        if isinstance(reference, str):
            yield reference
        for value in node.values():
            yield from _references(value, depth + 1)
    elif isinstance(node, list):
        for value in node:
            yield from _references(value, depth + 1)
