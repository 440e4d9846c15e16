"""The data-user side of `nuts-pzp conformance`: where the prepared sources stand, and one consultation judged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import yaml

from ..conformance.rules import Finding, Rule
from ..conformance.tokens import Employee
from ..conformance.use_run import ask, judge, watch
from ..conformance.use_sources import PREPARED, Sources, addresses, listed
from ..web.server import ServerTls

_REVIEWED_WITHIN = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class Place:
    """Where the sources listen (`HOST:PORT`), how they are reached, and whose tokens they are said to take."""

    listen: str
    url: str
    tls: ServerTls | None
    servers: tuple[str, ...]

    def address(self) -> tuple[str, int]:
        """Return host and port; raise ValueError."""
        host, _, port = self.listen.rpartition(":")
        if not host or not port.isdecimal() or int(port) > 65535:
            raise ValueError("--listen: HOST:PORT")
        return host, int(port)

    def dealt(self) -> dict[str, str]:
        """Return each source's authorization server; empty when none was named."""
        return {one.name: self.servers[n % len(self.servers)] for n, one in enumerate(PREPARED)} if self.servers else {}

    def write(self, file: Path) -> None:
        """Write the sources as a regional file for the target's directory; raise ValueError without a fixed address."""
        host, port = self.address()
        if not self.url and not port:
            raise ValueError("--prepare: also a fixed port in --listen, or --server-url")
        url = self.url or f"{'https' if self.tls else 'http'}://{host}:{port}"
        review = (datetime.now(UTC) + _REVIEWED_WITHIN).date().isoformat()
        content = listed(addresses(url), self.servers, review)
        file.write_text(yaml.safe_dump(content, sort_keys=False, allow_unicode=True), "utf-8")


async def run(
    target: str,
    place: Place,
    client: Callable[[], httpx.AsyncClient],
    who: Employee,
    seconds: float,
    rules: tuple[Rule, ...],
    told: Callable[[Finding], None],
) -> list[Finding]:
    """Serve the sources, ask or watch, and judge; ValueError for wrong use, Unreachable when nothing came."""
    host, port = place.address()
    if bool(target) == bool(seconds):
        raise ValueError("--role user: either --target, with our consultation API, or --watch SECONDS")
    if target and not (who.id and who.name and who.role):
        raise ValueError("--role user --target also takes --employee, --name and --employee-role")
    sources = Sources(host=host, port=port, tls=place.tls, url=place.url)
    try:
        await sources.__aenter__()
    except OSError:
        raise ValueError("--listen: not an address of this machine, or it or the next port is taken") from None
    try:
        async with client() as through:
            if target:
                watched = await ask(sources, target, through, who, servers=place.dealt())
            else:
                watched = await watch(sources, servers=place.dealt(), seconds=seconds)
    finally:
        await sources.__aexit__()
    return judge(watched, rules, told=told)
