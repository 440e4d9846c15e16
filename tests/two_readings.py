"""Answers of a holder's own server as it may give them, corrupted, and the same judgement of them by two readings."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Callable
from typing import Any

import msgspec
import pytest

from nuts_pzp.disclose import minimize as minimizing
from nuts_pzp.disclose import one_reading
from nuts_pzp.disclose.addresses import Outside, plainly
from nuts_pzp.disclose.minimize import minimize
from nuts_pzp.disclose.read import Searchset
from nuts_pzp.disclose.selection import Selection
from nuts_pzp.exchange import Access
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.fhir.searchset import Bundle, strictly
from nuts_pzp.forwarding.port import FhirAnswer
from nuts_pzp.identity import BSN_SYSTEM, Bsn, Patient, Standing

BASE, INSIDE, PUBLISHED = (
    "https://gateway.example/meerwijck/fhir",
    "http://10.1.2.3:8080/fhir",
    "https://fhir.example/r4",
)
BSN, OTHER = "900012341", "999911120"
OURS = Patient(Bsn(BSN), "p1", Standing.KNOWN)
SCT = "http://snomed.info/sct"


def search(kind: str, *params: tuple[str, str], via: Any = "GET") -> FhirRequest:
    asked = (("patient", ("Patient/p1",)), *((name, (value,)) for name, value in params))
    return FhirRequest("search-type", kind, params=asked, via=via)


SEARCHES = [
    search("Consent", ("_include", "Consent:actor")),
    search("Consent", ("category", f"{SCT}|129125009"), via="POST"),
    search("Procedure", ("_include", "Procedure:encounter")),
    search("Observation", ("code", f"{SCT}|395091006")),
    search("QuestionnaireResponse", ("questionnaire", "https://form.example/Questionnaire/a")),
    FhirRequest("search-type", "Patient", params=(("identifier", (f"{BSN_SYSTEM}|{BSN}",)),), via="POST"),
]
OWNERS: list[Any] = [
    *[{"reference": "Patient/p1"}] * 20,
    *[{"reference": one} for one in (f"{INSIDE}/Patient/p1", f"{PUBLISHED}/Patient/p1", "Patient/p1/_history/2")],
    *[{"reference": one} for one in ("Patient/p2", "Patient/p1x", f"{INSIDE}/Patient/p2", "#p", "Group/g1")],
    {"reference": "Patient/p1", "display": "J. de Wit"},
    {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM, "value": BSN}},
    {"reference": "Patient/p1", "identifier": {"system": BSN_SYSTEM.upper(), "value": OTHER}},
    {"identifier": {"system": "urn:oid:2.16.840.1.113883.2.4.6.3", "value": OTHER}},
    {},
    None,
]
WITHIN: list[Any] = [
    {"resourceType": "Practitioner", "id": "x"},
    {"resourceType": "Patient", "id": "x", "identifier": [{"system": BSN_SYSTEM, "value": OTHER}]},
    {"resourceType": "Goal", "id": "x", "subject": {"reference": "Patient/p2"}},
    {"resourceType": "List", "id": "x"},
]
IDS = ["a\nb", "a_b", "p1", OTHER, None]
INCLUDED = ["RelatedPerson", "Encounter", "Practitioner", "OperationOutcome", "Goal", "Patient"]
PIECES = [
    *(b'"patient":null,', b'"subject":{"reference":"Patient/p2"},', b'"subject":{"reference":"Group/g1"},'),
    *(b'"reference":"Patient/p2",', b'"reference":"x",', b'"identifier":null,', b'"identifier":{"value":"7"},'),
    *(b'"resource":{"secret":1},', b'"resource":null,', b'"entry":[],', b'"entry":[{"resource":{"secret":1}}],'),
    *(b'"resourceType":"Goal",', b'"contained":[],', b'"id":"z",', b'"fullUrl":"http://x",', b'"status":1,"status":2,'),
    *(b'"search":{"mode":"include"},', b'"total":7,', b'"link":[],', b'"type":"searchset",', b'"extension":[],'),
    *(b"\\", b'"', b"{", b"}", b"[", b"]", b",", b":", b" ", b"\n", b"\xff", b"\\u0022", b"\\/", b"\\u00e9", b"null"),
]  # fmt: skip
PAIR = re.compile(rb'"[A-Za-z]+":(?:"[^"\\]*"|\{[^{}\[\]]*\}|\[[^\[\]]*\]|null|[0-9.]+)')


class Server:
    """Makes answers, and corrupts them: the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self.dice = random.Random(seed)

    def maybe(self, chance: float) -> bool:
        return self.dice.random() < chance

    def answer(self) -> tuple[FhirRequest, bytes]:
        """A search, and what a server may say to it."""
        pick = self.dice.choice
        request, base = pick(SEARCHES), pick([INSIDE, INSIDE, BASE, PUBLISHED, "urn:uuid"])
        entries = [self.entry(request.resource_type, n, base) for n in range(pick([0, 1, 2, 2, 4]))]
        bundle: dict[str, Any] = {"resourceType": "Bundle", "type": "searchset", "total": pick([len(entries), 9])}
        if self.maybe(0.5):
            bundle["link"] = [{"relation": "self", "url": f"{pick([INSIDE, BASE])}/x?patient=Patient/p1"}]
        if entries:
            bundle["entry"] = entries
        if self.maybe(0.1):
            bundle["meta"] = pick([{"lastUpdated": "2026-11-22T03:00:00Z"}, {"tag": []}])
        text = json.dumps(
            self.shuffled(bundle, 0.1),
            ensure_ascii=self.maybe(0.3),
            separators=pick([(",", ":")] * 4 + [(", ", ": ")]),
            indent=pick([None] * 9 + [1]),
        )
        text = text.replace("/", "\\/") if self.maybe(0.1) else text
        text = text.replace("Patient", "\\u0050atient", 2) if self.maybe(0.05) else text
        return request, text.encode()

    def entry(self, asked: str, number: int, base: str) -> dict[str, Any]:
        pick = self.dice.choice
        kind = asked if self.maybe(0.8) else pick(INCLUDED)
        resource = self.resource(kind, "i" if kind != asked else f"x{number}" if self.maybe(0.8) else pick(IDS))
        called = kind if self.maybe(0.6) else asked
        entry: dict[str, Any] = {"fullUrl": f"{base}/{called}/{resource['id']}", "resource": resource}
        if self.maybe(0.9):
            expected = "match" if kind == asked else "include"
            entry["search"] = {"mode": expected if self.maybe(0.85) else pick(["match", "match", "include", "outcome"])}
        if self.maybe(0.05):
            del entry["fullUrl"]
        return self.shuffled(entry, 0.1)

    def resource(self, kind: str, id: str | None) -> dict[str, Any]:
        pick = self.dice.choice
        made: dict[str, Any] = {"resourceType": kind, "id": id}
        if kind == "Patient":
            made |= {
                "id": pick(["p1", "p1", "p2"]),
                "identifier": [{"system": BSN_SYSTEM, "value": pick([BSN, OTHER])}],
            }
        elif self.maybe(0.95):
            made["patient" if kind in ("Consent", "RelatedPerson") else "subject"] = pick(OWNERS)
        codes = {"coding": [{"system": SCT, "code": pick(["395091006", "129125009", "1"])}]}
        optional: dict[str, Any] = {
            "meta": {"versionId": pick(["1", "a b"])},
            "code": codes,
            "category": [codes],
            "questionnaire": pick(["https://form.example/Questionnaire/a", "https://form.example/Questionnaire/ab"]),
            "encounter": {"reference": pick(["Encounter/i", f"{INSIDE}/Encounter/i"])},
            "provision": {"actor": [{"reference": {"reference": pick(["RelatedPerson/i", "Patient/p2"])}}]},
        }
        rare: dict[str, Any] = {
            "contained": pick([[pick(WITHIN)], [], None]),
            "subject": pick(OWNERS),
            "note": [{"text": pick(["é \u2028", 'he said "no":', "back\\slash", "Patient/p2", BSN_SYSTEM])}],
            "sourceAttachment": {"url": f"{pick([INSIDE, PUBLISHED])}/Binary/b1"},
            "identifier": [{"value": "7"}],
        }
        made |= {name: value for name, value in optional.items() if self.maybe(0.6)}
        made |= {name: value for name, value in rare.items() if self.maybe(0.08)}
        return self.shuffled(made, 0.2)

    def shuffled(self, made: dict[str, Any], chance: float) -> dict[str, Any]:
        return dict(self.dice.sample(list(made.items()), len(made))) if self.maybe(chance) else made

    def corrupted(self, body: bytes) -> bytes:
        """The answer with one to three things wrong with it."""
        for _ in range(self.dice.choice([1, 1, 2, 3])):
            body = self.dice.choice([self._repeated, self._repeated, self._inserted, self._inserted, self._cut])(body)
        return body

    def _repeated(self, body: bytes) -> bytes:
        """A pair stands there twice, the first one perhaps changed, or spelled or spaced in another way."""
        if not (pairs := list(PAIR.finditer(body))):
            return body
        found, again = (chosen := self.dice.choice(pairs)).start(), chosen.group()
        change = self.dice.choice([(b"p1", b"p2"), (b"match", b"include"), (b"/", b"\\/"), (b'":', b'" :'), (b"", b"")])
        again = again.replace(*change, 1)
        if self.maybe(0.15):
            again = b'"\\u%04x' % again[1] + again[2:]
        return body[:found] + again + b"," + body[found:]

    def _inserted(self, body: bytes) -> bytes:
        where = [found.end() for found in re.finditer(rb"[{,]" if self.maybe(0.8) else rb".", body)]
        at = self.dice.choice(where or [0])
        return body[:at] + self.dice.choice(PIECES) + body[at:]

    def _cut(self, body: bytes) -> bytes:
        at = self.dice.randrange(len(body) + 1)
        return body[:at] + body[at + self.dice.choice([1, 1, 2, 9, 60]) :]


