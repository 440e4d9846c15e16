"""What a command needs of one tenant, gateway or no gateway: its settings, its sealed state, its outbox.

Runs as the gateway's own user, beside it or without it; the ledger itself is the gateway's alone.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from .. import telemetry
from ..identity import Bsn, Professional
from ..keys import BadKeyFile, secret_or_new
from ..outside import Surroundings
from ..premises import open_store, surroundings
from ..settings import ConsentSourceSettings, Deployment, SettingsError, TenantSettings, read_deployment, read_tenant
from ..store.outbox import Outbox
from ..store.port import StoreFailed
from ..store.vault import STORE_KEY, Vault
from .bsn_input import NoBsn, read_bsn
from .options import day_in

TenantId = Annotated[str, typer.Option("--tenant", help="The tenant's id")]
BsnFile = Annotated[Path | None, typer.Option("--bsn-file", help="File with the BSN; without it you are asked")]
OperatorId = Annotated[str, typer.Option("--operator", help="Your employee id, for the audit")]
OperatorName = Annotated[str, typer.Option("--operator-name", help="Your name, for the audit")]
OperatorRole = Annotated[str, typer.Option("--operator-role", help="Your role, such as doktersassistent")]
AsJson = Annotated[bool, typer.Option("--json", help="As data")]

_ACCOUNTED_WITHIN = 3.0
"""Seconds that a command waits for a running gateway to account for what it did."""


@dataclass(frozen=True, slots=True)
class Tenancy:
    """One tenant of a deployment, as a command sees it."""

    deployment: Deployment
    settings: TenantSettings
    around: Surroundings
    vault: Vault

    def sources(self, kind: str) -> tuple[ConsentSourceSettings, ...]:
        """Return the consent sources of this kind that the tenant has."""
        disclose = self.settings.disclose
        return tuple(one for one in disclose.consent.sources if one.kind == kind) if disclose else ()

    @property
    def outbox(self) -> Outbox:
        """Where what a command did waits for the ledger."""
        return Outbox(self.vault)

    async def accounted(self, id: str) -> bool:
        """Wait a moment for the gateway to write this event into its ledger; say whether it did."""
        outbox = self.outbox
        for _ in range(int(_ACCOUNTED_WITHIN / 0.1)):
            if await outbox.settled(id):
                return True
            await asyncio.sleep(0.1)
        return False


@contextmanager
def tenancy(config: Path, tenant: str) -> Iterator[Tenancy]:
    """Open one tenant's state and close it again; one line and exit 2 when it cannot be opened."""
    telemetry.configure("error")  # masked, and never among the data on standard output
    try:
        deployment, folder = read_deployment(config), config.resolve().parent
        if not tenant or not set(tenant) <= set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            raise SettingsError("--tenant: not the id of a tenant")
        settings = read_tenant(folder / deployment.tenants / f"{tenant}.yaml")
        store = open_store(deployment, folder)
        try:
            around = surroundings(deployment, folder, settings, store)
            assert around.store is not None
            vault = Vault(around.store, secret_or_new(around.state / STORE_KEY), settings.id)
            asyncio.run(vault.prove())
            yield Tenancy(deployment, settings, around, vault)
        finally:
            store.close()
    except (SettingsError, BadKeyFile, StoreFailed) as error:
        refuse(str(error))


def refuse(why: str) -> NoReturn:
    """One line on standard error, exit 2."""
    typer.echo(f"error: {why}", err=True)
    raise typer.Exit(2)


def day_of(text: str, option: str) -> date:
    """Return a day that exists, written as YYYY-MM-DD and in no other form: `2026-W01-1` is a day of 2025.

    A day before 1900 is refused: no period that begins or ends there can be read again.
    """
    day = day_in(text)
    if day is None or text < "1900":
        refuse(f"{option}: YYYY-MM-DD, from 1900 on")
    return day


def bsn_of(file: Path | None) -> Bsn:
    """Read a BSN from a file or a prompt, never from an argument."""
    try:
        return read_bsn(file)
    except NoBsn as error:
        refuse(str(error))


def operator_of(id: str, name: str, role: str) -> Professional:
    """Return who runs the command, by own word; nobody works without a name."""
    if not (id.strip() and name.strip() and role.strip()):
        refuse("--operator, --operator-name and --operator-role: who you are goes into the audit log")
    return Professional(id.strip(), role.strip(), name.strip())
