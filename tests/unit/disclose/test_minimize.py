"""Only what the decision was about leaves: other patients, types, links and addresses stay inside."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Patient, Standing
from nuts_pzp.outcome import Deny, Outcome, Unavailable
from nuts_pzp.reasons import Reason

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


def test_answer_that_needs_nothing_passes_byte_for_byte(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c2", "Patient/p1"), base=BASE)
    spaced = json.dumps(json.loads(body), indent=1).encode()
    for one in (body, spaced):
        found = left(one, search(), fakes)
        assert found.body is one
        assert found.references == ("Consent/c1/_history/3", "Consent/c2/_history/3")
        assert found.withheld == ()


def test_empty_answer_passes(fakes: Any) -> None:
    body = b'{"resourceType":"Bundle","type":"searchset","total":0}'
    assert left(body, search(), fakes) == Minimized(200, body, (), ())


def test_another_patients_resource_is_withheld_and_total_follows(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"), total=12)
    found = left(body, search(), fakes)
    assert found.references == ("Consent/c1/_history/3",)
    assert found.withheld == ("Consent/c9/_history/3",)
    bundle = json.loads(found.body)
    assert bundle["total"] == 11
    assert [one["resource"]["id"] for one in bundle["entry"]] == ["c1"]
    assert b"p2" not in found.body


def test_numbers_of_a_rewritten_answer_keep_their_digits(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), fakes.consent("c9", "Patient/p2"))
    body = body.replace(b'"status":"active"', b'"status":"active","dose":1.50', 1)
    assert b'"dose":1.50' in left(body, search(), fakes).body


def test_every_match_of_another_patient_is_an_incident(fakes: Any) -> None:
    body = fakes.searchset(fakes.consent("c9", "Patient/p2"), fakes.consent("c8", "Patient/p2"))
    stop = refused(body, search(), fakes)
    assert isinstance(stop, Deny)
    assert stop.reason is Reason.SOURCE_OTHER_PATIENT
    assert stop.reason.face.status == 502


def test_answer_whose_matches_name_nobody_is_not_turned_into_no_agreements(fakes: Any) -> None:
    form = {"resourceType": "QuestionnaireResponse", "id": "q1"}
    stop = refused(fakes.searchset(form), search("QuestionnaireResponse"), fakes)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.SOURCE_BROKEN


@pytest.mark.parametrize(
    "owner",
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p1/_history/2"},
        {"reference": f"{INSIDE}/Patient/p1"},
        {"reference": f"{BASE}/Patient/p1"},
        {"identifier": {"system": BSN_SYSTEM, "value": BSN}},
        {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM, "value": BSN}},
    ],
)
def test_resource_names_its_patient_in_more_than_one_way(owner: dict[str, Any], fakes: Any) -> None:
    body = fakes.searchset({"resourceType": "Observation", "id": "o1", "subject": owner})
    assert left(body, search("Observation"), fakes).references == ("Observation/o1",)


@pytest.mark.parametrize(
    "owner",
    [
        {"reference": "Patient/p2"},
        {"reference": "Patient/p11"},
        {"reference": "https://elsewhere.example/fhir/Patient/p1"},
        {"reference": "http://10.1.2.3:8080/fhirevil/Patient/p1"},
        {"reference": "/Patient/p1"},
        {"reference": "urn:uuid:8b1f6a52-0000-4000-8000-000000000000"},
        {"identifier": {"system": BSN_SYSTEM, "value": OTHER_BSN}},
        {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM, "value": OTHER_BSN}},
    ],
)
def test_resource_of_somebody_else_is_recognized(owner: dict[str, Any], fakes: Any) -> None:
    body = fakes.searchset({"resourceType": "Observation", "id": "o1", "subject": owner})
    assert refused(body, search("Observation"), fakes).reason is Reason.SOURCE_OTHER_PATIENT


@pytest.mark.parametrize("owner", [{}, {"display": "p1"}, {"reference": "Group/g1"}, {"reference": "#p"}])
def test_resource_of_nobody_is_withheld(owner: dict[str, Any], fakes: Any) -> None:
    mine = {"resourceType": "Observation", "id": "o1", "subject": {"reference": "Patient/p1"}}
    body = fakes.searchset(mine, {"resourceType": "Observation", "id": "o2", "subject": owner})
    assert left(body, search("Observation"), fakes).withheld == ("Observation/o2",)


def test_two_owners_are_one_too_many(fakes: Any) -> None:
    both = fakes.consent("c1", "Patient/p1", subject={"reference": "Patient/p2"})
    assert refused(fakes.searchset(both), search(), fakes).reason is Reason.SOURCE_OTHER_PATIENT


def test_match_of_another_type_is_withheld(fakes: Any) -> None:
    goal = {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), entry(goal, "match"), entry(goal | {"id": "g2"}))
    assert left(body, search(), fakes).withheld == ("Goal/g1", "Goal/g2")


def test_match_of_another_type_is_withheld_under_whatever_address_it_stands(fakes: Any) -> None:
    goal = {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}}
    disguised = entry(goal, "match") | {"fullUrl": f"{INSIDE}/Consent/g1"}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), disguised)
    assert left(body, search(), fakes).withheld == ("Goal/g1",)


def test_outcomes_are_removed(fakes: Any) -> None:
    outcome = {"resource": {"resourceType": "OperationOutcome", "issue": []}, "search": {"mode": "outcome"}}
    found = left(fakes.searchset(fakes.consent("c1", "Patient/p1"), outcome, total=1), search(), fakes)
    assert found.withheld == ("OperationOutcome",)
    assert b"OperationOutcome" not in found.body
    assert json.loads(found.body)["total"] == 1


ROLE = {"resourceType": "PractitionerRole", "id": "r1", "practitioner": {"reference": "Practitioner/x"}}
KIN = {"resourceType": "RelatedPerson", "id": "k1", "patient": {"reference": "Patient/p1"}}


def directive(fakes: Any, *actors: str) -> dict[str, Any]:
    provision = {"actor": [{"reference": {"reference": one}} for one in actors]}
    return fakes.consent("c1", "Patient/p1", provision=provision)  # type: ignore[no-any-return]


def test_included_resources_stay_when_asked_for_and_referred_to(fakes: Any) -> None:
    me = fakes.patient("p1", BSN)
    body = fakes.searchset(
        directive(fakes, "PractitionerRole/r1", f"{INSIDE}/RelatedPerson/k1", "Patient/p1"),
        *[entry(one, "include") for one in (ROLE, KIN, me)],
        total=1,
    )
    found = left(body, search("Consent", "Consent:actor"), fakes)
    assert found.references == ("Consent/c1/_history/3", "PractitionerRole/r1", "RelatedPerson/k1", "Patient/p1")
    assert found.withheld == ()
    assert json.loads(found.body)["total"] == 1


def test_include_without_a_search_mode_is_still_only_an_include(fakes: Any) -> None:
    body = fakes.searchset(directive(fakes, "PractitionerRole/r1"), entry(ROLE))
    assert left(body, search("Consent", "Consent:actor"), fakes).withheld == ()
    assert left(body, search("Consent"), fakes).withheld == ("PractitionerRole/r1",)


@pytest.mark.parametrize(
    ("included", "includes"),
    [
        (ROLE, ()),
        (ROLE, ("Consent:data",)),
        (ROLE, ("Consent:actor:RelatedPerson",)),
        (ROLE | {"id": "r2"}, ("Consent:actor",)),
        (KIN | {"patient": {"reference": "Patient/p2"}}, ("Consent:actor",)),
        ({"resourceType": "RelatedPerson", "id": "k1"}, ("Consent:actor",)),
        ({"resourceType": "Device", "id": "d1"}, ("Consent:actor",)),
        ({"resourceType": "Patient", "id": "p2", "identifier": []}, ("Consent:actor",)),
        (
            {"resourceType": "Patient", "id": "p1", "identifier": [{"system": BSN_SYSTEM, "value": OTHER_BSN}]},
            ("Consent:actor",),
        ),
    ],
)
def test_include_that_nobody_asked_for_or_refers_to_is_withheld(
    included: dict[str, Any], includes: tuple[str, ...], fakes: Any
) -> None:
    cited = ("PractitionerRole/r1", "RelatedPerson/k1", "Device/d1", "Patient/p1", "Patient/p2")
    body = fakes.searchset(directive(fakes, *cited), entry(included, "include"))
    found = left(body, search("Consent", *includes), fakes)
    assert found.withheld == (f"{included['resourceType']}/{included['id']}",)


def test_include_goes_with_the_only_entry_that_refers_to_it(fakes: Any) -> None:
    theirs = directive(fakes, "PractitionerRole/r1") | {"id": "c9", "patient": {"reference": "Patient/p2"}}
    body = fakes.searchset(fakes.consent("c1", "Patient/p1"), theirs, entry(ROLE, "include"))
    found = left(body, search("Consent", "Consent:actor"), fakes)
    assert found.withheld == ("Consent/c9/_history/3", "PractitionerRole/r1")


def test_encounter_without_a_subject_comes_along_with_its_procedure(fakes: Any) -> None:
    procedure = {"resourceType": "Procedure", "id": "x1", "subject": {"reference": "Patient/p1"}}
    procedure["encounter"] = {"reference": "Encounter/e1"}
    body = fakes.searchset(procedure, entry({"resourceType": "Encounter", "id": "e1"}, "include"))
    found = left(body, search("Procedure", "Procedure:encounter"), fakes)
    assert found.references == ("Procedure/x1", "Encounter/e1")


def test_contained_patient_must_be_the_same(fakes: Any) -> None:
    mine, theirs = fakes.patient("p", BSN), fakes.patient("p", OTHER_BSN)
    body = fakes.searchset(
        fakes.consent("c1", "Patient/p1", contained=[mine, {"resourceType": "Practitioner", "id": "x"}]),
        fakes.consent("c2", "Patient/p1", contained=[theirs]),
        fakes.consent("c3", "Patient/p1", contained=[{"resourceType": "List", "id": "x"}]),
        fakes.consent("c4", "Patient/p1", contained=[fakes.consent("x", "Patient/p2")]),
    )
    found = left(body, search(), fakes)
    assert found.references == ("Consent/c1/_history/3",)


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


REPEATED = {
    "owner twice": (b'"patient":', b'"patient":{"reference":"Patient/p2"},"patient":'),
    "escaped owner twice": (b'"patient":', b'"p\\u0061tient":{"reference":"Patient/p2"},"patient":'),
    "reference twice": (b'{"reference":', b'{"reference":"Patient/p2","reference":'),
    "owner by bsn twice": (b'"patient":', b'"patient":{"identifier":{"value":"x"}},"patient":'),
    "reference twice, the first no patient": (b'{"reference":', b'{"reference":"Group/g1","reference":'),
    "owner by another bsn in capitals twice": (
        b'{"reference":',
        b'{"identifier":{"system":"HTTP://FHIR.NL/FHIR/NAMINGSYSTEM/BSN","value":"999911120"},"identifier":null,"reference":',
    ),
    "owner twice, the last one nobody": (
        b'"patient":',
        b'"subject":{"reference":"Group/g1"},"subject":null,"patient":',
    ),
    "type twice": (b'{"resourceType":"Consent"', b'{"resourceType":"Goal","resourceType":"Consent"'),
    "entries twice": (
        b'"entry":',
        b'"entry":[{"resource":{"resourceType":"Consent","id":"c9","patient":{"reference":"Patient/p2"}}}],"entry":',
    ),
    "entries twice, the first without any": (b'"entry":', b'"entry":[],"entry":'),
    "entries twice, the first without a type": (b'"entry":', b'"entry":[{"resource":{"note":"secret"}}],"entry":'),
    "resource twice, the first without a type": (b'"resource":', b'"resource":{"note":"secret"},"resource":'),
    "resource twice": (b'"resource":', b'"resource":{"resourceType":"Consent"},"resource":'),
    "total twice, and more around it": (b'"total":1', b'"total":1,"total":2,"extension":[]'),
}


@pytest.mark.parametrize("name", REPEATED)
def test_answer_that_repeats_a_key_that_decides_is_broken(name: str, fakes: Any) -> None:
    plain = fakes.searchset(fakes.consent("c1", "Patient/p1"), base=BASE)
    body = plain.replace(*REPEATED[name])
    assert body != plain
    assert isinstance(judged(plain, search(), fakes), Minimized)
    assert refused(body, search(), fakes).reason is Reason.SOURCE_BROKEN


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{",
        b'{"resourceType":"Bundle","type":"searchset"} {}',
        b'{"resourceType":"Bundle","type":"searchset","total":"x"}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[{}]}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[null]}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"id":"x"}}]}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Consent"}}]}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Consent","id":"../x"}}]}',
        b'{"resourceType":"Bundle","type":"searchset","entry":[{"resource":{"resourceType":"Consent","id":7}}]}',
        b'{"resourceType":"Bundle","type":"searchset","id":"\xff"}',
        b'{"resourceType":"Bundle","type":"searchset","meta":' + b"[" * 200_000 + b"]" * 200_000 + b"}",
        b'{"resourceType":"Bundle","type":"collection"}',
        b'{"resourceType":"OperationOutcome","issue":[]}',
        b'{"resourceType":"Consent","id":"c1"}',
    ],
)
def test_answer_that_cannot_be_read_is_broken(body: bytes, fakes: Any) -> None:
    stop = refused(body, search(), fakes)
    assert isinstance(stop, Unavailable)
    assert stop.reason is Reason.SOURCE_BROKEN


owners = st.sampled_from(
    [
        {"reference": "Patient/p1"},
        {"reference": "Patient/p2"},
        {"reference": f"{INSIDE}/Patient/p2"},
        {"identifier": {"system": BSN_SYSTEM, "value": OTHER_BSN}},
        {},
    ]
)
types = st.sampled_from(["Consent", "RelatedPerson", "PractitionerRole", "Encounter", "Goal", "OperationOutcome"])
modes = st.sampled_from(["match", "include", "outcome", None])
fields = st.sampled_from(["patient", "subject"])


@given(given_=st.lists(st.tuples(types, owners, modes, fields), max_size=8), included=st.booleans())
def test_whatever_the_server_gives_only_what_was_decided_leaves(
    given_: list[tuple[str, dict[str, Any], str | None, str]], included: bool, fakes: Any
) -> None:
    entries = []
    for at, (kind, owner, mode, field) in enumerate(given_):
        actors = [{"reference": {"reference": f"{one[0]}/x{n}"}} for n, one in enumerate(given_)]
        resource = {"resourceType": kind, "id": f"x{at}", field: owner, "provision": {"actor": actors}}
        entries.append(entry(resource, mode))
    found = judged(fakes.searchset(*entries), search("Consent", *(("Consent:actor",) if included else ())), fakes)
    if not isinstance(found, Minimized):
        return
    assert len(found.references) + len(found.withheld) == len(given_)
    for one in json.loads(found.body).get("entry", []):
        resource = one["resource"]
        about = resource.get("patient") or resource.get("subject")
        nobodys = not about and resource["resourceType"] == "PractitionerRole" and included
        assert about == {"reference": "Patient/p1"} or nobodys
        assert resource["resourceType"] in {"Consent", "RelatedPerson", "PractitionerRole"}
        assert resource["resourceType"] == "Consent" or included


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
