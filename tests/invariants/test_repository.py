"""What the repository may not contain: real people's numbers, addresses of registries, machine paths, secrets."""

from __future__ import annotations

import re
import subprocess
from graphlib import TopologicalSorter
from pathlib import Path

import grimp
import pytest

from nuts_pzp.identity import eleven_test

ROOT = Path(__file__).parents[2]
TEST_RANGES = ("9999", "9000", "9001")
NO_BSN = frozenset({"468542000", "950000012"})
"""A SNOMED CT code that happens to pass the eleven-test, and the number of the pseudonym service's published vector."""

_NINE = re.compile(rb"(?<![0-9A-Za-z._-])[0-9]{9}(?![0-9A-Za-z_])")
_FORBIDDEN = re.compile(rb"(?:index-url|registry ?= ?.?http|GOPROXY=|/home/|/root/|/workspace/)")
_KEY = re.compile(rb"-----BEGIN [A-Z ]*PRIVATE KEY-----\s+[A-Za-z0-9+/=]{40}")


def tracked() -> list[Path]:
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, check=False)
    if listed.returncode:
        pytest.skip("not a git checkout")
    return [ROOT / name for name in listed.stdout.decode().split("\0") if name and (ROOT / name).is_file()]


def test_every_number_that_could_be_a_bsn_is_from_a_test_range() -> None:
    suspects = []
    for file in tracked():
        if file.suffix == ".lock":
            continue
        for number in _NINE.findall(file.read_bytes()):
            text = number.decode()
            if eleven_test(text) and not text.startswith(TEST_RANGES) and text not in NO_BSN:
                suspects.append(f"{file.relative_to(ROOT)}: {text[:3]}...")
    assert suspects == []


def test_no_registry_address_machine_path_or_private_key_is_tracked() -> None:
    own = Path(__file__)
    found = [
        str(file.relative_to(ROOT))
        for file in tracked()
        if file != own and (_FORBIDDEN.search(content := file.read_bytes()) or _KEY.search(content))
    ]
    assert found == ["Makefile"], "only `make lock` names an index option, to leave the address out"


def test_locks_carry_hashes_and_no_addresses() -> None:
    for lock in ROOT.glob("requirements*.lock"):
        text = lock.read_text("utf-8")
        assert "://" not in text
        assert "--hash=sha256:" in text
        pinned = [line for line in text.splitlines() if line and not line.startswith((" ", "#"))]
        assert all("==" in line and line.rstrip().endswith("\\") for line in pinned)


def test_no_modules_import_each_other_in_a_circle() -> None:
    graph = grimp.build_graph("nuts_pzp", cache_dir=None)
    assert len(graph.modules) > 400
    TopologicalSorter({one: graph.find_modules_directly_imported_by(one) for one in graph.modules}).prepare()
