"""The plain answer to a search: every entry a match of the type and the patient asked for, under one address.

Nearly every answer is. It says the same as the judgement of each entry, in one pass; for any other answer it says
nothing. Trusts nothing of the answer. Hot path.
"""

from __future__ import annotations

import re

import msgspec

from ..exchange import Access
from ..fhir.parameters import ID
from .addresses import Addresses
from .belonging import Owners, Unread
from .read import Searchset
from .selection import Selection, is_sharing

_ONE = rf"[A-Z][A-Za-z]{{1,63}}/{ID.pattern}(?:/_history/{ID.pattern})?"
_NAMES = re.compile(rf"{_ONE}(?:\n{_ONE})*")

_JUDGED_APART = frozenset({"Patient", "OperationOutcome"})


def plain(read: Searchset, access: Access, known: Addresses) -> tuple[list[str], list[str]] | None:
    """Return what the audit calls each entry, and its URL as seen from outside; None when the answer is not plain.

    Raises one of UNREADABLE.
    """
    asked, own, unset = access.request.resource_type, f"Patient/{access.patient.logical_id}", msgspec.UNSET
    inside, outside, owners = known.bases[0], f"{known.outside}/", Owners()
    names: list[str] = []
    urls: list[str] = []
    last: Unread = unset
    subjects = 0
    for entry, found in zip(read.entries, read.heads, strict=True):
        owner = found.subject
        if owner is unset:
            owner = found.patient
        elif found.patient is unset:
            subjects += 1
        else:
            return None
        if owner is unset or found.contained is not unset or found.resourceType != asked:
            return None
        if entry.search is not None and entry.search.mode != "match":
            return None
        if owner != last:
            named = owners.of(owner)
            if named is None or named.reference != own or named.identifier is not None:
                return None
            last = owner
        short = f"{asked}/{found.id}"
        if found.id is None or entry.fullUrl != inside + short:
            return None
        urls.append(outside + short)
        meta = found.meta
        names.append(f"{short}/_history/{meta.versionId}" if meta is not None and meta.versionId else short)
    count, together = len(names), "\n".join(names)
    if asked in _JUDGED_APART or together.count("\n") >= count or not _NAMES.fullmatch(together):
        return None
    selection = Selection.of(access.request)
    if not selection.takes(read.heads) or any(map(is_sharing, read.heads)):
        return None
    read.refuse_two_readings(own, count, count - subjects, subjects, selection.elements)
    return names, urls
