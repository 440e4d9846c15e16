"""Escapes that nothing needs are taken away before an answer is judged, and change no meaning."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.disclose.addresses import Outside, plainly
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import Bsn, Patient, Standing


@pytest.mark.parametrize(
    ("raw", "left"),
    [
        (rb'"\u0050atient"', b'"Patient"'),
        (rb'"\u00e9\u2028"', rb'"\u00e9\u2028"'),
        (rb'"\\u0050"', rb'"\\u0050"'),
        (rb'"\u0022\u005c\u005C\u0007\u007f"', rb'"\u0022\u005c\u005C\u0007\u007f"'),
        (rb'"\\\u0041"', rb'"\\A"'),
    ],
)
def test_letters_that_are_escaped_for_nothing_are_written_plainly(raw: bytes, left: bytes) -> None:
    assert plainly(raw) == left
    assert json.loads(plainly(raw)) == json.loads(raw)


def test_an_internal_address_does_not_hide_behind_an_escape(fakes: Any) -> None:
    search = FhirRequest("search-type", "Consent", params=(("patient", ("Patient/p1",)),))
    ours = Patient(Bsn("900012341"), "p1", Standing.KNOWN)
    body = fakes.searchset(fakes.consent("c1", f"{fakes.INSIDE}/Patient/p1"))
    for escaped in (rb"fhir/\u0050atient", rb"\u0066hir/Patient"):
        hidden = body.replace(b"fhir/Patient", escaped)
        found = minimize(fakes.answer(hidden), Access(fakes.CALLER, search, ours), Outside(fakes.BASE))
        assert isinstance(found, Minimized)
        assert fakes.INSIDE.encode() not in found.body
        assert b"10.1.2.3" not in found.body
