"""The answer to a batch: entries that brought nothing because their own question failed. Pure; never raises."""

from __future__ import annotations

import re
from typing import Any

import msgspec

_BROKEN = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_FAILED = re.compile(r"([45]\d\d)\b", re.ASCII)
_KINDS = ("batch-response", "transaction-response")


class _Entry(msgspec.Struct):
    response: Any = None


class _Body(msgspec.Struct):
    type: Any = None
    entry: list[_Entry | None] | None = None


_BODY = msgspec.json.Decoder(_Body)


def failed_entries(raw: bytes) -> tuple[int, ...]:
    """Return the HTTP status of each entry of a batch's answer that failed; nothing for any other Bundle."""
    try:
        body = _BODY.decode(raw)
    except _BROKEN:
        return ()
    if body.type not in _KINDS:
        return ()
    responses = (entry.response for entry in body.entry or () if entry is not None)
    statuses = (one.get("status") for one in responses if isinstance(one, dict))
    found = (_FAILED.match(str(status)) for status in statuses if isinstance(status, str | int))
    return tuple(int(match[1]) for match in found if match is not None)
