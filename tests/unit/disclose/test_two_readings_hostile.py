"""A plain answer with one or two strange things in it: both readings say the same, and nobody else's leaves.

What leaves is held against the patient and the request by another reader, of repeated keys the first as well as the
last one.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from two_readings import (
    BASE,
    BSN,
    INSIDE,
    OTHER,
    PUBLISHED,
    SCT,
    SEARCHES,
    Judge,
    Server,
    full,
    quick,
    repeated_where_it_decides,
)

from nuts_pzp.disclose.minimize import Minimized
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import BSN_SYSTEM

__all__ = ["full", "quick"]

THEIRS = '{"reference":"Patient/p2"}'
DEEP = 1_500
ODD_REFERENCES = [
    *("Patient/p1/_history/2", "Patient/p1/_history/", "Patient/p1/_history/2/_history/3", f"{INSIDE}/Patient/p1"),
    *(f"{PUBLISHED}/Patient/p1", f"{INSIDE.upper()}/Patient/p1", f"{INSIDE}/Patient/p1/_history/2"),
    *(f"{INSIDE}//Patient/p1", f"{INSIDE}/Patient/p2", "https://elsewhere.example/fhir/Patient/p1", "//Patient/p1"),
    *("urn:uuid:p1", "urn:oid:1.2.3", "#p1", "Patient/p1#p1", "Patient/p2#Patient/p1", "Patient/p1?x=1", "Patient/"),
    *("Patient/p1/", "/Patient/p1", "./Patient/p1", " Patient/p1", "Patient/p1 ", "patient/p1", "Patient/P1"),
    *("Patient/p2/../p1", "Patient?identifier=900012341", "", "p1", "Patient", "Group/p1", "Patient/p1,Patient/p2"),
    *(
        "Patient\\/p1",
        "Patient/\\u00701",
        "\\u0050atient/p1",
        "Patient/p1\\u0000",
        "Patient/p1\\n",
        "Patient/p1\\ud800",
    ),
    *("Patient/\u0440" + "1", "\ufeffPatient/p1", "Patient/p1\u200b"),
]
OTHERS_MARK = f'{{"system":"{BSN_SYSTEM}","value":"{OTHER}"}}'
ODD_OWNERS = [
    *(f'{{"reference":"{one}"}}' for one in ODD_REFERENCES),
    *('[{"reference":"Patient/p1"}]', '"Patient/p1"', "null", "1", "{}", "[]", "true", '{"reference":null}'),
    *('{"reference":["Patient/p1"]}', '{"reference":{"reference":"Patient/p1"}}', '{"Reference":"Patient/p1"}'),
    f'{{"reference":"Patient/p1","identifier":{OTHERS_MARK}}}',
    f'{{"identifier":{OTHERS_MARK}}}',
    f'{{"identifier":{OTHERS_MARK.replace(BSN_SYSTEM, BSN_SYSTEM.upper())},"reference":"Patient/p1"}}',
    f'{{"identifier":{OTHERS_MARK.replace("http:", "https:")},"reference":"Patient/p1"}}',
    f'{{"identifier":{{"system":"{BSN_SYSTEM}","value":"{BSN}"}}}}',
    f'{{"identifier":{{"value":"{OTHER}"}},"reference":"Patient/p1"}}',
    '{"reference":"Patient/p1","reference":"Patient/p2"}',
    '{"reference":"Patient/p2","reference":"Patient/p1"}',
    '{"reference":"Patient/p2","\\u0072eference":"Patient/p1"}',
    '{"reference":"Patient/p1","_reference":{"extension":[{"url":"x","valueReference":{"reference":"Patient/p2"}}]}}',
    '{"reference":"Patient/p1","x":' + "[" * DEEP + "]" * DEEP + "}",
    '{ "reference" : "Patient/p1" }',
    '{"reference":"Patient/p1","type":"Group"}',
]
PERSON = f'{{"resourceType":"Patient","id":"x","identifier":[{OTHERS_MARK}]}}'
STRAYS = [
    *(f'"{key}":{THEIRS},' for key in ("subject", "patient", "\\u0073ubject", "\\u0070atient", "Subject", "_subject")),
    *(f'"{key}"{gap}:{gap}{THEIRS},' for key in ("subject", "patient") for gap in (" ", "\n", "\t\r\n")),
    *('"subject\\u0000":1,', '"resourcetype":"Patient",', '"ResourceType":"Patient",', '"resourceType" : "Patient",'),
    *('"resource\\u0054ype":"Patient",', '"resourceType":null,', '"resourceType":["Consent"],', '"resourceType":"",'),
    *(f'"contained":[{PERSON}],', f'"contained":{PERSON},', f'"contained":[[{PERSON}]],', '"contained":[null],'),
    *('"contained":null,', '"contained":[],', '"contained":[{"id":"x"}],', f'"c\\u006fntained":[{PERSON}],'),
    f'"contained":[{{"resourceType":"Basic","contained":[{PERSON}]}}],',
    f'"contained":[{{"resourceType":"Bundle","entry":[{{"resource":{PERSON}}}]}}],',
    f'"extension":[{{"url":"x","valueReference":{THEIRS}}}],',
    *('"meta":{"security":[{"code":"R"}],"versionId":"7"},', '"meta":{"versionId":"1\\nConsent/y"},', '"meta":null,'),
    *('"meta":{"versionId":""},', '"meta":{"versionId":"a/b"},', '"meta":{"versionId":"1/_history/2"},', '"meta":[],'),
    *('"id":"x\\nConsent/y",', '"id":"x\\n",', '"id":"\\nx",', '"id":"",', '"id":null,', '"id":1,', '"id":"x/y",'),
    *('"n":1E400,', '"n":-0,', '"n":1.0,', '"n":1e-400,', '"n":123456789012345678901234567890,', '"n":NaN,', '"n":01,'),
    *(
        '"s":"\\ud800",',
        '"s":"\\ud83d\\ude00",',
        '"s":"\\u0000",',
        '"s":"\x00",',
        '"s":"\t",',
        '"s":"\\x",',
        '"s":"\\/",',
    ),
    *('"\\ud800":1,', '"":1,"":2,', '"n":1,"\\u006e":2,', '"d":' + "[" * DEEP + "]" * DEEP + ",", '"d":[[[[],'),
    *(f'"resource":{PERSON},', f'"resource" :{PERSON},', '"resource":null,', f'"Resource":{PERSON},'),
    *(f'"entry":[{{"resource":{PERSON}}}],', '"entry":null,', '"entry":[{}],', '"entry":[null],', '"entry":{},'),
    *('"search":{"mode":"include"},', '"search":{"mode":"outcome"},', '"search":{},', '"search":null,', '"search":[],'),
    *('"search":{"mode":"Match"},', '"search":{"mode":"match","score":1E400},', '"search":{"mode":"match","x":1},'),
    *('"fullUrl":"urn:uuid:1",', '"fullUrl":null,', '"fullUrl":"",', '"fullUrl":"http://x/Consent/x0",'),
    *(f'"request":{{"method":"GET","url":"Patient/p2","x":{PERSON}}},', f'"response":{{"outcome":{PERSON}}},'),
    *('"link":null,', '"link":[{"relation":"self","url":"http://x"}],', '"link":[{"relation":"next","url":"/p2"}],'),
    *(
        '"total":1.0,',
        '"total":1E2,',
        '"total":-1,',
        '"total":null,',
        '"total":"1",',
        '"type":"batch",',
        '"type":null,',
    ),
    *(f'"code":{{"coding":[{{"system":"{SCT}","code":"{one}"}}]}},' for one in ("395091006", "1", "129125009")),
    f'"category":[{{"coding":[{{"system":"{SCT}","code":"1"}}]}}],',
    '"questionnaire":"https://form.example/Questionnaire/b",',
    *('"code":"1",', '"code" : "1",', '"c\\u006fde":"1",', '"code":null,', '"category":null,', '"questionnaire":null,'),
    *(" ", "\n", "\u00a0", "\ufeff", "\x00", "/**/", ",", "]", "}", "{", '"'),
]
AROUND = [b"\xef\xbb\xbf", b"\x00", b" \n", b"\xff", b"[", b"{}", b"\x1e", b"\xc0\xaf", b"\xed\xa0\x80"]

Reader = Callable[[bytes], Any]


def first_one(body: bytes) -> Any:
    """Read JSON so that the first of repeated keys counts."""
    return json.loads(body, object_pairs_hook=lambda pairs: dict(reversed(pairs)))


def nobody_elses(found: Minimized, request: FhirRequest, read: Reader) -> bool:
    """True when all in it is of the patient and of a type that was asked for, as this reader reads it."""
    for entry in read(found.body).get("entry") or ():
        resource = entry["resource"]
        kind = resource["resourceType"]
        owners = [resource[name] for name in ("patient", "subject") if resource.get(name) is not None]
        if kind == "Patient":
            marks = {one["value"] for one in resource["identifier"]}
            if (resource["id"], marks) != ("p1", {BSN}):
                return False
        else:
            wanted = owners if kind == request.resource_type else request.values("_include")
            if not wanted or not all(map(is_ours, owners)):
                return False
    return True


def is_ours(owner: Any) -> bool:
    reference, mark = owner.get("reference"), owner.get("identifier")
    named = str(mark.get("system")).lower().replace("https:", "http:") if mark else ""
    if named == BSN_SYSTEM.lower() and mark["value"] != BSN:
        return False
    if reference is None:
        return bool(mark) and mark["value"] == BSN
    own = {f"{base}Patient/p1" for base in ("", f"{BASE}/", f"{INSIDE}/", f"{PUBLISHED}/")}
    return reference.partition("/_history/")[0] in own


class Crooked(Server):
    """Makes plain answers, and puts strange things into them."""

    def plain(self) -> tuple[FhirRequest, bytes]:
        """Every entry a match of the patient's, under one address, and what was asked for."""
        request = self.dice.choice([one for one in SEARCHES if one.resource_type != "Patient"])
        kind = request.resource_type
        entries = [self._entry(kind, f"x{number}") for number in range(self.dice.choice([1, 2, 3]))]
        bundle = {"resourceType": "Bundle", "type": "searchset", "total": len(entries), "entry": entries}
        return request, json.dumps(bundle, separators=(",", ":")).encode()

    def _entry(self, kind: str, id: str) -> dict[str, Any]:
        codes = {"coding": [{"system": SCT, "code": one} for one in ("395091006", "129125009")]}
        owner = "patient" if kind == "Consent" else "subject"
        resource = {"resourceType": kind, "id": id, owner: {"reference": "Patient/p1"}, "code": codes}
        resource |= {"category": [codes], "questionnaire": "https://form.example/Questionnaire/a"}
        return {"fullUrl": f"{INSIDE}/{kind}/{id}", "resource": resource, "search": {"mode": "match"}}

    def crooked(self, body: bytes) -> bytes:
        for _ in range(self.dice.choice([1, 1, 1, 2])):
            body = self.dice.choice([self._owned, self._strayed, self._strayed, self._strayed, self._surrounded])(body)
        return body

    def _owned(self, body: bytes) -> bytes:
        places = body.split(b'{"reference":"Patient/p1"}')
        if len(places) < 2:
            return body
        at = self.dice.randrange(1, len(places))
        owners = [b'{"reference":"Patient/p1"}'] * (len(places) - 1)
        owners[at - 1] = self.dice.choice(ODD_OWNERS).encode()
        return places[0] + b"".join(owner + rest for owner, rest in zip(owners, places[1:], strict=True))

    def _strayed(self, body: bytes) -> bytes:
        at = self.dice.choice([at + 1 for at, letter in enumerate(body) if letter in b"{,"] or [0])
        stray = self.dice.choice(STRAYS).encode()
        return body[:at] + stray + body[at:]

    def _surrounded(self, body: bytes) -> bytes:
        more = self.dice.choice(AROUND)
        at = self.dice.choice([0, len(body), self.dice.randrange(len(body) + 1)])
        return body[:at] + more + body[at:]


