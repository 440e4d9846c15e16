"""The decision API: the same `decide` as at the network door, for an enforcement point of the holder's own.

Mounted on the operations listener, never on the network's (design D12). Trusts its callers for one thing: that an
introspection answer they show is what the node said. No answer leaves before its decision is recorded.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import Any, NamedTuple, Protocol

import structlog

from ..accounted import Denied, Receipt
from ..audit.port import Audit, NotRecorded
from ..authorization.knooppunt import LARGEST, Misshapen, Unparsable
from ..disclose.decide import decide, internal
from ..disclose.flow import verified, watched
from ..exchange import Attempt, Caller, Presented
from ..fhir.request import headless
from ..house import Deciding, House
from ..identity import NotAnIdentifier, Ura
from ..outcome import Deny, Outcome
from ..reasons import Reason
from ..values import replace
from . import door
from .decision_authorize import authorized, beheld
from .decision_clients import Enforcer, Guard
from .decision_dialects import NO_QUESTION, AuthZen, Dialect, Knooppunt, Own, Question, Ruled
from .meter import Meter
from .problem import problem

_log = structlog.get_logger("nuts_pzp.decision")

_DIALECTS: dict[str, Dialect] = {
    "/pdp": Knooppunt(),
    "/pdp/v1/data/knooppunt/authz": Knooppunt(),
    "/access/v1/evaluation": AuthZen(),
    "/decision/v1/evaluate": Own(),
}
AUTHORIZE = "/decision/v1/authorize"

ROUTES = (*_DIALECTS, *(f"/{{tenant}}{below}" for below in (*_DIALECTS, AUTHORIZE)))
"""Every path of the API, as its OpenAPI document writes it."""


_REQUEST_ID = re.compile(r"[\x21-\x7e]{1,200}")


def _repeated(scope: door.Scope) -> tuple[tuple[bytes, bytes], ...]:
    """Return the identifier that the enforcement point gave its request, as AuthZEN 1.0 demands; plain words only."""
    given = door.header(scope, b"x-request-id")
    return ((b"x-request-id", given.encode()),) if _REQUEST_ID.fullmatch(given) else ()


class Houses(Protocol):
    """Finds who is asked."""

    def visit(self, slug: str) -> AbstractContextManager[House | None]:
        """Enter a tenant's house."""
        ...

    def deciding_for(self, ura: Ura) -> tuple[str, ...]:
        """Name the tenants of this URA that offer decisions."""
        ...


class _Route(NamedTuple):
    dialect: Dialect | None
    """None: a request in headers, as `auth_request` of nginx asks."""
    slug: str


def routed(path: str) -> _Route | None:
    """Return what a path means; the tenant is its first step, or empty where the holder's URA names it."""
    if path in _DIALECTS:
        return _Route(_DIALECTS[path], "")
    slug, slash, below = path[1:].partition("/")
    if not slug:
        return None
    if slash + below == AUTHORIZE:
        return _Route(None, slug)
    dialect = _DIALECTS.get(slash + below)
    return _Route(dialect, slug) if dialect else None


class DecisionDoor:
    """An ASGI app for the paths that `routed` knows. `system` records what belongs to no tenant."""

    def __init__(
        self, houses: Houses, guard: Guard, system: Audit, meter: Meter, clock: Callable[[], float] = time.time
    ) -> None:
        """`clock` gives Unix time in seconds."""
        self._houses, self._guard, self._system, self._meter, self._clock = houses, guard, system, meter, clock

    async def __call__(self, scope: door.Scope, receive: Any, send: Any) -> None:
        started = time.perf_counter()
        path = scope["raw_path"].decode("latin-1")
        route, presented = routed(path), door.presented(scope, path)
        assert route is not None, "only its own paths lead here"
        call = _Call(self, route, presented)
        try:
            response = await call.answered(scope, receive)
        except door.ClientLeft:
            return
        except NotRecorded:
            _log.error("audit.not-recorded", meldcode=presented.correlation)
            self._meter.not_recorded()
            response = problem(Deny(Reason.NOT_RECORDED), presented.correlation)
        code = (b"x-meldcode", presented.correlation.encode())
        await door.reply(send, replace(response, headers=(*response.headers, code, *_repeated(scope))))
        self._meter.answered("decision", call.tenant, response.status, time.perf_counter() - started)

    def admit(self, scope: door.Scope) -> Enforcer | Deny:
        """Say who asks."""
        return self._guard.admit(scope)

    def slug_of(self, route: _Route, question: Question) -> str:
        """Return whose decision it is: by the path, else by the holder's URA when that is one tenant's; else empty."""
        if route.slug:
            return route.slug
        try:
            found = self._houses.deciding_for(Ura.parse(question.stated.holder_ura))
        except NotAnIdentifier:
            return ""
        return found[0] if len(found) == 1 else ""

    def visit(self, slug: str) -> AbstractContextManager[House | None]:
        """Enter a tenant's house."""
        return self._houses.visit(slug)

    async def denied(self, attempt: Attempt, stop: Deny) -> Receipt[Denied]:
        """Record a refusal that belongs to no tenant."""
        return await self._system.append(Denied(attempt, stop))

    def now(self) -> float:
        """Unix time."""
        return self._clock()


