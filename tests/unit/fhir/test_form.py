"""In which form an answer is written: `_format` before Accept, weights as in HTTP, JSON when both are as welcome."""

from __future__ import annotations

import pytest

from nuts_pzp.fhir.capability import Capability, ResourceCapability
from nuts_pzp.fhir.envelope import RawRequest, refused_form
from nuts_pzp.fhir.form import JSON, JSON_OR_XML, accepted, stated
from nuts_pzp.fhir.request import FhirRequest, encode, parse, template
from nuts_pzp.fhir.wire import Refused
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

BASE = "https://gateway.example/meerwijck/fhir"
CONSENT = ResourceCapability(frozenset({"read", "search-type"}), frozenset({"patient", "scope"}), frozenset())
CAPABILITY = Capability({"Consent": CONSENT}, "0" * 64)
FORM = ("content-type", "application/x-www-form-urlencoded")

ACCEPTS = [
    ("application/fhir+json", "json"),
    ("application/fhir+xml", "xml"),
    ("APPLICATION/FHIR+XML ; charset=utf-8", "xml"),
    ("application/xml", "xml"),
    ("text/xml", "xml"),
    ("application/xml+fhir", "xml"),
    ("text/json", "json"),
    ("*/*", "json"),
    ("application/*", "json"),
    ("application/fhir+xml, application/fhir+json", "json"),
    ("application/fhir+xml, */*", "json"),
    ("application/fhir+xml, */*;q=0.9", "xml"),
    ("application/fhir+xml;q=0.9, application/fhir+json;q=0.8", "xml"),
    ("application/fhir+xml;q=0.8, application/fhir+json;q=0.9", "json"),
    ("application/fhir+xml;q=0.8, application/fhir+json;q=0.80", "json"),
    ("application/fhir+json;q=0, */*", "xml"),
    ("application/fhir+xml;q=0, */*;q=0.1", "json"),
    ("application/fhir+json;q=0, application/json", "json"),
    ("application/fhir+json;q=0.1, application/*;q=0.5", "xml"),
    ("application/*;q=0, */*", None),
    ("application/fhir+xml;q=0.001", "xml"),
    ("application/fhir+xml;q=0.5, text/xml;q=0.9, application/json;q=0.7", "xml"),
    ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", "xml"),
    ("application/fhir+xml; fhirVersion=4.0", "xml"),
    ('application/fhir+xml; fhirVersion="4.0.1"', "xml"),
    ("application/fhir+xml; fhirVersion=3.0, */*;q=0.1", "json"),
    ("application/fhir+xml; fhirVersion=3.0", None),
    ("application/fhir+xml;q=0", None),
    ("application/fhir+xml;q=0.000, application/fhir+json;q=0", None),
    ("application/fhir+xml;q=1;q=0", None),
    ("application/fhir+xml;q=high", "xml"),
    ("application/fhir+turtle", None),
    ("text/html", None),
    ("text/*", None),
    ("xml", None),
    ("", None),
]


@pytest.mark.parametrize(("accept", "form"), ACCEPTS)
def test_accept_chooses_by_its_weights(accept: str, form: str | None) -> None:
    if form is None:
        with pytest.raises(Refused) as told:
            accepted(accept, "r4", JSON_OR_XML)
        assert told.value.stop.reason is Reason.REQUEST_NOT_ACCEPTABLE
    else:
        assert accepted(accept, "r4", JSON_OR_XML) == form


def test_a_door_without_xml_gives_json_wherever_that_is_welcome_at_all() -> None:
    assert accepted("application/fhir+xml, application/fhir+json;q=0.1", "r4", JSON) == "json"
    assert accepted("text/xml, */*;q=0.1", "r4", JSON) == "json"
    for accept in ("application/fhir+xml", "application/fhir+json;q=0, */*"):
        with pytest.raises(Refused):
            accepted(accept, "r4", JSON)


@pytest.mark.parametrize(
    ("value", "form"),
    [
        ("json", "json"), ("xml", "xml"), ("application/fhir+xml", "xml"), ("application/fhir xml", "xml"),
        ("text/xml", "xml"), ("application/xml", "xml"), ("application/xml+fhir", "xml"), ("text/json", "json"),
        ("XML", None), ("ttl", None), ("html", None), ("application/*", None), ("application/fhir+xml,json", None),
    ],
)  # fmt: skip
def test_format_is_one_of_the_known_names(value: str, form: str | None) -> None:
    if form is None:
        with pytest.raises(Refused):
            stated(value, JSON_OR_XML)
    else:
        assert stated(value, JSON_OR_XML) == form
    if form == "xml":
        with pytest.raises(Refused):
            stated(value, JSON)


