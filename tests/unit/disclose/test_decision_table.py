"""Every row of the decision table (spec consent 6.3), through the decision itself: what is heard, what comes of it."""

from __future__ import annotations

import importlib.util
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.accounted import Allowed, Denied
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.consent.port import Verdict
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.consent.table import TABLE, Line
from nuts_pzp.consent_settings import ConsentSettings
from nuts_pzp.disclose.decide import decide
from nuts_pzp.exchange import Access, Attempt
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.identity import Purpose
from nuts_pzp.outcome import Deny, Outcome, Permit, Stop, Unavailable, Unknown
from nuts_pzp.reasons import Face, Reason
from nuts_pzp.values import replace

SEARCH = RawRequest("GET", "/Consent", "patient=Patient/p1&_include=Consent:actor", (), b"")

SILENT = Verdict(Unknown(Reason.CONSENT_NONE), False, 0)
OBJECTION = Verdict(Deny(Reason.CONSENT_OBJECTION), True, 1)
LOCAL = Verdict(Permit("explicit-consent:local"), True, 3)
MITZ = Verdict(Permit("explicit-consent:mitz"), True, 0)


@dataclass
class Says:
    """A source of consent."""

    verdict: Verdict
    asked: int = 0

    async def ask(self, access: Access) -> Verdict:
        self.asked += 1
        return self.verdict


@dataclass
class Ground:
    """The holder's own evidence."""

    async def ground(self, access: Access) -> Outcome[Permit]:
        return Permit("implied:treatment")


@dataclass
class Glass:
    """Takes every claim, where its owner lets it."""

    after: frozenset[Reason]

    async def open(self, access: Access, stop: Stop) -> Outcome[Permit]:
        return Permit(f"emergency-override:{stop.reason.code}")


def no(reason: Reason) -> Verdict:
    kind = Deny if reason.face is Face.FORBIDDEN else Unavailable
    return Verdict(kind(reason), False, 4)


DECIDED = {"legal_basis_owner": "FG", "decided_on": "2026-11-02"}
RELATION = {"sources": [{"kind": "cover_table"}]}
ALERT = {"roles": ["arts"], "alerts": [{"kind": "officer_spool"}]}


class Table:
    """One holder, its settings, and what its sources say: `mitz` last, whatever the order here."""

    def __init__(self, holder: Any) -> None:
        self.holder = holder
        self.settings: dict[str, Any] = {}
        self.sources: dict[str, Says] = {}

    def hears(self, settings: dict[str, Any], **verdicts: Verdict) -> Table:
        self.sources = {kind: Says(verdict) for kind, verdict in verdicts.items()}
        chosen = ConsentSettings.model_validate({**settings, "sources": [{"kind": kind} for kind in verdicts]})
        self.holder.consent = SharingConsent(
            chosen.profile,
            tuple(Ranked(self.sources[one.kind], *weight) for one, weight in chosen.weighed),
            grounds=(Ground(),) if chosen.implied else (),
            implied_over_deny=chosen.implied is not None and chosen.implied.on_mitz_deny == "allow",
            emergency=Glass(chosen.emergency.after) if chosen.emergency else None,
        )
        return self

    async def decided(self, raw: RawRequest = SEARCH) -> Allowed | Denied:
        holder = self.holder
        return await decide(holder.house, Attempt("MELD12345678"), holder.network.says, raw, holder.now)

    async def stopped(self, raw: RawRequest = SEARCH) -> Reason:
        found = await self.decided(raw)
        assert isinstance(found, Denied)
        return found.stop.reason

    async def basis(self) -> str:
        found = await self.decided()
        assert isinstance(found, Allowed)
        return found.grounds[0].basis

    def asking(self, **fields: Any) -> None:
        self.holder.network.says = replace(self.holder.network.says, **fields)

    def patient(self, **fields: Any) -> None:
        self.holder.records.resources[0] |= fields


LEADING = {"mitz": "leading"}
Row = Callable[[Table], Awaitable[object]]


async def row_1(table: Table) -> None:
    organization = replace(table.holder.network.says.organization, type="V6")
    table.hears(LEADING, mitz=MITZ).asking(organization=organization)
    assert await table.stopped() is Reason.TYPE_MISMATCH
    assert table.sources["mitz"].asked == 0


async def row_2(table: Table) -> None:
    assert await table.hears(LEADING, mitz=no(Reason.PURPOSE_NOT_ALLOWED)).stopped() is Reason.PURPOSE_NOT_ALLOWED


