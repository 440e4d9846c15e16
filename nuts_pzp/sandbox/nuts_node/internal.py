"""Sandbox: the internal API, as far as a gateway and an operator use it (spec nuts-node 1.1 to 1.9)."""

from __future__ import annotations

import re
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from . import dpop
from .answers import OAuthProblem, Refused, problem, read_form
from .credentials import Credential, NotVerified, expand, issue, subjects_of, verify
from .did import NotResolved, Resolver, web_did
from .faults import drop
from .jose import NotSigned, SigningKey
from .state import TOKEN_LIFE, Grant, State, Subject
from .token_request import Requester

_FORM = "application/x-www-form-urlencoded"
_SUBJECT = re.compile(r"[a-zA-Z0-9._-]+", re.ASCII)
_RESERVED = ("iss", "sub", "exp", "iat", "active", "client_id", "scope")

Handler = Callable[[Request], Awaitable[Response]]


class _Dropped(Response):
    """An answer that breaks off: what a panic in the node looks like."""

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        await drop(send)


class InternalApi:
    """The operations of the internal listener."""

    def __init__(self, state: State, resolver: Resolver, requester: Requester) -> None:
        """All three belong to one node."""
        self._state, self._resolver, self._requester = state, resolver, requester

    def routes(self) -> list[Route]:
        """Return the routes; each error is problem+json with the operation's name."""
        auth, vdr, vcr = "/internal/auth/v2", "/internal/vdr/v2", "/internal/vcr/v2"
        listed: list[tuple[str, str, str, Handler]] = [
            ("POST", f"{auth}/accesstoken/introspect", "IntrospectAccessToken", self._introspect),
            ("POST", f"{auth}/accesstoken/introspect_extended", "IntrospectAccessTokenExtended", self._extended),
            ("POST", f"{auth}/dpop/validate", "ValidateDPoPProof", self._validate),
            ("POST", f"{auth}/dpop/{{kid:path}}", "CreateDPoPProof", self._proof),
            ("POST", f"{auth}/{{subject}}/request-service-access-token", "RequestServiceAccessToken", self._request),
            ("GET", f"{vdr}/subject", "ListSubjects", self._list_subjects),
            ("POST", f"{vdr}/subject", "CreateSubject", self._create_subject),
            ("GET", f"{vdr}/subject/{{subject}}", "SubjectDIDs", self._subject_dids),
            ("GET", f"{vdr}/did/{{did:path}}", "ResolveDID", self._resolve),
            ("GET", f"{vcr}/holder/{{subject}}/vc", "GetCredentialsInWallet", self._wallet),
            ("POST", f"{vcr}/holder/{{subject}}/vc", "LoadVC", self._load),
            ("DELETE", f"{vcr}/holder/{{subject}}/vc/{{id:path}}", "RemoveCredentialFromWallet", self._remove),
            ("POST", f"{vcr}/issuer/vc", "IssueVC", self._issue),
            ("GET", "/status", "Status", self._status),
            ("GET", "/health", "Health", self._health),
        ]
        return [Route(path, _guarded(name, handler), methods=[method]) for method, path, name, handler in listed]

    async def _introspect(self, request: Request) -> Response:
        grant = await self._grant(request)
        return JSONResponse(_introspection(grant) if grant else {"active": False})

    async def _extended(self, request: Request) -> Response:
        grant = await self._grant(request)
        if grant is None:
            return JSONResponse({"active": False})
        more = {
            "presentation_definitions": grant.definitions,
            "presentation_submissions": grant.submissions,
            "vps": list(grant.presentations),
        }
        return JSONResponse({**_introspection(grant), **more})

    async def _grant(self, request: Request) -> Grant | None:
        if request.headers.get("content-type") != _FORM:
            raise Refused(415, f"Content-Type MUST be set to {_FORM}")
        found: Grant | None = self._state.grants.get((await read_form(request)).get("token", ""))
        return found

    async def _validate(self, request: Request) -> Response:
        asked = await _json(request)
        try:
            proof = dpop.read(str(asked.get("dpop_proof", "")), self._state.clock())
        except dpop.NotAProof as error:
            return JSONResponse({"valid": False, "reason": f"failed to parse DPoP header: {error}"})
        try:
            reason = dpop.objection(proof, {name: str(value) for name, value in asked.items()})
        except dpop.Panic:
            return _Dropped()
        used = str(proof.claims["jti"])
        if reason is None and self._state.proofs.get(used) is not None:
            reason = "jti already used"
        if reason is not None:
            return JSONResponse({"valid": False, "reason": reason})
        self._state.proofs.put(used, True, TOKEN_LIFE)
        return JSONResponse({"valid": True})

    async def _proof(self, request: Request) -> Response:
        asked = await _json(request)
        for name, word in (("htm", "method"), ("htu", "url"), ("token", "token")):
            if not asked.get(name):
                raise Refused(400, f"missing {word}")
        key = self._state.key(request.path_params["kid"])
        if key is None:
            raise Refused(500, "private key not found")
        made = dpop.make(key, method=asked["htm"], url=asked["htu"], token=asked["token"], now=self._state.clock())
        return JSONResponse({"dpop": made})

    async def _request(self, request: Request) -> Response:
        bypass = request.headers.get("cache-control") == "no-cache"
        asked = await _json(request)
        return JSONResponse(await self._requester.request(request.path_params["subject"], asked, bypass=bypass))

    async def _list_subjects(self, _: Request) -> Response:
        return JSONResponse({name: [subject.did] for name, subject in self._state.subjects.items()})

    async def _create_subject(self, request: Request) -> Response:
        name = str((await _json(request)).get("subject") or uuid.uuid4())
        if not _SUBJECT.fullmatch(name):
            raise Refused(400, "invalid subject")
        if name in self._state.subjects:
            raise Refused(409, "subject already exists")
        return JSONResponse({"subject": name, "documents": [create_subject(self._state, name).document]})

    async def _subject_dids(self, request: Request) -> Response:
        return JSONResponse([self._subject(request).did])

    async def _resolve(self, request: Request) -> Response:
        did = _raw_tail(request)
        if not did.startswith("did:"):
            raise Refused(400, "malformed DID")
        try:
            found = await self._resolver.document(did)
        except NotResolved as error:
            raise Refused(500, str(error)) from None
        return JSONResponse({"document": found, "documentMetadata": {"deactivated": False}})

    async def _wallet(self, request: Request) -> Response:
        return JSONResponse(self._subject(request).wallet)

    async def _load(self, request: Request) -> Response:
        subject = self._subject(request)
        credential: Credential = await request.json()
        try:
            held = subjects_of(credential)
            await verify(credential, signer=subject.did, resolver=self._resolver, now=self._state.clock())
        except (NotSigned, NotVerified, NotResolved) as error:
            raise Refused(400, str(error)) from None
        if held != {subject.did}:
            raise Refused(400, "subject does not own this credential")
        subject.wallet.append(credential)
        return Response(status_code=204)

    async def _remove(self, request: Request) -> Response:
        subject, wanted = self._subject(request), _raw_tail(request).replace("%23", "#")
        kept = [one for one in subject.wallet if expand(one).get("id") != wanted]
        if len(kept) == len(subject.wallet):
            raise Refused(404, "credential not found")
        subject.wallet[:] = kept
        return Response(status_code=204)

    async def _issue(self, request: Request) -> Response:
        asked = await _json(request)
        key = next((one.key for one in self._state.subjects.values() if one.did == asked.get("issuer")), None)
        if key is None:
            raise Refused(400, "unknown issuer")
        if asked.get("format") != "jwt_vc" or "expirationDate" not in asked:
            raise Refused(400, "this node issues jwt_vc with an expirationDate only")
        until = datetime.fromisoformat(asked["expirationDate"]).timestamp()
        return JSONResponse(issue(key, asked, now=self._state.clock(), until=until))

    async def _status(self, _: Request) -> Response:
        return PlainTextResponse("OK")

    async def _health(self, _: Request) -> Response:
        parts = ("crypto.filesystem", "pki.crl", "storage.session", "storage.sql")
        return JSONResponse({"status": "UP", "details": {part: {"status": "UP"} for part in parts}})

    def _subject(self, request: Request) -> Subject:
        subject = self._state.subjects.get(request.path_params["subject"])
        if subject is None:
            raise Refused(404, "subject not found")
        return subject


