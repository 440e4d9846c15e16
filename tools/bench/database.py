"""A real PostgreSQL for the row that needs one: the tests' own, in a folder that is thrown away."""

from __future__ import annotations

import contextlib
import secrets
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.append(str(Path(__file__).parents[2] / "tests"))

from databases import NoServer, running_cluster

__all__ = ["NoServer", "state"]


@contextlib.contextmanager
def state(folder: Path, tenant: str) -> Iterator[dict[str, Any]]:
    """Run a server and yield settings of a small state in it, keys made; raises NoServer where there is none."""
    own, dsn = folder / "own", folder / "dsn"
    (own / tenant).mkdir(parents=True)
    with running_cluster() as cluster:
        for file, content in ((own / tenant / "store.key", secrets.token_hex(32)), (dsn, cluster.fresh("bench"))):
            file.write_text(content, "utf-8")
            file.chmod(0o600)
        yield {"kind": "postgres", "folder": str(own), "dsn_file": str(dsn)}
