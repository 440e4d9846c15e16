"""FhirServer and Connector: a canonical request goes out, one answer comes back (design D1).

The request is written anew from its canonical value; of what a caller sent, nothing else travels.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

from ...exchange import Signer
from ...fhir.request import FhirRequest, encode
from ...fhir.version import Speech
from ...forwarding.port import FhirAnswer, FhirServer
from ...outcome import Deny, Outcome, Unavailable, Unknown
from ...outside import Heard, Line, Outbound, Trouble
from ...reasons import Reason
from .answer import answered, unreached
from .budget import Budget
from .version import Named, Version

_JITTER = (0.05, 0.25)
"""Seconds, at random in between, before the one further attempt."""
_PATIENCE = 1.0
"""Seconds of Retry-After that are still worth another attempt; a source that asks for more is left alone."""
_KNOWN = 1_000

Pause = Callable[[float], Awaitable[None]]


class Server:
    """One FHIR base. With a signer it is another holder's gateway; without, the tenant's own server."""

    def __init__(
        self,
        base: str,
        line: Line,
        signer: Signer | None = None,
        authorization: str = "",
        *,
        speaks: Speech | None = None,
        budget: Budget | None = None,
        pause: Pause = asyncio.sleep,
    ) -> None:
        """With a `budget` a call that reached nobody, or a server that was busy (503), is made once more.

        `speaks`: the one FHIR version of its answers; None takes what is labelled as R4 or STU3.
        """
        self._base, self._only = base.rstrip("/"), speaks
        self._line, self._signer, self._budget, self._pause = line, signer, budget, pause
        self._static: Mapping[str, str] = {"authorization": authorization} if authorization else {}

    async def send(self, request: FhirRequest, /) -> Outcome[FhirAnswer]:
        """Send; after a 401 of another holder once more, with a fresh token."""
        reply = await self._call(request, fresh=False)
        if self._budget is not None:
            self._budget.called()
            if _may_pass(reply) and self._budget.spend():
                await self._pause(random.uniform(*_JITTER))  # noqa: S311 (spreads retries, protects nothing)
                reply = await self._call(request, fresh=False)
        if isinstance(reply, Heard) and reply.status == 401 and self._signer is not None:
            reply = await self._call(request, fresh=True)
        if isinstance(reply, Deny | Unknown | Unavailable):
            return reply
        return answered(request, reply, self._base, self._only, keep=self._signer is None)

    async def _call(self, request: FhirRequest, *, fresh: bool) -> Outcome[Heard]:
        try:
            raw = encode(request)
        except ValueError:
            return Unavailable(Reason.SOURCE_QUERY, detail="a request that cannot be written")
        target = self._base + raw.path
        headers = {**self._static, **dict(raw.headers)}
        if self._signer is not None:
            # What is signed is the target without its query: a proof covers no more, and a query can name the patient.
            signed = await self._signer(raw.method, target, fresh=fresh)
            if isinstance(signed, Deny | Unknown | Unavailable):
                return signed
            headers.update(signed)
        url = f"{target}?{raw.query}" if raw.query else target
        # Searches and reads are safe to repeat, posted ones too.
        heard = await self._line.call(raw.method, url, headers, raw.body, repeatable=True)
        return unreached(heard) if isinstance(heard, Trouble) else heard


def _may_pass(reply: Outcome[Heard]) -> bool:
    """True for what another attempt may mend: nobody there, or a 503 that does not ask to wait."""
    if isinstance(reply, Heard):
        wait = reply.headers.get("retry-after", "0").strip()
        return reply.status == 503 and wait.isdecimal() and int(wait[:6]) <= _PATIENCE
    return isinstance(reply, Unavailable) and reply.reason is Reason.SOURCE_DOWN


class Records(Server):
    """The tenant's own FHIR server, asked only when it speaks what it should (ADR 0037). Also `outside.Living`."""

    def __init__(self, base: str, line: Line, *, authorization: str = "", version: Named = "auto") -> None:
        """`version`: what the operator says it speaks; `auto` is R4, asked and not told."""
        self._speaks: Speech = "stu3" if version == "STU3" else "r4"
        super().__init__(base, line, authorization=authorization, speaks=self._speaks)
        self._version = Version(self._capabilities, version)

    @property
    def speaks(self) -> Speech:
        """The version in which it is asked."""
        return self._speaks

    async def send(self, request: FhirRequest, /) -> Outcome[FhirAnswer]:
        """Send; what speaks another FHIR, or does not say which, is SOURCE_VERSION and not asked."""
        objection = await self._version.objection()
        return objection if objection is not None else await super().send(request)

    async def start(self) -> None:
        """Begin to ask what the server speaks; the start does not wait for that."""
        self._version.begin()

    async def stop(self) -> None:
        """Close every connection."""
        await self._version.close()
        await self._line.close()

    async def health(self) -> Outcome[str]:
        """Ask for the server's capabilities, about no patient."""
        objection = await self._version.learn()
        return "answers" if objection is None else objection

    async def _capabilities(self) -> Outcome[Heard]:
        return await self._call(FhirRequest("capabilities", "CapabilityStatement"), fresh=False)


class HttpConnector:
    """Makes servers for addresses found at run time, over one session. Also `outside.Living`."""

    def __init__(self, line: Line, outbound: Outbound, pause: Pause = asyncio.sleep) -> None:
        """`pause` waits before a further attempt."""
        self._line, self._outbound, self._pause = line, outbound, pause
        self._budgets: dict[str, Budget] = {}

    def to(self, base: str, signer: Signer, /) -> FhirServer:
        """Return the server at that base; one that may not be dialled answers ADDRESS_REFUSED to everything."""
        why = self._outbound.refuses(base)
        if why is not None:
            return _Unreachable(why)
        return Server(base, self._line, signer, budget=self._budget(base), pause=self._pause)

    async def start(self) -> None:
        """Nothing to begin: the first call connects."""

    async def stop(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def health(self) -> Outcome[str]:
        """There is nothing to ask: whom to ask is found at run time."""
        return "ready"

    def _budget(self, base: str) -> Budget:
        """Return what this source has left for retries, shared by all consultations."""
        found = self._budgets.get(base)
        if found is None:
            if len(self._budgets) >= _KNOWN:
                self._budgets.pop(next(iter(self._budgets)))
            found = self._budgets[base] = Budget()
        return found


class _Unreachable:
    """What stands in for an address that may not be dialled."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def send(self, request: FhirRequest, /) -> Outcome[FhirAnswer]:
        return Unavailable(Reason.ADDRESS_REFUSED, detail=self._why)
