"""Issues tokens to the tenant's own EHR and takes them back at the EHR door (design D7).

A token names one person, one tenant, one client; it is signed with ES256, lives minutes, and stops working when its
client is taken off the tenant's list. Certificates bind it where the client proves itself by one.
"""

from __future__ import annotations

import hmac
import secrets
import time
from base64 import urlsafe_b64encode
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import jwt
import structlog
from cryptography import x509

from ...authentication.port import Issued
from ...exchange import Caller, Presented
from ...identity import Assurance, Organization, Professional, Purpose
from ...keys import BadKeyFile, secret_or_new
from ...outcome import Deny, Outcome, Stop, Unavailable
from ...outside import Surroundings
from ...reasons import Reason
from ...store.once import Full, Once
from ...store.port import StoreFailed
from ...store.vault import STORE_KEY, Vault
from .assertion import MOST_SECONDS, SKEW, Employee, Refused, Signed, employee, signed
from .keyring import Keyring
from .settings import ALGORITHMS, TokenSettings, public_keys

GRANT = "urn:ietf:params:oauth:grant-type:jwt-bearer"
CLIENT_ASSERTION = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
SCOPE = "consult"
TOKEN_TYPE = "at+jwt"  # noqa: S105 (RFC 9068)
_LONGEST = 8_192

_log = structlog.get_logger("nuts_pzp.ehr_token")


@dataclass(frozen=True, slots=True)
class Known:
    """A listed client: its keys, and the certificate that it proves itself by, if it does."""

    id: str
    keys: Mapping[str, jwt.PyJWK]
    sha256: str | None