Judge = Callable[[bytes, FhirRequest], Any]


def kept(body: bytes) -> Bundle | None:
    """As the adapter of the own server reads it on arrival."""
    try:
        return strictly(body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


@pytest.fixture
def quick(fakes: Any) -> Judge:
    def judged(body: bytes, request: FhirRequest) -> Any:
        answer = FhirAnswer(200, body, None, INSIDE, kept(body))
        return minimize(answer, Access(fakes.CALLER, request, OURS), Outside(BASE))

    return judged


@pytest.fixture
def full(quick: Judge) -> Judge:
    """The same judgement without any short cut: read whole by `json`, each entry by itself."""

    def judged(body: bytes, request: FhirRequest) -> Any:
        with pytest.MonkeyPatch.context() as patched:
            patched.setitem(globals(), "kept", lambda body: None)
            patched.setattr(minimizing, "plain", lambda read, access, known: None)
            patched.setattr(Searchset, "_read_in_one_way", lambda self, *counted: False)
            patched.setattr(one_reading, "loses_no_string", lambda raw: False)
            return quick(body, request)

    return judged


class Pairs(list[tuple[str, Any]]):
    """A JSON object with every key that was given."""

    def all(self, name: str) -> list[Any]:
        return [value for key, value in self if key == name]


def repeated_where_it_decides(body: bytes, request: FhirRequest) -> bool:
    """True when two readers could find another entry, resource, type, owner or what was asked for in it."""
    bundle = json.loads(plainly(body), object_pairs_hook=Pairs)
    entries = bundle.all("entry")
    resources = [entry.all("resource") for entry in entries[-1] or ()] if entries else []
    selecting = Selection.of(request).elements
    return (
        any(len(bundle.all(name)) > 1 for name in ("resourceType", "entry"))
        or any(len(found) != 1 for found in resources)
        or any(_decides(found, selecting) for (found,) in resources)
    )


def _decides(resource: Pairs, selecting: tuple[str, ...]) -> bool:
    if any(len(resource.all(name)) > 1 for name in ("resourceType", "patient", "subject")):
        return True
    if any(len([one for one in resource.all(name) if _may_select(name, one)]) > 1 for name in selecting):
        return True
    held = [one for name in ("patient", "subject", *selecting) for one in resource.all(name)]
    within = [one for several in resource.all("contained") for one in several or ()]
    return any(map(_repeats, held)) or any(one.all("resourceType") for one in within)


def _may_select(element: str, value: Any) -> bool:
    """A text is the code of a coding, of no resource."""
    return element != "code" or not isinstance(value, str)


def _repeats(value: Any) -> bool:
    if isinstance(value, Pairs):
        return len(dict(value)) < len(value) or any(_repeats(inner) for _, inner in value)
    return isinstance(value, list) and any(map(_repeats, value))
