"""The tables of the state database: numbered steps of plain SQL, taken at the start (ADR 0078)."""

from __future__ import annotations

from .port import StoreFailed
from .postgres_line import Line

STEPS = (
    """
    CREATE TABLE pzp_document(tenant text COLLATE "C" NOT NULL, kind text COLLATE "C" NOT NULL,
      key text COLLATE "C" NOT NULL, version bigint NOT NULL, value bytea NOT NULL, PRIMARY KEY(tenant, kind, key))
    """,
)
"""What leads from each version to the next. A step that was released is never changed."""

_LOCK = 0x70_7A_70_73
"""Number of the lock under which one replica at a time looks and works: `pzps`."""


def prepare(line: Line) -> None:
    """Bring the tables up to date; StoreFailed when a newer version made them, psycopg.Error when it cannot be done.

    Once they are there, no right to make tables is needed.
    """
    if line.rows("SELECT to_regclass('pzp_schema') IS NOT NULL") == [(True,)] and _found(line) == len(STEPS):
        return
    with line.transaction():
        line.rows("SELECT pg_advisory_xact_lock(%s)::text", (_LOCK,))
        line.changed("CREATE TABLE IF NOT EXISTS pzp_schema(version integer NOT NULL)")
        found = _found(line)
        if found > len(STEPS):
            raise StoreFailed("the state database: its tables were made by a newer version")
        for step in STEPS[found:]:
            line.changed(step)
        line.changed("DELETE FROM pzp_schema")
        line.changed("INSERT INTO pzp_schema VALUES(%s)", (len(STEPS),))


def _found(line: Line) -> int:
    rows = line.rows("SELECT max(version) FROM pzp_schema")
    return int(rows[0][0] or 0)
