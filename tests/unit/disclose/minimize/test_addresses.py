"""Internal addresses and links stay inside, and what stands around resources with them."""

from __future__ import annotations

import json
from typing import Any

from minimizing import BASE, BSN, INSIDE, OTHER_BSN, entry, left, refused, search

from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import BSN_SYSTEM
from nuts_pzp.reasons import Reason


def test_internal_addresses_become_external_and_names_stay(fakes: Any) -> None:
    extension = [{"url": f"{INSIDE}/StructureDefinition/mine", "valueString": "x"}]
    mine = fakes.consent(
        "c1",
        f"{INSIDE}/Patient/p1",
        extension=extension,
        sourceAttachment={"url": f"{INSIDE}/Binary/b1"},
        performer=[{"reference": "http://10.1.2.3:8080/fhirother/Practitioner/x"}],
    )
    found = left(fakes.searchset(mine), search(), fakes)
    resource = json.loads(found.body)["entry"][0]
    assert resource["fullUrl"] == f"{BASE}/Consent/c1"
    assert resource["resource"]["patient"]["reference"] == f"{BASE}/Patient/p1"
    assert resource["resource"]["sourceAttachment"]["url"] == f"{BASE}/Binary/b1"
    assert resource["resource"]["extension"] == extension
    assert resource["resource"]["performer"][0]["reference"] == "http://10.1.2.3:8080/fhirother/Practitioner/x"


def test_internal_reference_in_an_answer_that_is_otherwise_external_becomes_external(fakes: Any) -> None:
    found = left(fakes.searchset(fakes.consent("c1", f"{INSIDE}/Patient/p1"), base=BASE), search(), fakes)
    assert b"10.1.2.3" not in found.body


def test_internal_address_with_escaped_slashes_becomes_external(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", f"{INSIDE}/Patient/p1")).replace(b"/", b"\\/")
    found = left(body, search(), fakes)
    assert json.loads(found.body)["entry"][0]["resource"]["patient"]["reference"] == f"{BASE}/Patient/p1"
    assert b"10.1.2.3" not in found.body


def test_server_may_publish_under_one_more_name_but_not_under_two(fakes: Any) -> None:
    published = "https://fhir.meerwijck.example/r4"
    first = entry(fakes.consent("c1", f"{published}/Patient/p1"), "match", published)
    assert b"fhir.meerwijck.example" not in left(fakes.searchset(first), search(), fakes).body
    second = entry(fakes.consent("c2", "Patient/p1"), "match", "https://elsewhere.example")
    assert refused(fakes.searchset(first, second), search(), fakes).reason is Reason.SOURCE_BROKEN


def test_links_are_ours_or_gone(fakes: Any) -> None:
    links = [
        {"relation": "self", "url": f"{INSIDE}/Consent?patient=p1"},
        {"relation": "next", "url": f"{INSIDE}?_getpages=1"},
        {"relation": "last", "url": f"{INSIDE}/x"},
    ]
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), link=links)
    alone = left(body, search(), fakes)
    assert json.loads(alone.body)["link"] == [{"relation": "self", "url": f"{BASE}/Consent?patient=Patient/p1"}]
    assert b"10.1.2.3" not in alone.body
    further = left(body, search(), fakes, f"{BASE}/Consent?_page=abc")
    assert json.loads(further.body)["link"][1:] == [{"relation": "next", "url": f"{BASE}/Consent?_page=abc"}]


def test_self_link_of_a_posted_search_shows_no_parameters(fakes: Any) -> None:
    links = [{"relation": "self", "url": f"{INSIDE}/Patient?identifier={BSN_SYSTEM}|{BSN}"}]
    me = fakes.patient("p1", BSN)
    asked = FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST")
    found = left(fakes.searchset(me, link=links), asked, fakes)
    assert json.loads(found.body)["link"] == [{"relation": "self", "url": f"{BASE}/Patient"}]


def test_patient_search_gives_exactly_the_decided_patient(fakes: Any) -> None:
    asked = FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST")
    namesake = fakes.patient("p3", BSN)
    found = left(fakes.searchset(fakes.patient("p1", BSN), namesake), asked, fakes)
    assert (found.references, found.withheld) == (("Patient/p1",), ("Patient/p3",))
    stop = refused(fakes.searchset(fakes.patient("p1", OTHER_BSN)), asked, fakes)
    assert stop.reason is Reason.SOURCE_OTHER_PATIENT


def test_what_stands_around_resources_does_not_survive(fakes: Any) -> None:
    odd = entry(fakes.consent("c1", "Patient/p1"), "match", BASE) | {"link": [{"relation": "x", "url": INSIDE}]}
    found = left(fakes.searchset(odd, signature={"data": "secret"}), search(), fakes)
    assert b"secret" not in found.body
    assert b"10.1.2.3" not in found.body
    assert found.references == ("Consent/c1/_history/3",)
