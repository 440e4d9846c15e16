"""Sandbox: the authorization server's half of RFC021: every check in the node's order, with its words (spec 2.5)."""

from __future__ import annotations

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from jwt.utils import base64url_encode

from . import dpop
from .answers import OAuthProblem
from .credentials import SKEW, NotVerified, subjects_of, verify
from .did import NotResolved, Resolver
from .jose import Jws, NotSigned, thumbprint
from .matching import BadDefinition, Match, NoMatch, at, match
from .presentation import LIFE, Presentation, read
from .state import NONCE_LIFE, TOKEN_LIFE, Grant, State

_NEEDED = ("assertion", "presentation_submission", "scope", "client_id")


@dataclass(frozen=True, slots=True)
class Fulfilled:
    """A definition, the submission that fulfils it, and the claims that come of it."""

    definition: Mapping[str, Any]
    submission: Mapping[str, Any]
    claims: Mapping[str, Any]


async def token(state: State, resolver: Resolver, subject: str, form: Mapping[str, str], proof: str) -> dict[str, Any]:
    """Answer a token request; `proof` is the DPoP header or empty. Raises OAuthProblem."""
    if subject not in state.subjects:
        raise OAuthProblem("invalid_request", "subject not found")
    if form.get("grant_type") != "vp_token-bearer":
        raise OAuthProblem("unsupported_grant_type", f"grant_type '{form.get('grant_type', '')}' is not supported")
    if any(name not in form for name in _NEEDED):
        raise OAuthProblem("invalid_request", "missing required parameters")
    presentation, submission = _assertion(form["assertion"]), _submission(form["presentation_submission"])
    _check_time(presentation)
    _check_signer(presentation)
    if state.issuer(subject) not in presentation.audience:
        raise OAuthProblem("invalid_request", "presentation audience/domain is missing or does not match")
    fulfilled = _fulfil(definitions(state.policy, form["scope"]), submission, presentation)
    _burn_nonce(state, presentation)
    bound = _proof(proof, state.clock())
    await _verify(presentation, resolver, state.clock())
    return _grant(state, subject, form, presentation, fulfilled, bound)


def definitions(policy: Mapping[str, Any], scope: str) -> Mapping[str, Any]:
    """Return wallet owner -> definition for a scope, compared as a whole; raises OAuthProblem."""
    found: Mapping[str, Any] | None = policy.get(scope)
    if found is None:
        text = f"unsupported scope ({scope}) for presentation exchange: not found"
        raise OAuthProblem("invalid_scope", text)
    return found


def _assertion(text: str) -> Presentation:
    try:
        return read(text)
    except NotSigned as error:
        raise OAuthProblem("invalid_request", f"assertion parameter is invalid: {error}") from None


