"""Furnishes one tenant's house from its settings: every slot filled, every room given what it needs."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TypeVar

from .addressing.phones import Listed, PhoneList
from .addressing.port import Directory
from .addressing.types import Typed
from .audit.port import Audit
from .authentication.certified import Certified
from .authentication.port import Gatekeeper, TokenIssuer, Vouching
from .authorization.policies import Policies
from .bookkeeping import Bookkeeping
from .consent.cache import Reuse
from .consent.generation import SINGLE
from .consent.notice import Correspondence, Corresponding
from .consent.profile import Ranked, SharingConsent
from .consenting import LEGAL, LegalBasis, glass
from .emergency.desk import Desk
from .emergency.register import Register
from .fhir.version import NAMES, Speech
from .forwarding.port import FhirServer, spoken_by
from .forwarding.turns import Turns
from .furnished import ALERTS, BOOKS, Furnished
from .house import Consulting, Deciding, Holding, House
from .identity import Ura
from .keys import secret, secret_or_new
from .localization.join import Joined
from .outside import Living, Surroundings
from .protection.guard import Guard, Memory
from .settings import (
    TOLD,
    ConsentSettings,
    ConsultSettings,
    DiscloseSettings,
    SettingsError,
    SlotSettings,
    TenantSettings,
)
from .slots import (
    ADDRESSING,
    ALERT,
    AUTHENTICATION,
    CLIENT_CERTIFICATES,
    CONNECTOR,
    CONSENT,
    CREDENTIALS,
    EHR,
    LOCALIZATION,
    ORGANIZATION_TYPES,
    POLICY,
    RECORDS,
    RELATION,
    Slot,
)
from .store.once import Once
from .store.outbox import Outbox
from .store.patients import Patients
from .store.turn import Turn
from .store.vault import STORE_KEY, Vault

P = TypeVar("P")


class Furnishing:
    """Builds one tenant's house from its settings."""

    def __init__(
        self, settings: TenantSettings, around: Surroundings, audit: Audit, listed: frozenset[str], accounts: bool,
        memory: Memory, replica: str | None,
    ) -> None:  # fmt: skip
        """`replica`: what this one is called among those that share the state; None when nobody shares it."""
        self._settings, self._around, self._audit, self._listed = settings, around, audit, listed
        self._accounts, self._memory, self._replica = accounts, memory, replica
        self._living: dict[str, Living] = {}
        self._vault = (
            Vault(around.store, secret_or_new(around.state / STORE_KEY), around.tenant.id) if around.store else None
        )
        self._patients = Patients(self._vault) if self._vault else None
        self._letters: Correspondence | None = None

    async def prove(self) -> None:
        """Raise StoreFailed when this tenant's state lies under another key than ours."""
        if self._vault is not None:
            await self._vault.prove()

    def build(self, network_url: str, *, mutual: bool = False) -> Furnished:
        """`network_url` is where others reach the network door; `mutual`: it asks for client certificates."""
        settings, tenant = self._settings, self._around.tenant
        if settings.disclose is None and settings.consult is None:
            raise SettingsError("disclose or consult: a tenant offers at least one flow")
        directory = self._directory()
        holding = self._holding(settings.disclose, directory, network_url, mutual) if settings.disclose else None
        deciding = self._deciding(settings.disclose, holding) if settings.disclose and holding else None
        own_records = holding.records if holding else None
        consulting = self._consulting(settings.consult, directory, own_records) if settings.consult else None
        return Furnished(House(tenant, holding, consulting, deciding), self._living)

    def _directory(self) -> Directory:
        directory = self._put("addressing", ADDRESSING, self._settings.addressing)
        if (table := self._settings.organization_types) is None:
            return directory
        return Typed(directory, self._put("organization_types", ORGANIZATION_TYPES, table))

    def _holding(self, own: DiscloseSettings, directory: Directory, network_url: str, mutual: bool) -> Holding:
        tenant = self._around.tenant
        if not network_url and own.decision is None:
            raise SettingsError("listeners.network.url: is needed by a tenant that discloses")
        patients = self._patients
        consent = self._consent(own.consent, self._audit, patients)
        records = self._put("records", RECORDS, own.records)
        return Holding(
            tenant=tenant,
            base=f"{network_url.rstrip('/')}/{tenant.id}/fhir",
            page_key=self._key(own.page_key_file, "page.key"),
            network=self._network(own, mutual),
            directory=directory,
            records=records,
            consent=consent,
            policies=self._policies(own, spoken_by(records)),
            audit=self._audit,
            generations=patients or SINGLE,
            correspondence=self._letters,
            guard=Guard(tenant.id, own.protection.rules(), self._memory),
        )

    def _consulting(self, user: ConsultSettings, directory: Directory, own_records: FhirServer | None) -> Consulting:
        """`own_records`: where this tenant's own data is read when the settings name no other place."""
        if user.records is not None:
            own_records = self._put("consult.records", RECORDS, user.records)
        ehr = self._put("ehr", EHR, user.ehr)
        locators = tuple(self._put(f"localization.{one.kind}", LOCALIZATION, one) for one in user.localization)
        return Consulting(
            tenant=self._around.tenant,
            ehr=ehr,
            issuer=ehr if isinstance(ehr, TokenIssuer) else None,
            locator=Joined(locators),
            directory=directory,
            credentials=self._put("credentials", CREDENTIALS, user.credentials),
            connector=self._put("connector", CONNECTOR, user.connector),
            audit=self._audit,
            source_deadline=user.source_deadline_seconds,
            cross_checks=user.cross_checks,
            emergency=user.emergency,
            roles=frozenset(role.casefold() for role in user.roles),
            own=own_records,
            phones=PhoneList(Listed(Ura(one.ura), one.name, one.phone, one.usual) for one in user.phones),
            turns=Turns(user.at_once),
            once=Once(self._vault, "ehr-idempotency") if self._vault else None,
            facade_key=self._key(user.facade_key_file, "facade.key"),
        )

    def _key(self, named: Path | None, otherwise: str) -> bytes:
        """Return a key of this tenant: from the file that is named, else one of its own below its state."""
        return secret(self._around.path(named)) if named else secret_or_new(self._around.state / otherwise)

    def _deciding(self, own: DiscloseSettings, holding: Holding) -> Deciding | None:
        if own.decision is None:
            return None
        # An enforcement point ends TLS itself: the certificate of its clients never gets here.
        keeper = holding.network.inner if isinstance(holding.network, Certified) else holding.network
        if not isinstance(keeper, Vouching):
            raise SettingsError("disclose.decision: this kind of authentication knows no introspection answers")
        return Deciding(replace(holding, base=own.decision.base), keeper)

    def _network(self, own: DiscloseSettings, mutual: bool) -> Gatekeeper:
        keeper = self._put("authentication", AUTHENTICATION, own.authentication)
        if own.client_certificates is None:
            return keeper
        if not mutual:
            raise SettingsError("disclose.client_certificates: needs client_roots_file of listeners.network")
        return Certified(self._put("client_certificates", CLIENT_CERTIFICATES, own.client_certificates), keeper)

    def _policies(self, own: DiscloseSettings, records: Speech) -> Policies:
        """A holder's server and the policy for it speak of the same resources (ADR 0038)."""
        named = {name: self._put(f"policy.{name}", POLICY, slot) for name, slot in own.named_policies.items()}
        policies = Policies(named, own.scopes)
        if records != policies.capability.version:
            raise SettingsError(
                f"disclose: records speak {NAMES[records]} and policy {NAMES[policies.capability.version]}; "
                "fhir_version: STU3 of records and bundle: pzp_stu3 of policy belong together"
            )
        return policies

    def _consent(self, chosen: ConsentSettings, audit: Audit, patients: Patients | None) -> SharingConsent:
        sources = [Ranked(self._put(f"consent.{one.kind}", CONSENT, one), *weight) for one, weight in chosen.weighed]
        for one in [ranked.source for ranked in sources]:
            if isinstance(one, Corresponding) and (letters := one.correspondence) is not None:
                self._letters = letters
                sources.insert(0, Ranked(letters.told, *TOLD))
        grounds = chosen.implied.sources if chosen.implied else ()
        vault = self._vault
        desk = self._desk(chosen, vault)
        consent = SharingConsent(
            chosen.profile,
            tuple(sources),
            Reuse(generations=patients or SINGLE),
            grounds=tuple(self._put(f"relation.{one.kind}", RELATION, one) for one in grounds),
            implied_over_deny=chosen.implied is not None and chosen.implied.on_mitz_deny == "allow",
            emergency=glass(chosen.emergency, self._around.tenant, Register(vault), desk) if vault and desk else None,
        )
        self._living[LEGAL] = LegalBasis(self._around.tenant.id, chosen)
        if patients is not None and self._accounts:
            turn = Turn(patients.vault, BOOKS, self._replica) if self._replica else None
            self._living[BOOKS] = Bookkeeping(Outbox(patients.vault), audit, patients.advance, turn)
        return consent

    def _desk(self, chosen: ConsentSettings, vault: Vault | None) -> Desk | None:
        """Who tells the officer. Where nothing is accounted for, nobody is told either: that is only a look."""
        if chosen.emergency is None:
            return None
        if vault is None:
            raise SettingsError("disclose.consent.emergency: this deployment keeps no state")
        alarms = {
            f"{one.kind}-{number}": self._put(f"alert.{one.kind}", ALERT, one)
            for number, one in enumerate(chosen.emergency.alerts)
        }
        desk = Desk(Register(vault), alarms)
        if self._accounts:
            self._living[ALERTS] = desk
        return desk

    def _put(self, name: str, slot: Slot[P], chosen: SlotSettings) -> P:
        port = slot.fill(chosen, self._around, self._listed, self._settings)
        if isinstance(port, Living):
            self._living[name] = port
        return port
