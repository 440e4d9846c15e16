"""A data holder that keeps every rule, made from the FHIR twin behind a small guard; and what breaks each rule."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl

import httpx

from nuts_pzp.conformance.bench import Bench, Extra, Subject
from nuts_pzp.conformance.tokens import GivenToken, NoToken
from nuts_pzp.conformance.wire import Limits, Wire
from nuts_pzp.conformance.wording import INDIVIDUAL, WORDINGS
from nuts_pzp.identity import BSN_SYSTEM, Bsn
from nuts_pzp.sandbox.fhir_server import Behavior, FhirServerTwin
from nuts_pzp.sandbox.people import by_slug

BASE = "https://holder.example/fhir"
TOKEN, BOUND, EXPIRED = "good-token-4711", "bound-token-4711", "old-token-4711"
PERSON, REFUSED = by_slug("postma"), by_slug("dalen")
Json = dict[str, Any]
FORM = "application/x-www-form-urlencoded"
_ONE = {one.rule: one for one in WORDINGS}


class Bound:
    """A DPoP token, as far as a client that has its headers made for it can tell."""

    kind = "DPoP"

    async def headers(self, method: str, url: str, /) -> dict[str, str]:
        return {"authorization": f"DPoP {BOUND}", "dpop": "proof"}


def records(wrong: str, *, stu3: bool) -> list[Json]:
    """The test patient's resources, of the practice; changed where the content is what breaks a rule."""
    found = [copy.deepcopy(dict(one)) for one in PERSON.charts["wilgenhof"].resources]
    if stu3:
        return [one for one in found if one["resourceType"] == "Patient"]
    found += [copy.deepcopy(dict(one)) for one in PERSON.charts["lindezicht"].resources if _form(one)]
    for one in found:
        if _form(one):
            one["id"], one["subject"] = "form-1", {"reference": f"Patient/{PERSON.patient_ids['wilgenhof']}"}
    change = CONTENT.get(wrong)
    if change is not None:
        change(found)
    return found


def _form(one: Any) -> bool:
    return bool(one["resourceType"] == "QuestionnaireResponse")


def _of(found: list[Json], kind: str) -> Json:
    return next(one for one in found if one["resourceType"] == kind)


def _contradict(found: list[Json]) -> None:
    one = _of(found, "Consent")
    one["dateTime"] = "2026-11-02"
    other = copy.deepcopy(one)
    other["id"], other["provision"]["type"] = "contradicts", "deny"
    found.append(other)


def _silent(found: list[Json]) -> None:
    del _of(found, "Consent")["provision"]["type"]


def _both(found: list[Json]) -> None:
    url = "http://nictiz.nl/fhir/StructureDefinition/ext-TreatmentDirective2.SpecificationOther"
    _of(found, "Consent")["modifierExtension"] = [{"url": url, "valueString": "Alleen overdag."}]


def _modifier(found: list[Json]) -> None:
    _of(found, "Consent")["modifierExtension"] = [{"url": "https://holder.example/mod", "valueString": "x"}]


def _undated(found: list[Json]) -> None:
    for one in found:
        if one["resourceType"] == "Observation" and "570801000146104" in str(one["code"]):
            del one["effectiveDateTime"], one["encounter"]


def _set(kind: str, **values: Any) -> Callable[[list[Json]], None]:
    def change(found: list[Json]) -> None:
        one = _of(found, kind)
        for name, value in values.items():
            if value is None:
                one.pop(name, None)
            else:
                one[name] = value

    return change


CONTENT: dict[str, Callable[[list[Json]], None]] = {
    "HOLD-301": _set("Consent", provision="not an object"),
    "HOLD-302": _set("Observation", status=["final"]),
    "HOLD-303": _contradict,
    "HOLD-304": _set("QuestionnaireResponse", authored="2018-01-01"),
    "HOLD-305": _set("QuestionnaireResponse", subject=None),
    "HOLD-306": _silent,
    "HOLD-307": _both,
    "HOLD-308": _set("Procedure", encounter=None),
    "HOLD-309": _set("Encounter", period={"start": "2019-01-01"}),
    "HOLD-310": _set("Consent", dateTime="2099-01-01"),
    "HOLD-311": _modifier,
    "HOLD-312": _undated,
}


