"""Which FHIR the tenant's own server speaks: known before anything is asked of it (ADR 0037).

The resources of FHIR STU3 look like those of R4 and mean something else. So a server is asked for its
CapabilityStatement once, at the start; what does not say R4, or STU3 where the operator says so, is not asked anything.
The answer is kept until readiness asks again.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Literal

import msgspec

from ...outcome import Stop, Unavailable
from ...outside import Heard
from ...reasons import Reason

Named = Literal["auto", "R4", "STU3"]

_R4 = "4.0"
_STU3 = "3.0"
_LARGEST = 2 * 1024 * 1024
"""Bytes of a CapabilityStatement that is still read."""


class _Statement(msgspec.Struct):
    resource_type: str = msgspec.field(name="resourceType")
    version: str = msgspec.field(name="fhirVersion", default="")


_STATEMENT = msgspec.json.Decoder(_Statement)


class Version:
    """What one server speaks. `ask` gets its metadata; `named` is what the operator says of it."""

    def __init__(self, ask: Callable[[], Awaitable[Heard | Stop]], named: Named = "auto") -> None:
        """Nothing is asked yet."""
        self._ask, self._named = ask, named
        self._wanted = _STU3 if named == "STU3" else _R4
        # One that is named R4 need not be asked first: that is what every question here is made for.
        self._told: str | None = _R4 if named == "R4" else None
        self._asking: asyncio.Task[Stop | None] | None = None

    async def objection(self) -> Stop | None:
        """Say why this server may not be asked anything, or None. Whoever comes first asks; others wait along."""
        if self._told is not None:
            return None if self._told.startswith(self._wanted) else self._other(self._told)
        stop = await self._learned()
        if stop is not None:
            return stop
        return await self.objection()

    async def learn(self) -> Stop | None:
        """Ask again, and say what stands against this server: also that it does not say what the operator names."""
        stop = await self._learned()
        return stop or await self.objection()

    def begin(self) -> None:
        """Ask already, in the background."""
        if self._told is None:
            self._learning()

    async def close(self) -> None:
        """Stop asking."""
        task, self._asking = self._asking, None
        if task is not None:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def _learned(self) -> Stop | None:
        """Await the answer, shared with others; one who leaves does not end it for the rest."""
        task = self._learning()
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            waiter = asyncio.current_task()
            if task.cancelled() and waiter is not None and not waiter.cancelling():
                return Unavailable(Reason.SOURCE_DOWN, detail="the server is no longer asked")
            raise

    def _learning(self) -> asyncio.Task[Stop | None]:
        if self._asking is None or self._asking.done():
            self._asking = asyncio.create_task(self._learn())
        return self._asking

    async def _learn(self) -> Stop | None:
        heard = await self._ask()
        if not isinstance(heard, Heard):
            return heard
        found = read_version(heard)
        if not isinstance(found, Unavailable):
            self._told = found
            return None
        if self._named == "auto" or (self._told is None and found.reason is Reason.SOURCE_DOWN):
            return found
        # An operator who names the version says so for a server that does not.
        self._told = self._told or self._wanted
        return None

    def _other(self, version: str) -> Unavailable:
        if self._named != "auto":
            said = f"fhir_version is {self._named}, the server says {version}"
            return Unavailable(Reason.SOURCE_VERSION, detail=said)
        speaks = "FHIR STU3" if version.startswith(_STU3) else f"FHIR {version}"
        return Unavailable(Reason.SOURCE_VERSION, detail=f"the own server speaks {speaks}, not R4")


def read_version(heard: Heard) -> str | Unavailable:
    """Return `fhirVersion` of a CapabilityStatement; Unavailable when it does not say it."""
    if heard.status == 429 or heard.status >= 500:
        return Unavailable(Reason.SOURCE_DOWN, detail=f"metadata is answered with HTTP {heard.status}")
    if heard.status != 200:
        return Unavailable(Reason.SOURCE_VERSION, detail=f"metadata is answered with HTTP {heard.status}")
    if len(heard.body) > _LARGEST:
        return Unavailable(Reason.SOURCE_VERSION, detail="a CapabilityStatement that is too large")
    try:
        statement = _STATEMENT.decode(heard.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return Unavailable(Reason.SOURCE_VERSION, detail="metadata is no CapabilityStatement in JSON")
    version = statement.version
    if statement.resource_type != "CapabilityStatement" or not version[:1].isdigit() or len(version) > 20:
        return Unavailable(Reason.SOURCE_VERSION, detail="a CapabilityStatement without a fhirVersion")
    return "".join(letter for letter in version if letter.isascii() and (letter.isalnum() or letter in ".-"))
