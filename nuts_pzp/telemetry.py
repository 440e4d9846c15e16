"""The application's own log: structlog, JSON lines, masked last. It is not the audit log and never stands in for it.

Masking is the last processor: whatever reaches a line, nine digits that pass the eleven-test, bearer tokens and long
random strings do not leave (house rule 5, spec consent 6.5).
"""

from __future__ import annotations

import json
import logging
import re
import sys
from collections.abc import MutableMapping
from typing import Any

import orjson
import structlog

from .identity import eleven_test

_NINE = re.compile(r"(?<![0-9])[0-9](?:[ .-]?[0-9]){8}(?![0-9])")
_SECRET = re.compile(r"(?i)\b(bearer|dpop|basic)\s+[A-Za-z0-9\-._~+/=]{8,}")
_JWT = re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?")
_PARAMETER = re.compile(r"(?i)\b(patientid|identifier|bsn|subject:identifier)=[^&\s\"']+")


def mask(text: str) -> str:
    """Return the text without BSNs, tokens and identifying parameters."""
    text = _JWT.sub("[token]", _SECRET.sub(r"\1 [token]", _PARAMETER.sub(r"\1=[masked]", text)))
    return _NINE.sub(lambda found: "[bsn]" if eleven_test(re.sub(r"[ .-]", "", found[0])) else found[0], text)


def _masked(value: Any, depth: int = 0) -> Any:
    if isinstance(value, str):
        return mask(value)
    if isinstance(value, bool | int | float | None):
        return "[bsn]" if isinstance(value, int) and eleven_test(str(value).zfill(9)) and value > 99_999_999 else value
    if depth > 6:
        return "[deep]"
    if isinstance(value, dict):
        return {mask(str(key)): _masked(one, depth + 1) for key, one in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_masked(one, depth + 1) for one in value]
    return mask(repr(value))


def _mask_event(_: Any, __: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    return {str(key): _masked(value) for key, value in event.items()}


class _ThroughStructlog(logging.Handler):
    """Lines of libraries: their message is masked like ours, their arguments and exception text too."""

    def emit(self, record: logging.LogRecord) -> None:
        structlog.get_logger(record.name).log(record.levelno, record.getMessage(), error=_error_name(record))


def _error_name(record: logging.LogRecord) -> str | None:
    return record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else None


class _Lines(structlog.PrintLogger):
    """Writes lines. One that cannot be written is lost and nothing else: a full disk must not stop who speaks of it."""

    def msg(self, message: str) -> None:
        try:
            super().msg(message)
        except (OSError, ValueError):
            return

    log = debug = info = warn = warning = fatal = failure = err = error = critical = exception = msg


def _line(event: Any, **_: Any) -> str:
    """Write the event as one line of JSON; text that is no UTF-8 is escaped, for a line never fails."""
    try:
        return orjson.dumps(event).decode()
    except TypeError:
        return json.dumps(event, default=repr)


def configure(level: str = "info") -> None:
    """Send masked JSON lines of `level` and above to standard error, ours and the libraries' (theirs from warning)."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            _mask_event,
            structlog.processors.JSONRenderer(serializer=_line),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=lambda *_: _Lines(sys.stderr),
        cache_logger_on_first_use=False,
    )
    root = logging.getLogger()
    root.handlers[:] = [_ThroughStructlog()]
    root.setLevel(logging.WARNING)
