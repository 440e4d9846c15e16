"""A small region, ledgers in a temporary folder, and clocks that tests turn by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import date
from pathlib import Path

import pytest

from nuts_pzp.accounted import Addressed, Allowed, Consulted, Denied, Disclosed, Intended, Received
from nuts_pzp.audit.ledger.disk import Thresholds
from nuts_pzp.audit.ledger.ledger import Ledger, Place
from nuts_pzp.audit.ledger.waiting import Limits
from nuts_pzp.exchange import Access, Attempt, Caller, Inquiry, Relation, Source
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny, Evidence, Gap, Permit, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

BSN = "999900006"


class Events:
    """Events of one small region, each with the correlation it is asked for."""

    bsn = Bsn(BSN)
    kade = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
    meerwijck = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
    professional = Professional("k-017", "01.015", "M. Verbeek")
    request = FhirRequest("search-type", "Observation", None, (("patient", ("Patient/p1",)), ("code", ("x|1",))))

    def __init__(self) -> None:
        self.caller = Caller(
            self.kade, self.professional, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-dpop", b"t" * 32
        )
        self.patient = Patient(self.bsn, "p1", Standing.KNOWN)
        self.inquiry = Inquiry(
            self.caller,
            self.professional,
            self.bsn,
            date(1950, 1, 2),
            Purpose.TREATMENT,
            None,
            Relation("acute-care"),
            (),
            8.0,
        )
        self.source = Source(self.meerwijck, "https://meerwijck.example/fhir", None)

    def attempt(self, correlation: str) -> Attempt:
        return Attempt(correlation, self.caller, self.request, self.patient, "192.0.2.7", "00-" + "a" * 32 + "-1-01")

    def allowed(self, correlation: str = "c1") -> Allowed:
        grounds = (Permit("explicit-consent:mitz", (Evidence("mitz", "ref-1", "00" * 32),)), Permit("policy:pzp"))
        access = Access(self.caller, self.request, self.patient)
        return Allowed(self.attempt(correlation), access, grounds, "ab" * 32)

    def disclosed(self, correlation: str = "c1") -> Disclosed:
        return Disclosed(self.attempt(correlation), ("Observation/1/_history/2",), ("Goal/9",), None, "cd" * 32)

    def not_disclosed(self, correlation: str = "c1") -> Disclosed:
        return Disclosed(self.attempt(correlation), (), (), Unavailable(Reason.SOURCE_TIMEOUT))

    def denied(self, correlation: str = "c1") -> Denied:
        stop = Deny(Reason.MITZ_DENY, (Evidence("mitz", "ref-2", "00" * 32),), "no permit for this category")
        return Denied(self.attempt(correlation), stop)

    def emergency(self, correlation: str = "c1") -> Allowed:
        event = self.allowed(correlation)
        caller = replace(
            self.caller, purpose=Purpose.EMERGENCY, emergency_reason="niet aanspreekbaar", emergency_text="gevallen"
        )
        return replace(event, access=replace(event.access, caller=caller))

    def intended(self, correlation: str = "c1") -> Intended:
        return Intended(Attempt(correlation, self.caller, flow="consult"), self.inquiry)

    def addressed(self, correlation: str = "c1") -> Addressed:
        gap = Gap("localization", Unavailable(Reason.LOCALIZATION_DOWN))
        return Addressed(Attempt(correlation, self.caller, flow="consult"), self.inquiry, (self.source,), (gap,))

    def addressed_first(self, correlation: str = "c1") -> Addressed:
        """The part of the sources that needs no register, our own server among them."""
        own = replace(self.source, own=True)
        return replace(self.addressed(correlation), sources=(own,), gaps=(), registers_awaited=True)

    def received(self, correlation: str = "c1") -> Received:
        attempt = Attempt(correlation, self.caller, flow="consult")
        return Received(attempt, self.inquiry, self.source, ("Consent/7/_history/1",), ())

    def consulted(self, correlation: str = "c1") -> Consulted:
        attempt = Attempt(correlation, self.caller, flow="consult")
        return Consulted(attempt, self.inquiry, False, ("Consent/7/_history/1",), ("90000555",), "ef" * 32, "1")


@dataclass
class Clock:
    """Wall and monotonic time in nanoseconds, moved by the test."""

    wall_ns: int = 1_795_338_843_120_000_000  # 2026-11-22T09:14:03.12Z
    monotonic_ns: int = 5_000_000_000

    def wall(self) -> int:
        return self.wall_ns

    def monotonic(self) -> int:
        return self.monotonic_ns

    def advance(self, seconds: float) -> None:
        self.wall_ns += int(seconds * 1e9)
        self.monotonic_ns += int(seconds * 1e9)


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def tenant() -> Tenant:
    return Tenant("meerwijck", Events.meerwijck)


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(
        tmp_path / "ledger" / "audit.db",
        tmp_path / "keys",
        "gw.example",
        anchor=tmp_path / "elsewhere" / "notes",
        anchor_every=3600.0,
        version="test",
        accept_any_filesystem=True,
        thresholds=Thresholds(0.0, 0.0, 0, 0),
        limits=Limits(spacing=1),
    )


@pytest.fixture
def opening(place: Place) -> Iterator[Callable[..., Ledger]]:
    """Open ledgers that are closed when the test ends, however it ends."""
    made: list[Ledger] = []

    def open_ledger(at: Place = place, **given: object) -> Ledger:
        made.append(Ledger.open(at, **given))  # type: ignore[arg-type]
        return made[-1]

    yield open_ledger
    for ledger in made:
        ledger.close()