def create_subject(state: State, name: str) -> Subject:
    """Make a subject with a new did:web and key."""
    did = web_did(state.public_url, str(uuid.uuid4()))
    subject = Subject(name, did, SigningKey.make(f"{did}#{uuid.uuid4()}"))
    state.subjects[name] = subject
    return subject


def _introspection(grant: Grant) -> dict[str, Any]:
    """Return RFC 7662 as the node gives it: no aud, sub, nbf or token_type; every field id a claim of its own."""
    for name in _RESERVED:
        if name in grant.claims:
            raise Refused(500, f"InputDescriptorConstraintIdMap contains reserved claim name: {name}")
    answer: dict[str, Any] = {
        "active": True,
        "iss": grant.issuer,
        "client_id": grant.client_id,
        "scope": grant.scope,
        "iat": grant.issued,
        "exp": grant.expires,
        **grant.claims,
    }
    return {**answer, "cnf": {"jkt": grant.thumbprint}} if grant.thumbprint else answer


def _raw_tail(request: Request) -> str:
    """Return the last part of the path as it came: the node does not unescape DIDs there, so `%3A` stays."""
    return str(request.scope["raw_path"].decode().rpartition("/")[2])


async def _json(request: Request) -> dict[str, Any]:
    try:
        value = await request.json()
    except ValueError:
        raise Refused(400, "malformed JSON") from None
    if not isinstance(value, dict):
        raise Refused(400, "malformed JSON")
    return value


def _guarded(operation: str, handler: Handler) -> Handler:
    """Turn errors of an operation into problem+json."""

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except Refused as error:
            return problem(error.status, f"{operation} failed", error.detail)
        except OAuthProblem as error:
            return problem(500 if error.code == "server_error" else 400, f"{operation} failed", str(error))

    return guarded
