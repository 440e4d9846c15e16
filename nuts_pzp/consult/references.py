"""What resources point at and did not come along. Pure."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import msgspec

from ..fhir.bundle import Resource

_LOCAL = re.compile(r"([A-Z][A-Za-z]{1,40})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?", re.ASCII)
_KEY = b'"reference"'
_SAID = re.compile(rb'\s*:\s*"([^"]*)"')


def unresolved(resources: Sequence[Resource], base: str, types: frozenset[str]) -> list[tuple[str, str]]:
    """Return (type, id) of each reference to one of `types` at this source that no resource answers, sorted.

    Only relative references and absolute ones below `base` count: nothing else is ever dialled.
    """
    here = {(resource.type, resource.id) for resource in resources}
    wanted: set[tuple[str, str]] = set()
    for reference in _referenced([resource.raw for resource in resources]):
        local = reference.removeprefix(f"{base}/")
        if (match := _LOCAL.fullmatch(local)) and match[1] in types:
            wanted.add((match[1], match[2]))
    return sorted(wanted - here)


def _referenced(raws: list[bytes]) -> set[str]:
    """Return every reference in these. Without an escape in them the text says them all; else one is read whole."""
    escaped = [raw for raw in raws if b"\\" in raw]
    plain = b"\n".join([raw for raw in raws if b"\\" not in raw] if escaped else raws)
    found: set[bytes] = set()
    for rest in plain.split(_KEY)[1:]:
        if rest.startswith(b':"'):
            found.add(rest[2 : rest.find(b'"', 2)])
        elif match := _SAID.match(rest):
            found.add(match[1])
    return {one.decode(errors="replace") for one in found}.union(*[_references(_content(raw), 0) for raw in escaped])


def _content(raw: bytes) -> object:
    """What cannot be decoded points at nothing; the merge lists it."""
    try:
        return msgspec.json.decode(raw)
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
