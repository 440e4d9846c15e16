"""The commands that a page shows run as they stand there, and print what stands below them."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_CONSOLE = re.compile(r"^```console\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def commands(page: Path) -> Iterator[tuple[str, list[str]]]:
    """Each command of a page's console blocks, with the lines that it must print."""
    for block in _CONSOLE.findall(page.read_text("utf-8")):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *printed = part.rstrip("\n").split("\n")
            yield command, printed


@pytest.mark.long
def test_an_officer_can_verify_the_log_of_the_demo_as_the_page_says(tmp_path: Path) -> None:
    (tmp_path / ".venv").symlink_to(Path(sys.executable).parents[1])
    script, expected = ["set -u"], []
    for number, (command, printed) in enumerate(commands(ROOT / "docs/how-to/verify-the-log.md")):
        script += [command, f'echo "== {number} $?"']
        expected.append((command, printed))
    assert len(expected) > 10
    ran = subprocess.run(
        ["bash", "-c", "\n".join(script)],
        cwd=tmp_path, capture_output=True, text=True, timeout=110, check=False, env={**os.environ, "NO_COLOR": "1"},
    )  # fmt: skip
    told = re.split(r"^== \d+ (\d+)\n", ran.stdout, flags=re.MULTILINE)
    assert len(told) == 2 * len(expected) + 1, ran.stderr
    for (command, printed), output, code in zip(expected, told[::2], told[1::2], strict=False):
        assert [line for line in printed if line not in output] == [], command
        wanted = {"Onvolledig": "2", "gewijzigd vanaf": "1"}
        assert code == next((value for word, value in wanted.items() if word in "".join(printed)), "0"), command
