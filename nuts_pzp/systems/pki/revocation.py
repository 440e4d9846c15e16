"""Revocation: the lists of the authorities, fetched anew in time, each signed by its authority. Expiry fails closed.

A list counts from when its signature was checked. An older list never replaces a newer one. What cannot be fetched
leaves what was held in its place, until that ends.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog
from cryptography import x509

from .authorities import Authorities, Chain, key_of
from .fetching import Fetcher

SKEW = timedelta(minutes=5)
RETRY = 60.0
"""Seconds after which a list that could not be had is asked for again."""

_KNOWN = frozenset({x509.CRLNumber.oid, x509.AuthorityKeyIdentifier.oid, x509.IssuingDistributionPoint.oid})

_log = structlog.get_logger("nuts_pzp.pki")


class Bad(ValueError):
    """Why a list is not believed, in words without content."""


@dataclass(frozen=True, slots=True)
class Lists:
    """One authority's list: since when, until when, and the serial numbers in it."""

    since: datetime
    until: datetime
    serials: frozenset[int] = field(repr=False)


Clock = Callable[[], datetime]


def _now() -> datetime:
    return datetime.now(UTC)


class Revocation:
    """All lists of one tenant. Without sources nothing is looked at."""

    def __init__(
        self, authorities: Authorities, sources: tuple[Fetcher, ...], refresh: float, grace: float, clock: Clock = _now
    ) -> None:
        """`refresh` and `grace` in seconds."""
        self._authorities, self._sources = authorities, sources
        self._refresh, self._grace, self._clock = refresh, timedelta(seconds=grace), clock
        self._held: dict[bytes, Lists] = {}
        """By the key of the authority: two may have one name, when one takes over from the other."""
        self._task: asyncio.Task[None] | None = None
        self._tried = asyncio.Event()

    async def settled(self, seconds: float) -> None:
        """Wait so long for the first round of fetching, so that who asks at the start hears how it went."""
        if self._task is not None:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._tried.wait(), seconds)

    def verdict(self, chain: Chain) -> bool | None:
        """True when nothing of the chain is revoked, False when something is, None when nobody can tell."""
        if not self._sources:
            return True
        now, known = self._clock(), True
        for serial, issuer in chain.issued:
            held = self._held.get(issuer)
            if held is not None and serial in held.serials:
                return False
            known = known and held is not None and now < held.until + self._grace
        return True if known else None

    def trouble(self) -> str | None:
        """Say what is missing or ended, by name of the authority, or None when all is well."""
        if not self._sources:
            return None
        now = self._clock()
        for authority in self._authorities.all:
            held = self._held.get(key_of(authority))
            name = authority.subject.rfc4514_string()
            if held is None:
                return f"no revocation list of {name}"
            if now >= held.until:
                return f"the revocation list of {name} ended at {held.until:%Y-%m-%d %H:%M} UTC"
        return None

    async def start(self) -> None:
        """Take what lies ready, and begin to refresh."""
        for source in self._sources:
            await self._take(source, await source.kept())
        if self._sources:
            self._task = asyncio.create_task(self._keep())

    async def stop(self) -> None:
        """Stop refreshing."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        for source in self._sources:
            await source.close()

    async def refresh(self) -> bool:
        """Fetch every list once; True when all could be had and are believed."""
        return all([await self._take(source, await source.fetched()) for source in self._sources])

    async def _keep(self) -> None:
        while True:
            try:
                good = await self.refresh()
            except Exception as bug:  # one odd list must not end the watching of all
                _log.error("pki.refresh-broke", error=type(bug).__name__)
                good = False
            self._tried.set()
            await asyncio.sleep(self._refresh if good else min(RETRY, self._refresh))

    async def _take(self, source: Fetcher, raw: bytes | None) -> bool:
        if raw is None:
            return False
        try:
            key, lists = await asyncio.to_thread(read, raw, self._authorities, self._clock())
        except Bad as bad:
            _log.error("pki.list-refused", source=source.name, why=str(bad))
            return False
        held = self._held.get(key)
        if held is not None and lists.since < held.since:
            _log.error("pki.list-refused", source=source.name, why="older than the one that is held")
            return False
        await source.keep(raw)
        self._held[key] = lists
        return True


def read(raw: bytes, authorities: Authorities, now: datetime) -> tuple[bytes, Lists]:
    """Return whose list it is (`key_of`) and what it says; raise Bad for one of nobody we know, or an odd one."""
    try:
        crl = x509.load_pem_x509_crl(raw) if raw.lstrip().startswith(b"-----") else x509.load_der_x509_crl(raw)
        signer = next((one for one in authorities.all if one.subject == crl.issuer and _signs(one, crl)), None)
        if signer is None:
            raise Bad("not signed by one of the authorities")
        _check_scope(crl)
        since, until = crl.last_update_utc, crl.next_update_utc
        if until is None or since > now + SKEW:
            raise Bad("without an end, or from the future")
        return key_of(signer), Lists(since, until, frozenset(one.serial_number for one in crl))
    except Bad:
        raise
    except (ValueError, TypeError, x509.DuplicateExtension) as error:
        raise Bad(f"cannot be read: {type(error).__name__}") from None


def _signs(authority: x509.Certificate, crl: x509.CertificateRevocationList) -> bool:
    try:
        usage = authority.extensions.get_extension_for_class(x509.KeyUsage).value
        if not usage.crl_sign:
            return False
    except x509.ExtensionNotFound:
        pass
    return crl.is_signature_valid(authority.public_key())  # type: ignore[arg-type]


def _check_scope(crl: x509.CertificateRevocationList) -> None:
    """Refuse a list that is a part of one: a difference, another authority's entries, some reasons or kinds only."""
    for extension in crl.extensions:
        if extension.oid == x509.DeltaCRLIndicator.oid or (extension.critical and extension.oid not in _KNOWN):
            raise Bad("a part of a list, or one with a critical part that is not understood")
        point = extension.value
        if isinstance(point, x509.IssuingDistributionPoint) and (
            point.indirect_crl
            or point.only_some_reasons
            or point.only_contains_attribute_certs
            or point.only_contains_ca_certs
            or point.only_contains_user_certs
        ):
            raise Bad("a list of some certificates only")
