"""Searches, answers and what became of them, for tests of minimization."""

from __future__ import annotations

from typing import Any

from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import Bsn, Patient, Standing
from nuts_pzp.outcome import Deny, Outcome, Unavailable

BASE = "https://gateway.example/meerwijck/fhir"


INSIDE = "http://10.1.2.3:8080/fhir"


BSN, OTHER_BSN = "900012341", "999911120"


OURS = Patient(Bsn(BSN), "p1", Standing.KNOWN)


def search(resource_type: str = "Consent", *includes: str, via: Any = "GET") -> FhirRequest:
    params = (("patient", ("Patient/p1",)), *(("_include", (one,)) for one in includes))
    return FhirRequest("search-type", resource_type, params=params, via=via)


def judged(body: bytes, request: FhirRequest, fakes: Any, further: str | None = None) -> Outcome[Minimized]:
    return minimize(FhirAnswer(200, body, None, INSIDE), Access(fakes.CALLER, request, OURS), Outside(BASE, further))


def left(body: bytes, request: FhirRequest, fakes: Any, further: str | None = None) -> Minimized:
    found = judged(body, request, fakes, further)
    assert isinstance(found, Minimized), found
    return found


def refused(body: bytes, request: FhirRequest, fakes: Any) -> Deny | Unavailable:
    found = judged(body, request, fakes)
    assert isinstance(found, Deny | Unavailable)
    return found


def entry(resource: dict[str, Any], mode: str | None = None, base: str = INSIDE) -> dict[str, Any]:
    found: dict[str, Any] = {"fullUrl": f"{base}/{resource['resourceType']}/{resource['id']}", "resource": resource}
    return found | ({"search": {"mode": mode}} if mode else {})
