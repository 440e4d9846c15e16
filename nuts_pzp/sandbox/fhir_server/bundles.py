"""FHIR server twin: searchset Bundles and their pages, with links as HAPI writes them. Pure but for the page memory."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from .search import Index, Refused

Json = dict[str, Any]

MAX_PAGE = 200
_REMEMBERED = 200


@dataclass(frozen=True, slots=True)
class Found:
    """A search done once: its matches, what to bring along, and the address it was asked at."""

    matches: tuple[Json, ...]
    includes: tuple[str, ...]
    self_link: str


class Pages:
    """Searches with further pages, by opaque id; the oldest are forgotten (410, as a server whose cache expired)."""

    def __init__(self) -> None:
        self._found: OrderedDict[str, Found] = OrderedDict()
        self._issued = 0

    def keep(self, found: Found) -> str:
        """Remember a search and return its id."""
        self._issued += 1
        key = f"00000000-0000-4000-8000-{self._issued:012d}"
        self._found[key] = found
        while len(self._found) > _REMEMBERED:
            self._found.popitem(last=False)
        return key

    def find(self, key: str) -> Found:
        """Return the search of this id; raises Refused when it was never given or is forgotten."""
        if key not in self._found:
            raise Refused(410, f'HAPI-0417: Search ID "{key}" does not exist and may have expired')
        return self._found[key]


def page(index: Index, found: Found, key: str, base: str, *, offset: int, count: int) -> Json:
    """Return one page; `total` only where all matches are on it, as HAPI does by default."""
    matches = list(found.matches[offset : offset + count])
    more = offset + count < len(found.matches)
    links = [{"relation": "self", "url": found.self_link if offset == 0 else _link(base, key, offset, count, found)}]
    if more:
        links.append({"relation": "next", "url": _link(base, key, offset + count, count, found)})
    if offset:
        links.append({"relation": "previous", "url": _link(base, key, max(0, offset - count), count, found)})
    entries = [_entry(base, one, "match") for one in matches]
    entries += [_entry(base, one, "include") for one in index.included(matches, found.includes)]
    bundle: Json = {"resourceType": "Bundle", "id": key, "type": "searchset"}
    if not more and not offset:
        bundle["total"] = len(found.matches)
    bundle["link"] = links
    if entries:
        bundle["entry"] = entries
    return bundle


def outcome(diagnostics: str, code: str = "processing") -> Json:
    """Return an OperationOutcome with one error."""
    issue = {"severity": "error", "code": code, "diagnostics": diagnostics}
    return {"resourceType": "OperationOutcome", "issue": [issue]}


def _entry(base: str, one: Json, mode: str) -> Json:
    return {"fullUrl": f"{base}/{one['resourceType']}/{one['id']}", "resource": one, "search": {"mode": mode}}


def _link(base: str, key: str, offset: int, count: int, found: Found) -> str:
    includes = "".join(f"&_include={quote(include, safe='')}" for include in found.includes)
    return f"{base}?_getpages={key}&_getpagesoffset={offset}&_count={count}{includes}&_bundletype=searchset"