async def row_3(table: Table) -> None:
    wrong = RawRequest(
        "POST", "/Patient/_search", "", (("content-type", "application/x-www-form-urlencoded"),),
        b"identifier=http://fhir.nl/fhir/NamingSystem/bsn|123456789",
    )  # fmt: skip
    assert await table.hears(LEADING, mitz=MITZ).stopped(wrong) is Reason.REQUEST_BSN
    assert table.sources["mitz"].asked == 0


async def row_4(table: Table) -> None:
    table.holder.records.answers["Patient/p1"] = Deny(Reason.PATIENT_UNKNOWN)
    assert await table.hears(LEADING, mitz=MITZ).stopped() is Reason.PATIENT_UNKNOWN
    assert table.sources["mitz"].asked == 0


async def row_5(table: Table) -> None:
    table.patient(deceasedDateTime="2026-11-20")
    assert await table.hears(LEADING, mitz=MITZ).stopped() is Reason.PATIENT_DECEASED
    assert table.sources["mitz"].asked == 0


async def row_6(table: Table) -> None:
    assert await table.hears(LEADING, local=OBJECTION, mitz=MITZ).stopped() is Reason.CONSENT_OBJECTION
    emergency = {"profile": "routekaart-emergency-only", **DECIDED, "emergency": {**ALERT, "on_mitz_deny": "allow"}}
    table.hears(emergency, local=OBJECTION, mitz=no(Reason.MITZ_DENY))
    table.asking(purpose=Purpose.EMERGENCY, emergency_reason="no-time")
    assert await table.stopped() is Reason.CONSENT_OBJECTION


async def row_7(table: Table) -> None:
    assert await table.hears(LEADING, mitz=MITZ).basis() == "explicit-consent:mitz"


async def row_13(table: Table) -> None:
    routekaart = {"profile": "routekaart", **DECIDED, "implied": RELATION}
    assert await table.hears({**routekaart, "mitz": "not-connected"}, local=SILENT).basis() == "implied:treatment"
    assert await table.hears(routekaart, mitz=no(Reason.MITZ_DENY)).stopped() is Reason.MITZ_DENY
    passing = {**routekaart, "implied": {**RELATION, "on_mitz_deny": "allow"}}
    assert await table.hears(passing, mitz=no(Reason.MITZ_DENY)).basis() == "implied:treatment"
    for reason in FAILURES:
        assert await table.hears(passing, mitz=no(reason)).stopped() is reason
    assert await table.hears(passing, mitz=no(Reason.MITZ_PARTIAL)).stopped() is Reason.MITZ_PARTIAL
    assert await table.hears(passing, local=OBJECTION, mitz=MITZ).stopped() is Reason.CONSENT_OBJECTION


async def row_14(table: Table) -> None:
    table.asking(purpose=Purpose.EMERGENCY, emergency_reason="no-time")
    only = {"profile": "routekaart-emergency-only", **DECIDED, "emergency": ALERT}
    silent = table.hears({**only, "mitz": "not-connected"}, local=SILENT)
    assert await silent.basis() == f"emergency-override:{Reason.CONSENT_NONE.code}"
    for reason in (Reason.MITZ_DENY, *FAILURES):
        assert await table.hears(only, mitz=no(reason)).stopped() is reason
    denies = {**only, "emergency": {**ALERT, "on_mitz_deny": "allow"}}
    assert await table.hears(denies, mitz=no(Reason.MITZ_DENY)).basis() == "emergency-override:PZP-CONSENT-010"
    assert await table.hears(denies, mitz=no(Reason.MITZ_TIMEOUT)).stopped() is Reason.MITZ_TIMEOUT
    fails = {**only, "emergency": {**ALERT, "on_mitz_error": "allow"}}
    for reason in FAILURES:
        assert await table.hears(fails, mitz=no(reason)).basis() == f"emergency-override:{reason.code}"
    assert await table.hears(fails, mitz=no(Reason.MITZ_DENY)).stopped() is Reason.MITZ_DENY


async def row_15(table: Table) -> None:
    assert await table.hears({"mitz": "not-connected"}, local=LOCAL).basis() == "explicit-consent:local"


async def row_16(table: Table) -> None:
    additional = {"mitz": "additional"}
    assert await table.hears(additional, local=LOCAL, mitz=no(Reason.MITZ_DENY)).stopped() is Reason.CONSENT_CONFLICT
    passing = {**additional, "local_permit_overrides_mitz_deny": True, **DECIDED}
    assert await table.hears(passing, local=LOCAL, mitz=no(Reason.MITZ_DENY)).basis() == "explicit-consent:local"


async def row_17(table: Table) -> None:
    for reason in ERRORS:
        assert await table.hears({"mitz": "additional"}, local=LOCAL, mitz=no(reason)).stopped() is reason


