"""One request, one meaning: what parse accepts, how encode writes it again, what template shows of it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nuts_pzp.fhir.capability import Capability, ResourceCapability
from nuts_pzp.fhir.envelope import RawRequest
from nuts_pzp.fhir.request import FhirRequest, encode, parse, stays_below, template
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.values import replace

BASE = "https://gateway.example/meerwijck/fhir"
BSN = "http://fhir.nl/fhir/NamingSystem/bsn|900012341"
CAPABILITY = Capability(
    {
        "Patient": ResourceCapability(frozenset({"read", "search-type"}), frozenset({"identifier"}), frozenset(), True),
        "Consent": ResourceCapability(
            frozenset({"read", "search-type"}),
            frozenset({"patient", "scope", "category", "_id", "code:in"}),
            frozenset({"Consent:actor", "Consent:data"}),
        ),
        "QuestionnaireResponse": ResourceCapability(
            frozenset({"search-type"}), frozenset({"patient", "subject", "questionnaire"}), frozenset()
        ),
        "Goal": ResourceCapability(
            frozenset({"search-type"}), frozenset({"patient", "subject.name"}), frozenset(), True
        ),
    },
    "0" * 64,
)


def get(query: str, path: str = "/Consent", *headers: tuple[str, str]) -> RawRequest:
    return RawRequest("GET", path, query, headers, b"")


def post(body: str, path: str = "/Consent/_search", media: str = "application/x-www-form-urlencoded") -> RawRequest:
    return RawRequest("POST", path, "", (("content-type", media),), body.encode())


def parsed(raw: RawRequest) -> FhirRequest:
    found = parse(raw, CAPABILITY, BASE)
    assert isinstance(found, FhirRequest), found
    return found


def consent(*params: tuple[str, tuple[str, ...]], via: str = "GET") -> FhirRequest:
    return FhirRequest("search-type", "Consent", params=params, via=via)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "written",
    [
        "patient=Patient/p1",
        "patient=p1",
        "patient=Patient%2Fp1",
        "%70atient=Patient/p1",
        f"patient={BASE}/Patient/p1",
        "_format=json&patient=Patient/p1",
        "patient=Patient/p1&_format=application/fhir+json",
        "patient=Patient/p1&_format=application/fhir%2Bjson",
    ],
)
def test_one_patient_written_in_many_ways_is_one_canonical_request(written: str) -> None:
    assert parsed(get(written)) == consent(("patient", ("Patient/p1",)))


def test_system_code_and_its_three_relatives_are_four_different_things() -> None:
    written = ["s%7Cc", "%7Cc", "c", "s%7C"]
    values = [parsed(get(f"patient=p1&scope={one}")).values("scope") for one in written]
    assert values == [(("s|c",),), (("|c",),), (("c",),), (("s|",),)]


def test_escaped_comma_belongs_to_the_value_and_others_separate_alternatives() -> None:
    found = parsed(get(r"patient=p1&scope=a%5C,b,c"))
    assert found.values("scope") == (("a,b", "c"),)


def test_escaped_bar_stays_escaped_and_so_differs_from_a_system() -> None:
    assert parsed(get(r"patient=p1&scope=a%5C%7Cb")).values("scope") == ((r"a\|b",),)
    assert parsed(get(r"patient=p1&scope=a%7Cb")).values("scope") == (("a|b",),)


def test_escaped_backslash_before_a_comma_does_not_escape_the_comma() -> None:
    assert parsed(get(r"patient=p1&scope=a%5C%5C,b")).values("scope") == (("a\\\\", "b"),)


def test_repeated_parameter_is_and_and_keeps_its_order() -> None:
    found = parsed(get("scope=b,a&patient=p1&scope=c"))
    assert found.params == (("scope", ("b", "a")), ("patient", ("Patient/p1",)), ("scope", ("c",)))


@pytest.mark.parametrize(
    "media",
    [
        "application/x-www-form-urlencoded",
        "Application/X-WWW-Form-URLencoded ; Charset=UTF-8",
        'application/x-www-form-urlencoded;charset="utf-8"',
        "application/x-www-form-urlencoded;charset=utf8",
    ],
)
def test_media_type_is_parsed_and_not_matched(media: str) -> None:
    assert parsed(post("patient=Patient%2Fp1", media=media)).via == "POST"


def test_plus_is_a_space_in_a_form() -> None:
    assert parsed(post("patient=p1&scope=a+b")).values("scope") == (("a b",),)


@pytest.mark.parametrize(
    "accept", ["*/*", "application/fhir+json", "text/html, application/json;q=0.1", "application/*"]
)
def test_accept_that_takes_json_is_accepted(accept: str) -> None:
    parsed(get("patient=p1", "/Consent", ("accept", accept)))


def test_chunked_form_is_accepted() -> None:
    headers = (("content-type", "application/x-www-form-urlencoded"), ("transfer-encoding", "chunked"))
    assert parsed(RawRequest("POST", "/Consent/_search", "", headers, b"patient=p1")).via == "POST"


def test_count_within_bounds_is_kept() -> None:
    assert parsed(get("patient=p1&_count=500")).values("_count") == (("500",),)


def test_ids_are_listed_ids() -> None:
    assert parsed(get("patient=p1&_id=a,b")).values("_id") == (("a", "b"),)
    refused = parse(get("patient=p1&_id=a,.."), CAPABILITY, BASE)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.REQUEST_MALFORMED


def test_listed_chain_that_no_pzp_query_needs_is_refused_all_the_same() -> None:
    refused = parse(post("patient=p1&subject.name=x", "/Goal/_search"), CAPABILITY, BASE)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.REQUEST_UNSUPPORTED


def test_post_only_type_is_not_searched_by_get() -> None:
    refused = parse(get("patient=p1", "/Goal"), CAPABILITY, BASE)
    assert isinstance(refused, Deny)
    assert refused.reason is Reason.REQUEST_METHOD
    assert parsed(post("patient=p1", "/Goal/_search")).resource_type == "Goal"


def test_read_and_capabilities_parse() -> None:
    assert parsed(get("", "/Consent/c-1.A")) == FhirRequest("read", "Consent", "c-1.A")
    assert parsed(get("", "/metadata")).interaction == "capabilities"


def test_patient_search_is_written_by_post_whatever_it_says_of_itself() -> None:
    raw = encode(FhirRequest("search-type", "Patient", params=(("identifier", (BSN,)),), via="GET"))
    assert (raw.method, raw.path, raw.query) == ("POST", "/Patient/_search", "")
    assert raw.body == b"identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C900012341"
    assert raw.headers == (("content-type", "application/x-www-form-urlencoded"),)


def test_get_search_is_written_as_the_guide_has_it() -> None:
    request = consent(
        ("patient", ("Patient/p1",)),
        ("scope", ("http://terminology.hl7.org/CodeSystem/consentscope|treatment",)),
        ("_include", ("Consent:actor",)),
    )
    raw = encode(request)
    assert (raw.method, raw.path) == ("GET", "/Consent")
    assert raw.query == (
        "patient=Patient/p1&scope=http://terminology.hl7.org/CodeSystem/consentscope%7Ctreatment&_include=Consent:actor"
    )


@pytest.mark.parametrize(
    "request_",
    [
        FhirRequest("read", "Consent", ".."),
        FhirRequest("read", "Consent", "a/b"),
        FhirRequest("read", "Consent"),
        FhirRequest("read", "../Consent", "a"),
        FhirRequest("search-type", "Consent?x=", params=(("patient", ("Patient/p1",)),)),
        consent(("patient", ())),
        consent(("patient", ("",))),
        consent(("scope", ("a\\",))),
        replace(consent(), continuation="//elsewhere.example/x"),
        replace(consent(), continuation="@elsewhere.example/x"),
    ],
)
def test_what_parse_could_not_have_made_is_not_written(request_: FhirRequest) -> None:
    with pytest.raises(ValueError, match=r"not|a "):
        encode(request_)


@pytest.mark.parametrize(
    "below", ["?_getpages=a-1&_getpagesoffset=20", "/Consent?page=2", "/Consent/_search?ct=a%2Bb", ""]
)
def test_continuation_below_the_base_is_written_as_it_is(below: str) -> None:
    raw = encode(replace(consent(("patient", ("Patient/p1",))), continuation=below))
    assert raw.method == "GET"
    assert f"{raw.path}?{raw.query}".removesuffix("?") == below


@pytest.mark.parametrize(
    "beyond",
    [
        "Consent?page=2",
        "//elsewhere.example/",
        "/../admin",
        "/Consent/../../x",
        "/./x",
        "/%2e%2e/x",
        "/a\\b",
        "/a b",
        "/a#b",
        "?a\nb",
        ".elsewhere.example/x",
        ":80/x",
        "?" + "a" * 9000,
    ],
)
def test_continuation_that_could_leave_the_base_is_refused(beyond: str) -> None:
    assert not stays_below(beyond)


@pytest.mark.parametrize(
    "value", ["900012341", "x900012341", "a,900012341", "a 900012341", "|900012341", "900012341|7"]
)
def test_template_masks_nine_digits_that_could_be_a_bsn(value: str) -> None:
    shown = template(
        FhirRequest("search-type", "Goal", params=(("category", (value, "http://snomed.info/sct|713603004")),))
    )
    assert shown == "GET Goal?category=#patient,http://snomed.info/sct|713603004"


def test_template_masks_everything_that_says_who() -> None:
    search = parsed(get("patient=p1&_id=c1&scope=a%7Ctreatment,900012341&category=http://snomed.info/sct%7C129125009"))
    assert template(search) == (
        "GET Consent?patient=#patient&_id=#patient&scope=a|treatment,#patient&category=http://snomed.info/sct|129125009"
    )
    by_bsn = FhirRequest("search-type", "Patient", params=(("identifier", (BSN,)),), via="POST")
    assert template(by_bsn) == "POST Patient/_search?identifier=#patient"
    assert template(FhirRequest("read", "Consent", "c1")) == "GET Consent/#patient"
    assert template(FhirRequest("capabilities", "CapabilityStatement")) == "GET metadata"
    assert template(replace(consent(), continuation="/Consent?p=900012341")) == "GET Consent?_page=#page"


def test_repr_shows_no_values() -> None:
    shown = repr(FhirRequest("search-type", "Patient", params=(("identifier", (BSN,)),), continuation="/x?a=900012341"))
    assert "900012341" not in shown


ids = st.from_regex(r"[A-Za-z0-9.-]{1,64}", fullmatch=True).filter(lambda one: one not in (".", ".."))
letters = st.characters(codec="utf-8", exclude_categories=["C", "Z"], exclude_characters=";%\\")
pieces = st.one_of(letters, st.sampled_from(["\\|", "\\$", "\\\\", ",", "|", "$", "&", "=", "+", "/", "a b"]))
values = (
    st.lists(pieces, min_size=1, max_size=12)
    .map("".join)
    .filter(lambda one: "patient/" not in one.lower() and one.isprintable() and one.strip() == one)
)
others = st.tuples(
    st.sampled_from(["scope", "category", "code:in"]), st.lists(values, min_size=1, max_size=3).map(tuple)
)
counts = st.integers(1, 500).map(lambda one: ("_count", (str(one),)))


@st.composite
def searches(draw: st.DrawFn) -> FhirRequest:
    params = draw(st.lists(others, max_size=4, unique=True))
    params += draw(st.lists(counts, max_size=1))
    params.insert(draw(st.integers(0, len(params))), ("patient", (f"Patient/{draw(ids)}",)))
    return FhirRequest("search-type", "Consent", params=tuple(params), via=draw(st.sampled_from(["GET", "POST"])))


@given(searches())
def test_parsing_what_was_encoded_gives_the_same_request(request: FhirRequest) -> None:
    assert parse(encode(request), CAPABILITY, BASE) == request


@given(searches())
def test_encoding_never_makes_a_second_patient(request: FhirRequest) -> None:
    raw = encode(request)
    text = raw.query or raw.body.decode()
    names = [one.partition("=")[0] for one in text.split("&")]
    assert names.count("patient") == 1
    assert names == [name for name, _ in request.params]


@given(st.text(max_size=80), st.text(max_size=80), st.binary(max_size=80), st.sampled_from(["GET", "POST"]))
def test_parse_never_raises_and_what_it_accepts_encodes_to_itself(
    path: str, query: str, body: bytes, method: str
) -> None:
    headers = (("content-type", "application/x-www-form-urlencoded"),)
    for tried in (f"/{path}", "/Consent/_search", "/Consent"):
        found = parse(RawRequest(method, tried, query, headers, body), CAPABILITY, BASE)
        if isinstance(found, FhirRequest):
            assert parse(encode(found), CAPABILITY, BASE) == found


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (get("patient=p1&catgory=x"), "a parameter that the capability does not list: catgory"),
        (get("patient=p1&category:not=x"), "a parameter that the capability does not list: category:not"),
        (get("patient=p1&_sort=x"), "a parameter that the capability does not list: _sort"),
        (get("patient=p1&a900012341=x"), "a parameter that the capability does not list"),
        (get("patient=p1&Postma=x"), "a parameter that the capability does not list"),
        (get("patient=p1&patient=p1"), "a parameter given twice: patient"),
        (post("name=x", "/Patient/_search"), "a Patient is searched by identifier (a BSN) only: name"),
        (
            post("identifier=900012341", "/Patient/_search"),
            "identifier: http://fhir.nl/fhir/NamingSystem/bsn|<a BSN> is expected",
        ),
        (
            get("patient=p1", "/Consent", ("accept", "text/html")),
            "Accept: application/fhir+json is expected, FHIR 4.0",
        ),
        (get("patient=p1&_format=html"), "_format: application/fhir+json is expected"),
    ],
)
def test_a_refusal_names_what_was_not_taken_and_never_a_number(raw: RawRequest, said: str) -> None:
    found = parse(raw, CAPABILITY, BASE)
    assert isinstance(found, Deny)
    assert found.detail == said
