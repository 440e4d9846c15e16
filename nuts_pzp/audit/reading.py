"""Reading a log back: what an officer sees of each record, in the officer's words (design section 7).

Trusts the records as stored; whether they may be trusted is the verifier's answer, and is asked separately.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from .material import Unreadable, body_of, opened
from .seal import Seal, Sealed
from .verify import LogReport, Verdict

_NOS = {
    "deny": "Geweigerd",
    "unknown": "Geweigerd",
    "unavailable": "Niet te bepalen",
    "uncertain": "Afgebroken (ga uit van verstrekking)",
}
_WORDS = {
    "auth.failed": "Geweigerd",
    "auth.token": "Aangemeld",
    "consent.explained": "Toestemming nagegaan",
    "consult.intent": "Raadpleging begonnen",
    "consult.received": "Ontvangen",
    "consult.result": "Geraadpleegd",
    "consult.shown": "Opnieuw getoond",
    "consult.sources": "Bronnen bepaald",
    "disclosure.decision": "Toegestaan",
    "disclosure.result": "Verstrekt",
    "mitz.reconciled": "Abonnementen nagelopen",
    "mitz.shown": "Wat Mitz meldde ingezien",
    "mitz.subscribed": "Aangemeld bij Mitz",
    "mitz.undone": "Melding van Mitz ongedaan gemaakt",
    "mitz.unsubscribed": "Afgemeld bij Mitz",
    "sharing_consent.notified": "Wijziging gemeld door Mitz",
    "sharing_consent.recorded": "Keuze vastgelegd",
    "sharing_consent.revoked": "Keuze ingetrokken",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """One record, for people. `word` says what came of it; `record` is all of it, sealed fields still sealed."""

    index: int
    ts: str
    code: str
    word: str
    correlation: str
    requester: str
    responder: str
    user: str
    role: str
    assurance: str
    reason: str
    references: tuple[str, ...]
    test: bool
    record: dict[str, Any]


def records(path: Path, tenant: str, correlation: str | None = None) -> Iterator[Entry]:
    """Yield the records of one tenant's log in order, all or those of one correlation; Unreadable when there is none.

    Reads the ledger file itself, also while the gateway writes it, and needs no key.
    """
    needle = None if correlation is None else orjson.dumps(correlation)
    with opened(path) as ledger:
        for chunk in ledger.chunks(tenant, []):
            for row in chunk:
                index, body = row[0], body_of(row)
                if needle is not None and needle not in body:
                    continue
                try:
                    record = orjson.loads(body)
                    told = entry(index, record)
                except (ValueError, LookupError, TypeError, AttributeError):
                    raise Unreadable(f"record {index} is damaged") from None
                if correlation is None or record.get("correlation") == correlation:
                    yield told


def entry(index: int, record: dict[str, Any]) -> Entry:
    """Put one record into words."""
    org, user, told = record.get("org", {}), record.get("user", {}), record.get("object", {})
    return Entry(
        index=index,
        ts=shown(record["ts"]),
        code=shown(record["event"]["code"]),
        word=shown(word(record)),
        correlation=shown(record.get("correlation", "")),
        requester=shown(org.get("requester", {}).get("name", "")),
        responder=shown(org.get("responder", {}).get("name", "")),
        user=shown(user.get("id", "")),
        role=shown(user.get("role", {}).get("text", "")),
        assurance=shown(user.get("auth", "")),
        reason=shown(record["outcome"].get("reason", "")),
        references=tuple(shown(one) for one in told.get("references", ())),
        test=bool(record.get("patient", {}).get("test")),
        record=record,
    )


def shown(text: object) -> str:
    """Return a text of a record fit for a screen: a terminal obeys what is in it, and others chose it."""
    whole = str(text)
    return whole if whole.isprintable() else "".join(one if one.isprintable() else "\ufffd" for one in whole)


def word(record: dict[str, Any]) -> str:
    """Say in an officer's word what a record tells; for the logging itself, its event code."""
    code: str = record["event"]["code"]
    if record.get("object", {}).get("registers_awaited"):
        return "Eerste bronnen bepaald"
    return _NOS.get(record["outcome"]["kind"], _WORDS.get(code, code))


def name(record: dict[str, Any], seal: Seal) -> str:
    """Return the professional's name of a record, or why it cannot be read."""
    user = record.get("user", {})
    if "name_enc" not in user:
        return ""
    try:
        return seal.open(user["kid"], f"{record['id']}|name", user["name_enc"])
    except Sealed:
        return "(niet meer leesbaar)"


def verdict_words(report: LogReport) -> str:
    """Say the verdict on one log in an officer's words."""
    if report.verdict is Verdict.OK:
        return "Logboek ongewijzigd"
    if report.verdict is Verdict.INCOMPLETE:
        return "Onvolledig: geen extern ijkpunt"
    if report.verdict is Verdict.TAMPERED:
        first = report.proven if report.first_bad is None else report.first_bad
        return f"Logboek gewijzigd vanaf regel {first}"
    return "Logboek niet leesbaar" if report.verdict is Verdict.UNREADABLE else "Geen sleutel of logboek opgegeven"
