"""The demo's audit part: the records of one consultation on both sides, their verification, one flipped byte."""

from __future__ import annotations

import shutil
import sqlite3
from pathlib import Path
from typing import Any

from ..audit import anchors, reading
from ..audit.ledger.checkpoint import VerifierKey
from ..audit.material import opened
from ..audit.verify import Report, verify
from .stage import Stage

USER = "kade"


def trail(stage: Stage, meldcode: str) -> list[dict[str, Any]]:
    """Return the records of this consultation: the user's own by meldcode, the holders' by the same trace."""
    own = [_row(USER, entry) for entry in reading.records(stage.ledger(USER), USER, meldcode)]
    traces = {row["trace"] for row in own}
    theirs = [
        _row(tenant, entry)
        for gateway in stage.region.gateways.values()
        if gateway.name != USER
        for tenant in gateway.tenants
        for entry in reading.records(stage.ledger(gateway.name), tenant)
        if _trace(entry.record) in traces
    ]
    return own + theirs


def _row(tenant: str, entry: reading.Entry) -> dict[str, Any]:
    return {
        "tenant": tenant,
        "index": entry.index,
        "ts": entry.ts,
        "event": entry.code,
        "word": entry.word,
        "meldcode": entry.correlation,
        "trace": _trace(entry.record),
        "user": entry.user,
        "role": entry.role,
        "assurance": entry.assurance,
        "query": entry.record.get("object", {}).get("query", ""),
        "references": len(entry.references),
        "reason": entry.reason,
        "test": entry.test,
    }


def _trace(record: dict[str, Any]) -> str:
    """The trace-id part of the traceparent: the same on both sides."""
    parts = str(record.get("trace", {}).get("traceparent", "")).split("-")
    return parts[1] if len(parts) == 4 else ""


def verify_all(stage: Stage) -> list[dict[str, Any]]:
    """Verify every log of every gateway against its public key and its anchor."""
    found = []
    for name in stage.region.gateways:
        report = _verify(stage, name, stage.ledger(name))
        found += [_verdict(name, log) for log in report.logs]
    return found


def flip_one_byte(stage: Stage, copy: Path) -> dict[str, Any]:
    """Flip one bit of one stored record in a copy of the user's ledger, and verify the copy."""
    shutil.copyfile(stage.ledger(USER), copy)
    with sqlite3.connect(copy) as ledger:
        [(index, body)] = ledger.execute(
            "SELECT idx, body FROM log_record WHERE tenant = ? ORDER BY idx LIMIT 1 OFFSET 2", (USER,)
        ).fetchall()
    ledger.close()
    content = bytearray(copy.read_bytes())
    at = content.find(bytes(body[:64]))
    content[at + 40] ^= 1
    copy.write_bytes(content)
    report = _verify(stage, USER, copy)
    [log] = [log for log in report.logs if log.tenant == USER]
    return _verdict(USER, log) | {"flipped_record": index, "at_byte": at + 40}


def _verify(stage: Stage, name: str, ledger: Path) -> Report:
    keys = [
        VerifierKey.parse(line)
        for file in sorted(stage.keys(name).rglob("*.pub"))
        for line in file.read_text("utf-8").splitlines()
    ]
    with opened(ledger) as material:
        return verify(material, keys, anchors.read(stage.anchor(name)))


def _verdict(gateway: str, log: Any) -> dict[str, Any]:
    return {
        "gateway": gateway,
        "tenant": log.tenant,
        "verdict": log.verdict.name.lower(),
        "words": reading.verdict_words(log),
        "records": log.size,
        "first_bad": log.first_bad,
        "reason": log.reason,
    }
