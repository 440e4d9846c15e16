"""Properties of disclosing: a request means the same when written anew; nothing outside the decision's patient leaves.

Bundles are made at random of the patient's resources and of other people's, hidden wherever a server might put them:
as matches, as includes, contained, behind references, identifiers and extensions, under keys given twice.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nuts_pzp.disclose.addresses import Outside
from nuts_pzp.disclose.minimize import Minimized, minimize
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, encode, parse
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import BSN_SYSTEM

sys.path.insert(0, str(Path(__file__).parents[1] / "fuzz"))
import answer_check as check
import request_parser as parser

THEIRS = "Wilhelmina Roodborst"
"""The name that stands in whatever is of somebody else."""
LOTS = settings(max_examples=150)

# --- requests

VALUE = st.text(
    st.characters(codec="utf-8", categories=["L", "N", "P", "S"], exclude_characters=";%"), min_size=1, max_size=12
)
TOKEN = st.one_of(
    VALUE.filter(lambda text: "\\" not in text),
    st.sampled_from(
        ["http://snomed.info/sct|129125009", "|a", "a|", "a,b", "a\\|b", "a\\\\b", "a\\$b", "é", "漢字", "a b", "'()"]
    ),
)
NAMED = {kind: sorted(one.params - {"patient", "subject", "_id"}) for kind, one in parser.CAPABILITY.resources.items()}
SEARCHED = sorted(
    kind for kind, one in parser.CAPABILITY.resources.items() if "search-type" in one.interactions and kind != "Patient"
)


@st.composite
def canonical(draw: st.DrawFn) -> FhirRequest:
    """A request that `parse` could have made: one patient, listed parameters, any values."""
    kind = draw(st.sampled_from(SEARCHED))
    listed = parser.CAPABILITY.resources[kind]
    about = draw(st.sampled_from(sorted({"patient", "subject"} & listed.params)))
    params = [(about, (f"Patient/{draw(st.from_regex(r'[A-Za-z0-9-][A-Za-z0-9.-]{0,20}', fullmatch=True))}",))]
    for name in draw(st.lists(st.sampled_from(NAMED[kind]), unique=True, max_size=3)) if NAMED[kind] else ():
        params.append((name, tuple(draw(st.lists(TOKEN, min_size=1, max_size=4)))))
    for value in sorted(listed.includes)[: draw(st.integers(0, 2))]:
        params.append(("_include", (value,)))
    return FhirRequest(
        "search-type", kind, params=tuple(draw(st.permutations(params))), via=draw(st.sampled_from(["GET", "POST"]))
    )


@LOTS
@given(canonical())
def test_a_request_written_anew_is_the_same_request(request: FhirRequest) -> None:
    again = encode(request)
    raw = RawRequest(again.method, again.path, again.query, (parser.HOST, *again.headers), again.body)
    found = parse(raw, parser.CAPABILITY, parser.BASE)
    if isinstance(found, FhirRequest):
        assert found == request
        assert encode(found) == again


@LOTS
@given(st.binary(max_size=300))
def test_no_bytes_at_all_are_more_than_a_request_or_a_refusal(data: bytes) -> None:
    parser.one_input(data)
    parser.one_input(b"GET\n/Consent\npatient=1&category=" + data)
    parser.one_input(
        b"POST\n/Goal/_search\n\ncontent-type: application/x-www-form-urlencoded\npatient=1&category=" + data
    )


# --- answers

OWN = ["Patient/p1", "Patient/p1/_history/2", f"{check.INSIDE}/Patient/p1"]
ANOTHER = [
    "Patient/p2",
    "Patient/p1x",
    "Patient/P1",
    "patient/p1",
    "./Patient/p2",
    "Patient/p2/_history/1",
    f"{check.INSIDE}/Patient/p2",
    "https://elsewhere.example/fhir/Patient/p1",
    "Patient/p1/../p2",
    "#p",
    "Patient?_id=p2",
    "Group/g1",
    "",
]


def numbered(bsn: str, system: str = BSN_SYSTEM) -> dict[str, str]:
    return {"system": system, "value": bsn}


SYSTEMS = st.sampled_from([BSN_SYSTEM, BSN_SYSTEM.upper(), "urn:oid:2.16.840.1.113883.2.4.6.3"])
MINE = st.one_of(
    st.sampled_from(OWN).map(lambda one: {"reference": one}),
    st.just({"reference": "Patient/p1", "identifier": numbered(check.BSN)}),
)
FOREIGN = st.one_of(
    st.sampled_from(ANOTHER).map(lambda one: {"reference": one}),
    SYSTEMS.map(lambda system: {"identifier": numbered(check.OTHER, system)}),
    SYSTEMS.map(lambda system: {"reference": "Patient/p1", "identifier": numbered(check.OTHER, system)}),
)
SOMEBODY = {"resourceType": "Patient", "id": "p2", "identifier": [numbered(check.OTHER)], "name": [{"text": THEIRS}]}
WITHIN = st.one_of(
    st.just(SOMEBODY),
    st.just({"resourceType": "Patient", "id": "x", "name": [{"text": THEIRS}]}),
    st.sampled_from(["Person", "Group", "List", "Bundle", "Parameters", "Composition"]).map(
        lambda kind: {"resourceType": kind, "id": "x", "note": THEIRS}
    ),
    FOREIGN.map(lambda owner: {"resourceType": "Observation", "id": "x", "subject": owner, "note": THEIRS}).filter(
        lambda one: one["subject"].get("reference") != "#p"
    ),
    FOREIGN.map(lambda owner: {"resourceType": "RelatedPerson", "id": "x", "patient": owner, "note": THEIRS}).filter(
        lambda one: one["patient"].get("reference") != "#p"
    ),
)
KINDS = {"Consent": "patient", "Procedure": "subject", "DeviceUseStatement": "subject"}
CITED = {
    "Consent": {"provision": {"actor": [{"reference": {"reference": "RelatedPerson/i"}}]}},
    "Procedure": {"encounter": {"reference": "Encounter/i"}},
    "DeviceUseStatement": {"device": {"reference": "Device/i"}},
}
INCLUDED = {"Consent": ["RelatedPerson", "Practitioner"], "Procedure": ["Encounter"], "DeviceUseStatement": ["Device"]}


@st.composite
def match(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """A match: the patient's own, or one that is in some way another's and says so in its text."""
    made: dict[str, Any] = {"resourceType": kind, "id": draw(st.sampled_from("abc")), **CITED[kind]}
    hidden = draw(st.sampled_from(["nobody", "owner", "within", "type", "both"]))
    made[KINDS[kind]] = draw(FOREIGN if hidden == "owner" else MINE)
    if hidden == "within":
        made["contained"] = [draw(WITHIN)]
    if hidden == "type":
        made["resourceType"] = draw(st.sampled_from(["Observation", "List", "Bundle", "Person", "AuditEvent"]))
    if hidden == "both":
        made |= {"patient": {"reference": "Patient/p1"}, "subject": draw(FOREIGN)}
    return made | ({} if hidden == "nobody" else {"note": [{"text": THEIRS}]})


@st.composite
def include(draw: st.DrawFn, kind: str) -> dict[str, Any]:
    """An include of another: it names somebody, contains somebody, was not cited, or is of a type not asked for."""
    hidden = draw(st.sampled_from(["owner", "within", "uncited", "type", "patient"]))
    if hidden == "patient":
        return SOMEBODY
    made: dict[str, Any] = {"resourceType": draw(st.sampled_from(INCLUDED[kind])), "id": "i", "note": THEIRS}
    if hidden == "owner":
        made[draw(st.sampled_from(["patient", "subject"]))] = draw(FOREIGN)
    if hidden == "within":
        made["contained"] = [draw(WITHIN)]
    if hidden == "uncited":
        made["id"] = "elsewhere"
    if hidden == "type":
        made["resourceType"] = draw(st.sampled_from(["Observation", "Person", "Location", "Medication"]))
    return made


@st.composite
def searchset(draw: st.DrawFn) -> tuple[str, bytes]:
    """A kind and an answer of one to four matches and up to three includes, written in one of many ways."""
    kind = draw(st.sampled_from(sorted(KINDS)))
    listed = [(one, "match") for one in draw(st.lists(match(kind), min_size=1, max_size=4))]
    listed += [(one, "include") for one in draw(st.lists(include(kind), max_size=3))]
    entries = []
    for one, mode in draw(st.permutations(listed)):
        entry: dict[str, Any] = {"resource": one, "search": {"mode": mode}}
        if draw(st.booleans()):
            entry["fullUrl"] = f"{check.INSIDE}/{one['resourceType']}/{one['id']}"
        entries.append(entry)
    bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
    text = json.dumps(bundle, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 1])))
    if draw(st.booleans()):
        text = text.replace("/", "\\/")
    if draw(st.booleans()):
        text = text.replace("Patient", "\\u0050atient", draw(st.integers(1, 3)))
    return kind, text.encode()


REQUEST = {request.resource_type: request for request in check.REQUESTS if request.interaction == "search-type"}


@LOTS
@given(searchset())
def test_nothing_outside_the_decisions_patient_ever_leaves(made: tuple[str, bytes]) -> None:
    kind, body = made
    found = minimize(
        FhirAnswer(200, body, None, check.INSIDE),
        Access(check.CALLER, REQUEST[kind], check.PATIENT),
        Outside(check.BASE),
    )
    if isinstance(found, Minimized):
        assert THEIRS.encode() not in found.body
        assert check.INSIDE.encode() not in found.body
        check.holds_nobody_else(found.body, REQUEST[kind])
    check.one_input(bytes([check.REQUESTS.index(REQUEST[kind])]) + body)


@settings(max_examples=30)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_what_is_the_patients_own_does_leave(kind: str, data: st.DataObject) -> None:
    """The property above would hold for a gateway that never answers."""
    made = {"resourceType": kind, "id": "a", KINDS[kind]: data.draw(MINE), "note": [{"text": "van haar zelf"}]}
    body = json.dumps({"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": made}]}).encode()
    found = minimize(
        FhirAnswer(200, body, None, check.INSIDE),
        Access(check.CALLER, REQUEST[kind], check.PATIENT),
        Outside(check.BASE),
    )
    assert isinstance(found, Minimized)
    assert b"van haar zelf" in found.body


@pytest.mark.parametrize("target", ["request_parser", "answer_check", "key_proof"])
def test_the_seeds_of_the_fuzzer_hold(target: str) -> None:
    module = __import__(target)
    seeds = sorted((Path(__file__).parents[1] / "fuzz/seeds" / target).iterdir())
    assert len(seeds) > 5
    for seed in seeds:
        module.one_input(seed.read_bytes())