def hold(seed: int, quick: Judge, full: Judge, rounds: int = 250) -> Counter[str]:
    server, seen = Crooked(seed), Counter[str]()
    for _ in range(rounds):
        request, made = server.plain() if server.maybe(0.8) else server.answer()
        body = server.crooked(made)
        found, reference = quick(body, request), full(body, request)
        seen[type(found).__name__] += 1
        if found != reference:
            assert reference.detail.endswith("a repeated key"), (request, body)
            assert not isinstance(found, Minimized) or not repeated_where_it_decides(body, request), (request, body)
            seen["repeated, and decides nothing"] += 1
        if isinstance(found, Minimized):
            assert nobody_elses(found, request, json.loads), (request, body)
            assert nobody_elses(found, request, first_one), (request, body)
            assert all("\n" not in one for one in (*found.references, *found.withheld)), (request, body)
    return seen


def test_a_strange_thing_in_a_plain_answer_is_read_in_one_way(quick: Judge, full: Judge) -> None:
    seen = sum((hold(seed, quick, full) for seed in range(12)), Counter[str]())
    assert set(seen) == {"Minimized", "Deny", "Unavailable", "repeated, and decides nothing"}
    assert min(seen.values()) > 20


@pytest.mark.long
@pytest.mark.timeout(900)
def test_very_many_strange_things_are_read_in_one_way(quick: Judge, full: Judge) -> None:
    for seed in range(1_000, 1_400):
        hold(seed, quick, full, 500)
