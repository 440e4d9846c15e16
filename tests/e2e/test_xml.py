"""FHIR XML from running gateways: the answer of every PZP question, as in JSON, with its own bytes on record."""

from __future__ import annotations

import hashlib
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest
from facade_client import QUERIES
from staging import CATEGORY, SCOPE, Visitor
from xml_reader import json_of, read

pytestmark = pytest.mark.asyncio(loop_scope="session")

XML, JSON = {"accept": "application/fhir+xml"}, {"accept": "application/fhir+json"}


def told(answer: httpx.Response) -> dict[str, Any]:
    """What an answer says, by its label; but for what the own server makes anew for every Bundle."""
    labels = {"application/fhir+xml": read, "application/fhir+json": json_of}
    content = labels[answer.headers["content-type"]](answer.content)
    anew = ("id", "meta", "timestamp") if content["resourceType"] == "Bundle" else ()
    return {name: value for name, value in content.items() if name not in anew}


@pytest.mark.parametrize("holder", ["wilgenhof", "meerwijck", "lindezicht"])
async def test_every_question_of_the_guide_is_answered_alike_in_both_forms(visitor: Visitor, holder: str) -> None:
    patient = visitor.stage.patient("postma")
    token = await visitor.token(holder)
    found = 0
    for kind, params in QUERIES.values():
        query = urlencode({"patient": f"Patient/{patient.patient_ids[holder]}", **params})
        plain = await visitor.fhir(holder, f"/{kind}?{query}", token, headers=JSON)
        answer = await visitor.fhir(holder, f"/{kind}?{query}", token, headers=XML)
        assert answer.headers["content-type"] == "application/fhir+xml"
        assert answer.status_code == plain.status_code, answer.text
        if plain.status_code == 400:  # a question of the other dialect, which this holder's own server does not know
            continue
        assert answer.status_code == 200
        assert told(answer) == told(plain)
        found += len(plain.json().get("entry", ()))
        decision, result = visitor.recorded(holder, answer)
        assert (decision.word, result.word) == ("Toegestaan", "Verstrekt")
        assert result.record["object"]["sha256"] == hashlib.sha256(answer.content).hexdigest()
        assert result.references == visitor.recorded(holder, plain)[1].references
    assert found


async def test_a_patient_is_found_and_read_in_xml(visitor: Visitor) -> None:
    token, patient = await visitor.token("wilgenhof"), visitor.stage.patient("postma")
    found = await visitor.patient("wilgenhof", patient.bsn.value, token, headers=XML)
    assert told(found) == told(await visitor.patient("wilgenhof", patient.bsn.value, token, headers=JSON))
    path = f"/Patient/{patient.patient_ids['wilgenhof']}"
    answer = await visitor.fhir("wilgenhof", path + "?_format=xml", token, headers=JSON)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/fhir+xml")
    assert told(answer) == told(await visitor.fhir("wilgenhof", path, token, headers=JSON))


async def test_a_refusal_in_xml_says_no_more_than_one_in_json(visitor: Visitor) -> None:
    token = await visitor.token("wilgenhof")
    seen = []
    for bsn in ("900010447", visitor.stage.patient("vermeer").bsn.value):  # nobody, and one who objects
        answer = await visitor.patient("wilgenhof", bsn, token, headers=XML)
        assert (answer.status_code, answer.headers["content-type"]) == (403, "application/fhir+xml")
        seen.append(answer.content.replace(answer.headers["x-meldcode"].encode(), b"*"))
    assert seen[0] == seen[1]
    nobody = await visitor.fhir("wilgenhof", "/Consent/1-1", None, headers=XML)
    assert (nobody.status_code, nobody.headers["content-type"]) == (401, "application/fhir+xml")
    assert nobody.headers["www-authenticate"]


@pytest.mark.parametrize("named", [False, True], ids=["by Accept", "by _format"])
async def test_page_by_page_xml_is_what_json_is(visitor: Visitor, named: bool) -> None:
    token = await visitor.token("wilgenhof")
    base = visitor.stage.region.gateway_of("wilgenhof").fhir_base("wilgenhof")
    query = urlencode({"patient": "Patient/10", "scope": SCOPE, "category": CATEGORY})

    async def pages(first: str, headers: dict[str, str]) -> list[object]:
        """The resources of every page, following next links with the headers of the first request."""
        path, found = first, []
        while path:
            answer = await visitor.fhir("wilgenhof", path, token, headers=headers)
            assert answer.status_code == 200
            content = told(answer)
            found.append((answer.headers["content-type"], [one["resource"] for one in content["entry"]]))
            links = [one["url"] for one in content["link"] if one["relation"] == "next"]
            path = links[0].removeprefix(base) if links else ""
        return found

    plain = await pages(f"/Consent?{query}", JSON)
    in_xml = await pages(f"/Consent?{query}&_format=xml" if named else f"/Consent?{query}", JSON if named else XML)
    assert len(plain) > 1
    assert in_xml == [("application/fhir+xml", resources) for _, resources in plain]


async def test_the_doors_that_speak_json_only_say_so(visitor: Visitor) -> None:
    region = visitor.stage.region
    url = f"{region.gateway_of('kade').ehr_url}/kade/fhir/metadata"
    facade = await visitor.client(region.ehr_clients["kade"]).get(url, headers=XML)
    assert (facade.status_code, facade.headers["content-type"]) == (406, "application/fhir+json")
    consultation = await visitor.consultation(json=visitor.question("postma"), headers=XML)
    assert consultation.status_code == 406
