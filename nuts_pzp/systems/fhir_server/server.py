"""FhirServer and Connector: a canonical request goes out, one answer comes back (design D1).

The request is written anew from its canonical value; of what a caller sent, nothing else travels.
"""

from __future__ import annotations

from collections.abc import Mapping

from yarl import URL

from ...exchange import Signer
from ...fhir.request import FhirRequest, encode
from ...forwarding.port import FhirAnswer, FhirServer
from ...outcome import Deny, Outcome, Unavailable, Unknown
from ...outside import Heard, Line, Outbound, Trouble
from ...reasons import Reason
from .answer import answered, unreached


class Server:
    """One FHIR base. With a signer it is another holder's gateway; without, the tenant's own server."""

    def __init__(self, base: str, line: Line, signer: Signer | None = None, authorization: str = "") -> None:
        self._base = base.rstrip("/")
        self._line, self._signer = line, signer
        self._static: Mapping[str, str] = {"authorization": authorization} if authorization else {}

    async def send(self, request: FhirRequest, /) -> Outcome[FhirAnswer]:
        """Send; after a 401 of another holder once more, with a fresh token."""
        reply = await self._call(request, fresh=False)
        if isinstance(reply, Heard) and reply.status == 401 and self._signer is not None:
            reply = await self._call(request, fresh=True)
        if isinstance(reply, Deny | Unknown | Unavailable):
            return reply
        return answered(request, reply, self._base)

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
        url = URL(f"{target}?{raw.query}" if raw.query else target, encoded=True)
        # Searches and reads are safe to repeat, posted ones too.
        heard = await self._line.call(raw.method, url, headers, raw.body, repeatable=True)
        return unreached(heard) if isinstance(heard, Trouble) else heard


class Records(Server):
    """The tenant's own FHIR server. Also `outside.Living`."""

    async def start(self) -> None:
        """Nothing to begin: the first call connects."""

    async def stop(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def health(self) -> Outcome[str]:
        """Ask for the server's capabilities, about no patient."""
        reply = await self._call(FhirRequest("capabilities", "CapabilityStatement"), fresh=False)
        if isinstance(reply, Deny | Unknown | Unavailable):
            return reply
        if reply.status >= 400:
            return Unavailable(Reason.SOURCE_BROKEN, detail=f"HTTP {reply.status}")
        return "answers"


class HttpConnector:
    """Makes servers for addresses found at run time, over one session. Also `outside.Living`."""

    def __init__(self, line: Line, outbound: Outbound) -> None:
        self._line, self._outbound = line, outbound

    def to(self, base: str, signer: Signer, /) -> FhirServer:
        """Return the server at that base; one that may not be dialled answers ADDRESS_REFUSED to everything."""
        why = self._outbound.refuses(base)
        return Server(base, self._line, signer) if why is None else _Unreachable(why)

    async def start(self) -> None:
        """Nothing to begin: the first call connects."""

    async def stop(self) -> None:
        """Close every connection."""
        await self._line.close()

    async def health(self) -> Outcome[str]:
        """There is nothing to ask: whom to ask is found at run time."""
        return "ready"


class _Unreachable:
    """What stands in for an address that may not be dialled."""

    def __init__(self, why: str) -> None:
        self._why = why

    async def send(self, request: FhirRequest, /) -> Outcome[FhirAnswer]:
        return Unavailable(Reason.ADDRESS_REFUSED, detail=self._why)