class Holder:
    """`app` keeps every rule but `wrong`, which is one rule's id."""

    def __init__(self, wrong: str = "", *, stu3: bool = False) -> None:
        self.wrong, self.stu3 = wrong, stu3
        patient = PERSON.patient_ids["wilgenhof"]
        other = {
            "resourceType": "Patient",
            "id": "77",
            "identifier": [{"system": BSN_SYSTEM, "value": REFUSED.bsn.value}],
        }
        mine = records(wrong, stu3=stu3)
        self.twin = FhirServerTwin(
            "/fhir", [*mine, other], "stu3" if stu3 else "r4-beta3", behavior=Behavior(terminology=True, page_size=50),
            belongs={f"{one['resourceType']}/{one['id']}": patient for one in mine if _form(one)},
        )  # fmt: skip
        self.patient = patient
        self._inner = httpx.AsyncClient(transport=httpx.ASGITransport(self.twin.app), base_url=BASE)

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        return self._headed(request, await self._answer(request))

    def bench(self, *, bound: bool = False, http: bool = False) -> Bench:
        """A bench of the kit before this holder."""
        client = httpx.AsyncClient(transport=httpx.MockTransport(self))
        base = BASE.replace("https", "http") if http else BASE
        tokens = NoToken() if self.wrong == "none" else Bound() if bound else GivenToken(TOKEN)
        wire = Wire(base, client, tokens, Limits(rate=100_000))
        bare = httpx.AsyncClient(transport=httpx.MockTransport(self if self.wrong == "HOLD-002" else _closed))
        subject = Subject(PERSON.bsn, PERSON.birth_date.isoformat())
        return Bench(wire, subject, Extra("77", REFUSED.bsn, EXPIRED, bare))

    def broken(self, *rules: str) -> bool:
        return self.wrong in rules

    async def _answer(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/fhir")
        if path == "/metadata":
            return self._metadata(await self._upstream(request))
        if (refused := self._unauthorized(request)) is not None:
            return refused
        if self.broken("HOLD-904") and "_revinclude" in str(request.url):
            return _json(500, {})
        if (status := self._objection(request, path)) is not None:
            return _outcome(status, self.wrong)
        found = await self._upstream(request)
        if self.broken("HOLD-151") or "xml" not in request.headers.get("accept", ""):
            return self._spoilt(request, path, found)
        inside = "<entry/>" * len(found.json().get("entry", ()))
        content = f'<Bundle xmlns="http://hl7.org/fhir">{inside}</Bundle>'
        return httpx.Response(200, content=content.encode(), headers={"content-type": "application/fhir+xml"})

    async def _upstream(self, request: httpx.Request) -> httpx.Response:
        url = str(request.url).replace("_lastUpdated=gt1900-01-01", "").rstrip("&")
        for name in ("_revinclude", "patient.name", "_has:", "_has%3A"):
            url = url.partition(f"&{name}")[0]
        for strange in ("Patient/pzp-conformance-nobody", "Patient/77"):
            if self.broken("HOLD-201", "HOLD-202") and "," not in url:
                url = url.replace(strange, f"Patient/{self.patient}")
        content = b"" if request.content.startswith(b"birthdate") else request.content
        answer = await self._inner.request(
            request.method,
            url,
            content=content,
            headers={"content-type": request.headers.get("content-type", "")},
        )
        return _json(answer.status_code, answer.json())

    def _unauthorized(self, request: httpx.Request) -> httpx.Response | None:
        given = request.headers.get("authorization", "")
        good = {f"Bearer {TOKEN}", f"DPoP {BOUND}"}
        if self.broken("HOLD-014"):
            good.add(f"Bearer {BOUND}")
        if self.broken("HOLD-003"):
            good = set()
        lenient = {
            "HOLD-010": "",
            "HOLD-011": "Bearer pzp-conformance-not-a-token",
            "HOLD-012": f"Bearer {EXPIRED}",
        }
        if given in good or (self.wrong in lenient and given == lenient[self.wrong]):
            return None
        answer = _outcome(401, self.wrong)
        if not self.broken("HOLD-013"):
            answer.headers["www-authenticate"] = "Bearer"
        return answer

    def _objection(self, request: httpx.Request, path: str) -> int | None:
        """The status with which a request is refused; None for one that is good, or that this holder wrongly takes."""
        url, body = str(request.url), request.content
        pairs = parse_qsl(request.url.query.decode()) + parse_qsl(body.decode("ascii", "replace"))
        values = dict(pairs)
        kind = path.strip("/").partition("/")[0]
        rules: list[tuple[str, bool, int]] = [
            ("HOLD-209", request.method == "POST" and path in ("", "/"), 405),
            ("HOLD-217", path.endswith("/_history"), 403),
            ("HOLD-206", kind == "List", 403),
            ("HOLD-207", kind == "Composition", 403),
            ("HOLD-208", kind == "Bundle", 403),
            ("HOLD-038", len(body) > 65536, 413),
            ("HOLD-037", request.method == "POST" and not request.headers["content-type"].startswith(FORM), 415),
            ("HOLD-039", self.broken("HOLD-039") and "charset" in request.headers.get("content-type", ""), 415),
            ("HOLD-214", request.method == "GET" and bool(body), 400),
            ("HOLD-215", request.method == "POST" and bool(request.url.query), 400),
            ("HOLD-216", "x-http-method-override" in request.headers, 405),
            ("HOLD-155", request.headers.get("accept") == "image/png", 406),
            ("HOLD-210", "_revinclude" in url, 400),
            ("HOLD-211", "patient.name" in url, 400),
            ("HOLD-212", "_has" in url, 400),
            ("HOLD-213", "_lastUpdated" in url, 400),
        ]
        if kind == "Patient" and "/_search" not in path:
            rules.append(("HOLD-031", request.method == "GET" and "identifier" in values, 405))
        elif kind == "Patient":
            given = values.get("identifier", "")
            rules += [
                ("HOLD-035", "," in given, 400),
                ("HOLD-036", not given and request.headers["content-type"].startswith(FORM) and len(body) < 9999, 400),
                ("HOLD-030", self.broken("HOLD-030"), 403),
                ("HOLD-032", bool(given) and "," not in given and not given.endswith(PERSON.bsn.value), 403),
            ]
        elif "/" not in path.strip("/").replace("/_search", "") and "_getpages" not in url:
            rules += self._about(values, kind, url)
        for rule, hit, status in rules:
            if hit and (self.wrong != rule or rule in ("HOLD-030", "HOLD-039")):
                return status
            if hit and rule == "HOLD-032" and values["identifier"].endswith(REFUSED.bsn.value):
                return 404
            if hit and rule in ("HOLD-206", "HOLD-207", "HOLD-208", "HOLD-217", "HOLD-209"):
                return 200  # the twin does not know them; the guard below answers in its place
        return None

    def _about(self, values: dict[str, str], kind: str, url: str) -> list[tuple[str, bool, int]]:
        patient = values.get("patient") or values.get("subject") or ""
        known = f"Patient/{self.patient}"
        rules = [
            ("HOLD-204", "," in patient, 400),
            ("HOLD-205", not patient, 400),
            ("HOLD-203!", patient.endswith("Patient/77") and self.broken("HOLD-203"), 404),
            ("HOLD-202", patient.endswith("Patient/77"), 403),
            ("HOLD-201", patient not in (known, "Patient/77", "") and "," not in patient, 403),
        ]
        if self.wrong in _ONE and _ONE[self.wrong].kind == kind:
            wanted = [part.replace("|", "%7C") for part in _ONE[self.wrong].about(self.patient).split("&")]
            rules.append((self.wrong + "!", all(part in url for part in wanted), 400))
        groups = {
            "HOLD-120": (*INDIVIDUAL, "QuestionnaireResponse"),
            "HOLD-121": ("Goal",),
            "HOLD-122": ("DeviceUseStatement",),
            "HOLD-123": ("Communication", "CommunicationRequest"),
        }
        rules.append((f"{self.wrong}!", kind in groups.get(self.wrong, ()), 403))
        if self.broken("HOLD-135"):
            rules.append(("posted!", "/_search" in url, 405))
        return rules

    def _metadata(self, answer: httpx.Response) -> httpx.Response:
        content = answer.json()
        content["format"] = ["application/fhir+json", "application/fhir+xml"]
        content["rest"][0]["resource"] = [
            {"type": kind, "interaction": [{"code": "read"}, {"code": "search-type"}]}
            for kind in (*INDIVIDUAL, "QuestionnaireResponse", "Patient")
        ]
        if self.broken("HOLD-020"):
            return _json(404, {"resourceType": "OperationOutcome"})
        if self.broken("HOLD-021"):
            content["fhirVersion"] = "5.0.0"
        if self.broken("HOLD-022"):
            content["rest"] = []
        if self.broken("HOLD-023"):
            content["rest"][0]["resource"][0]["interaction"] = [{"code": "read"}]
        if self.broken("HOLD-024"):
            content["format"] = ["json"]
        return _json(200, content)

    def _spoilt(self, request: httpx.Request, path: str, answer: httpx.Response) -> httpx.Response:
        content, status = answer.json(), answer.status_code
        if status != 200:
            return _outcome(status, self.wrong)
        searched = content.get("resourceType") == "Bundle"
        if searched and path.startswith("/Patient"):
            content["link"] = [{"relation": "self", "url": f"{BASE}/Patient"}]
            self._spoil_patient(content)
        elif searched:
            content["link"] = [one for one in content["link"] if one["relation"] != "previous"]
            self._spoil_search(request, content)
        if self.broken("HOLD-131") and not searched:
            return _outcome(403, "")
        if self.broken("HOLD-152") and "traceparent" in request.headers:
            return _outcome(400, "")
        if self.broken("HOLD-134") and path == "/Goal":
            content = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
        if self.broken("HOLD-905"):
            content["id"] = TOKEN
        return _json(200, content)

    def _spoil_patient(self, content: Json) -> None:
        for entry in content.get("entry", ()):
            patient = entry["resource"]
            if self.broken("HOLD-033"):
                patient["identifier"][0]["value"] = REFUSED.bsn.value
            if self.broken("HOLD-034"):
                patient["birthDate"] = "1950-01-01"
        if self.broken("HOLD-902"):
            content["link"][0]["url"] += f"?identifier={PERSON.bsn.value}"

    def _spoil_search(self, request: httpx.Request, content: Json) -> None:
        entries = content.get("entry", [])
        if self.broken("HOLD-130", "HOLD-131"):
            content["entry"] = [one for one in entries if one["search"]["mode"] == "match"]
        if self.broken("HOLD-132") and entries:
            for name in ("patient", "subject"):
                if name in entries[0]["resource"]:
                    entries[0]["resource"][name] = {"reference": "Patient/77"}
        if self.broken("HOLD-133") and entries:
            del entries[0]["fullUrl"]
        paged = "_count=1" in str(request.url)
        if self.broken("HOLD-140") and paged:
            content["link"] = content["link"][:1]
        if self.broken("HOLD-141", "HOLD-142"):
            elsewhere = "https://elsewhere.example/fhir?page=2" if self.broken("HOLD-141") else str(request.url)
            content["link"] = [*content["link"][:1], {"relation": "next", "url": elsewhere}]

    def _headed(self, request: httpx.Request, answer: httpx.Response) -> httpx.Response:
        headers = answer.headers
        if not self.broken("HOLD-153"):
            headers["x-meldcode"] = "Y9A2JA3D727Q"
        if not self.broken("HOLD-154"):
            headers["cache-control"] = "no-store"
        if self.broken("HOLD-150"):
            headers["content-type"] = "application/json"
        if self.broken("HOLD-156") and request.headers.get("accept-encoding") == "identity":
            headers["content-encoding"] = "br-of-our-own"
        return answer


def _json(status: int, content: Any) -> httpx.Response:
    return httpx.Response(
        status, content=json.dumps(content).encode(), headers={"content-type": "application/fhir+json"}
    )


def _outcome(status: int, wrong: str) -> httpx.Response:
    if status == 200:
        return _json(
            200, {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": {"resourceType": "List"}}]}
        )
    if wrong == "HOLD-903":
        return httpx.Response(status, text="no")
    said = PERSON.bsn.value if wrong == "HOLD-901" else "no"
    return _json(
        status,
        {
            "resourceType": "OperationOutcome",
            "issue": [{"severity": "error", "code": "forbidden", "diagnostics": said}],
        },
    )


def _closed(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("no certificate", request=request)


NOBODY = Bsn("999999990")
