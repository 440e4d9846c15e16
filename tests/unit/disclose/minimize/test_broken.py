"""An answer that cannot be read or repeats what decides is broken; whatever comes, only what was decided leaves."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from minimizing import BASE, INSIDE, OTHER_BSN, entry, judged, refused, search

from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.identity import BSN_SYSTEM
from nuts_pzp.outcome import Unavailable
from nuts_pzp.reasons import Reason

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
