"""`make bench`: measure this checkout on this machine and print one table (docs/reference/performance.md).

Run: python tools/bench [--only disclose,decide,consult,merge,audit,call,start] [--json] [--write PAGE] [--folder DIR]
[--smallest]
`--only leak` takes minutes and is not part of the table.
Loopback only; bounded in count and time. The folder must be on the disk that is to be measured, not on tmpfs.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict
from pathlib import Path

os.environ.setdefault("RUST_LIB_BACKTRACE", "0")

import calling
import consulting
import deciding
import disclosing
import leaking
import ledger
import merging
import nginx
import starting
import uvloop
from load import WRK
from stand import Stand, stand
from table import SMALLEST, Effort, Row, machine, markdown, text, write

Part = Callable[[Stand, Effort], Awaitable[list[Row]]]

PARTS: dict[str, Part] = {
    "start": starting.rows,
    "merge": merging.rows,
    "audit": ledger.rows,
    "call": calling.rows,
    "decide": deciding.rows,
    "disclose": disclosing.rows,
    "consult": consulting.rows,
    "leak": leaking.rows,
}
LONG = frozenset({"leak"})
"""Parts that are measured only when they are asked for."""


SET_ON = 17_800
"""Answers per second of the yardstick on the machine on which the goals were set (two shared cores)."""


def notes(before: tuple[float, float, float], rows: Sequence[Row]) -> list[str]:
    """Say what a reader must know of the run: the machine, how fast and how busy it was, what was missing."""
    about = machine()
    load = f"load average before the run {before[0]:.2f}, {before[1]:.2f}, {before[2]:.2f}"
    said = [", ".join(f"{name} {value}" for name, value in about.items()) + f"; {load}."]
    if before[0] > 0.5:
        said.append("**The machine was not idle**: absolute figures are pessimistic; ratios are of one run.")
    if yardstick := next((row.figures["rate"] for row in rows if row.id == "nginx"), 0.0):
        said.append(
            f"The yardstick answers {yardstick:,.0f}/s here and {SET_ON:,}/s where the goals were set: a machine "
            f"{SET_ON / yardstick:.1f} times as fast. Times and rates are to be read with that; ratios are not."
        )
    missing = [name for name, found in (("nginx", nginx.NGINX), ("wrk", WRK)) if found is None]
    if missing:
        words = f"**{' and '.join(missing)} not installed: no ratio to nginx.**"
        client = " Load came from the benchmark's own client, which is slower than wrk." if WRK is None else ""
        said.append(words + client)
    return said


async def run(names: list[str], effort: Effort, folder: Path) -> list[Row]:
    """Measure these parts in the order of PARTS."""
    rows: list[Row] = []
    async with stand(folder) as place:
        for name in PARTS:
            if name in names:
                began = time.perf_counter()
                rows += await PARTS[name](place, effort)
                print(f"{name}: {time.perf_counter() - began:.0f} s", file=sys.stderr, flush=True)
    return rows


def main() -> None:
    """Measure, print, and write when asked to."""
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument(
        "--only", default=",".join(name for name in PARTS if name not in LONG), help="parts, with commas"
    )
    asked.add_argument("--json", action="store_true")
    asked.add_argument("--write", type=Path, help="a page with the marks of the table")
    asked.add_argument("--folder", type=Path, default=Path(".sandbox"), help="on the disk that is measured")
    asked.add_argument("--smallest", action="store_true", help="only see that it runs; the figures say nothing")
    options = asked.parse_args()
    names = options.only.split(",")
    if unknown := set(names) - set(PARTS):
        asked.error(f"no such part: {', '.join(sorted(unknown))}")
    before = os.getloadavg()
    options.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bench-", dir=options.folder.resolve()) as folder:
        # As an installed wheel is: with its bytecode written, whatever this shell says.
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        os.environ["PYTHONPYCACHEPREFIX"] = f"{folder}/bytecode"
        rows = uvloop.run(run(names, SMALLEST if options.smallest else Effort(), Path(folder)))
    told = notes(before, rows)
    if options.json:
        document = {"schema": "nuts-pzp-bench/1", "machine": machine(), "load_before": before, "notes": told}
        print(json.dumps({**document, "rows": [asdict(row) for row in rows]}, ensure_ascii=False, indent=2))
    else:
        print("\n".join([text(rows), "", *told]))
    if options.write:
        write(options.write, markdown(rows, told))


if __name__ == "__main__":
    main()
