"""One page of a search as a searchset, or one resource. Pure; every page says what is missing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from ...fhir.request import FhirRequest
from ...overview.fhir_answer import ENCODER, outcome_entry
from .search import included
from .shelf import Piece, Shelf

PAGE = 100
"""Matches on a page when nothing else is asked."""
PAGE_BYTES = 4 * 1024 * 1024
"""Of the matches of one page: a page ends there, and always holds one."""


@dataclass(frozen=True, slots=True)
class Part:
    """One page's matches. `after` is where the next page begins; None on the last."""

    matches: tuple[Piece, ...]
    after: tuple[str, str, str] | None


def part(matches: Sequence[Piece], request: FhirRequest, after: tuple[str, str, str] | None) -> Part:
    """Return the page that begins after that place, as large as was asked for and as fits."""
    [[count]] = request.values("_count") or ((str(PAGE),),)
    left = [one for one in matches if after is None or one.key > after]
    taken: list[Piece] = []
    room = PAGE_BYTES
    for one in left[: int(count)]:
        room -= len(one.content)
        if taken and room < 0:
            break
        taken.append(one)
    return Part(tuple(taken), taken[-1].key if len(taken) < len(left) else None)


def searchset(shelf: Shelf, request: FhirRequest, page: Part, total: int, links: Sequence[tuple[str, str]]) -> bytes:
    """Return the Bundle of one page. `links` are (relation, URL); `total` counts the matches of all pages."""
    along = included(shelf, request, page.matches)
    entries = [_entry(shelf, one, "match") for one in page.matches]
    entries += [_entry(shelf, one, "include") for one in along]
    shown = {one.url for one in (*page.matches, *along)}
    said = [one.content for one in shelf.issues if not one.about or not shown.isdisjoint(one.about)]
    if said:
        entries.append(outcome_entry([msgspec.Raw(one) for one in said]))
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "meta": {"lastUpdated": shelf.made},
        "type": "searchset",
        "total": total,
        "link": [{"relation": relation, "url": url} for relation, url in links],
    }
    return ENCODER.encode(bundle | ({"entry": entries} if entries else {}))


def _entry(shelf: Shelf, piece: Piece, mode: str) -> dict[str, Any]:
    return {"fullUrl": shelf.address(piece), "resource": msgspec.Raw(piece.content), "search": {"mode": mode}}