def _submission(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
        fields = [(str(one["id"]), str(one["path"])) for one in value["descriptor_map"]]
        return {**value, "definition_id": str(value["definition_id"]), "_paths": fields}
    except (ValueError, TypeError, KeyError, RecursionError):
        raise OAuthProblem("invalid_request", "invalid presentation submission: malformed") from None


def _check_time(presentation: Presentation) -> None:
    begins, ends = presentation.jws.claims.get("nbf"), presentation.jws.claims.get("exp")
    if not isinstance(begins, int) or not isinstance(ends, int):
        raise OAuthProblem("invalid_request", "presentation is missing creation or expiration date")
    if ends - begins > LIFE:
        raise OAuthProblem("invalid_request", "presentation is valid for too long (max 5s)")


def _check_signer(presentation: Presentation) -> None:
    try:
        subjects = {subject for one in presentation.credentials for subject in subjects_of(one)}
    except NotSigned as error:
        raise OAuthProblem("invalid_request", f"assertion parameter is invalid: {error}") from None
    if len(subjects) > 1:
        raise OAuthProblem("invalid_request", "not all VCs have the same credentialSubject.id")
    if subjects != {presentation.signer}:
        raise OAuthProblem("invalid_request", "presentation signer is not credential subject")


def _fulfil(owners: Mapping[str, Any], submission: Mapping[str, Any], presentation: Presentation) -> Fulfilled:
    """Match again, and demand that the submission says the same."""
    wanted = submission["definition_id"]
    definition = next((one for one in owners.values() if one["id"] == wanted), None)
    if definition is None:
        raise OAuthProblem("invalid_request", f"presentation definition being fulfilled is not required: {wanted}")
    body = dict(presentation.body)
    try:
        matches = match(definition, presentation.credentials)
        named = {
            name: at(path, {"verifiableCredential": body.get("verifiableCredential")})
            for name, path in submission["_paths"]
        }
    except (NoMatch, BadDefinition):
        matches, named = [], {"": ""}
    if named != {one.descriptor: one.credential for one in matches}:
        text = f"presentation submission does not conform to presentation definition (id={wanted})"
        raise OAuthProblem("invalid_request", text)
    shown = {name: value for name, value in submission.items() if name != "_paths"}
    return Fulfilled(definition, shown, _claims(matches))


def _claims(matches: list[Match]) -> dict[str, Any]:
    return {name: value for one in matches for name, value in one.claims.items()}


def _burn_nonce(state: State, presentation: Presentation) -> None:
    """Refuse a nonce seen before; it is used up whatever comes of the request."""
    nonce = presentation.jws.claims.get("nonce")
    if not isinstance(nonce, str) or not nonce:
        raise OAuthProblem("invalid_request", "presentation has invalid/missing nonce")
    used = state.nonces.get(nonce) is not None
    state.nonces.put(nonce, True, NONCE_LIFE)
    if used:
        raise OAuthProblem("invalid_request", "presentation nonce has already been used")


def _proof(text: str, now: float) -> Jws | None:
    """Read the proof; neither its URL, its age nor whose key it is are compared here."""
    if not text:
        return None
    try:
        return dpop.read(text, now)
    except dpop.NotAProof:
        raise OAuthProblem("invalid_dpop_proof", "DPoP header is invalid") from None


async def _verify(presentation: Presentation, resolver: Resolver, now: float) -> None:
    """Check signatures and times of the presentation and its credentials."""
    begins, ends = presentation.jws.claims["nbf"], presentation.jws.claims["exp"]
    try:
        if begins > now + SKEW or ends <= now - SKEW:
            raise NotVerified("presentation not valid at given time")
        presentation.jws.verify(await resolver.key(presentation.jws.key_id))
        for credential in presentation.credentials:
            await verify(credential, signer=presentation.signer, resolver=resolver, now=now)
    except (NotSigned, NotResolved, NotVerified) as error:
        text = f"presentation(s) or credential(s) verification failed: {error}"
        raise OAuthProblem("invalid_request", text) from None


def _grant(
    state: State,
    subject: str,
    form: Mapping[str, str],
    presentation: Presentation,
    fulfilled: Fulfilled,
    bound: Jws | None,
) -> dict[str, Any]:
    """Remember a new opaque token and answer with it."""
    value, now = base64url_encode(secrets.token_bytes(32)).decode(), int(state.clock())
    grant = Grant(
        issuer=state.issuer(subject),
        client_id=form["client_id"],
        scope=form["scope"],
        issued=now,
        expires=now + TOKEN_LIFE,
        thumbprint=thumbprint(bound.header["jwk"]) if bound else None,
        claims=fulfilled.claims,
        definitions={"organization": fulfilled.definition},
        submissions={fulfilled.definition["id"]: fulfilled.submission},
        presentations=(presentation.jws.raw,),
    )
    state.grants.put(value, grant, TOKEN_LIFE)
    answer: dict[str, Any] = {"access_token": value, "expires_in": TOKEN_LIFE, "scope": form["scope"]}
    return {**answer, "token_type": "DPoP", "dpop_kid": ""} if bound else {**answer, "token_type": "Bearer"}