class _Call:
    """One call under way."""

    def __init__(self, api: DecisionDoor, route: _Route, presented: Presented) -> None:
        self._api, self._route, self._presented = api, route, presented
        self._attempt = Attempt(presented.correlation, address=presented.address, trace=presented.trace)
        self.tenant = ""
        """Whose decision it became; empty until then."""

    async def answered(self, scope: door.Scope, receive: Any) -> door.Response:
        """Return the answer; every refusal that is a decision is recorded by then."""
        code, dialect = self._presented.correlation, self._route.dialect
        enforcer = self._api.admit(scope)
        if isinstance(enforcer, Deny):
            await self._api.denied(self._attempt, enforcer)
            return problem(enforcer, code)
        self._attempt = replace(self._attempt, enforced_by=enforcer.name)
        if scope["method"] != (method := "POST" if dialect else "GET"):
            return await self._refused(Reason.REQUEST_METHOD, allow=method)
        if dialect is None:
            return authorized(await self._authorize(scope, enforcer), code)
        if door.header(scope, b"content-type").partition(";")[0].strip().lower() != "application/json":
            return await self._refused(Reason.REQUEST_MEDIA_TYPE)
        try:
            question = dialect.read(await door.body(receive, LARGEST))
        except door.BodyTooBig:
            return await self._refused(Reason.REQUEST_TOO_BIG, "a call is at most 256 KiB")
        except Unparsable as error:
            return await self._refused(NO_QUESTION, str(error))
        except Misshapen as error:
            receipt = await self._api.denied(self._attempt, Deny(NO_QUESTION, detail=str(error)))
            return dialect.misshapen(receipt, str(error), code)
        return dialect.write(await self._ruled(question, self._api.slug_of(self._route, question), enforcer), code)

    async def _refused(self, reason: Reason, detail: str = "", *, allow: str = "") -> door.Response:
        stop = Deny(reason, detail=detail)
        await self._api.denied(self._attempt, stop)
        return problem(stop, self._presented.correlation, allow=allow)

    async def _authorize(self, scope: door.Scope, enforcer: Enforcer) -> Ruled:
        slug = self._route.slug
        with self._api.visit(slug) as house:
            deciding = house.deciding if house else None
            question = beheld(scope, deciding.holding.base) if deciding else None
            if isinstance(question, Question):
                [ruled] = await self._ruled(question, slug, enforcer)
                return ruled
            return Ruled("", await self._api.denied(self._attempt, question or Deny(Reason.TENANT_UNKNOWN)))

    async def _ruled(self, question: Question, slug: str, enforcer: Enforcer) -> tuple[Ruled, ...]:
        """Decide in the tenant's house, as often as the dialect asks policies; record each before the next."""
        with self._api.visit(slug) as house:
            deciding = house.deciding if house and enforcer.may_ask_for(slug) else None
            if deciding is None:
                unknown = Deny(Reason.TENANT_UNKNOWN, detail="not exactly one tenant offers decisions by this name")
                return (Ruled("", await self._api.denied(self._attempt, unknown)),)
            self.tenant = slug
            asking = _Asking(deciding, self._presented, self._attempt, question, self._api.now())
            return await (asking.by_name() if question.by_name else asking.once())


class _Asking:
    """A question in the house where it is decided."""

    def __init__(
        self, deciding: Deciding, presented: Presented, attempt: Attempt, question: Question, now: float
    ) -> None:
        self._deciding, self._presented, self._attempt = deciding, presented, attempt
        self._question, self._now = question, now

    async def once(self) -> tuple[Ruled, ...]:
        """As at the network door: exactly one scope of the token is mapped, and its policy decides."""
        return (await self._decided("", await self._who(), self._deciding),)

    async def by_name(self) -> tuple[Ruled, ...]:
        """As the Knooppunt: one policy for each scope, in order of name, until one allows.

        Two mapped scopes are refused all the same: of two purposes nobody may choose the milder.
        """
        scopes, policies = self._question.scopes, self._deciding.holding.policies
        if not scopes or len({scope for scope in scopes if policies.maps(scope)}) > 1:
            detail = "input.subject.scope is empty" if not scopes else "two scopes of the token choose a policy"
            return (await self._decided("", Deny(Reason.TOKEN_SCOPE, detail=detail), self._deciding),)
        ruled: list[Ruled] = []
        for name, scope, policy in policies.by_name(scopes):
            if policy is None:
                unknown = Deny(Reason.TOKEN_SCOPE, detail="there is no policy for this scope")
                ruled.append(replace(await self._decided(name, unknown, self._deciding), known=False))
            elif policies.maps(scope):
                ruled.append(await self._decided(name, await self._who(), self._deciding))
            else:
                holding = replace(self._deciding.holding, policies=policies.only(name, scope))
                who = await self._who(instead=scope)
                ruled.append(await self._decided(name, who, replace(self._deciding, holding=holding)))
            if ruled[-1].stop is None:
                break
        return tuple(ruled)

    async def _who(self, instead: str = "") -> Outcome[Caller]:
        question, holding = self._question, self._deciding.holding
        if question.subject is not None:
            try:
                return self._deciding.vouching.vouched(question.subject, instead=instead)
            except Exception as bug:
                return internal(bug, self._presented.correlation)
        shown = replace(
            self._presented,
            authorization=question.authorization,
            dpop=question.dpop,
            certificate=None,
            method=question.raw.method,
            url=holding.base + question.raw.path,
        )
        return await verified(holding, shown)

    async def _decided(self, name: str, who: Outcome[Caller], deciding: Deciding) -> Ruled:
        question, holding = self._question, deciding.holding
        decision = await decide(holding, self._attempt, who, headless(question.raw), self._now, stated=question.stated)
        if isinstance(decision, Denied):
            await watched(holding, decision)
            return Ruled(name, await holding.audit.append(decision))
        return Ruled(name, await holding.audit.append(decision))
