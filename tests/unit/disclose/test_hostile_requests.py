"""Every hostile request is refused for its own reason, recorded once, and nothing reaches the holder's server."""

from __future__ import annotations

from typing import Any

import pytest

from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import parse
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

HOST = ("host", "gateway.example")
FORM = ("content-type", "application/x-www-form-urlencoded")
ONE = "patient=Patient/p1"
BSN = "identifier=http%3A%2F%2Ffhir.nl%2Ffhir%2FNamingSystem%2Fbsn%7C900012341"

AMBIGUOUS = Reason.REQUEST_AMBIGUOUS
MALFORMED = Reason.REQUEST_MALFORMED
UNSUPPORTED = Reason.REQUEST_UNSUPPORTED
METHOD = Reason.REQUEST_METHOD
MEDIA = Reason.REQUEST_MEDIA_TYPE
ACCEPT = Reason.REQUEST_NOT_ACCEPTABLE
TOO_BIG = Reason.REQUEST_TOO_BIG
PATIENT = Reason.REQUEST_PATIENT
NOT_BSN = Reason.REQUEST_BSN
REFUSED = Reason.RESOURCE_REFUSED


def get(path: str, query: str = "", *headers: tuple[str, str], body: bytes = b"", method: str = "GET") -> RawRequest:
    return RawRequest(method, path, query, (HOST, *headers), body)


def post(path: str, body: str | bytes, *headers: tuple[str, str], query: str = "") -> RawRequest:
    content = body if isinstance(body, bytes) else body.encode()
    return RawRequest("POST", path, query, (HOST, *(headers or (FORM,))), content)


def search(query: str) -> RawRequest:
    return get("/Consent", query)


