"""Reading a notification: both spellings alike, bound to its own Bundle, and nothing in it is executed (spec 3.3)."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from nuts_pzp.consent.notice import Change
from nuts_pzp.sandbox.mitz.notices import as_json, as_xml
from nuts_pzp.systems.mitz.flaw import Flaw
from nuts_pzp.systems.mitz.notice import Read, read

JSON, XML = "application/fhir+json", "application/fhir+xml"
UTC = "2026-11-24T13:05:00.000000+00:00"

Edit = Callable[[dict[str, Any]], object]


def changes(found: Read | Flaw) -> tuple[Change, ...]:
    assert isinstance(found, Read), found
    return found.notice.changes


def both(content: dict[str, Any]) -> tuple[Read | Flaw, Read | Flaw]:
    return read(JSON, as_json(content)), read(XML, as_xml(content))


def test_xml_and_json_say_the_same(bundle: Any) -> None:
    for found in both(bundle(("RPZAC104", "deny"), ("RPZAC001", "permit"), deceased="2026-11-01")):
        assert isinstance(found, Read)
        assert found.holder.value == "90000222"
        assert found.notice.bsn.value == "999912008"
        assert set(found.notice.changes) == {
            Change("RPZAC104", "GGC002", True, UTC),
            Change("RPZAC001", "GGC002", False, UTC),
        }
        assert found.notice.deceased == "2026-11-01"


def test_bundle_that_is_written_by_another_hand_is_read() -> None:
    """Other order, other layout, an unknown resource, a narrative, and references by URL instead of urn."""
    body = b"""<?xml version="1.0" encoding="UTF-8"?>
    <Bundle xmlns="http://hl7.org/fhir"><id value="b1"/><type value="transaction"/>
     <entry><fullUrl value="https://mitz.example/Organization/7"/><resource><Organization>
      <identifier><system value="http://fhir.nl/fhir/NamingSystem/ura"/><value value="90000222"/></identifier>
      </Organization></resource></entry>
     <entry><fullUrl value="https://mitz.example/Patient/3"/><resource><Patient>
      <text><status value="generated"/><div xmlns="http://www.w3.org/1999/xhtml"><p>tekst</p></div></text>
      <identifier><system value="http://fhir.nl/fhir/NamingSystem/bsn"/><value value="999912008"/></identifier>
      <deceasedBoolean value="false"/></Patient></resource></entry>
     <entry><fullUrl value="https://mitz.example/Provenance/1"/><resource><Provenance/></resource>
      <request><method value="DELETE"/><url value="Consent/9"/></request></entry>
     <entry><fullUrl value="https://mitz.example/Consent/9"/><resource><Consent><meta/>
      <extension url="http://fhir.nl/StructureDefinition/OTV-ProviderCategory"><valueCodeableConcept><coding>
       <system value="http://fhir.nl/otv/CodeSystem/raadplegende-zorgaanbiedercategorie"/><code value="RPZAC004"/>
      </coding></valueCodeableConcept></extension><status value="inactive"/>
      <category><coding><system value="http://fhir.nl/otv/CodeSystem/gegevenscategorie"/><code value="GGC002"/></coding>
      </category><patient><reference value="https://mitz.example/Patient/3"/></patient>
      <dateTime value="2026-11-24T13:05:00Z"/><provision><actor><role><coding><code value="CST"/></coding></role>
       <reference><reference value="https://mitz.example/Organization/7"/></reference></actor></provision>
      </Consent></resource></entry></Bundle>"""
    assert changes(read(XML, body)) == (Change("RPZAC004", "GGC002", True, UTC),)


def consent(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["entry"][0]["resource"]
    return found


REFUSALS: dict[str, Edit] = {
    "inactive without a type": lambda c: c.update(status="inactive") or c["provision"].pop("type"),
    "inactive with a type": lambda c: c.update(status="inactive"),
    "active deny": lambda c: c["provision"].update(type="deny"),
    "active without a type": lambda c: c["provision"].pop("type"),
    "entered in error": lambda c: c.update(status="entered-in-error"),
    "a status of another case": lambda c: c.update(status="Active"),
    "a modifier": lambda c: c.update(modifierExtension=[{"url": "https://x.example/m", "valueBoolean": True}]),
    "an exception": lambda c: c["provision"].update(provision=[{"type": "deny"}]),
}


@pytest.mark.parametrize("name", REFUSALS)
def test_what_is_not_plainly_a_permission_is_a_refusal(name: str, bundle: Any) -> None:
    content = bundle(("RPZAC104", "permit"))
    REFUSALS[name](consent(content))
    for found in both(content):
        assert [one.refuses for one in changes(found)] == [True]


def test_a_refusal_that_names_no_users_or_data_is_one_of_all_and_such_a_permission_is_none(bundle: Any) -> None:
    for effect, expected in (("deny", (Change("*", "*", True, UTC),)), ("permit", ())):
        content = bundle(("RPZAC104", effect), deceased="yes")
        consent(content).pop("extension")
        consent(content).pop("category")
        for found in both(content):
            assert changes(found) == expected


def users(name: str, code: str) -> dict[str, Any]:
    coding = {"system": f"http://fhir.nl/otv/CodeSystem/{name}", "code": code}
    url = "http://fhir.nl/StructureDefinition/OTV-ProviderCategory"
    return {"url": url, "valueCodeableConcept": {"coding": [coding]}}


@pytest.mark.parametrize("other", [users("zorgaanbieders-van-morgen", "X1"), {"url": users("", "")["url"]}])
def test_a_refusal_of_users_that_nobody_knows_is_one_of_all_beside_those_it_names(
    other: dict[str, Any], bundle: Any
) -> None:
    content = bundle(("RPZAC104", "deny"))
    consent(content)["extension"].append(other)
    for found in both(content):
        assert {one.users for one in changes(found)} == {"RPZAC104", "*"}
    content = bundle(("RPZAC104", "permit"))
    consent(content)["extension"].append(other)
    for found in both(content):
        assert [(one.users, one.refuses) for one in changes(found)] == [("RPZAC104", False)]


def reason(*codes: str) -> list[dict[str, Any]]:
    return [{"system": "http://hl7.org/fhir/v3/ActReason", "code": code} for code in codes]


SOME_OF_IT: dict[str, Edit] = {
    "for research": lambda c: c["provision"].update(purpose=reason("HRESCH")),
    "for presumed consent": lambda c: c["provision"].update(purpose=reason("COC")),
    "for a while": lambda c: c["provision"].update(period={"start": "2026-01-01", "end": "2026-12-31"}),
    "to collect": lambda c: c["provision"].update(action=[{"coding": [{"code": "collect"}]}]),
    "of a label": lambda c: c["provision"].update(securityLabel=[{"code": "R"}]),
    "of a kind of data": lambda c: c["provision"].update({"class": [{"code": "Goal"}]}),
    "for one organization": lambda c: c["provision"]["actor"].append(
        {"role": {"coding": [{"code": "IRCP"}]}, "reference": {"display": "x"}}
    ),
    "under rules nobody knows": lambda c: c.update(implicitRules="https://example.org/rules"),
}


@pytest.mark.parametrize("name", SOME_OF_IT)
def test_a_permission_of_some_of_it_has_no_moment_from_which_it_ends_a_refusal(name: str, bundle: Any) -> None:
    content = bundle(("RPZAC104", "permit"))
    SOME_OF_IT[name](consent(content))
    for found in both(content):
        assert changes(found) == (Change("RPZAC104", "GGC002", False, ""),)
    refused = bundle(("RPZAC104", "deny"))
    SOME_OF_IT[name](consent(refused))
    for found in both(refused):
        assert changes(found) == (Change("RPZAC104", "GGC002", True, UTC),)


@pytest.mark.parametrize(
    "change", [{"purpose": reason("TREAT", "COC")}, {"period": {"start": "2026-01-01"}}, {"purpose": []}]
)
def test_a_permission_of_all_of_it_ends_a_refusal(change: dict[str, Any], bundle: Any) -> None:
    content = bundle(("RPZAC104", "permit"))
    consent(content)["provision"].update(change)
    assert changes(read(JSON, as_json(content))) == (Change("RPZAC104", "GGC002", False, UTC),)


MOMENTS = {
    "2026-11-24T14:05:00.123456789+01:00": ("2026-11-24T13:05:00.123456+00:00", "2026-11-24T13:05:00.123456+00:00"),
    "2026-11-24": ("", "2026-11-24T00:00:00.000000+00:00"),
    "2026": ("", "2026-01-01T00:00:00.000000+00:00"),
    "2026-13-45T99:00:00Z": ("", ""),
    "gisteren": ("", ""),
}


@pytest.mark.parametrize("text", MOMENTS)
def test_only_a_permission_is_as_old_as_it_can_be(text: str, bundle: Any) -> None:
    refused, permitted = MOMENTS[text]
    assert [one.at for one in changes(both(bundle(("RPZAC104", "deny"), at=text))[0])] == [refused]
    assert [one.at for one in changes(both(bundle(("RPZAC104", "permit"), at=text))[1])] == [permitted]


def entry(content: dict[str, Any], kind: str) -> dict[str, Any]:
    [found] = [one for one in content["entry"] if one["resource"]["resourceType"] == kind]
    return dict(found)


WRONG: dict[str, tuple[Edit, Flaw]] = {
    "a batch": (lambda b: b.update(type="batch"), Flaw.BUNDLE),
    "no type": (lambda b: b.pop("type"), Flaw.BUNDLE),
    "a Parameters": (lambda b: b.update(resourceType="Parameters"), Flaw.BUNDLE),
    "an entry without fullUrl": (lambda b: b["entry"][0].pop("fullUrl"), Flaw.BUNDLE),
    "an entry without resource": (lambda b: b["entry"][0].pop("resource"), Flaw.BUNDLE),
    "one fullUrl twice": (lambda b: b["entry"][0].update(fullUrl=b["entry"][1]["fullUrl"]), Flaw.BUNDLE),
    "no patient": (lambda b: b["entry"].pop(1), Flaw.BUNDLE_PATIENT),
    "two patients": (
        lambda b: b["entry"].append({**copy.deepcopy(entry(b, "Patient")), "fullUrl": "urn:uuid:2"}),
        Flaw.BUNDLE_PATIENT,
    ),
    "a patient without BSN": (lambda b: entry(b, "Patient")["resource"].pop("identifier"), Flaw.BUNDLE_PATIENT),
    "a BSN that is none": (
        lambda b: entry(b, "Patient")["resource"]["identifier"][0].update(value="123456789"), Flaw.BUNDLE_PATIENT
    ),
    "two BSNs": (
        lambda b: entry(b, "Patient")["resource"]["identifier"].append(
            {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": "999912033"}
        ),
        Flaw.BUNDLE_PATIENT,
    ),
    "a consent of another patient": (lambda b: consent(b)["patient"].update(reference="P/9"), Flaw.BUNDLE_PATIENT),
    "no holder": (lambda b: b["entry"].pop(2), Flaw.BUNDLE_HOLDER),
    "a holder without URA": (lambda b: entry(b, "Organization")["resource"].pop("identifier"), Flaw.BUNDLE_HOLDER),
    "another custodian": (
        lambda b: consent(b)["provision"]["actor"][0]["reference"].update(reference="urn:uuid:9"), Flaw.BUNDLE_HOLDER
    ),
    "no custodian": (lambda b: consent(b)["provision"].pop("actor"), Flaw.BUNDLE_HOLDER),
    "no consent": (lambda b: b["entry"].pop(0), Flaw.BUNDLE_CONSENT),
    "a code that is none": (
        lambda b: consent(b)["category"][0]["coding"][0].update(code="GGC 002|*"), Flaw.BUNDLE_CONSENT
    ),
    "two statuses": (lambda b: consent(b).update(status=["active", "inactive"]), Flaw.FHIR),
    "an object for a status": (lambda b: consent(b).update(status={"x": "active"}), Flaw.FHIR),
}  # fmt: skip


@pytest.mark.parametrize("name", WRONG)
def test_bundle_that_is_not_whole_is_refused_in_both_spellings(name: str, bundle: Any) -> None:
    edit, flaw = WRONG[name]
    content = bundle(("RPZAC104", "deny"))
    edit(content)
    assert both(content) == (flaw, flaw)


def test_choices_without_end_are_refused(bundle: Any) -> None:
    content = bundle(("RPZAC104", "deny"))
    one = content["entry"].pop(0)
    content["entry"] += [{**copy.deepcopy(one), "fullUrl": f"urn:uuid:{number}"} for number in range(501)]
    assert both(content)[0] is Flaw.BUNDLE_CONSENT


def whole(bundle: Any) -> tuple[str, bytes]:
    content = bundle(("RPZAC104", "permit"))
    return as_json(content).decode(), as_xml(content)


HOSTILE_JSON: dict[str, tuple[Callable[[str], bytes], Flaw]] = {
    "status twice": (lambda t: t.replace('"status": "active"', '"status": "inactive", "status": "active"').encode(),
                     Flaw.DUPLICATE_KEY),
    "entry twice": (lambda t: t.replace('"type": "transaction"', '"type": "transaction", "entry": []').encode(),
                    Flaw.DUPLICATE_KEY),
    "NaN": (lambda t: t.replace('"active"', "NaN").encode(), Flaw.JSON),
    "null": (lambda t: t.replace('"active"', "null").encode(), Flaw.FHIR),
    "a number with a million digits": (lambda t: t.replace('"active"', "9" * 900_000).encode(), Flaw.FHIR),
    "an array in an array": (lambda t: t.replace('"active"', '[["active"]]').encode(), Flaw.FHIR),
    "half a pair": (lambda t: t.replace("RPZAC104", "\\ud800").encode(), Flaw.ENCODING),
    "a NUL": (lambda t: t.replace("RPZAC104", "RPZAC104\x00").encode(), Flaw.ENCODING),
    "a byte order mark": (lambda t: b"\xef\xbb\xbf" + t.encode(), Flaw.ENCODING),
    "UTF-16": (lambda t: t.encode("utf-16"), Flaw.ENCODING),
    "half of it": (lambda t: t[: len(t) // 2].encode(), Flaw.JSON),
    "two of it": (lambda t: (t + t).encode(), Flaw.JSON),
    "a comment": (lambda t: ("/* x */" + t).encode(), Flaw.JSON),
    "nothing": (lambda t: b" ", Flaw.EMPTY),
    "a list": (lambda t: b"[]", Flaw.JSON),
    "depth": (lambda t: b'{"a":' * 40 + b"1" + b"}" * 40, Flaw.TOO_DEEP),
    "depth of a hundred thousand": (lambda t: b'{"a":' * 100_000 + b"1" + b"}" * 100_000, Flaw.TOO_DEEP),
    "many elements": (lambda t: b'{"a":[' + b'"x",' * 200_000 + b'"x"]}', Flaw.TOO_MANY_ELEMENTS),
    "more than a megabyte": (lambda t: t.encode() + b" " * 1_048_576, Flaw.TOO_LARGE),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_JSON)
def test_hostile_json_is_refused_quickly(name: str, bundle: Any) -> None:
    spoil, flaw = HOSTILE_JSON[name]
    body = spoil(whole(bundle)[0])
    began = time.process_time()
    assert read(JSON, body) is flaw
    assert time.process_time() - began < 0.5


HOSTILE_XML: dict[str, tuple[Callable[[bytes], bytes], Flaw]] = {
    "an entity": (
        lambda t: t.replace(b"<Bundle", b'<!DOCTYPE b [<!ENTITY e "active">]><Bundle', 1), Flaw.DOCTYPE),
    "a comment": (lambda t: t.replace(b"<status", b"<!-- x --><status", 1), Flaw.COMMENT),
    "an instruction": (lambda t: t.replace(b"<status", b"<?x y?><status", 1), Flaw.PROCESSING_INSTRUCTION),
    "another namespace": (lambda t: t.replace(b"http://hl7.org/fhir", b"http://hl7.org/fhir2", 1), Flaw.FHIR),
    "a foreign element": (lambda t: t.replace(b"<status", b'<status xmlns="urn:x" value="y"/><status', 1), Flaw.FHIR),
    "a foreign attribute": (lambda t: t.replace(b"<status value", b'<status weight="1" value', 1), Flaw.FHIR),
    "two statuses": (lambda t: t.replace(b"<status", b'<status value="inactive"/><status', 1), Flaw.FHIR),
    "text between": (lambda t: t.replace(b"<status", b"active<status", 1), Flaw.FHIR),
    "two resources in an entry": (lambda t: t.replace(b"<resource>", b"<resource><Basic/>", 1), Flaw.FHIR),
    "more than a megabyte": (lambda t: t + b" " * 1_048_576, Flaw.TOO_LARGE),
    "many elements": (lambda t: t.replace(b"</Bundle>", b"<a/>" * 20_001 + b"</Bundle>"), Flaw.TOO_MANY_ELEMENTS),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE_XML)
def test_hostile_xml_is_refused_quickly(name: str, bundle: Any) -> None:
    spoil, flaw = HOSTILE_XML[name]
    body = spoil(whole(bundle)[1])
    began = time.process_time()
    assert read(XML, body) is flaw
    assert time.process_time() - began < 0.5


def test_other_media_type_is_refused_and_so_is_xml_that_calls_itself_json(bundle: Any) -> None:
    text, xml = whole(bundle)
    assert read("text/plain", text.encode()) is Flaw.MEDIA_TYPE
    assert read("", text.encode()) is Flaw.MEDIA_TYPE
    assert read(JSON, xml) is Flaw.JSON
    assert read(XML, text.encode()) is Flaw.NOT_WELL_FORMED


def test_repetition_has_the_same_digest_and_shows_nobody(bundle: Any) -> None:
    body = as_json(bundle(("RPZAC104", "deny")))
    one, other = read(JSON, body), read(JSON, body)
    assert one == other
    assert "999912008" not in repr(one)
    assert json.loads(body)["entry"][1]["resource"]["identifier"][0]["value"] == "999912008"