class EhrTokens:
    """Gatekeeper and issuer of one tenant's EHR listener."""

    def __init__(
        self,
        organization: Organization,
        issuer: str,
        clients: Mapping[str, Known],
        ring: Keyring,
        once: Once,
        *,
        lifetime: int = 600,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`issuer`: the tenant's address at the EHR listener; `once` remembers assertions; `clock` gives Unix time."""
        self._organization, self._issuer, self._clients = organization, issuer, clients
        self._ring, self._once, self._lifetime, self._clock = ring, once, lifetime, clock

    async def issue(self, presented: Presented, form: Mapping[str, str], /) -> Outcome[Issued]:
        """Return a token for the employee of the assertion.

        Denies: another grant (GRANT_UNSUPPORTED), a scope that is none (TOKEN_SCOPE), a client that is not listed or
        not who it says (CLIENT_UNKNOWN), an assertion that does not hold or came before (ASSERTION_INVALID).
        """
        if form.get("grant_type") != GRANT:
            return Deny(Reason.GRANT_UNSUPPORTED)
        if form.get("scope", SCOPE) != SCOPE:
            return Deny(Reason.TOKEN_SCOPE, detail=f"scope: {SCOPE}")
        proven = self._client(presented, form)
        if isinstance(proven, Deny):
            return proven
        client, proof = proven
        try:
            said = signed(form.get("assertion", ""), client.keys, client.id, self._audiences, self._clock())
            who = employee(said.claims, self._organization.ura)
        except Refused as why:
            return Deny(Reason.ASSERTION_INVALID, detail=f"assertion: {why}")
        for one in (proof, said):
            if one is not None and (stop := await self._again(client, one)):
                return stop
        return self._issued(client, who)

    def keys(self) -> dict[str, Any]:
        """Return the key set; BadKeyFile when there is none to be had."""
        return self._ring.published()

    def metadata(self) -> dict[str, Any]:
        """Return the authorization server's metadata (RFC 8414)."""
        methods = {"tls_client_auth" if one.sha256 else "private_key_jwt" for one in self._clients.values()}
        return {
            "issuer": self._issuer,
            "token_endpoint": f"{self._issuer}/oauth/token",
            "jwks_uri": f"{self._issuer}/oauth/jwks.json",
            "grant_types_supported": [GRANT],
            "scopes_supported": [SCOPE],
            "token_endpoint_auth_methods_supported": sorted(methods),
            "token_endpoint_auth_signing_alg_values_supported": list(ALGORITHMS),
            "tls_client_certificate_bound_access_tokens": any(one.sha256 for one in self._clients.values()),
            "response_types_supported": [],
        }

    async def verify(self, presented: Presented, /) -> Outcome[Caller]:
        """Return the caller whom the token names.

        Denies: no token (TOKEN_ABSENT); one that is not ours, expired, of a client that is no longer listed, or not of
        this certificate (TOKEN_INVALID); another scope (TOKEN_SCOPE).
        """
        scheme, _, token = presented.authorization.partition(" ")
        if not presented.authorization:
            return Deny(Reason.TOKEN_ABSENT)
        if scheme.lower() != "bearer" or len(token) > _LONGEST:
            return Deny(Reason.TOKEN_INVALID, detail="Authorization: Bearer <token> is expected")
        try:
            claims = self._claims(token)
        except BadKeyFile as error:
            return Unavailable(Reason.STATE_FAILED, detail=f"keys: {error}")
        except (jwt.PyJWTError, ValueError, TypeError, KeyError):
            return Deny(Reason.TOKEN_INVALID)
        if claims["scope"] != SCOPE:
            return Deny(Reason.TOKEN_SCOPE)
        bound = (claims.get("cnf") or {}).get("x5t#S256")
        if bound is not None and not hmac.compare_digest(bound, _thumbprint(presented.certificate)):
            return Deny(Reason.TOKEN_INVALID, detail="the token is bound to another certificate")
        return self._caller(claims, token, presented, bound=bound is not None)

    @property
    def _audiences(self) -> tuple[str, ...]:
        return self._issuer, f"{self._issuer}/oauth/token"

    def _client(self, presented: Presented, form: Mapping[str, str]) -> tuple[Known, Signed | None] | Deny:
        """Return who asks, and the assertion by which it proved itself, if it was one."""
        named = form.get("client_id", "")
        if "client_assertion" in form:
            named = named or _unproven_issuer(form["client_assertion"])
        client = self._clients.get(named)
        if client is None:
            return Deny(Reason.CLIENT_UNKNOWN, detail="client_id: not on this tenant's list")
        if client.sha256 is not None:
            return (client, None) if self._shows(presented, client.sha256) else Deny(Reason.CLIENT_UNKNOWN)
        if form.get("client_assertion_type") != CLIENT_ASSERTION:
            return Deny(Reason.CLIENT_UNKNOWN, detail="client_assertion_type: jwt-bearer is expected")
        try:
            proof = signed(form.get("client_assertion", ""), client.keys, client.id, self._audiences, self._clock())
        except Refused as why:
            return Deny(Reason.CLIENT_UNKNOWN, detail=f"client_assertion: {why}")
        if proof.claims.get("sub") != client.id:
            return Deny(Reason.CLIENT_UNKNOWN, detail="client_assertion: sub is not this client")
        return client, proof

    def _shows(self, presented: Presented, fingerprint: str) -> bool:
        """Say whether the client certificate is that one, and in its time."""
        der = presented.certificate
        if not der or not hmac.compare_digest(sha256(der).hexdigest(), fingerprint):
            return False
        try:
            certificate = x509.load_der_x509_certificate(der)
        except ValueError:
            return False
        now = datetime.fromtimestamp(self._clock(), UTC)
        return certificate.not_valid_before_utc <= now < certificate.not_valid_after_utc

    async def _again(self, client: Known, one: Signed) -> Stop | None:
        """Use up an assertion; the Stop when it was used before, or when that cannot be told."""
        try:
            earlier = await self._once.first((client.id, one.jti), {}, one.until + SKEW)
        except StoreFailed as failed:
            return Unavailable(Reason.STATE_FAILED, detail=str(failed))
        except Full:
            return Deny(Reason.THROTTLED, detail="too many assertions at a time")
        return None if earlier is None else Deny(Reason.ASSERTION_INVALID, detail="jti: was used before")

    def _issued(self, client: Known, who: Employee) -> Outcome[Issued]:
        person, now, jti = who.professional, int(self._clock()), secrets.token_urlsafe(18)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._issuer,
            "sub": person.id,
            "client_id": client.id,
            "iat": now,
            "exp": now + self._lifetime,
            "jti": jti,
            "scope": SCOPE,
            "organization_ura": self._organization.ura.value,
            "employee_name": person.name,
            "employee_role": person.role,
            "login_means": person.login,
        }
        if who.relation_kind:
            claims |= {"relation_kind": who.relation_kind, "relation_since": who.relation_since}
        if client.sha256 is not None:
            claims["cnf"] = {"x5t#S256": _base64url(bytes.fromhex(client.sha256))}
        try:
            key = self._ring.signing()
        except BadKeyFile as error:
            _log.error("ehr-token.key", why=str(error))
            return Unavailable(Reason.STATE_FAILED, detail="the signing key cannot be read or made")
        token = jwt.encode(claims, key.private, algorithm="ES256", headers={"typ": TOKEN_TYPE, "kid": key.kid})
        return Issued(token, self._lifetime, SCOPE, client.id, person, jti)

    def _claims(self, token: str) -> dict[str, Any]:
        header = jwt.get_unverified_header(token)
        key = self._ring.find(str(header.get("kid", "")))
        if key is None or header.get("typ") != TOKEN_TYPE:
            raise ValueError("not a token of ours")
        off = {"verify_exp": False, "verify_iat": False, "verify_aud": False, "verify_iss": False}
        claims: dict[str, Any] = jwt.decode(token, key.private.public_key(), algorithms=["ES256"], options=off)  # type: ignore[arg-type]
        if (claims["iss"], claims["aud"]) != (self._issuer, self._issuer) or claims["client_id"] not in self._clients:
            raise ValueError("of another tenant, or of a client that is not listed any more")
        if not claims["iat"] - SKEW <= self._clock() < claims["exp"]:
            raise ValueError("not valid now")
        return claims

    def _caller(self, claims: dict[str, Any], token: str, presented: Presented, *, bound: bool) -> Caller:
        said = {"client_id": claims["client_id"], "jti": claims["jti"], "login_means": claims["login_means"]}
        if claims.get("relation_kind"):
            said |= {"relation_kind": claims["relation_kind"], "relation_since": claims["relation_since"]}
        return Caller(
            organization=self._organization,
            professional=Professional(
                claims["sub"],
                claims["employee_role"],
                claims["employee_name"],
                Assurance.EHR_TOKEN,
                login=claims["login_means"],
            ),
            scopes=frozenset({SCOPE}),
            purpose=Purpose.TREATMENT,
            emergency_reason=None,
            claims=said,
            means="ehr-token-mtls" if bound else "ehr-token",
            token_digest=sha256(token.encode()).digest(),
            expires=float(claims["exp"]),
            certificate=sha256(presented.certificate).hexdigest() if presented.certificate else "",
        )