HOSTILE: dict[str, tuple[RawRequest, Reason]] = {
    # methods
    "head": (get("/Consent", ONE, method="HEAD"), METHOD),
    "options": (get("/Consent", method="OPTIONS"), METHOD),
    "put": (get("/Consent/c1", method="PUT", body=b"{}"), METHOD),
    "patch": (get("/Consent/c1", method="PATCH"), METHOD),
    "delete": (get("/Consent/c1", method="DELETE"), METHOD),
    "trace": (get("/Consent", method="TRACE"), METHOD),
    "lower case get": (get("/Consent", ONE, method="get"), METHOD),
    "method with a space": (get("/Consent", ONE, method="GET "), METHOD),
    "create": (post("/Consent", "{}"), METHOD),
    "batch": (post("/", "{}"), METHOD),
    "search by get on _search": (get("/Consent/_search", ONE), METHOD),
    "override header": (post("/Consent/_search", ONE, FORM, ("x-http-method-override", "GET")), METHOD),
    "short override header": (get("/Consent", ONE, ("x-http-method", "DELETE")), METHOD),
    "third override header": (get("/Consent", ONE, ("x-method-override", "PUT")), METHOD),
    "rewritten url header": (get("/Consent", ONE, ("x-original-url", "/Patient")), AMBIGUOUS),
    "other rewritten url header": (get("/Consent", ONE, ("x-rewrite-url", "/Patient")), AMBIGUOUS),
    "patient search by get": (get("/Patient", BSN), METHOD),
    # paths
    "absolute form": (get("http://gateway.example/Consent", ONE), MALFORMED),
    "asterisk form": (get("*", ONE), MALFORMED),
    "empty path": (get("", ONE), MALFORMED),
    "root": (get("/", ONE), MALFORMED),
    "trailing slash": (get("/Consent/", ONE), MALFORMED),
    "double slash": (get("//Consent", ONE), MALFORMED),
    "dot segment": (get("/./Consent", ONE), UNSUPPORTED),
    "parent segment": (get("/Consent/..", ""), MALFORMED),
    "escaped parent segment": (get("/Consent/%2e%2e", ""), MALFORMED),
    "parent segment inside": (get("/Consent/../Patient/p1", ""), UNSUPPORTED),
    "encoded slash": (get("/Consent%2Fc1", ""), MALFORMED),
    "encoded slash in id": (get("/Consent/c1%2F..", ""), MALFORMED),
    "double encoded slash": (get("/Consent/c1%252F..", ""), AMBIGUOUS),
    "encoded backslash": (get("/Consent%5Cc1", ""), MALFORMED),
    "encoded question mark": (get("/Consent/c1%3Fpatient=2", ""), MALFORMED),
    "matrix parameter": (get("/Consent;patient=2", ONE), MALFORMED),
    "encoded matrix parameter": (get("/Consent%3Bpatient=2", ONE), AMBIGUOUS),
    "nul in path": (get("/Consent/c1%00", ""), MALFORMED),
    "line break in path": (get("/Consent/c1%0d%0aHost:x", ""), MALFORMED),
    "bad escape in path": (get("/Consent/c1%2", ""), MALFORMED),
    "overlong utf-8 in path": (get("/Consent/%c0%ae", ""), MALFORMED),
    "raw latin-1 in path": (get("/Consent/\xe9", ""), MALFORMED),
    "lower case type": (get("/consent", ONE), UNSUPPORTED),
    "type with a digit": (get("/Consent1", ONE), UNSUPPORTED),
    "unlisted type": (get("/MedicationRequest", ONE), UNSUPPORTED),
    "system search": (get("/_search", ONE), METHOD),
    "history of a resource": (get("/Consent/c1/_history", ""), UNSUPPORTED),
    "one version": (get("/Consent/c1/_history/1", ""), UNSUPPORTED),
    "history of a type": (get("/Consent/_history", ""), MALFORMED),
    "everything": (get("/Patient/p1/$everything", ""), UNSUPPORTED),
    "operation": (get("/$export", ""), UNSUPPORTED),
    "compartment": (get("/Patient/p1/Consent", ""), UNSUPPORTED),
    "compartment search": (post("/Patient/p1/_search", ONE), UNSUPPORTED),
    "id too long": (get("/Consent/" + "a" * 65, ""), MALFORMED),
    "id with underscore": (get("/Consent/c_1", ""), MALFORMED),
    "very long path": (get("/Consent/" + "a" * 600, ""), MALFORMED),
    # types that are never released by themselves
    "list search": (get("/List", ONE), REFUSED),
    "list read": (get("/List/1", ""), REFUSED),
    "composition": (get("/Composition", ONE), REFUSED),
    "bundle": (get("/Bundle/b1", ""), REFUSED),
    "practitioner read": (get("/Practitioner/x", ""), REFUSED),
    "practitioner role read": (get("/PractitionerRole/x", ""), REFUSED),
    "organization search": (get("/Organization", "name=x"), REFUSED),
    "device search": (get("/Device", ONE), REFUSED),
    "related person search": (get("/RelatedPerson", ONE), REFUSED),
    "capabilities as a disclosure": (get("/metadata", ""), REFUSED),
    "capabilities with a parameter": (get("/metadata", "mode=full"), UNSUPPORTED),
    # one place for parameters
    "body on get": (get("/Consent", ONE, body=b"patient=Patient/p2"), AMBIGUOUS),
    "query on post": (post("/Consent/_search", ONE, query="patient=Patient/p2"), AMBIGUOUS),
    "format in the url of a post": (post("/Consent/_search", ONE, query="_format=json"), AMBIGUOUS),
    # media types, lengths, encodings
    "json search body": (post("/Consent/_search", "{}", ("content-type", "application/json")), MEDIA),
    "no content type": (post("/Consent/_search", ONE, HOST), AMBIGUOUS),
    "missing content type": (post("/Consent/_search", ONE, ("x-a", "b")), MEDIA),
    "multipart": (post("/Consent/_search", ONE, ("content-type", "multipart/form-data; boundary=x")), MEDIA),
    "form in utf-16": (post("/Consent/_search", ONE, ("content-type", FORM[1] + "; charset=utf-16")), MEDIA),
    "form in latin-1": (post("/Consent/_search", ONE, ("content-type", FORM[1] + ';charset="iso-8859-1"')), MEDIA),
    "two charsets": (
        post("/Consent/_search", ONE, ("content-type", FORM[1] + "; charset=utf-8; charset=utf-7")),
        MEDIA,
    ),
    "type that only begins right": (post("/Consent/_search", ONE, ("content-type", FORM[1] + "-x")), MEDIA),
    "two content types": (post("/Consent/_search", ONE, FORM, ("content-type", "text/plain")), AMBIGUOUS),
    "gzip body": (post("/Consent/_search", ONE, FORM, ("content-encoding", "gzip")), MEDIA),
    "two lengths": (
        post("/Consent/_search", ONE, FORM, ("content-length", "18"), ("content-length", "3")),
        AMBIGUOUS,
    ),
    "wrong length": (post("/Consent/_search", ONE, FORM, ("content-length", "3")), AMBIGUOUS),
    "length and chunks": (
        post("/Consent/_search", ONE, FORM, ("content-length", "18"), ("transfer-encoding", "chunked")),
        AMBIGUOUS,
    ),
    "strange transfer encoding": (post("/Consent/_search", ONE, FORM, ("transfer-encoding", "xchunked")), AMBIGUOUS),
    "chunked get": (get("/Consent", ONE, ("transfer-encoding", "chunked")), AMBIGUOUS),
    "two hosts": (get("/Consent", ONE, HOST), AMBIGUOUS),
    "only xml accepted where none is spoken": (get("/Consent", ONE, ("accept", "application/fhir+xml")), ACCEPT),
    "json accepted with weight zero": (get("/Consent", ONE, ("accept", "application/json;q=0, text/html")), ACCEPT),
    "another version accepted": (get("/Consent", ONE, ("accept", "application/fhir+json; fhirVersion=3.0")), ACCEPT),
    "condition of an update": (get("/Consent/c1", "", ("if-match", "*")), Reason.REQUEST_UNSUPPORTED),
    "condition in time of an update": (
        get("/Consent/c1", "", ("if-unmodified-since", "Sat, 01 Jan 2022 00:00:00 GMT")),
        Reason.REQUEST_UNSUPPORTED,
    ),
    "condition of a creation": (get("/Consent", ONE, ("if-none-exist", "a=b")), Reason.REQUEST_UNSUPPORTED),
    "xml format where none is spoken": (search(f"{ONE}&_format=xml"), ACCEPT),
    "xml media type format where none is spoken": (search(f"{ONE}&_format=application/fhir%2Bxml"), ACCEPT),
    "body above 64 KiB": (post("/Consent/_search", b"a" * 65537), TOO_BIG),
    "query above 16 KiB": (search("code=" + "a" * 17000), TOO_BIG),
    "too many parameters": (search("&".join(["scope=a"] * 65)), TOO_BIG),
    # percent-encoding and form syntax
    "bad escape": (search("patient=Patient/p1%2"), MALFORMED),
    "bad escape letters": (search("patient=Patient/%zz"), MALFORMED),
    "double encoding": (search("patient=Patient%252Fp1"), AMBIGUOUS),
    "nul in value": (search("patient=Patient/p1%00"), MALFORMED),
    "line break in value": (search(f"{ONE}&scope=a%0d%0ab"), MALFORMED),
    "invisible character": (search(f"{ONE}&scope=a%E2%80%8Bb"), MALFORMED),
    "direction override": (search(f"{ONE}&scope=a%E2%80%AEb"), MALFORMED),
    "not utf-8": (search(f"{ONE}&scope=%ff"), MALFORMED),
    "utf-8 surrogate": (search(f"{ONE}&scope=%ed%a0%80"), MALFORMED),
    "raw space": (search(f"{ONE}&scope=a b"), MALFORMED),
    "raw quote": (search(f'{ONE}&scope="a"'), MALFORMED),
    "fragment": (search(f"{ONE}#x"), MALFORMED),
    "semicolon separator": (search(f"{ONE};patient=Patient/p2"), MALFORMED),
    "escaped semicolon": (search(f"{ONE}%3Bpatient=Patient/p2"), AMBIGUOUS),
    "plus in a url": (search(f"{ONE}&scope=a+b"), AMBIGUOUS),
    "no equals": (search("patient"), MALFORMED),
    "empty value": (search("patient="), MALFORMED),
    "empty name": (search("=Patient/p1"), MALFORMED),
    "trailing ampersand": (search(f"{ONE}&"), MALFORMED),
    "leading ampersand": (search(f"&{ONE}"), MALFORMED),
    "empty alternative": (search(f"{ONE}&scope=a,,b"), MALFORMED),
    "backslash at the end": (search(f"{ONE}&scope=a%5C"), MALFORMED),
    "backslash before a letter": (search(f"{ONE}&scope=a%5Cb"), MALFORMED),
    "padded value": (search(f"{ONE}&scope=%20a"), MALFORMED),
    "value too long": (search(f"{ONE}&scope=" + "a" * 1025), MALFORMED),
    "form body in utf-8 letters": (post("/Consent/_search", "patient=Patient/\u00e9"), MALFORMED),
    "form body with line end": (post("/Consent/_search", ONE + "\r\n"), MALFORMED),
    "name with brackets": (search("patient[]=Patient/p1"), MALFORMED),
    "name with escaped nul": (search("patient%00=Patient/p1"), MALFORMED),
    # parameters
    "unknown parameter": (search(f"{ONE}&actor=x"), UNSUPPORTED),
    "other capital": (search("Patient=Patient/p1"), UNSUPPORTED),
    "unlisted modifier": (search(f"{ONE}&scope:not=x"), UNSUPPORTED),
    "patient by type modifier": (search("patient:Patient=p1"), UNSUPPORTED),
    "patient by identifier": (search("patient:identifier=x%7Cy"), UNSUPPORTED),
    "patient by chain": (search("patient.identifier=x%7Cy"), UNSUPPORTED),
    "reverse chain": (search(f"{ONE}&_has:Observation:subject:code=x"), UNSUPPORTED),
    "revinclude": (search(f"{ONE}&_revinclude=Provenance:target"), UNSUPPORTED),
    "unlisted include": (search(f"{ONE}&_include=Consent:data"), UNSUPPORTED),
    "include everything": (search(f"{ONE}&_include=*"), UNSUPPORTED),
    "include iterate": (search(f"{ONE}&_include:iterate=Consent:actor"), UNSUPPORTED),
    "includes in one parameter": (search(f"{ONE}&_include=Consent:actor,Consent:data"), UNSUPPORTED),
    "contained": (search(f"{ONE}&_contained=true"), UNSUPPORTED),
    "filter": (search(f"{ONE}&_filter=status%20eq%20active"), UNSUPPORTED),
    "named query": (search(f"{ONE}&_query=all"), UNSUPPORTED),
    "summary": (search(f"{ONE}&_summary=count"), UNSUPPORTED),
    "elements": (search(f"{ONE}&_elements=id"), UNSUPPORTED),
    "total": (search(f"{ONE}&_total=accurate"), UNSUPPORTED),
    "sort": (search(f"{ONE}&_sort=date"), UNSUPPORTED),
    "last updated": (search(f"{ONE}&_lastUpdated=gt2020"), UNSUPPORTED),
    "count of zero": (search(f"{ONE}&_count=0"), UNSUPPORTED),
    "count too large": (search(f"{ONE}&_count=501"), UNSUPPORTED),
    "negative count": (search(f"{ONE}&_count=-1"), UNSUPPORTED),
    "two counts": (search(f"{ONE}&_count=1&_count=2"), AMBIGUOUS),
    "two formats": (search(f"{ONE}&_format=json&_format=json"), AMBIGUOUS),
    "same include twice": (search(f"{ONE}&_include=Consent:actor&_include=Consent:actor"), AMBIGUOUS),
    "parameter on a read": (get("/Consent/c1", "patient=Patient/p1"), UNSUPPORTED),
    "summary on a read": (get("/Consent/c1", "_summary=true"), UNSUPPORTED),
    # one patient in one place
    "no patient": (search("scope=a"), PATIENT),
    "no parameters": (search(""), PATIENT),
    "two patients": (search("patient=Patient/p1&patient=Patient/p2"), AMBIGUOUS),
    "two patients in one": (search("patient=Patient/p1,Patient/p2"), PATIENT),
    "two patients by an escaped comma": (search("patient=Patient/p1%5C,Patient/p2"), PATIENT),
    "patient and subject": (
        get("/QuestionnaireResponse", "patient=Patient/p1&subject=Patient/p1&questionnaire=https://q"),
        PATIENT,
    ),
    "subject without a type": (get("/QuestionnaireResponse", "subject=p1&questionnaire=https://q"), PATIENT),
    "group as a subject": (get("/QuestionnaireResponse", "subject=Group/g1"), PATIENT),
    "patient of another server": (search("patient=https://elsewhere.example/fhir/Patient/p1"), PATIENT),
    "patient of another tenant": (search("patient=https://gateway.example/lindezicht/fhir/Patient/p1"), PATIENT),
    "version of a patient": (search("patient=Patient/p1/_history/1"), PATIENT),
    "patient by a parent path": (search("patient=Patient/.."), PATIENT),
    "patient by a bsn token": (search("patient=http://fhir.nl/fhir/NamingSystem/bsn%7C900012341"), PATIENT),
    "practitioner as a patient": (search("patient=Practitioner/p1"), PATIENT),
    "second patient in a code": (search(f"{ONE}&category=Patient/p2"), PATIENT),
    "second patient in an absolute code": (search(f"{ONE}&category=a,https://x/Patient/p2"), PATIENT),
    "bsn in a code": (search(f"{ONE}&category=http://fhir.nl/fhir/NamingSystem/bsn%7C900012341"), PATIENT),
    # BSN searches
    "patient by name": (post("/Patient/_search", "name=hartman"), NOT_BSN),
    "bsn and name": (post("/Patient/_search", f"{BSN}&name=hartman"), NOT_BSN),
    "no identifier": (post("/Patient/_search", "_count=1"), NOT_BSN),
    "empty patient search": (post("/Patient/_search", ""), NOT_BSN),
    "two identifiers": (post("/Patient/_search", f"{BSN}&{BSN}"), AMBIGUOUS),
    "two bsns in one": (post("/Patient/_search", f"{BSN},http://fhir.nl/fhir/NamingSystem/bsn%7C999911120"), NOT_BSN),
    "bsn without a system": (post("/Patient/_search", "identifier=900012341"), NOT_BSN),
    "bsn with an empty system": (post("/Patient/_search", "identifier=%7C900012341"), NOT_BSN),
    "system without a bsn": (post("/Patient/_search", "identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C"), NOT_BSN),
    "bsn by oid": (post("/Patient/_search", "identifier=urn:oid:2.16.840.1.113883.2.4.6.3%7C900012341"), NOT_BSN),
    "bsn that fails the eleven-test": (post("/Patient/_search", BSN[:-1] + "2"), NOT_BSN),
    "bsn in arabic digits": (
        post("/Patient/_search", "identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C" + "%D9%A1" * 9),
        NOT_BSN,
    ),
    "identifier with a modifier": (post("/Patient/_search", BSN.replace("identifier", "identifier:not")), NOT_BSN),
    "include on a patient": (post("/Patient/_search", f"{BSN}&_include=Patient:link"), NOT_BSN),
    # page tokens
    "page token that is none": (search("_page=abc"), MALFORMED),
    "page token with a patient": (search(f"{ONE}&_page={'A' * 80}"), MALFORMED),
    "page token on a post": (post("/Consent/_search", "", query=f"_page={'A' * 80}"), MALFORMED),
    "page token made up": (search(f"_page={'A' * 80}"), Reason.PAGE_TOKEN),
    "page token with an escaped name": (search(f"%5Fpage={'A' * 80}"), UNSUPPORTED),
}


def test_the_list_is_long() -> None:
    assert len(HOSTILE) >= 80


@pytest.mark.parametrize("name", HOSTILE)
async def test_hostile_request_is_refused_recorded_and_never_forwarded(name: str, holder: Any) -> None:
    raw, reason = HOSTILE[name]
    reply = await holder.disclose(raw)
    assert isinstance(reply.content, Deny)
    assert reply.content.reason is reason
    assert holder.records.asked == []
    assert holder.journal == ["network", "audit Denied"]


@pytest.mark.parametrize("name", [name for name in HOSTILE if "page token" not in name])
def test_refusal_never_echoes_what_was_sent(name: str, fakes: Any) -> None:
    raw, _ = HOSTILE[name]
    refused = parse(raw, fakes.CAPABILITY, fakes.BASE)
    said = repr(refused)
    for part in ("900012341", "999911120", "Patient/p", "hartman", "elsewhere.example", "gateway.example"):
        assert part not in said
