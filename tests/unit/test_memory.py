"""What a process that serves holds: what was given up goes back, and nothing that draws is loaded."""

from __future__ import annotations

import ctypes
import subprocess
import sys

import pytest

from nuts_pzp.memory import LARGE, give_back

AGAIN = f"""
import ctypes
from nuts_pzp.loops import run_on_uvloop

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.argtypes = [ctypes.c_void_p]
libc.mallinfo2.restype = type("Told", (ctypes.Structure,), {{"_fields_": [(n, ctypes.c_size_t) for n in "abcdefghij"]}})

async def main():
    libc.free(libc.malloc({LARGE} * 4))
    before = libc.mallinfo2().d
    held = [libc.malloc({LARGE}) for _ in range(8)]
    return len(held), libc.mallinfo2().d - before

print(*run_on_uvloop(main()))
"""
DRAWS = "sorted(name for name in sys.modules if name.partition('.')[0] in ('rich', 'pygments'))"
SERVED = f"""
import sys
from nuts_pzp import cli
sys.argv = ["nuts-pzp", "serve", "--config", "/nowhere/deployment.yaml"]
try:
    cli.main()
except SystemExit as ended:
    print(ended.code, "nuts_pzp.gateway" in sys.modules, "structlog" in sys.modules, *{DRAWS})
"""
POSTED = f"""
import sys
sys.argv = ["crew"]
try:
    import nuts_pzp.crew.__main__
except SystemExit:
    pass
import nuts_pzp.crew.worker, nuts_pzp.crew.clerk
print("structlog" in sys.modules, *{DRAWS})
import rich.console
print(rich.console.Console.__name__)
"""


def _said(program: str) -> list[str]:
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    return ran.stdout.split("\n")[:-1]


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallinfo2"), reason="not glibc: its allocator is left as it is")
def test_a_large_block_comes_from_the_system_even_after_a_larger_one_was_given_up() -> None:
    assert _said(AGAIN) == ["8 8"]


def test_a_library_without_that_choice_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    assert give_back() is False


def test_what_serves_has_nothing_that_draws() -> None:
    assert _said(SERVED) == ["2 True True"]


def test_a_worker_and_a_writer_have_nothing_that_draws_and_could_have() -> None:
    assert _said(POSTED) == ["True", "Console"]
