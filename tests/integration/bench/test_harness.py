"""`make bench` runs: every part that needs no long load, with the smallest counts. The figures say nothing here."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[3]
BENCH = ROOT / "tools" / "bench"
PAGE = "# Performance\n\n<!-- bench: begin -->\nold\n<!-- bench: end -->\n\nAfter.\n"

pytestmark = pytest.mark.timeout(300)

pytest.importorskip("regorus", reason="the gateways under measurement use the embedded policy engine")


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("page") / "performance.md"
    file.write_text(PAGE, "utf-8")
    return file


@pytest.fixture(scope="module")
def told(page: Path) -> dict[str, Any]:
    parts = "merge,audit,call,decide,disclose,consult,leak"
    words = ["--smallest", "--json", "--only", parts, "--folder", str(page.parent), "--write", str(page)]
    run = subprocess.run([sys.executable, str(BENCH), *words], capture_output=True, text=True, timeout=280, check=False)
    assert run.returncode == 0, run.stderr[-2000:]
    found: dict[str, Any] = json.loads(run.stdout)
    return found


def test_every_row_of_these_parts_has_figures(told: dict[str, Any]) -> None:
    assert told["schema"] == "nuts-pzp-bench/1"
    rows = {row["id"]: row["figures"] for row in told["rows"]}
    wanted = {
        "merge", "audit.append", "audit.record", "audit.verify", "disk", "consult.1", "consult.2", "consult.cold.2",
        "consult.memory",
        "call.c1", "call.c32", "call.tls.c1", "call.tls.c32", "decide", "leak",
        "disclose.c1.postgres",
        *(f"{name}{workers}" for workers in ("", ".w2") for name in ("disclose.c1", "disclose.c32",
        "disclose.c32.remembered", "disclose.uncached", "disclose.dpop", "memory")),
    }  # fmt: skip
    assert set(rows) - {"nginx"} == wanted
    differences = ("disclose.c1", "disclose.c1.w2", "disclose.c1.postgres", "leak")
    coarse = "cpu_ms"  # counted in ticks of 10 ms: a single consultation may take none
    told_of = {
        f"{id_} {name}": value for id_, one in rows.items() if id_ not in differences for name, value in one.items()
    }
    assert [name for name, value in told_of.items() if value <= 0 and not name.endswith(coarse)] == []
    assert min(told_of.values()) >= 0


def test_how_busy_the_machine_was_is_told(told: dict[str, Any]) -> None:
    assert len(told["load_before"]) == 3
    assert "load average before the run" in told["notes"][0]


def test_without_nginx_or_wrk_it_says_so_and_gives_no_ratio(told: dict[str, Any]) -> None:
    yardstick = shutil.which("nginx", path="/usr/bin:/usr/sbin:/usr/local/sbin") and shutil.which("wrk")
    assert yardstick or any("no ratio to nginx" in note for note in told["notes"])
    assert yardstick or not any("of_nginx" in row["figures"] for row in told["rows"])


def test_the_table_takes_the_place_between_the_marks(told: dict[str, Any], page: Path) -> None:
    written = page.read_text("utf-8")
    assert written.startswith("# Performance\n\n<!-- bench: begin -->\n| what | measured | goal |\n")
    assert written.endswith("<!-- bench: end -->\n\nAfter.\n")
    assert "old" not in written
    assert all(row["shown"] in written for row in told["rows"])


def test_nothing_is_left_behind(told: dict[str, Any], page: Path) -> None:
    assert [one.name for one in page.parent.iterdir()] == ["performance.md"]


@pytest.mark.long
@pytest.mark.timeout(1500)
def test_memory_is_where_it_was_after_a_hundred_thousand_requests(tmp_path: Path) -> None:
    words = ["--json", "--only", "leak", "--folder", str(tmp_path)]
    run = subprocess.run(
        [sys.executable, str(BENCH), *words], capture_output=True, text=True, timeout=1400, check=False
    )
    assert run.returncode == 0, run.stderr[-2000:]
    [row] = json.loads(run.stdout)["rows"]
    assert row["figures"]["requests"] >= 100_000, row["shown"]
    assert row["figures"]["growth"] <= 0.10, row["shown"]
