"""Mitz: makes the correspondence of one tenant from its settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path

from ...keys import BadKeyFile, secret_or_new
from ...outside import Peer, Surroundings, TlsFiles
from ...store.patients import Patients
from ...store.vault import STORE_KEY, Vault
from .correspondence import Letters
from .pinned import Pinned
from .question import Party
from .settings import MitzSettings, NotificationSettings, SubscriptionSettings
from .subscription import Channel, Credential, SubscriptionCalls
from .subscriptions import Subscriptions
from .told import Told

_LONGEST = 16_384
"""Bytes of an Authorization header."""


def letters(own: MitzSettings, around: Surroundings, tls: TlsFiles | None) -> Letters | None:
    """Return the correspondence, None without a store; ValueError or OSError on what cannot work."""
    if around.store is None:
        if own.subscriptions or own.notifications:
            raise ValueError("subscriptions and notifications need state, and this deployment keeps none")
        return None
    try:
        vault = Vault(around.store, secret_or_new(around.state / STORE_KEY), around.tenant.id)
    except BadKeyFile as error:
        raise ValueError(str(error)) from None
    told = Told(Patients(vault), own.user_categories)
    pinned = _pinned(own.notifications, around) if own.notifications else None
    subscriptions = _subscriptions(own, own.subscriptions, around, tls, vault) if own.subscriptions else None
    ura = around.tenant.organization.ura
    return Letters(ura, vault, told, pinned, subscriptions, own.subscriptions, quiet=around.quiet)


def _pinned(chosen: NotificationSettings, around: Surroundings) -> Pinned:
    issuers = around.path(chosen.issuers_file) if chosen.issuers_file else None
    return Pinned(chosen.fingerprints, chosen.subjects, issuers)


def _subscriptions(
    own: MitzSettings, chosen: SubscriptionSettings, around: Surroundings, tls: TlsFiles | None, vault: Vault
) -> Subscriptions:
    holder = around.tenant.organization
    channel = Channel(chosen.endpoint, chosen.format, chosen.gateway_system, chosen.source_system)
    credential = _from_file(around.path(chosen.authorization_file)) if chosen.authorization_file else _none
    calls = SubscriptionCalls(Peer(own.url, around.outbound, tls=tls), credential, channel)
    return Subscriptions(vault, Party(holder.ura, holder.type), calls)


async def _none() -> Mapping[str, str]:
    return {}


def _from_file(file: Path) -> Credential:
    """Return a credential that reads the Authorization header from a file at every call; it may be renewed there."""

    def value() -> str:
        text = file.read_text("ascii").strip()
        if not text or len(text) > _LONGEST or not text.isprintable():
            raise ValueError("not the value of an Authorization header")
        return text

    async def header() -> Mapping[str, str]:
        return {"authorization": await asyncio.to_thread(value)}

    return header
