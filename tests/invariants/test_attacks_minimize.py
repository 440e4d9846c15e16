"""Attacks by way of the answer: nothing of another patient leaves, whatever the holder's own server puts in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Patient, Standing
from nuts_pzp.outcome import Outcome, Stop

BASE = "https://gateway.example/meerwijck/fhir"
INSIDE = "http://10.1.2.3:8080/fhir"
BSN, OTHER = "900012341", "999911120"
BSN_OID = "urn:oid:2.16.840.1.113883.2.4.6.3"
OURS = Patient(Bsn(BSN), "p1", Standing.KNOWN)
SECRET = "Wilhelmina Roodborst"
"""Stands in whatever must not leave."""


def search(resource_type: str, *includes: str) -> FhirRequest:
    params = (("patient", ("Patient/p1",)), *(("_include", (one,)) for one in includes))
    return FhirRequest("search-type", resource_type, params=params)


def judge(body: bytes, request: FhirRequest, fakes: Any) -> Outcome[Minimized]:
    return minimize(FhirAnswer(200, body, None, INSIDE), Access(fakes.CALLER, request, OURS), Outside(BASE))


def keeps_it_in(body: bytes, request: FhirRequest, fakes: Any) -> None:
    """Either nothing leaves, or what leaves does not hold the secret."""
    assert SECRET.encode() in body, "an attack that carries nothing proves nothing"
    found = judge(body, request, fakes)
    assert isinstance(found, Stop) or SECRET.encode() not in found.body


def entry(resource: dict[str, Any], mode: str = "match") -> dict[str, Any]:
    url = f"{INSIDE}/{resource['resourceType']}/{resource['id']}"
    return {"fullUrl": url, "resource": resource, "search": {"mode": mode}}


PROCEDURE = {
    "resourceType": "Procedure",
    "id": "v1",
    "subject": {"reference": "Patient/p1"},
    "encounter": {"reference": "Encounter/e1"},
}
DEVICE_USE = {
    "resourceType": "DeviceUseStatement",
    "id": "u1",
    "subject": {"reference": "Patient/p1"},
    "device": {"reference": "Device/d1"},
}

STRANGERS: dict[str, Any] = {
    "by address": {"reference": "Patient/p2"},
    "by name only": {"display": SECRET},
    "nothing at all said of whom": {},
    "a number of another register": {"identifier": {"system": "http://ziekenhuis.example/nr", "value": "7"}},
    "another bsn": {"identifier": {"system": BSN_SYSTEM, "value": OTHER}},
    "another bsn by oid": {"identifier": {"system": BSN_OID, "value": OTHER}},
    "our address, another bsn by oid": {
        "reference": "Patient/p1",
        "identifier": {"system": BSN_OID, "value": OTHER},
    },
    "another bsn under https": {"identifier": {"system": BSN_SYSTEM.replace("http:", "https:"), "value": OTHER}},
    "a group": {"reference": "Group/g1"},
    "a person within, unnamed": {"reference": "#p"},
    "dot segment": {"reference": "./Patient/p2"},
    "leading space": {"reference": " Patient/p2"},
    "parent segment behind our id": {"reference": "Patient/p1/../p2"},
    "parent segment behind a version": {"reference": "Patient/p1/_history/../../p2"},
    "escaped parent segment": {"reference": "Patient/p1/_history/%2e%2e%2f%2e%2e%2fp2"},
    "query": {"reference": "Patient/p1?_id=p2"},
    "fragment": {"reference": "Patient/p1#p2"},
    "other capitals": {"reference": "Patient/P1"},
    "lower case type": {"reference": "patient/p1"},
    "user before another host": {"reference": "http://10.1.2.3:8080@elsewhere.example/fhir/Patient/p1"},
    "another port": {"reference": "http://10.1.2.3:80801/fhir/Patient/p1"},
    "conditional": {"reference": f"Patient?identifier={BSN_SYSTEM}|{OTHER}"},
    "logical": {"reference": "urn:oid:1.2.3"},
    "trailing line break": {"reference": "Patient/p1\n"},
    "wide letters": {"reference": "Patient/p\uff11"},
}


@pytest.mark.parametrize("name", STRANGERS)
def test_included_encounter_of_somebody_else_stays_in(name: str, fakes: Any) -> None:
    theirs = {"resourceType": "Encounter", "id": "e1", "subject": STRANGERS[name], "text": {"div": SECRET}}
    body = fakes.searchset(entry(PROCEDURE), entry(theirs, "include"))
    keeps_it_in(body, search("Procedure", "Procedure:encounter"), fakes)


@pytest.mark.parametrize("name", STRANGERS)
def test_included_device_of_somebody_else_stays_in(name: str, fakes: Any) -> None:
    theirs = {"resourceType": "Device", "id": "d1", "patient": STRANGERS[name], "distinctIdentifier": SECRET}
    body = fakes.searchset(entry(DEVICE_USE), entry(theirs, "include"))
    keeps_it_in(body, search("DeviceUseStatement", "DeviceUseStatement:device"), fakes)


@pytest.mark.parametrize("name", STRANGERS)
def test_match_of_somebody_else_stays_in(name: str, fakes: Any) -> None:
    theirs = {"resourceType": "Goal", "id": "g1", "subject": STRANGERS[name], "note": SECRET}
    mine = {"resourceType": "Goal", "id": "g2", "subject": {"reference": "Patient/p1"}}
    keeps_it_in(fakes.searchset(mine, theirs), search("Goal"), fakes)
    keeps_it_in(fakes.searchset(theirs), search("Goal"), fakes)


@pytest.mark.parametrize("name", STRANGERS)
def test_read_of_somebody_elses_resource_stays_in(name: str, fakes: Any) -> None:
    theirs = {"resourceType": "Goal", "id": "g1", "subject": STRANGERS[name], "note": SECRET}
    keeps_it_in(json.dumps(theirs).encode(), FhirRequest("read", "Goal", "g1"), fakes)


@pytest.mark.parametrize("theirs", [{"patient": {"reference": "Patient/p2"}}, {"patient": {"display": SECRET}}, {}])
def test_included_related_person_of_somebody_else_stays_in(theirs: dict[str, Any], fakes: Any) -> None:
    person = {"resourceType": "RelatedPerson", "id": "r1", "name": [{"text": SECRET}]} | theirs
    mine = fakes.consent("c1", "Patient/p1", provision={"actor": [{"reference": {"reference": "RelatedPerson/r1"}}]})
    keeps_it_in(fakes.searchset(entry(mine), entry(person, "include")), search("Consent", "Consent:actor"), fakes)


@pytest.mark.parametrize(
    "theirs",
    [
        {"id": "p2", "identifier": [{"system": BSN_SYSTEM, "value": OTHER}]},
        {"id": "p1", "identifier": [{"system": BSN_SYSTEM, "value": OTHER}]},
        {"id": "p1", "identifier": [{"system": BSN_SYSTEM, "value": BSN}, {"system": BSN_SYSTEM, "value": OTHER}]},
        {"id": "p1", "identifier": [{"system": BSN_SYSTEM, "value": BSN}, {"system": BSN_OID, "value": OTHER}]},
        {"id": "p1", "identifier": []},
        {"id": "p2", "identifier": [{"system": BSN_SYSTEM, "value": BSN}]},
    ],
)
def test_included_patient_who_is_not_exactly_the_patient_stays_in(theirs: dict[str, Any], fakes: Any) -> None:
    person = {"resourceType": "Patient", "name": [{"text": SECRET}]} | theirs
    actor = {"reference": {"reference": f"Patient/{theirs['id']}"}}
    mine = fakes.consent("c1", "Patient/p1", provision={"actor": [actor]})
    keeps_it_in(fakes.searchset(entry(mine), entry(person, "include")), search("Consent", "Consent:actor"), fakes)
    by_bsn = FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST")
    keeps_it_in(fakes.searchset(entry(person)), by_bsn, fakes)
    keeps_it_in(json.dumps(person).encode(), FhirRequest("read", "Patient", theirs["id"]), fakes)


WITHIN: dict[str, Any] = {
    "another patient": {"resourceType": "Patient", "id": "x", "identifier": [{"system": BSN_SYSTEM, "value": OTHER}]},
    "another patient by oid": {
        "resourceType": "Patient",
        "id": "x",
        "identifier": [{"system": BSN_OID, "value": OTHER}],
    },
    "a bundle": {"resourceType": "Bundle", "id": "x", "type": "collection"},
    "a list": {"resourceType": "List", "id": "x"},
    "parameters": {"resourceType": "Parameters", "id": "x"},
    "another's observation": {"resourceType": "Observation", "id": "x", "subject": {"reference": "Patient/p2"}},
    "another's relative": {"resourceType": "RelatedPerson", "id": "x", "patient": {"reference": "Patient/p2"}},
    "something that contains": {"resourceType": "Device", "id": "x", "contained": []},
    "no type": {"id": "x"},
    "a patient without a number": {"resourceType": "Patient", "id": "x", "name": [{"family": "X"}]},
    "a patient of another register": {
        "resourceType": "Patient",
        "id": "x",
        "identifier": [{"system": "x", "value": "7"}],
    },
    "a goal of whom nobody can read": {"resourceType": "Goal", "id": "x", "subject": {"reference": "Patient?_id=p2"}},
    "a goal of a name": {"resourceType": "Goal", "id": "x", "subject": {"display": "X"}},
    "a goal of a group": {"resourceType": "Goal", "id": "x", "subject": {"reference": "Group/g1"}},
    "a person": {"resourceType": "Person", "id": "x", "identifier": [{"system": BSN_SYSTEM, "value": OTHER}]},
    "a group": {"resourceType": "Group", "id": "x", "member": [{"entity": {"reference": "Patient/p2"}}]},
    "a task for another": {"resourceType": "Task", "id": "x", "for": {"reference": "Patient/p2"}},
    "a cover of another": {"resourceType": "Coverage", "id": "x", "beneficiary": {"reference": f"{INSIDE}/Patient/p2"}},
    "a cover of a number": {
        "resourceType": "Coverage",
        "id": "x",
        "beneficiary": {"type": "Patient", "identifier": {"system": BSN_SYSTEM, "value": OTHER}},
    },
    "an appointment of another": {
        "resourceType": "Appointment",
        "id": "x",
        "participant": [{"actor": {"reference": "https://elsewhere.example/fhir/Patient/p1"}}],
    },
    "a log of another": {
        "resourceType": "AuditEvent",
        "id": "x",
        "entity": [{"what": {"reference": "Patient/p2/_history/1"}}],
    },
}


@pytest.mark.parametrize("name", WITHIN)
@pytest.mark.parametrize("outer", ["Patient", "Goal"])
def test_somebody_else_within_a_resource_stays_in(outer: str, name: str, fakes: Any) -> None:
    within = WITHIN[name] | {"text": {"div": SECRET}}
    resource = (
        fakes.patient("p1", BSN, contained=[within])
        if outer == "Patient"
        else {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}, "contained": [within]}
    )
    by_bsn = FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST")
    keeps_it_in(fakes.searchset(resource), by_bsn if outer == "Patient" else search("Goal"), fakes)
    keeps_it_in(json.dumps(resource).encode(), FhirRequest("read", outer, resource["id"]), fakes)


@pytest.mark.parametrize(
    "named", ["Patient/p1", f"{INSIDE}/Patient/p1", "Patient/p1/_history/3", "Practitioner/7", "#y"]
)
def test_what_refers_to_nobody_else_within_a_resource_goes_along(named: str, fakes: Any) -> None:
    within = {"resourceType": "Task", "id": "x", "for": {"reference": named}}
    goal = {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}, "contained": [within]}
    found = judge(fakes.searchset(goal), search("Goal"), fakes)
    assert isinstance(found, Minimized)
    assert found.references == ("Goal/g1",)


MINE = b'{"resourceType":"Goal","id":"g1","subject":{"reference":"Patient/p1"}}'
THEIRS = b'{"resourceType":"Goal","id":"g2","subject":{"reference":"Patient/p2"},"note":"%s"}' % SECRET.encode()
URL = INSIDE.encode() + b"/Goal/g1"
GOOD = b'{"fullUrl":"%s","resource":%s,"search":{"mode":"match"}}' % (URL, MINE)
HEAD = b'"resourceType":"Bundle","type":"searchset"'


def written(entries: bytes, around: bytes = b"") -> bytes:
    return b"{%s%s,%s}" % (HEAD, around, entries)


SHAPES: dict[str, bytes] = {
    "two lists of entries, theirs first": written(b'"entry":[{"resource":%s}],"entry":[%s]' % (THEIRS, GOOD)),
    "two lists of entries, theirs last": written(b'"entry":[%s],"entry":[{"resource":%s}]' % (GOOD, THEIRS)),
    "two resources in an entry": written(
        b'"entry":[{"fullUrl":"%s","resource":%s,"resource":%s}]' % (URL, THEIRS, MINE)
    ),
    "key spelled with an escape": written(
        b'"entry":[{"fullUrl":"%s","resource":%s,"\\u0072esource":%s}]' % (URL, MINE, THEIRS)
    ),
    "owner spelled with an escape": written(
        b'"entry":[%s,{"resource":{"resourceType":"Goal","id":"g2","\\u0073ubject":{"reference":"\\u0050atient/p2"},'
        b'"subject":{"reference":"Patient/p1"},"note":"%s"}}]' % (GOOD, SECRET.encode())
    ),
    "owner named twice": written(
        b'"entry":[{"fullUrl":"%s","resource":{"resourceType":"Goal","id":"g1","subject":{"reference":"Patient/p2"},'
        b'"subject":{"reference":"Patient/p1"},"note":"%s"}}]' % (URL, SECRET.encode())
    ),
    "owner's number named twice": written(
        b'"entry":[{"fullUrl":"%s","resource":{"resourceType":"Goal","id":"g1","subject":{"reference":"Patient/p1",'
        b'"identifier":{"system":"%s","value":"%s"},"identifier":null},"note":"%s"}}]'
        % (URL, BSN_SYSTEM.encode(), OTHER.encode(), SECRET.encode())
    ),
    "id named twice": written(
        b'"entry":[{"fullUrl":"%s","resource":{"resourceType":"Goal","id":"g9","id":"g1",'
        b'"subject":{"reference":"Patient/p1"},"contained":[],"contained":[{"resourceType":"Goal","text":"%s"}]}}]'
        % (URL, SECRET.encode())
    ),
    "a bundle in the bundle": written(
        b'"entry":[%s,{"resource":{"resourceType":"Bundle","id":"b","type":"collection","entry":[{"resource":%s}]}}]'
        % (GOOD, THEIRS)
    ),
    "content in the bundle's id": written(b'"entry":[%s]' % GOOD, b',"id":{"x":"%s"}' % SECRET.encode()),
    "content in the bundle's meta": written(
        b'"entry":[%s]' % GOOD,
        b',"meta":{"extension":[{"url":"x","valueReference":{"display":"%s"}}]}' % SECRET.encode(),
    ),
    "content in the bundle's tag": written(
        b'"entry":[%s]' % GOOD, b',"meta":{"tag":[{"display":"%s"}]}' % SECRET.encode()
    ),
    "content in the bundle's timestamp": written(b'"entry":[%s]' % GOOD, b',"timestamp":["%s"]' % SECRET.encode()),
    "an extension of the bundle": written(
        b'"entry":[%s]' % GOOD, b',"extension":[{"valueString":"%s"}]' % SECRET.encode()
    ),
    "a signature": written(b'"entry":[%s]' % GOOD, b',"signature":{"data":"%s"}' % SECRET.encode()),
    "contained in the bundle": written(b'"entry":[%s]' % GOOD, b',"contained":[%s]' % THEIRS),
    "content beside the search mode": written(
        b'"entry":[{"fullUrl":"%s","resource":%s,"search":{"mode":"match","extension":[{"valueString":"%s"}]}}]'
        % (URL, MINE, SECRET.encode())
    ),
    "content beside a link": written(
        b'"entry":[%s],"link":[{"relation":"self","url":"%s/Goal?patient=Patient/p1","extension":[{"valueString":"%s"}]}]'
        % (GOOD, BASE.encode(), SECRET.encode())
    ),
    "content in a link": written(
        b'"entry":[%s],"link":[{"relation":"alternate","url":"https://x.example/?naam=%s"}]' % (GOOD, SECRET.encode())
    ),
    "a response beside the resource": written(
        b'"entry":[{"fullUrl":"%s","resource":%s,"response":{"status":"200","outcome":%s}}]' % (URL, MINE, THEIRS)
    ),
    "an outcome that tells": written(
        b'"entry":[%s,{"resource":{"resourceType":"OperationOutcome","id":"o","issue":[{"diagnostics":"%s"}]},'
        b'"search":{"mode":"outcome"}}]' % (GOOD, SECRET.encode())
    ),
    "an outcome that is a resource": written(
        b'"entry":[%s,{"resource":%s,"search":{"mode":"outcome"}}]' % (GOOD, THEIRS)
    ),
    "a url that names somebody": written(
        b'"entry":[{"fullUrl":"%s/Patient/%s","resource":%s}]' % (INSIDE.encode(), SECRET.encode(), MINE)
    ),
    "utf-16": written(b'"entry":[{"resource":%s}]' % THEIRS).decode().encode("utf-16") + SECRET.encode(),
    "byte order mark": b"\xef\xbb\xbf" + written(b'"entry":[{"resource":%s}]' % THEIRS),
    "a second document behind it": written(b'"entry":[%s]' % GOOD) + THEIRS,
    "comments": b"/* %s */" % SECRET.encode() + written(b'"entry":[%s]' % GOOD),
    "json with a missing end": written(b'"entry":[%s,{"resource":%s}' % (GOOD, THEIRS))[:-1],
    "a lone surrogate in a key that decides": written(
        b'"entry":[{"fullUrl":"%s","resource":{"resourceType":"Goal","id":"g\\ud800","subject":{"reference":'
        b'"Patient/p1"},"note":"%s"}}]' % (URL, SECRET.encode())
    ),
    "nested too deep": written(b'"entry":[{"resource":%s,"x":%s1%s}]' % (THEIRS, b"[" * 90_000, b"]" * 90_000)),
    "nested too deep in a resource": written(
        b'"entry":[{"fullUrl":"%s","resource":{"resourceType":"Goal","id":"g1","subject":{"reference":"Patient/p2"},'
        b'"note":"%s","x":%s1%s}}]' % (URL, SECRET.encode(), b"[" * 90_000, b"]" * 90_000)
    ),
    "a number without end": written(b'"total":%s,"entry":[{"resource":%s}]' % (b"9" * 5_000, THEIRS)),
    "a number too large": written(b'"total":1e999,"entry":[{"resource":%s}]' % THEIRS),
    "entries that are no list": written(b'"entry":{"0":{"resource":%s}}' % THEIRS),
    "resource that is a list": written(b'"entry":[{"resource":[%s]}]' % THEIRS),
    "a match without an id": written(
        b'"entry":[{"resource":{"resourceType":"Goal","subject":{"reference":"Patient/p1"},"note":"%s"}}]'
        % SECRET.encode()
    ),
    "a match whose id is nothing": written(
        b'"entry":[{"fullUrl":"%s/Goal/None","resource":{"resourceType":"Goal","id":null,"subject":{"reference":'
        b'"Patient/p1"},"note":"%s"}}]' % (INSIDE.encode(), SECRET.encode())
    ),
    "another kind of bundle": b'{"resourceType":"Bundle","type":"history","entry":[{"resource":%s}]}' % THEIRS,
}


@pytest.mark.parametrize("name", SHAPES)
def test_hostile_shape_of_an_answer_lets_nothing_out(name: str, fakes: Any) -> None:
    keeps_it_in(SHAPES[name], search("Goal"), fakes)


def test_an_ordinary_answer_is_not_what_these_attacks_stumble_over(fakes: Any) -> None:
    found = judge(written(b'"entry":[%s]' % GOOD), search("Goal"), fakes)
    assert isinstance(found, Minimized)
    assert found.references == ("Goal/g1",)


def test_meta_of_an_honest_server_still_passes(fakes: Any) -> None:
    around = b',"id":"b-1","meta":{"lastUpdated":"2026-11-22T03:00:00Z"}'
    body = written(b'"entry":[%s]' % GOOD.replace(INSIDE.encode(), BASE.encode()), around)
    found = judge(body, search("Goal"), fakes)
    assert isinstance(found, Minimized)
    assert found.body is body


def test_a_bsn_that_serves_as_an_id_is_not_written_down_for_somebody_else(fakes: Any) -> None:
    mine = {"resourceType": "Goal", "id": "g1", "subject": {"reference": "Patient/p1"}}
    theirs = {"resourceType": "Goal", "id": OTHER, "subject": {"reference": f"Patient/{OTHER}"}}
    stray = entry({"resourceType": "Patient", "id": OTHER}, "include")
    found = judge(fakes.searchset(mine, theirs, stray), search("Goal"), fakes)
    assert isinstance(found, Minimized)
    assert found.references == ("Goal/g1",)
    assert len(found.withheld) == 2
    assert not any(OTHER in name for name in found.withheld)
