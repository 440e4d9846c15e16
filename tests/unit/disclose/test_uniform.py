"""What the own server says but an answer never shows, and one answer never differs by who is a patient."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.accounted import Disclosed
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Face, Reason


async def test_a_resource_that_went_away_after_the_decision_is_a_403(holder: Any, fakes: Any) -> None:
    answered = holder.records.send
    asked = 0

    async def once(request: Any, /) -> Any:
        nonlocal asked
        asked += request.id == "c1"
        return await answered(request) if asked < 2 else Deny(Reason.NOT_FOUND)

    holder.records.send = once
    content = (await holder.disclose(fakes.get("/Consent/c1"))).content
    assert content.reason.face is Face.FORBIDDEN
    assert isinstance(holder.audit.events[-1], Disclosed)


@pytest.mark.parametrize("path", ["/Consent/c1", "/Patient/p1"])
async def test_a_look_up_that_is_not_understood_is_not_the_callers_fault(path: str, holder: Any, fakes: Any) -> None:
    holder.records.answers[path[1:]] = Unavailable(Reason.SOURCE_QUERY, detail="HTTP 400")
    content = (await holder.disclose(fakes.get(path))).content
    assert content.reason is Reason.SOURCE_BROKEN
    assert content.reason.face.status == 502


async def test_a_patient_search_that_is_not_understood_is_a_502(holder: Any, fakes: Any) -> None:
    holder.records.answers["Patient"] = Unavailable(Reason.SOURCE_QUERY, detail="HTTP 400")
    raw = fakes.post("/Patient/_search", f"identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C{fakes.OWN}")
    assert (await holder.disclose(raw)).content.reason is Reason.SOURCE_BROKEN


async def test_a_query_that_the_server_does_not_know_is_told_once_the_patient_is_decided_about(
    holder: Any, fakes: Any
) -> None:
    """A consulting gateway asks another way then."""
    holder.records.answers["Communication"] = Unavailable(Reason.SOURCE_QUERY, detail="HTTP 400")
    raw = fakes.get("/Communication", "patient=Patient/p1&reason-code=http://snomed.info/sct|713603004")
    assert (await holder.disclose(raw)).content.reason.face is Face.INVALID
