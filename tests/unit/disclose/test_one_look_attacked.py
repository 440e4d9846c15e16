"""A refusal that is recorded at any moment of a request, by another process, and a command that dies half way.

Every step at which the request reads the state, is accounted for, asks Mitz or the own server is a moment. Whatever was
recorded before the last look at the state keeps the answer here.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from state_ward import Ward, ward

from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.identity import Bsn, Tenant
from nuts_pzp.outcome import Deny, Unknown
from nuts_pzp.reasons import Reason
from nuts_pzp.store.sqlite import TenantStore
from nuts_pzp.store.vault import Vault
from nuts_pzp.systems.local_consent.record import Withdrawal
from nuts_pzp.systems.local_consent.registry import Registry

__all__ = ["ward"]

LOOK, MOST = "look", 60
OWN = "900012341"


class Moments:
    """The steps of a request, in order; something happens before one of them."""

    def __init__(self, ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
        self.seen: list[str] = []
        self._at, self._act = -1, lambda: None
        self._busy = False
        for name in ("versions", "get", "put"):
            self._state(ward, monkeypatch, name)
        self._step(ward.mitz, "ask")
        self._step(ward.holder.records, "send")
        self._step(ward.holder.audit, "append")
        self._step(ward.holder.policy, "evaluate")

    def before(self, step: int, act: Any) -> None:
        self.seen, self._at, self._act = [], step, act

    async def _now(self, name: str) -> None:
        if self._busy:
            return
        self.seen.append(name)
        if len(self.seen) - 1 == self._at:
            self._busy = True
            try:
                await self._act()
            finally:
                self._busy = False

    def _state(self, ward: Ward, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
        method = getattr(TenantStore, name)

        async def stepped(store: TenantStore, *given: Any) -> Any:
            if store._store is ward.state:
                await self._now(LOOK if name == "versions" else name)
            return await method(store, *given)

        monkeypatch.setattr(TenantStore, name, stepped)

    def _step(self, room: Any, name: str) -> None:
        method = getattr(room, name)

        async def stepped(*given: Any) -> Any:
            await self._now(f"{type(room).__name__}.{name}")
            return await method(*given)

        setattr(room, name, stepped)


async def steps(moments: Moments, ward: Ward) -> list[str]:
    """The steps of a request without any change."""
    moments.before(-1, None)
    assert isinstance((await ward.ask()).content, Minimized)
    return list(moments.seen)


@pytest.fixture
def moments(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> Moments:
    return Moments(ward, monkeypatch)


async def withdraws(ward: Ward) -> None:
    """Take the permission back, and die before that is accounted for."""

    def ended(found: Any) -> Any:
        (permission,) = found.choices
        return replace(found, choices=(replace(permission, withdrawn=Withdrawal("w-1", permission.word)),))

    await Registry(ward.elsewhere._vault)._change(Bsn(OWN), ended)


@pytest.mark.parametrize("warm", [False, True])
@pytest.mark.parametrize("change", ["objects", "refuses", "objects_as_well", "withdraws"])
async def test_a_refusal_recorded_at_any_moment_before_the_last_look_keeps_the_answer_here(
    change: str, warm: bool, ward: Ward, moments: Moments
) -> None:
    act = partial(withdraws, ward) if change == "withdraws" else getattr(ward.elsewhere, change)
    if change in ("objects_as_well", "withdraws"):
        await ward.elsewhere.permits()
        ward.mitz.permits = False  # so the permission here is the only one
    state = await saved(ward)
    for step in range(MOST):
        await restored(ward, state)
        if warm:
            await steps(moments, ward)
        moments.before(step, act)
        reply = await ward.ask()
        if len(moments.seen) <= step:
            break
        if LOOK in moments.seen[step:]:
            assert isinstance(reply.content, Deny | Unknown), (step, moments.seen)
            assert reply.content.reason in (Reason.CONSENT_OBJECTION, Reason.CONSENT_NONE), (step, moments.seen)
    assert isinstance(reply.content, Minimized)
    assert step >= len(moments.seen) >= 5


async def saved(ward: Ward) -> list[tuple[str, str, bytes]]:
    """All documents of the patient, as they are."""

    def read(connection: Any) -> Any:
        return connection.execute("SELECT tenant, kind, key, value FROM document").fetchall()

    return list(await ward.state.run(read))


async def restored(ward: Ward, state: list[Any]) -> None:
    """Put the documents back as they were, under new versions: as a later change would."""

    def write(connection: Any) -> None:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute("DELETE FROM document")
        for tenant, kind, key, value in state:
            (version,) = connection.execute("UPDATE latest SET version=version+1 RETURNING version").fetchone()
            connection.execute("INSERT INTO document VALUES(?,?,?,?,?)", (tenant, kind, key, version, value))
        connection.execute("COMMIT")

    await ward.state.run(write)


async def test_what_one_tenant_recorded_is_nothing_to_another_that_shares_the_state(ward: Ward, fakes: Any) -> None:
    """Same state, same patient, even the same key: another tenant's refusal or permission is not this one's."""

    other = Tenant("wilgenhof", fakes.POST)
    theirs = type(ward.elsewhere)(ward._other, other, fakes.OWN)
    await theirs.objects()
    await theirs.refuses()
    assert isinstance((await ward.ask()).content, Minimized)
    own = Registry(Vault(ward.state.of(ward.holder.house.tenant), b"k" * 32, ward.holder.house.tenant.id))
    assert await own.dossier(Bsn(fakes.OWN)) is None
