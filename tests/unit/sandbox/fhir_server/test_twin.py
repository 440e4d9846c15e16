"""The FHIR server twin answers as FHIR R4 and HAPI do, and goes wrong when told to."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import httpx
import pytest

from nuts_pzp.sandbox.fhir_server import Behavior, FhirServerTwin

SCT = "http://snomed.info/sct"
SCOPE = "http://terminology.hl7.org/CodeSystem/consentscope"
Clients = Callable[..., Any]


async def test_treatment_directives_of_one_patient_and_of_no_other(clients: Clients) -> None:
    query = f"/Consent?patient=Patient/1&scope={SCOPE}|treatment&category={SCT}|129125009"
    assert await clients().found(query) == ["Consent/1-1", "Consent/1-2", "Consent/1-3"]


async def test_advance_directives_are_found_by_their_own_scope_and_category(clients: Clients) -> None:
    category = "http://terminology.hl7.org/CodeSystem/consentcategorycodes"
    query = f"/Consent?patient=Patient/1&scope={SCOPE}|adr&category={category}|acd"
    assert await clients().found(query) == ["Consent/1-4"]


@pytest.mark.parametrize(
    ("token", "count"),
    [
        (f"{SCT}|129125009", 3),
        ("129125009", 3),
        ("|129125009", 0),
        (f"{SCT}|", 3),
        (f"{SCT}|999", 0),
        (f"{SCT}|999,{SCT}|129125009", 3),
        ("acd,129125009", 4),
        (f"{SCT}|129125009\\,acd", 0),
    ],
)
async def test_the_four_forms_of_a_token_and_their_lists(clients: Clients, token: str, count: int) -> None:
    assert len(await clients().found(f"/Consent?patient=1&category={token}")) == count


@pytest.mark.parametrize(
    ("reference", "count"),
    [("patient=Patient/1", 2), ("subject=Patient/1", 2), ("patient=1", 2), ("patient:Patient=1", 2),
     ("patient=http://fhir.test/fhir/Patient/1", 2), ("patient=http://other.test/fhir/Patient/1", 0),
     ("patient=Patient/9", 0), ("patient=Device/1", 0), ("patient=Patient/1,Patient/2", 4),
     ("patient=Patient/1&patient=Patient/2", 0)],
)  # fmt: skip
async def test_how_a_patient_may_be_named(clients: Clients, reference: str, count: int) -> None:
    assert len(await clients().found(f"/Observation?{reference}")) == count


async def test_observations_by_several_codes(clients: Clients) -> None:
    query = f"/Observation?patient=Patient/1&code={SCT}|395091006,{SCT}|247751003,{SCT}|340171000146104"
    assert await clients().found(query) == ["Observation/1-1", "Observation/1-2"]


async def test_a_conversation_is_found_from_either_side(clients: Clients) -> None:
    client = clients()
    by_procedure = f"/Procedure?patient=Patient/1&code={SCT}|713603004&_include=Procedure:encounter"
    by_encounter = (
        f"/Encounter?patient=Patient/1&reason-reference:Procedure.code={SCT}|713603004"
        "&_include=Encounter:reason-reference"
    )
    assert await client.found(by_procedure) == ["Procedure/1-1"]
    assert await client.found(by_procedure, "include") == ["Encounter/1-1"]
    assert await client.found(by_encounter) == ["Encounter/1-1"]
    assert await client.found(by_encounter, "include") == ["Procedure/1-1"]
    assert await client.found(by_encounter.replace("713603004", "1")) == []


async def test_including_actors_brings_each_once(clients: Clients) -> None:
    answer = await clients().found("/Consent?patient=Patient/1&_include=Consent:actor", "include")
    assert answer == ["Patient/1", "PractitionerRole/1-1"]


async def test_a_total_counts_matches_and_not_what_came_along(clients: Clients) -> None:
    answer = await clients().get("/DeviceUseStatement?patient=Patient/1&_include=DeviceUseStatement:device")
    assert answer.json()["total"] == 1
    assert len(answer.json()["entry"]) == 2


async def test_goals_by_category_in_rc2_and_by_description_in_beta3(clients: Clients) -> None:
    in_set = "description:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal"
    rc2, beta3 = clients("r4-rc2"), clients("r4-beta3")
    assert await rc2.found(f"/Goal?patient=Patient/1&category={SCT}|713603004") == ["Goal/1-1"]
    assert (await rc2.get(f"/Goal?patient=Patient/1&{in_set}")).status_code == 400
    assert await beta3.found(f"/Goal?patient=Patient/1&category={SCT}|713603004") == []
    assert await beta3.found(f"/Goal?patient=Patient/1&description={SCT}|713148004") == ["Goal/1-1"]


async def test_informing_relatives_by_the_type_of_the_dialect(clients: Clients) -> None:
    rc2, beta3 = clients("r4-rc2"), clients("r4-beta3")
    asked = f"/CommunicationRequest?patient=Patient/1&category={SCT}|223449006"
    custom = f"/Communication?patient=Patient/1&reason-code={SCT}|713603004"
    assert await rc2.found(asked) == ["CommunicationRequest/1-1"]
    assert (await rc2.get(custom)).status_code == 400
    assert await beta3.found(asked) == []
    assert await beta3.found(custom) == ["Communication/1-1"]


async def test_a_value_set_is_unknown_without_terminology_and_expanded_with_it(clients: Clients) -> None:
    icd = "device.type:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalDeviceProductType-ICD"
    goal = "/Goal?patient=Patient/1&description:in=https://fhir.iknl.nl/fhir/ValueSet/ACP-MedicalPolicyGoal"
    plain, knowing = clients("r4-beta3"), clients("r4-beta3", Behavior(terminology=True))
    refused = await plain.get(goal)
    assert refused.status_code == 404
    assert refused.json()["issue"][0]["diagnostics"].startswith("HAPI-2788: Unknown ValueSet:")
    assert (await plain.get(f"/DeviceUseStatement?patient=Patient/1&{icd}")).status_code == 404
    assert await knowing.found(goal) == ["Goal/1-1"]
    assert await knowing.found(f"/DeviceUseStatement?patient=Patient/1&{icd}") == ["DeviceUseStatement/1-1"]
    assert (await knowing.get(goal + "x")).status_code == 404


async def test_unknown_parameters_are_refused_as_hapi_words_it_unless_lenient(clients: Clients) -> None:
    refused = await clients().get("/Consent?patient=Patient/1&mood=good")
    assert refused.status_code == 400
    assert refused.json()["issue"][0]["diagnostics"] == (
        'HAPI-0524: Unknown search parameter "mood" for resource type "Consent". Valid search parameters for this '
        "search are: [_id, actor, category, identifier, patient, scope, source-reference, status]"
    )
    assert len(await clients("r4-rc2", Behavior(lenient=True)).found("/Consent?patient=Patient/1&mood=good")) == 4


@pytest.mark.parametrize(
    ("target", "status", "says"),
    [
        ("/Patient/9", 404, "HAPI-2001: Resource Patient/9 is not known"),
        ("/Basic?x=1", 404, "HAPI-0302: Unknown resource type 'Basic'"),
        ("/Consent?_include=Consent:mood", 400, "HAPI-2015: Invalid _include parameter value"),
        ("/Consent?_include=mood", 400, "HAPI-2018: Invalid _include parameter value"),
        ("/Consent?_count=many", 400, "HAPI-0375: Invalid _count value: many"),
        ("/Encounter?reason-reference:Procedure.mood=1", 400, "HAPI-1243: Invalid parameter chain"),
        ("/Patient/1/_history/7", 404, 'HAPI-0979: Version "7" is not valid for resource Patient/1'),
        ("?_getpages=gone", 410, 'HAPI-0417: Search ID "gone" does not exist'),
        ("/Patient/1/$everything", 400, "Invalid request"),
    ],
)
async def test_refusals_are_operation_outcomes_in_the_servers_words(
    clients: Clients, target: str, status: int, says: str
) -> None:
    answer = await clients().get("http://fhir.test/fhir" + target)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("application/fhir+json")
    assert answer.json()["resourceType"] == "OperationOutcome"
    assert answer.json()["issue"][0]["diagnostics"].startswith(says)


async def test_a_search_by_post_keeps_the_bsn_out_of_the_address(clients: Clients) -> None:
    client = clients()
    body = {"identifier": "http://fhir.nl/fhir/NamingSystem/bsn|999930412"}
    answer = await client.http.post("/Patient/_search", data=body)
    assert [entry["resource"]["id"] for entry in answer.json()["entry"]] == ["1"]
    assert answer.json()["link"] == [{"relation": "self", "url": "http://fhir.test/fhir/Patient/_search"}]


async def test_a_post_body_of_another_media_type_is_ignored_and_the_search_unbounded(clients: Clients) -> None:
    answer = await clients().http.post("/Consent/_search", content=b"patient=1", headers={"content-type": "text/plain"})
    assert answer.json()["total"] == 8


async def test_pages_hold_every_match_once_and_link_to_each_other(clients: Clients) -> None:
    client = clients()
    bundle = (await client.get("/Consent?_count=3")).json()
    seen: list[str] = []
    while True:
        seen += [entry["resource"]["id"] for entry in bundle["entry"]]
        links = {link["relation"]: link["url"] for link in bundle["link"]}
        if "next" not in links:
            break
        assert links["next"].startswith("http://fhir.test/fhir?_getpages=")
        bundle = (await client.get(links["next"])).json()
    assert seen == ["1-1", "1-2", "1-3", "1-4", "2-1", "2-2", "2-3", "2-4"]
    assert "previous" in links
    assert "total" not in bundle


async def test_counting_only(clients: Clients) -> None:
    for asked in ("_count=0", "_summary=count"):
        answer = (await clients().get(f"/Consent?patient=1&{asked}")).json()
        assert (answer["total"], "entry" in answer) == (4, False)


async def test_a_read_carries_its_version_and_may_be_cut_to_elements(clients: Clients) -> None:
    client = clients()
    whole = await client.get("/Patient/1")
    assert whole.headers["etag"] == 'W/"1"'
    assert whole.json()["meta"]["versionId"] == "1"
    cut = (await client.get("/Patient/1?_elements=identifier")).json()
    assert set(cut) == {"resourceType", "id", "meta", "identifier"}
    assert cut["meta"]["tag"][0]["code"] == "SUBSETTED"


async def test_a_changed_resource_is_a_further_version_and_a_deleted_one_is_gone(clients: Clients) -> None:
    client = clients()
    changed = (await client.get("/Consent/1-1")).json() | {"status": "inactive"}
    client.twin.put(changed)
    assert (await client.get("/Consent/1-1")).json()["meta"]["versionId"] == "2"
    assert (await client.get("/Consent/1-1/_history/1")).json()["status"] == "active"
    client.twin.delete("Consent", "1-1")
    gone = await client.get("/Consent/1-1")
    assert gone.status_code == 410
    assert gone.json()["issue"][0]["diagnostics"].startswith("Resource was deleted at ")
    assert len(await client.found("/Consent?patient=1")) == 3


async def test_metadata_lists_the_custom_parameters_in_beta3_only(clients: Clients) -> None:
    def names(statement: dict[str, Any], kind: str) -> set[str]:
        resource = next(one for one in statement["rest"][0]["resource"] if one["type"] == kind)
        return {one["name"] for one in resource["searchParam"]}

    rc2 = (await clients("r4-rc2").get("/metadata")).json()
    beta3 = (await clients("r4-beta3").get("/metadata")).json()
    assert rc2["fhirVersion"] == beta3["fhirVersion"] == "4.0.1"
    assert names(beta3, "Goal") - names(rc2, "Goal") == {"description"}
    assert names(beta3, "Communication") - names(rc2, "Communication") == {"reason-code"}


async def test_a_header_is_demanded_when_the_server_has_one(clients: Clients) -> None:
    client = clients("r4-rc2", Behavior(authorization="Bearer sleutel"))
    assert (await client.get("/Patient/1")).status_code == 401
    assert (await client.get("/Patient/1", authorization="Bearer anders")).status_code == 401
    assert (await client.get("/Patient/1", authorization="Bearer sleutel")).status_code == 200


async def test_it_is_read_only(clients: Clients) -> None:
    client = clients()
    assert (await client.http.delete("/Patient/1")).status_code == 405
    assert (await client.http.put("/Patient/1", json={})).status_code == 405
    assert (await client.get("/Patient/1")).status_code == 200


async def test_a_resource_that_names_no_patient_is_found_where_the_server_knows_better() -> None:
    form = {"resourceType": "QuestionnaireResponse", "id": "f", "questionnaire": "https://x.test/Q|1"}
    twin = FhirServerTwin("/fhir", [form], "form", belongs={"QuestionnaireResponse/f": "1"})
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=twin.app), base_url="http://fhir.test/fhir") as http:
        for query, total in (
            ("subject=Patient/1&questionnaire=https://x.test/Q", 1),
            ("subject=Patient/1&questionnaire=https://x.test/Q|1", 1),
            ("subject=Patient/1&questionnaire=https://x.test/Q|2", 0),
            ("subject=Patient/1&questionnaire=https://x.test/R", 0),
            ("subject=Patient/2", 0),
        ):
            answer = (await http.get(f"/QuestionnaireResponse?{query}")).json()
            assert (query, answer["total"]) == (query, total)
        assert "subject" not in (await http.get("/QuestionnaireResponse/f")).json()