def get(query: str = "", *accept: str, path: str = "/Consent") -> RawRequest:
    return RawRequest("GET", path, query, tuple(("accept", one) for one in accept), b"", JSON_OR_XML)


def post(body: str, *accept: str) -> RawRequest:
    headers = (FORM, *[("accept", one) for one in accept])
    return RawRequest("POST", "/Consent/_search", "", headers, body.encode(), JSON_OR_XML)


REQUESTS = [
    (get("patient=p1"), "json"),
    (get("patient=p1", "application/fhir+xml"), "xml"),
    (get("patient=p1", "application/fhir+json;q=0.5", "application/fhir+xml"), "xml"),
    (get("patient=p1&_format=xml"), "xml"),
    (get("_format=application/fhir+xml&patient=p1"), "xml"),
    (get("patient=p1&_format=application/fhir%2Bxml"), "xml"),
    (get("patient=p1&%5Fformat=%78ml"), "xml"),
    (get("patient=p1&_format=json", "application/fhir+xml"), "json"),
    (get("patient=p1&_format=xml", "application/fhir+json"), "xml"),
    (get("patient=p1&_format=xml", "text/html"), "xml"),
    (post("patient=p1&_format=xml"), "xml"),
    (post("patient=p1&_format=application/fhir+xml"), "xml"),
    (post("patient=p1", "text/xml"), "xml"),
    (get("", "text/xml", path="/Consent/c1"), "xml"),
    (get("_format=xml", path="/Consent/c1"), "xml"),
    (get("_format=xml", path="/metadata"), "xml"),
]


@pytest.mark.parametrize(("raw", "form"), REQUESTS)
def test_the_form_is_no_part_of_what_is_asked(raw: RawRequest, form: str) -> None:
    """Everything that is decided about, forwarded and recorded is that of the same request without a form."""
    asked = parse(raw, CAPABILITY, BASE)
    assert isinstance(asked, FhirRequest)
    assert asked.form == form == refused_form(raw, "r4")
    bare = FhirRequest(asked.interaction, asked.resource_type, asked.id, asked.params, asked.via)
    assert replace(asked, form="json", form_stated=False) == bare
    assert form == "xml" or asked == bare
    assert encode(asked) == encode(bare)
    assert template(asked) == template(bare)
    assert b"xml" not in encode(asked).body
    assert "xml" not in encode(asked).query


@pytest.mark.parametrize(
    ("raw", "reason", "form"),
    [
        (get("patient=p1", "text/html"), Reason.REQUEST_NOT_ACCEPTABLE, "json"),
        (get("patient=p1&_format=ttl", "application/fhir+xml"), Reason.REQUEST_NOT_ACCEPTABLE, "json"),
        (get("patient=p1&_format=xml&_format=json"), Reason.REQUEST_AMBIGUOUS, "json"),
        (get("patient=p1&_format=xml&_format=json", "text/xml"), Reason.REQUEST_AMBIGUOUS, "xml"),
        (get("patient=%zz&_format=xml"), Reason.REQUEST_MALFORMED, "json"),
        (get("patient=%zz", "text/xml"), Reason.REQUEST_MALFORMED, "xml"),
        (get("patient=p1&actor=x&_format=xml"), Reason.REQUEST_UNSUPPORTED, "xml"),
        (post("actor=x&_format=xml"), Reason.REQUEST_UNSUPPORTED, "xml"),
        (post("\x00", "text/xml"), Reason.REQUEST_MALFORMED, "xml"),
    ],
)
def test_a_refusal_is_in_the_form_asked_for_and_json_where_that_cannot_be_told(
    raw: RawRequest, reason: Reason, form: str
) -> None:
    refused = parse(raw, CAPABILITY, BASE)
    assert isinstance(refused, Deny)
    assert refused.reason is reason
    assert refused_form(raw, "r4") == form


def test_what_names_a_release_is_for_that_release() -> None:
    assert accepted("application/fhir+xml; fhirVersion=3.0", "stu3", JSON_OR_XML) == "xml"
    with pytest.raises(Refused):
        accepted("application/fhir+xml; fhirVersion=4.0", "stu3", JSON_OR_XML)
