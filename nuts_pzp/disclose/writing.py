"""What leaves of a searchset, as bytes: the very ones when nothing had to change, else written again around resources.

Trusts the judgement of what stays. Hot path.
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from ..fhir.operation_outcome import LACKING
from ..fhir.searchset import Entry, Link, Search, written
from ..values import Value
from .addresses import Addresses
from .read import Searchset


class Staying(Value, frozen=True):
    """The entries that stay, their URLs as seen from outside, how many of them are matches, and how many matches go.

    `lacking`: the own server says that its answer is not whole. `paged`: this is one page of several.
    """

    hidden = frozenset({"entries", "urls"})

    entries: list[Entry]
    urls: Sequence[str | None]
    matches: int
    gone: int
    lacking: bool = False
    paged: bool = False


def leaving(read: Searchset, known: Addresses, staying: Staying, links: list[Link]) -> bytes:
    """Return the searchset with what stays and these links. What was read is written in: only once.

    `total` follows; of several pages nobody knows it once something goes, and it goes as well.
    """
    bundle, entries, urls = read.bundle, staying.entries, staying.urls
    changed = len(entries) < len(read.entries) or links != (bundle.link or [])
    if not changed and urls == [entry.fullUrl for entry in entries] and not known.hidden_in(read.body):
        return read.body
    for entry, url in zip(entries, urls, strict=True):
        entry.fullUrl = url
    if bundle.total is not None:
        unknown = staying.gone and staying.paged
        bundle.total = None if unknown else max(staying.matches, bundle.total - staying.gone)
    said = [Entry(resource=msgspec.Raw(LACKING), search=Search("outcome"))] if staying.lacking else []
    bundle.link, bundle.entry = links or None, [*entries, *said] or None
    body = written(bundle)
    if known.hidden_in(body):
        for entry in entries:
            entry.resource = msgspec.Raw(known.readdressed(bytes(entry.resource)))
        body = written(bundle)
    return body
