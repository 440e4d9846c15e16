"""A read gives what was decided, or nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest
from minimizing import BASE, BSN, INSIDE, OTHER_BSN, judged, left, refused, search

from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.reasons import Reason

READ = FhirRequest("read", "Consent", "c1")


def test_read_passes_byte_for_byte(fakes: Any) -> None:
    body = json.dumps(fakes.consent("c1", "Patient/p1"), indent=2).encode()
    found = left(body, READ, fakes)
    assert found.body is body
    assert found.references == ("Consent/c1/_history/3",)


def test_read_of_another_patients_resource_is_an_incident(fakes: Any) -> None:
    for owner in ("Patient/p2", "Group/g1"):
        stop = refused(json.dumps(fakes.consent("c1", owner)).encode(), READ, fakes)
        assert stop.reason is Reason.SOURCE_OTHER_PATIENT


@pytest.mark.parametrize("wrong", [{"id": "c2"}, {"resourceType": "Goal"}, {"resourceType": "OperationOutcome"}])
def test_read_of_something_else_is_broken(wrong: dict[str, Any], fakes: Any) -> None:
    body = json.dumps(fakes.consent("c1", "Patient/p1") | wrong).encode()
    assert refused(body, READ, fakes).reason is Reason.SOURCE_BROKEN


PRIVACY = {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "patient-privacy"}]}
GF_SCOPE = "http://nuts-foundation.github.io/nl-generic-functions-ig/CodeSystem/nl-gf-consent-scope"
OF_RESOURCES = {"coding": [{"system": GF_SCOPE, "code": "x"}]}


@pytest.mark.parametrize("scope", [PRIVACY, OF_RESOURCES])
def test_read_never_gives_what_the_patient_chose_about_sharing(scope: dict[str, Any], fakes: Any) -> None:
    plain = json.dumps(fakes.consent("c1", "Patient/p1", scope=scope)).encode()
    for body in (
        plain,
        plain.replace(b"patient-privacy", b"patient\\u002dprivacy").replace(b"nl-gf-", b"nl\\u002dgf-"),
    ):
        assert refused(body, READ, fakes).reason is Reason.RESOURCE_REFUSED


def test_read_patient_is_held_against_id_and_bsn(fakes: Any) -> None:
    asked = FhirRequest("read", "Patient", "p1")
    assert left(json.dumps(fakes.patient("p1", BSN)).encode(), asked, fakes).references == ("Patient/p1",)
    for wrong in (fakes.patient("p1", OTHER_BSN), fakes.patient("p1", None)):
        assert refused(json.dumps(wrong).encode(), asked, fakes).reason is Reason.SOURCE_OTHER_PATIENT


def test_read_makes_internal_references_external(fakes: Any) -> None:
    body = json.dumps(fakes.consent("c1", f"{INSIDE}/Patient/p1")).encode()
    assert json.loads(left(body, READ, fakes).body)["patient"]["reference"] == f"{BASE}/Patient/p1"


def test_read_that_repeats_a_key_is_broken(fakes: Any) -> None:
    once = json.dumps(fakes.consent("c1", "Patient/p1")).encode()
    body = once.replace(b'"patient":', b'"patient": {"reference": "Patient/p2"}, "patient":')
    assert isinstance(judged(once, READ, fakes), Minimized)
    assert refused(body, READ, fakes).reason is Reason.SOURCE_BROKEN


def test_refusals_say_nothing_of_the_content(fakes: Any) -> None:
    secret = b'{"resourceType":"Bundle","type":"searchset","id":"Hartman 900012341 \xff"}'
    assert "Hartman" not in repr(refused(secret, search(), fakes))
    shown = repr(left(fakes.searchset(fakes.consent("c1", "Patient/p1", note="Hartman")), search(), fakes))
    assert "Hartman" not in shown
