"""From the start of the process to readiness, with the sandbox's settings of a hospital: one tenant, every function.

The first start makes keys, fills the directory's replica and writes bytecode, as installing a wheel does; measured are
the starts after it.
"""

from __future__ import annotations

import time

from processes import python, ready, running
from stand import HOLDER, Stand
from table import Effort, Row, middle


async def rows(stand: Stand, effort: Effort) -> list[Row]:
    """Start it again and again."""
    settings = stand.settings(HOLDER)
    deployment = stand.write(settings, "start")
    port, log = settings["deployment.yaml"]["listeners"]["operations"]["port"], deployment.with_name("gateway.log")
    took: list[float] = []
    for _ in range(effort.starts + 1):
        began = time.perf_counter()
        async with running(python("-m", "nuts_pzp", "serve", "--config", deployment), log) as process:
            await ready(process, port, "/ready", log, status=b"200")
            took.append(time.perf_counter() - began)
    first, again = took[0], middle(took[1:])
    shown = f"{again:.2f} s (first start, bytecode and keys made: {first:.2f} s)"
    return [Row("start", "start to ready, one tenant", shown, "<= 1.5 s", {"seconds": again, "first_seconds": first})]