def _unproven_issuer(assertion: str) -> str:
    """Return who an assertion says it is of, to know whose key to check it with."""
    if len(assertion) > _LONGEST:
        return ""
    try:
        said = jwt.decode(assertion, options={"verify_signature": False}).get("iss")
    except (jwt.PyJWTError, ValueError, TypeError):
        return ""
    return said if isinstance(said, str) else ""


def _thumbprint(der: bytes | None) -> str:
    return _base64url(sha256(der).digest()) if der else ""


def _base64url(content: bytes) -> str:
    return urlsafe_b64encode(content).rstrip(b"=").decode()


def build(settings: Mapping[str, Any], around: Surroundings) -> EhrTokens:
    """Make it from its settings; ValueError for keys that cannot be used, ValidationError for what are no settings."""
    chosen = TokenSettings.model_validate(settings)
    if around.store is None:
        raise ValueError("tokens need the deployment's state")
    try:
        vault = Vault(around.store, secret_or_new(around.state / STORE_KEY), around.tenant.id)
        overlap = float(chosen.lifetime_seconds + MOST_SECONDS)
        ring = Keyring(around.state / "ehr-tokens", rotate=chosen.rotate_days * 86_400.0, overlap=overlap)
    except BadKeyFile as error:
        raise ValueError(str(error)) from None
    clients = {one.id: Known(one.id, public_keys(around.path(one.jwks_file)), one.sha256) for one in chosen.clients}
    once = Once(vault, "ehr-assertion", most=20_000, room=1_000)
    return EhrTokens(around.tenant.organization, chosen.issuer, clients, ring, once, lifetime=chosen.lifetime_seconds)
