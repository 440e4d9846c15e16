"""Mitz: the adapter's settings: the closed question, who may notify, and what is subscribed to."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import urlsplit

from cryptography import x509
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from . import codes

RoleCode = Annotated[str, StringConstraints(pattern=r"^[0-9]{2}\.[0-9]{3}$")]
TypeCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9]{1,10}$")]
Oid = Annotated[str, StringConstraints(pattern=r"^[0-2](\.(0|[1-9][0-9]{0,15})){1,30}$")]
_Fingerprint = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
_UserCategory = Annotated[str, StringConstraints(pattern=r"^RPZAC[0-9]{3}$")]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NotificationSettings(_Strict):
    """Who may notify on the network listener: certificates by fingerprint, or subjects with the file of issuers."""

    fingerprints: frozenset[_Fingerprint] = frozenset()
    subjects: frozenset[str] = frozenset()
    """As RFC 4514: `CN=notificaties.example,O=VZVZ,C=NL`."""
    issuers_file: Path | None = None

    @field_validator("subjects")
    @classmethod
    def _names(cls, subjects: frozenset[str]) -> frozenset[str]:
        for one in subjects:
            x509.Name.from_rfc4514_string(one)
        return subjects

    @model_validator(mode="after")
    def _whole(self) -> Self:
        if not self.fingerprints and not self.subjects:
            raise ValueError("notifications needs fingerprints or subjects: somebody who may notify")
        if bool(self.subjects) is not (self.issuers_file is not None):
            raise ValueError("subjects and issuers_file go together: a name counts under its issuer only")
        return self


class SubscriptionSettings(_Strict):
    """What is told to Mitz of the patients of whom there is something here."""

    subscribe_on: Literal["first_pzp_record", "manual", "never"]
    """At the first disclosure of a patient's data from here, by command only, or not at all."""
    endpoint: str
    """Where Mitz notifies: our network listener's `url`, then `/<tenant>/mitz/notifications`. Admitted by VZVZ."""
    gateway_system: Oid
    source_system: Oid
    format: Literal["json", "xml"] = "json"
    birth_dates_verified: bool = False
    """The holder's birth dates were checked with the BRP: then, and only then, they are told."""
    authorization_file: Path | None = None
    """Holds the value of the Authorization header, when mutual TLS is not enough; read anew at every call."""

    @model_validator(mode="after")
    def _whole(self) -> Self:
        parts = urlsplit(self.endpoint)
        if parts.scheme != "https" or not parts.hostname or parts.query or parts.fragment or parts.username:
            raise ValueError("endpoint is an https URL without query")
        return self


class MitzSettings(_Strict):
    """`consent: {kind: mitz, ...}`. Over https all three files are needed; http only speaks to loopback."""

    url: str
    """Mitz' base URL; the path of the closed question is added."""
    roots_file: Path | None = None
    certificate_file: Path | None = None
    key_file: Path | None = None
    roles: dict[str, RoleCode] = Field(min_length=1)
    """Role text as the users of this region word it -> UZI role code. Case and outer spaces do not matter."""
    professional_id_root: Oid | None = None
    """The OID that makes the ids of professionals without a UZI number unique. Without it: not asked."""
    user_types: frozenset[TypeCode] = frozenset()
    """Organization types that may ask besides the national list, such as the region's code for ambulance services."""
    expect_action: str | None = codes.ANSWER_ACTION
    require_relates_to: bool = False
    notifications: NotificationSettings | None = None
    subscriptions: SubscriptionSettings | None = None
    user_categories: dict[TypeCode, _UserCategory] = {}
    """Type -> category of users for types of which that is not known; without it every refusal covers them."""

    @model_validator(mode="after")
    def _has_its_files(self) -> Self:
        files = (self.roots_file, self.certificate_file, self.key_file)
        if self.url.lower().startswith("https:") and not all(files):
            raise ValueError("mitz needs roots_file, certificate_file and key_file: mutual TLS only")
        if self.url.lower().startswith("http:") and any(files):
            raise ValueError("mitz over plain http (loopback only) takes no roots_file, certificate_file or key_file")
        if self.subscriptions and not self.notifications:
            raise ValueError("subscriptions needs notifications: Mitz would tell changes to a closed door")
        if known := self.user_categories.keys() & codes.CATEGORY_OF.keys():
            raise ValueError(f"user_categories: the category of {', '.join(sorted(known))} is known")
        return self
