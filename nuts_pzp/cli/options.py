"""Options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

Config = Annotated[
    Path, typer.Option("--config", "-c", envvar="NUTS_PZP_CONFIG", help="The deployment file (YAML)", dir_okay=False)
]