async def row_18(table: Table) -> None:
    assert await table.hears({"mitz": "not-connected"}, local=SILENT).stopped() is Reason.CONSENT_NONE
    with pytest.raises(ValueError, match="sources"):
        table.hears({"mitz": "not-connected"})


async def row_19(table: Table) -> None:
    static = {"mitz": "not-connected"}
    invalid = no(Reason.CONSENT_STATIC_INVALID)
    assert await table.hears(static, regional_consent=invalid).stopped() is Reason.CONSENT_STATIC_INVALID


async def row_20(table: Table) -> None:
    assert await table.hears(LEADING, mitz=no(Reason.CONSENT_CATEGORY)).stopped() is Reason.CONSENT_CATEGORY


async def row_21(table: Table) -> None:
    table.hears(LEADING, mitz=MITZ).asking(organization=table.holder.house.tenant.organization)
    assert await table.stopped() is Reason.OWN_ORGANIZATION
    assert table.sources["mitz"].asked == 0


async def row_22(table: Table) -> None:
    table.hears(LEADING, mitz=MITZ).holder.audit.fails_at = 1
    with pytest.raises(NotRecorded):
        await table.holder.disclose(SEARCH)
    assert "records Consent" not in table.holder.journal


ERRORS = (
    Reason.MITZ_UNAVAILABLE,
    Reason.MITZ_TIMEOUT,
    Reason.MITZ_MALFORMED,
    Reason.MITZ_REJECTED,
    Reason.MITZ_THROTTLED,
)
FAILURES = (Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE, *ERRORS)
SAID_BY_MITZ = {
    "8": (Reason.MITZ_DENY,),
    "9": (Reason.MITZ_PARTIAL,),
    "10": (Reason.MITZ_INDETERMINATE, Reason.MITZ_NOT_APPLICABLE),
    "11": (Reason.MITZ_UNAVAILABLE,),
    "12": (Reason.MITZ_TIMEOUT,),
    "12a": (Reason.MITZ_MALFORMED,),
    "12b": (Reason.MITZ_REJECTED,),
    "12c": (Reason.MITZ_THROTTLED,),
}
"""Rows where what Mitz says, or does not, is what comes of it, with nothing else recorded."""


def mitz_decides(number: str) -> Row:
    async def row(table: Table) -> None:
        for reason in SAID_BY_MITZ[number]:
            assert await table.hears(LEADING, mitz=no(reason)).stopped() is reason
            assert await table.hears({"mitz": "additional"}, local=SILENT, mitz=no(reason)).stopped() is reason

    return row


ROWS: dict[str, Row] = {
    "1": row_1, "2": row_2, "3": row_3, "4": row_4, "5": row_5, "6": row_6, "7": row_7, "13": row_13, "14": row_14,
    "15": row_15, "16": row_16, "17": row_17, "18": row_18, "19": row_19, "20": row_20, "21": row_21, "22": row_22,
    **{number: mitz_decides(number) for number in SAID_BY_MITZ},
}  # fmt: skip
FACES = {
    "1": {403}, "2": {403}, "3": {400, 403}, "4": {403}, "5": {403}, "6": {403}, "8": {403}, "9": {403}, "10": {403},
    "11": {503}, "12": {504}, "12a": {502}, "12b": {502}, "12c": {503}, "14": {403, 503}, "16": {403},
    "17": {502, 503, 504}, "18": {403}, "19": {503}, "20": {403}, "21": {403}, "22": {503},
}  # fmt: skip
"""The HTTP statuses that the network sees, by row."""


@pytest.fixture
def table(holder: Any) -> Table:
    return Table(holder)


@pytest.mark.parametrize("line", TABLE, ids=lambda line: f"row {line.number}")
async def test_row_of_the_decision_table(line: Line, table: Table) -> None:
    await ROWS[line.number](table)


@pytest.mark.parametrize("line", [one for one in TABLE if one.reasons], ids=lambda line: f"row {line.number}")
def test_the_network_sees_of_a_row_what_the_table_says(line: Line) -> None:
    assert {reason.face.status for reason in line.reasons} == FACES[line.number]


def test_every_row_stands_there_once_in_order() -> None:
    numbers = ["1", "2", "3", "4", "5", "6", "7", "8", "9", "10", "11", "12", "12a", "12b", "12c"]
    assert [line.number for line in TABLE] == numbers + [str(number) for number in range(13, 23)]


def test_the_page_is_the_table() -> None:
    file = Path(__file__).parents[3] / "tools" / "decision_table.py"
    spec = importlib.util.spec_from_file_location("decision_table", file)
    assert spec is not None
    assert spec.loader is not None
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    assert tool.PAGE.read_text("utf-8") == tool.page()
