"""Options that several commands share, and how a day is written."""

from __future__ import annotations

import re
import tempfile
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="NUTS_PZP_CONFIG", help="The deployment file (YAML)", dir_okay=False)
]


UNFIT_FOLDER = "--folder: no folder that can be written in"


def usable_folder(folder: Path) -> Path | None:
    """Return the folder, made when it was not there; None when nothing can be written in it."""
    try:
        folder = folder.resolve()
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(dir=folder).close()
    except OSError:
        return None
    return folder


def day_in(text: str) -> date | None:
    """Return the day that this is; None for another form, or no day."""
    try:
        return date.fromisoformat(text) if re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", text) else None
    except ValueError:
        return None
