"""How a command ends when it is not the command that decides: wrong use by the parser, and output that nobody takes."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

UNWRITTEN = 74
"""Standard output could not be written: no verdict of any command (sysexits: input/output error)."""
_NUMBER = re.compile("[0-9]{9}")


def run(command: Callable[..., Any]) -> NoReturn:
    """Run the command line and exit. What was typed wrongly is told, but for what may be a BSN."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout = _Output.over(sys.stdout)
    try:
        code = command(standalone_mode=False)
        sys.stdout.flush()
    except Exception as error:
        code = getattr(error, "exit_code", None)
        message = getattr(error, "message", None)
        if code is None or message is None:
            raise
        error.message = _NUMBER.sub("*" * 9, str(message))  # type: ignore[attr-defined]
        from typer.rich_utils import rich_format_error  # what serves never draws, and has no room for it

        rich_format_error(error)  # type: ignore[arg-type]
    sys.exit(code or 0)


class _Output(io.TextIOWrapper):
    """Standard output whose reader may leave, or whose disk may be full."""

    @classmethod
    def over(cls, given: io.TextIOWrapper) -> _Output:
        """Take the place of this one; a letter that its encoding lacks is written as JSON and Python write it."""
        errors = "backslashreplace" if given.errors == "strict" else given.errors
        how = {"encoding": given.encoding, "errors": errors, "line_buffering": given.line_buffering}
        return cls(given.detach(), **how)  # type: ignore[arg-type]

    def write(self, text: str, /) -> int:
        with _leaving():
            return super().write(text)

    def flush(self) -> None:
        with _leaving():
            super().flush()


@contextmanager
def _leaving() -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        _leave("")
    except OSError as error:
        _leave(f"standard output cannot be written: {error.strerror or 'input/output error'}\n")


def _leave(words: str) -> NoReturn:
    """End now: what is still in the buffer would fail again when the interpreter ends."""
    sys.stderr.write(words)
    sys.stderr.flush()
    os._exit(UNWRITTEN)
