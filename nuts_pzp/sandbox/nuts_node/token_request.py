"""Sandbox: the client's half of RFC021: metadata, definition, wallet, presentation, token (spec nuts-node 1.2, 2.1)."""

from __future__ import annotations

import json
import uuid
from collections.abc import Mapping
from hashlib import sha256
from typing import Any
from urllib.parse import urlsplit

import httpx

from . import dpop
from .answers import OAuthProblem, Refused
from .credentials import Credential, self_attest
from .jose import NotSigned
from .matching import BadDefinition, NoMatch, match, submission
from .presentation import Shape, make
from .state import CACHE_OFFSET, MAX_AGE, Expiring, State, Subject

_JSON = {"accept": "application/json"}


class Requester:
    """Gets tokens for the subjects of one node."""

    def __init__(self, state: State, client: httpx.AsyncClient, shape: Shape) -> None:
        """`client` trusts the region's roots."""
        self._state, self._client, self._shape = state, client, shape
        self._fetched = Expiring(state.clock)

    async def request(self, name: str, asked: Mapping[str, Any], *, bypass: bool) -> dict[str, Any]:
        """Return the answer to A1; `bypass` skips the memory of tokens when reading. Raises Refused or OAuthProblem."""
        subject = self._state.subjects.get(name)
        if subject is None:
            raise OAuthProblem("invalid_request", "subject not found")
        key = sha256(json.dumps({"subject": name, "body": asked}, sort_keys=True).encode()).hexdigest()
        held = None if bypass else self._state.tokens.get(key)
        if held is not None:
            return {**held, "expires_in": held["expires_at"] - int(self._state.clock())}
        answer = await self._token(subject, asked)
        self._state.tokens.put(key, answer, answer["expires_in"] - CACHE_OFFSET)
        return answer

    def forget(self) -> None:
        """Drop documents fetched elsewhere."""
        self._fetched.clear()

    async def _token(self, subject: Subject, asked: Mapping[str, Any]) -> dict[str, Any]:
        try:
            server, scope = str(asked["authorization_server"]), str(asked["scope"])
        except KeyError:
            raise Refused(400, "missing authorization_server or scope") from None
        attested = self._attested(subject, asked.get("credentials") or [])
        metadata = await self._metadata(server)
        definition = await self._definition(metadata["presentation_definition_endpoint"], scope)
        try:
            matches = match(definition, [*attested, *subject.wallet])
        except (NoMatch, BadDefinition) as error:
            raise Refused(412, f"failed to match presentation definition: missing credentials\n{error}") from None
        now = self._state.clock()
        shown = [one.credential for one in matches]
        form = {
            "grant_type": "vp_token-bearer",
            "client_id": self._state.issuer(subject.name),
            "scope": scope,
            "assertion": make(subject, shown, audience=server, now=now, shape=self._shape),
            "presentation_submission": json.dumps(submission(definition, matches, str(uuid.uuid4()))),
        }
        headers, endpoint = dict(_JSON), metadata["token_endpoint"]
        bound = str(asked.get("token_type", "DPoP")).lower() != "bearer"
        if bound:
            headers["dpop"] = dpop.make(subject.key, method="POST", url=endpoint, token=None, now=now)
        given = await self._post(endpoint, form, headers)
        kid = {"dpop_kid": subject.key.id} if bound else {}
        life = int(given.get("expires_in", 900))
        return {
            "access_token": given["access_token"],
            "token_type": given["token_type"],
            "expires_in": life,
            "expires_at": int(now) + life,
            "scope": scope,
            **kid,
        }

    def _attested(self, subject: Subject, bodies: list[Any]) -> list[Credential]:
        attested: list[Credential] = []
        for body in bodies:
            given = body.get("credentialSubject") or {}
            for one in given if isinstance(given, list) else [given]:
                if "id" in one:
                    raise Refused(400, "self-asserted credentials MUST NOT contain a 'credentialSubject.id'")
            if "issuer" in body:
                raise Refused(400, "self-asserted credentials MUST NOT contain an 'issuer'")
            attested.append(self_attest(body, subject.did, self._state.clock()))
        return attested

    async def _metadata(self, server: str) -> dict[str, Any]:
        """Fetch the metadata; version 6.2 answers 400 when the server says no or cannot be reached, 500 on its 5xx."""
        parts = urlsplit(server)
        url = f"{parts.scheme}://{parts.netloc}/.well-known/oauth-authorization-server{parts.path}"
        try:
            return await self._get(url)
        except httpx.HTTPStatusError as error:
            text = f"failed to retrieve remote OAuth Authorization Server metadata: {error.response.status_code}"
            raise Refused(500 if error.response.status_code >= 500 else 400, text) from None
        except (httpx.HTTPError, ValueError):
            raise Refused(400, "failed to retrieve remote OAuth Authorization Server metadata") from None

    async def _definition(self, endpoint: str, scope: str) -> dict[str, Any]:
        try:
            return await self._get(str(httpx.URL(endpoint, params={"scope": scope})))
        except httpx.HTTPStatusError as error:
            raise _remote(error.response, otherwise=502) from None
        except (httpx.HTTPError, ValueError):
            raise Refused(502, "failed to retrieve presentation definition") from None

    async def _get(self, url: str) -> dict[str, Any]:
        """Fetch a JSON object, or take what was fetched less than five minutes ago, a refusal included.

        Version 6.2 does not say that it wants JSON here, so an OAuth error comes back as a page it cannot read: a scope
        the other side does not know ends as 502, not as 400.
        """
        answer: httpx.Response | None = self._fetched.get(url)
        if answer is None:
            answer = await self._client.get(url, headers={"accept": ""})
            if "max-age" in answer.headers.get("cache-control", ""):
                self._fetched.put(url, answer, MAX_AGE)
        answer.raise_for_status()
        found = answer.json()
        if not isinstance(found, dict):
            raise ValueError("not a JSON object")
        return found

    async def _post(self, endpoint: str, form: Mapping[str, str], headers: Mapping[str, str]) -> dict[str, Any]:
        try:
            answer = await self._client.post(endpoint, data=dict(form), headers=dict(headers))
            if answer.status_code != 200:
                raise _refusal(answer) if answer.status_code == 400 else _remote(answer, otherwise=500)
            given = answer.json()
            if not isinstance(given.get("access_token"), str) or not isinstance(given.get("token_type"), str):
                raise NotSigned("no token")
        except (httpx.HTTPError, ValueError, AttributeError):
            raise Refused(500, "failed to request access token") from None
        answered: dict[str, Any] = given
        return answered


def _refusal(answer: httpx.Response) -> Exception:
    """Any JSON object with status 400 counts as an OAuth error of the token endpoint, one without `error` too."""
    body = answer.json()
    return OAuthProblem(str(body.get("error", "")), str(body.get("error_description", "")))


def _remote(answer: httpx.Response, *, otherwise: int) -> Exception:
    """Version 6.2 recognises an OAuth error by status 400 only; anything else is a failure of the other side."""
    try:
        body = answer.json() if answer.status_code == 400 else {}
        return OAuthProblem(str(body["error"]), str(body.get("error_description", "")))
    except (ValueError, KeyError, TypeError):
        return Refused(otherwise, f"server returned HTTP {answer.status_code}")
