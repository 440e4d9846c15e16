"""Data holder: what is judged over the whole run, from every answer that came. Runs last."""

from __future__ import annotations

from typing import Any

from .bench import NOBODYS_BSN, Bench, check
from .rules import Said, met, unmet, untried
from .wire import FHIR_JSON, Got


def _numbers(bench: Bench) -> tuple[bytes, ...]:
    own = (bench.subject.bsn, NOBODYS_BSN, bench.extra.refused_bsn)
    return tuple(one.value.encode() for one in own if one is not None)


def _holds(got: Got, numbers: tuple[bytes, ...], *, body: bool) -> bool:
    headers = " ".join(got.headers.values()).encode()
    return any(one in headers or (body and one in got.body) for one in numbers)


@check("HOLD-901")
async def no_echo(bench: Bench) -> Said:
    """No error and no header repeats a BSN."""
    numbers = _numbers(bench)
    wrong = [got for got in bench.wire.history if got.status and _holds(got, numbers, body=_is_error(got))]
    return unmet(f"a BSN came back in: {wrong[0]}") if wrong else met("no BSN in errors or headers")


def _is_error(got: Got) -> bool:
    return got.status >= 400 or got.kind == "OperationOutcome"


@check("HOLD-902")
async def no_number_in_links(bench: Bench) -> Said:
    """No link of an answer carries a BSN, no address that an entry stands under, and no id."""
    numbers = _numbers(bench)
    for got in bench.wire.history:
        entries = got.content.get("entry") if got.searchset else None
        full = [_stands(one) for one in entries if isinstance(one, dict)] if isinstance(entries, list) else []
        links = str([got.content.get("link"), full]).encode() if got.searchset else b""
        if any(one in links for one in numbers):
            return unmet(f"a BSN in a link of: {got}")
    return met("no BSN in links")


def _stands(entry: dict[str, Any]) -> tuple[object, object]:
    """By what an entry is read."""
    resource = entry.get("resource")
    return entry.get("fullUrl"), resource.get("id") if isinstance(resource, dict) else None


@check("HOLD-903")
async def outcomes(bench: Bench) -> Said:
    """Every refusal is an OperationOutcome with an issue, in FHIR JSON."""
    refused = [got for got in bench.wire.history if got.status >= 400]
    if not refused:
        return untried("nothing was refused")
    wrong = [got for got in refused if not _outcome(got)]
    return unmet(f"{len(wrong)} of {len(refused)} are none, such as: {wrong[0]}") if wrong else met(f"{len(refused)}")


@check("HOLD-904")
async def no_breakdown(bench: Bench) -> Said:
    """Nothing made the target break down; not built (501), or busy and saying for how long, is no fall."""
    fallen = [got for got in bench.wire.history if got.status >= 500 and got.status != 501]
    wrong = [got for got in fallen if got.status != 503 or "retry-after" not in got.headers]
    return unmet(f"{len(wrong)} times, such as: {wrong[0]}") if wrong else met(f"{len(bench.wire.history)} requests")


@check("HOLD-905")
async def no_token_echo(bench: Bench) -> Said:
    """No answer repeats a token."""
    if bench.wire.tokens.kind == "none":
        return untried("there was no token")
    given = (await bench.wire.tokens.headers("GET", bench.wire.base)).get("authorization", "").partition(" ")[2]
    token = given.encode()
    wrong = [got for got in bench.wire.history if token and (token in got.body or _holds(got, (token,), body=False))]
    return unmet(f"our token came back in: {wrong[0]}") if wrong else met("no token in answers")


def _outcome(got: Got) -> bool:
    issues = got.content.get("issue")
    if got.kind != "OperationOutcome" or got.media != FHIR_JSON or not isinstance(issues, list) or not issues:
        return False
    return all(isinstance(one, dict) and one.get("severity") and one.get("code") for one in issues)
