"""The data-holder rules before a holder that speaks STU3: its own fields are looked at, and not those of R4."""

from __future__ import annotations

import copy
from typing import Any

import httpx
import pytest
import stu3_source as there

from nuts_pzp.conformance.bench import Bench, Subject
from nuts_pzp.conformance.rules import Finding, Verdict
from nuts_pzp.conformance.run import chosen, hold
from nuts_pzp.conformance.tokens import NoToken
from nuts_pzp.conformance.wire import Limits, Wire
from nuts_pzp.identity import Bsn
from nuts_pzp.sandbox.fhir_server import FhirServerTwin

BASE = "http://holder.example/fhir"
CONTENT = [f"HOLD-{number}" for number in range(301, 313)]


async def tried(records: list[dict[str, Any]]) -> dict[str, Finding]:
    twin = FhirServerTwin("/fhir", records, "stu3")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(twin.app), base_url=BASE) as client:
        bench = Bench(Wire(BASE, client, NoToken(), Limits(rate=10_000)), Subject(Bsn(there.BSN), there.BORN))
        return {one.rule.id: one for one in await hold(bench, chosen("holder", CONTENT))}


def without(kind: str, field: str) -> list[dict[str, Any]]:
    """The records, of which those of one type lack a field."""
    records = copy.deepcopy(there.RECORDS)
    for one in records:
        if one["resourceType"] == kind:
            one.pop(field, None)
    return records


async def test_records_as_the_guide_writes_them_fall_into_no_trap() -> None:
    found = await tried(there.RECORDS)
    assert {one.rule.id for one in found.values() if one.verdict in (Verdict.FAILED, Verdict.WARNING)} == set()
    assert found["HOLD-302"].seen == "STU3 is not validated"
    assert {found[rule].verdict for rule in ("HOLD-306", "HOLD-308")} == {Verdict.PASSED}


@pytest.mark.parametrize(
    ("rule", "kind", "field", "words"),
    [
        ("HOLD-306", "Consent", "modifierExtension", "2 directives that say nothing"),
        ("HOLD-308", "Procedure", "context", "1 Procedures without context"),
    ],
)
async def test_what_lacks_in_stu3_is_told(rule: str, kind: str, field: str, words: str) -> None:
    found = (await tried(without(kind, field)))[rule]
    assert (found.verdict, found.seen) == (Verdict.WARNING, words)


async def test_a_wilsverklaring_has_no_decision_to_tell() -> None:
    records = [one for one in there.RECORDS if one["resourceType"] != "Consent" or one["id"] == "nr"]
    assert (await tried(records))["HOLD-306"].seen == "no treatment directive came"
