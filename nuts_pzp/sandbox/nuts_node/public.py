"""Sandbox: the public listener: metadata, presentation definitions, tokens, DID documents (spec nuts-node 1.10)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from .answers import KEPT, OAuthProblem, oauth_error, problem, read_form
from .did import Resolver
from .jose import ALGORITHMS
from .state import State
from .token_endpoint import definitions, token

_NOT_KEPT = {"cache-control": "no-cache", "pragma": "no-store"}
_ALG = {"alg_values_supported": list(ALGORITHMS)}
_PROOF = {"proof_type_values_supported": ["JsonWebSignature2020"]}
_FORMATS = {"jwt_vp_json": _ALG, "jwt_vc_json": _ALG, "ldp_vc": _PROOF, "ldp_vp": _PROOF}


class PublicApi:
    """The operations of the public listener."""

    def __init__(self, state: State, resolver: Resolver) -> None:
        """Both belong to one node."""
        self._state, self._resolver = state, resolver

    def routes(self) -> list[Route]:
        """Return the routes. `/status` is public too: a proxy should keep it in."""
        return [
            Route("/.well-known/oauth-authorization-server/oauth2/{subject}", self._metadata),
            Route("/oauth2/{subject}/presentation_definition", self._definition),
            Route("/oauth2/{subject}/token", self._token, methods=["POST"]),
            Route("/iam/{name}/did.json", self._document),
            Route("/status", self._status),
        ]

    async def _metadata(self, request: Request) -> Response:
        """Answer for any subject name, existing or not, as the node does."""
        issuer = self._state.issuer(request.path_params["subject"])
        metadata: dict[str, Any] = {
            "issuer": issuer,
            "token_endpoint": f"{issuer}/token",
            "presentation_definition_endpoint": f"{issuer}/presentation_definition",
            "grant_types_supported": ["authorization_code", "vp_token-bearer"],
            "response_types_supported": ["code", "vp_token"],
            "response_modes_supported": ["query", "direct_post"],
            "pre-authorized_grant_anonymous_access_supported": True,
            "presentation_definition_uri_supported": True,
            "require_signed_request_object": True,
            "client_id_schemes_supported": ["entity_id"],
            "did_methods_supported": ["jwk", "key", "x509", "web"],
            "dpop_signing_alg_values_supported": list(ALGORITHMS),
            "request_object_signing_alg_values_supported": list(ALGORITHMS),
            "vp_formats_supported": _FORMATS,
            "vp_formats": _FORMATS,
        }
        return JSONResponse(metadata, headers=KEPT)

    async def _definition(self, request: Request) -> Response:
        scope = request.query_params.get("scope")
        if scope is None:
            text = "Invalid format for parameter scope: query parameter 'scope' is required"
            return problem(400, "Operation failed", text)
        if not scope:
            return JSONResponse({}, headers=KEPT)
        owner = request.query_params.get("wallet_owner_type", "organization")
        try:
            owners = self._state.policy.get(scope)
            if owners is None:
                raise OAuthProblem("invalid_scope", "not found")
            if owner not in definitions(self._state.policy, scope):
                raise OAuthProblem("invalid_request", f"no presentation definition found for '{owner}' wallet")
        except OAuthProblem as error:
            return oauth_error(request, error, KEPT)
        return JSONResponse(owners[owner], headers=KEPT)

    async def _token(self, request: Request) -> Response:
        form = await read_form(request)
        subject, proof = request.path_params["subject"], request.headers.get("dpop", "")
        try:
            answer = await token(self._state, self._resolver, subject, form, proof)
        except OAuthProblem as error:
            return oauth_error(request, error, _NOT_KEPT)
        return JSONResponse(answer, headers=_NOT_KEPT)

    async def _document(self, request: Request) -> Response:
        tail = f":iam:{request.path_params['name']}"
        for subject in self._state.subjects.values():
            if subject.did.endswith(tail):
                return JSONResponse(subject.document, headers=KEPT)
        return Response(status_code=404)

    async def _status(self, _: Request) -> Response:
        return PlainTextResponse("OK")
