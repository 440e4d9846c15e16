"""One connection to the state database: where it may lead, what is agreed on it, and how it is cut off.

TLS with the server's name checked, or loopback; the server that takes writes, and no copy of it, for a copy may not
know yet what was revoked.
"""

from __future__ import annotations

import ipaddress
import os
import select
import socket
from pathlib import Path
from typing import Any

import psycopg
from psycopg.conninfo import conninfo_to_dict

from .port import StoreFailed

_MAY_SAY = frozenset(
    {"host", "hostaddr", "port", "dbname", "user", "password", "passfile"}
    | {"sslmode", "sslrootcert", "sslcert", "sslkey", "sslcrl", "sslcrldir"}
)
_CONNECT_SECONDS = 2
_SESSION = """
SELECT set_config('statement_timeout', '2000', false), set_config('lock_timeout', '2000', false),
  set_config('idle_in_transaction_session_timeout', '5000', false),
  set_config('default_transaction_isolation', 'read committed', false),
  set_config('synchronous_commit', CASE WHEN current_setting('synchronous_commit') IN ('off', 'local') THEN 'on'
    ELSE current_setting('synchronous_commit') END, false)
"""


class Resting(psycopg.OperationalError):
    """Nobody connects just now: it failed a moment ago."""


class Line:
    """A connection. Used by one thread; `cut` may be called from any while that thread uses it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    @property
    def closed(self) -> bool:
        """True when nothing can be asked over it any more."""
        return self._connection.closed

    def rows(self, statement: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """Ask, and return all rows; raise psycopg.Error."""
        with self._connection.cursor(binary=True) as cursor:
            return cursor.execute(statement, values).fetchall()

    def changed(self, statement: str, values: tuple[Any, ...] = ()) -> int:
        """Do, and return how many rows that was about; committed once it returns. Raises psycopg.Error."""
        with self._connection.cursor() as cursor:
            return cursor.execute(statement, values).rowcount

    def transaction(self) -> Any:
        """Return a transaction to do several things in."""
        return self._connection.transaction()

    def silent(self) -> bool:
        """True while the server has said nothing unasked: no farewell, no end of the connection."""
        waiting = select.poll()
        waiting.register(self._connection.fileno(), select.POLLIN)
        return not waiting.poll(0)

    def cut(self) -> None:
        """End the conversation under whoever waits for an answer."""
        with socket.socket(fileno=os.dup(self._connection.fileno())) as line:
            try:
                line.shutdown(socket.SHUT_RDWR)
            except OSError:
                return

    def close(self) -> None:
        """Let go of it; idempotent."""
        self._connection.close()


def open_line(dsn: str, roots: Path | None) -> Line:
    """Connect. StoreFailed for a dsn that may not be used, psycopg.Error when nobody answers or TLS does not hold."""
    connection = psycopg.connect(
        **agreed(dsn, roots),
        autocommit=True,
        connect_timeout=_CONNECT_SECONDS,
        application_name="nuts-pzp",
        client_encoding="utf8",
        target_session_attrs="read-write",
        gssencmode="disable",
        keepalives_idle=5,
        keepalives_interval=2,
        keepalives_count=3,
        tcp_user_timeout=5000,
    )
    try:
        connection.execute(_SESSION)
        [fsync] = connection.execute("SELECT current_setting('fsync')").fetchone() or ("",)
    except BaseException:
        connection.close()
        raise
    if fsync != "on":
        connection.close()
        raise StoreFailed("the state database: fsync is off, so what it confirms is not durable")
    return Line(connection)


def agreed(dsn: str, roots: Path | None) -> dict[str, Any]:
    """Return libpq's parameters; StoreFailed, without values, when they are not whole or would trust too much."""
    try:
        said = {key: value for key, value in conninfo_to_dict(dsn).items() if value not in (None, "")}
    except psycopg.Error:
        raise StoreFailed("the state database: the dsn is not one of libpq") from None
    if strange := sorted(set(said) - _MAY_SAY):
        raise StoreFailed(f"the state database: the dsn may not say {strange[0]}")
    # Both would add a place to dial that nobody looked at.
    if led := [name for name in ("PGHOSTADDR", "PGSERVICE") if os.environ.get(name)]:
        raise StoreFailed(f"the state database: {led[0]} may not be set in the environment")
    for needed in ("host", "dbname", "user"):
        if needed not in said:
            raise StoreFailed(f"the state database: the dsn does not say {needed}")
    hosts = [*str(said["host"]).split(","), *str(said.get("hostaddr", "")).split(",")]
    if roots is None and all(_stays_here(host) for host in hosts if host):
        return said
    if said.get("sslmode", "verify-full") != "verify-full":
        raise StoreFailed("the state database: sslmode is verify-full, or not said, outside loopback")
    trusted = str(roots) if roots else said.get("sslrootcert")
    if not trusted:
        raise StoreFailed("the state database: roots_file is needed for a server that is not on loopback")
    return said | {
        "sslmode": "verify-full", "sslrootcert": trusted, "ssl_min_protocol_version": "TLSv1.2",
    }  # fmt: skip


def _stays_here(host: str) -> bool:
    if host.startswith("/") or host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def fresh(line: Line) -> bool:
    """True when the connection can be asked something."""
    return not line.closed and line.silent()


def failure(error: psycopg.Error) -> str:
    """Name the trouble; never the statement, its values or the server's words."""
    if isinstance(error, Resting):
        return "the state database: away a moment ago"
    return f"the state database: {error.sqlstate or type(error).__name__}"
