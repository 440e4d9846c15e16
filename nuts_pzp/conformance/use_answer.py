"""Data user: the overview that the target makes of the prepared sources, where it speaks our consultation API. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .rules import Said, idle, met, named, unmet
from .use_requests import Watched, use
from .use_sources import URAS

_PATIENCE = 3.0
_TREATMENT, _PLACE = "treatment:89666000", "obs:395091006"


def _sources(watched: Watched) -> dict[str, dict[str, Any]]:
    rows = (watched.overview or {}).get("sources", ())
    return {str(one.get("id")): one for one in rows if isinstance(one, dict)}


def _status(watched: Watched, name: str) -> str:
    return named(_sources(watched).get(URAS[name], {}).get("status", "absent"))


def _item(watched: Watched, key: str) -> dict[str, Any]:
    for section in (watched.overview or {}).get("sections", ()):
        for item in section.get("items", ()):
            if item.get("key") == key:
                return dict(item)
    return {}


def _speaks(node: Any) -> Iterator[str]:
    """The id of every source that something in this part is from."""
    if isinstance(node, dict):
        source = node.get("source")
        if isinstance(source, dict) and "id" in source:
            yield str(source["id"])
        for one in node.values():
            yield from _speaks(one)
    elif isinstance(node, list):
        for one in node:
            yield from _speaks(one)


def _used(watched: Watched, name: str) -> bool:
    return URAS[name] in set(_speaks((watched.overview or {}).get("sections", [])))


_NONE = idle("the target's answer is not one that can be read here")


@use("USER-040")
def in_time(watched: Watched) -> Said:
    """The answer comes within the deadline, whoever hangs."""
    if watched.overview is None:
        return _NONE
    late = watched.seconds > watched.deadline + _PATIENCE
    return unmet(f"{watched.seconds:.1f} s") if late else met("within the deadline")


@use("USER-041")
def incomplete(watched: Watched) -> Said:
    """What is missing is said: not complete, and each failing source by name."""
    if watched.overview is None:
        return _NONE
    silent = [name for name in ("hanging", "lying", "outcome") if _status(watched, name) in ("ok", "absent")]
    if watched.overview.get("complete") is not False:
        return unmet("an answer with failing sources is called complete")
    return unmet(f"not told as failing: {', '.join(silent)}") if silent else met("not complete, and each is named")


@use("USER-042")
def outcome_failed(watched: Watched) -> Said:
    """200 with an OperationOutcome is a failed source."""
    if watched.overview is None:
        return _NONE
    status = _status(watched, "outcome")
    return met(status) if status in ("failed", "partial") else unmet(f"told as {status}")


@use("USER-043")
def stranger_rejected(watched: Watched) -> Said:
    """A source with another birth date is put aside whole."""
    if watched.overview is None:
        return _NONE
    if _used(watched, "stranger"):
        return unmet("a statement of the source with another birth date is shown")
    status = _status(watched, "stranger")
    return met(status) if status == "rejected" else unmet(f"told as {status}")


@use("USER-044")
def refusal_told(watched: Watched) -> Said:
    """A refusal is no empty answer."""
    if watched.overview is None:
        return _NONE
    status = _status(watched, "refusing")
    return met(status) if status in ("partial", "not-authorised") else unmet(f"told as {status}")


@use("USER-045")
def dialects_read(watched: Watched) -> Said:
    """Both dialects and the form are read."""
    if watched.overview is None:
        return _NONE
    lost = [name for name in ("rc2", "beta3", "form") if not _used(watched, name)]
    return unmet(f"nothing shown of: {', '.join(lost)}") if lost else met("rc2, beta3 and the form")


@use("USER-046")
def old_version(watched: Watched) -> Said:
    """STU3 is read, or refused by its name; never read as R4."""
    if watched.overview is None:
        return _NONE
    status = _status(watched, "stu3")
    fits = _used(watched, "stu3") or status == "unsupported-version"
    return met("read" if _used(watched, "stu3") else status) if fits else unmet(f"told as {status}, and nothing shown")


@use("USER-047")
def newest_leads(watched: Watched) -> Said:
    """The newest answer leads: of the hospital and the form, never the older one of the practice."""
    if watched.overview is None:
        return _NONE
    wrong = []
    for key in (_TREATMENT, _PLACE):
        leading = _item(watched, key).get("source") or {}
        if leading.get("id") not in (URAS["rc2"], URAS["form"]):
            wrong.append(key)
    return unmet(f"another source leads: {', '.join(wrong)}") if wrong else met("the newest leads")
