"""Reading the NVI's answer: a searchset of Lists, each naming one custodian (spec 1.2, 1.3). Pure; nothing is trusted.

Lists are matched on the custodian's value only: the service answers with a constant source system, and leaves out the
subject and the code. What cannot be read is a gap, because it may have been a holder.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from ...exchange import Holder
from ...identity import URA_SYSTEM, NotAnIdentifier, Ura
from ...outcome import Gap, Gathered, Unavailable
from ...reasons import Reason

FOUND_BY = "nvi"
MOST = 200
"""Holders per patient that are believed; a longer answer keeps these and a gap."""

_CATEGORIES = "/nl-gf-data-categories-cs"
_SKIPPED = frozenset({"retired", "entered-in-error"})


def read_searchset(body: bytes, codes: frozenset[str]) -> Gathered[Holder]:
    """Return each custodian once, our own too, of current Lists that are about one of `codes`, where they say so."""
    bundle = _decoded(body)
    if not isinstance(bundle, dict) or bundle.get("resourceType") != "Bundle":
        return Gathered(gaps=(_gap("not a Bundle"),))
    entries = bundle.get("entry", [])
    if not isinstance(entries, list):
        return Gathered(gaps=(_gap("entries are not a list"),))
    gaps = list(_unfinished(bundle, len(entries)))
    found: dict[str, Holder] = {}
    for entry in entries:
        resource = entry.get("resource") if isinstance(entry, dict) else None
        if not isinstance(resource, dict):
            gaps.append(_gap("an entry without a resource"))
        elif _counts(resource, codes):
            ura = _custodian(resource)
            if ura is None:
                gaps.append(_gap("an entry without a readable custodian"))
            else:
                found.setdefault(ura.value, Holder(ura, FOUND_BY))
    holders = tuple(found.values())
    if len(holders) > MOST:
        gaps.append(_gap(f"more than {MOST} holders"))
    return Gathered(holders[:MOST], tuple(dict.fromkeys(gaps)))


def issue_code(body: bytes) -> str:
    """Return the first issue code of an OperationOutcome (also spelled `resource_type`), or "". Never its texts."""
    outcome = _decoded(body)
    if not isinstance(outcome, dict):
        return ""
    kind = outcome.get("resourceType", outcome.get("resource_type"))
    issues = outcome.get("issue")
    if kind != "OperationOutcome" or not isinstance(issues, list) or not issues or not isinstance(issues[0], dict):
        return ""
    code = issues[0].get("code")
    return code if isinstance(code, str) and code.isascii() and code.replace("-", "").isalpha() else ""


def _unfinished(bundle: dict[str, Any], entries: int) -> Iterable[Gap]:
    """The service does not page; when it ever does, what we hold is not everything."""
    total, links = bundle.get("total"), bundle.get("link")
    more = any(isinstance(link, dict) and link.get("relation") == "next" for link in _list(links))
    if more or (isinstance(total, int) and total > entries):
        yield _gap("there is more than was sent")


def _counts(resource: dict[str, Any], codes: frozenset[str]) -> bool:
    kind = resource.get("resourceType")
    if kind == "OperationOutcome":
        return any(
            isinstance(i, dict) and i.get("severity") in ("fatal", "error") for i in _list(resource.get("issue"))
        )
    if kind == "List" and resource.get("status") in _SKIPPED:
        return False
    return kind != "List" or _about(resource.get("code"), codes)


def _about(concept: object, codes: frozenset[str]) -> bool:
    """True unless the List names data categories and none is asked for."""
    named = [
        coding.get("code")
        for coding in _list(concept.get("coding") if isinstance(concept, dict) else None)
        if isinstance(coding, dict) and str(coding.get("system", "")).endswith(_CATEGORIES)
    ]
    return not named or any(code in codes for code in named if isinstance(code, str))


def _custodian(resource: dict[str, Any]) -> Ura | None:
    """Return the one URA that the extensions name; None without one, or with several that differ."""
    named: set[Ura] = set()
    for extension in _list(resource.get("extension")):
        reference = extension.get("valueReference") if isinstance(extension, dict) else None
        identifier = reference.get("identifier") if isinstance(reference, dict) else None
        if isinstance(identifier, dict) and identifier.get("system") == URA_SYSTEM:
            try:
                named.add(Ura.parse(identifier["value"]))
            except (NotAnIdentifier, KeyError, TypeError):
                return None
    return named.pop() if len(named) == 1 else None


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _decoded(body: bytes) -> Any:
    try:
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, RecursionError):
        return None


def _gap(detail: str) -> Gap:
    return Gap("localization", Unavailable(Reason.LOCALIZATION_BROKEN, detail=f"NVI: {detail}"))
