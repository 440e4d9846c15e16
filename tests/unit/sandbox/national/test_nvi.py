"""The NVI twin: semantics and quirks of the running service (spec 1.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from nuts_pzp.identity import Bsn, Ura
from nuts_pzp.sandbox.nvi import Quirks

SYSTEM = "http://minvws.github.io/generiekefuncties-docs/NamingSystem/nvi-identifier"
URA = "http://fhir.nl/fhir/NamingSystem/ura"
PATIENT = "999990019"
ALL = "nvi:create nvi:read nvi:localize nvi:delete"


@dataclass
class Holder:
    """A holder at the register: its client and headers."""

    http: httpx.AsyncClient
    headers: dict[str, str]
    region: Any
    ura: str

    def token(self, bsn: str = PATIENT) -> str:
        nvi = self.region.services.nvi
        return str(self.region.services.prs.patient_token(bsn, nvi._patients.recipient))

    def listing(self, **more: Any) -> dict[str, Any]:
        return {
            "resourceType": "List",
            "extension": [{"valueReference": {"identifier": {"system": URA, "value": self.ura}}}],
            "status": "current",
            "mode": "working",
            "code": {"coding": [{"code": "AdvanceDirective"}]},
            "subject": {"identifier": {"system": SYSTEM, "value": self.token()}},
            "source": {"identifier": {"system": "urn:ietf:rfc:3986", "value": "ehr-1"}},
            "emptyReason": {"coding": [{"code": "withheld"}]},
            **more,
        }

    async def create(self, **more: Any) -> httpx.Response:
        return await self.http.post("/fhir/List", json=self.listing(**more), headers=self.headers)

    async def search(self, **query: str) -> httpx.Response:
        renamed = {name.replace("_", ":"): value for name, value in query.items()}
        return await self.http.get("/fhir/List", params=renamed, headers=self.headers)


@pytest.fixture
async def wilgenhof(region: Any) -> Holder:
    headers = await region.token("90000111", ALL, "https://nvi.sandbox", "gateway-90000111")
    return Holder(region.client("nvi"), headers, region, "90000111")


@pytest.fixture
async def meerwijck(region: Any) -> Holder:
    headers = await region.token("90000222", ALL, "https://nvi.sandbox", "gateway-90000222")
    return Holder(region.client("nvi"), headers, region, "90000222")


def uras(answer: httpx.Response) -> list[str]:
    assert answer.status_code == 200
    entries = answer.json()["entry"]
    return [entry["resource"]["extension"][0]["valueReference"]["identifier"]["value"] for entry in entries]


async def test_a_created_list_is_shown_without_subject_and_code_and_with_the_constant_source_system(
    wilgenhof: Holder,
) -> None:
    created = await wilgenhof.create()
    assert created.status_code == 201
    shown = created.json()
    assert not {"subject", "code"} & set(shown)
    assert shown["source"]["identifier"] == {
        "system": "https://cp1-test.example.org/device-identifiers",
        "value": "ehr-1",
    }
    read = await wilgenhof.http.get(f"/fhir/List/{shown['id']}", headers=wilgenhof.headers)
    assert read.json() == shown


async def test_the_same_patient_holder_and_source_twice_is_a_conflict_spelled_the_services_way(
    wilgenhof: Holder,
) -> None:
    await wilgenhof.create()
    again = await wilgenhof.create()
    assert again.status_code == 409
    assert again.json() == {
        "resource_type": "OperationOutcome",
        "issue": [{"severity": "error", "code": "conflict", "details": {"text": "Record already exists"}}],
    }


async def test_a_search_by_patient_alone_goes_across_all_holders_and_any_other_stays_at_home(
    wilgenhof: Holder, meerwijck: Holder
) -> None:
    await wilgenhof.create()
    await meerwijck.create()
    both = {"90000111", "90000222"}
    assert set(uras(await wilgenhof.search(subject_identifier=f"{SYSTEM}|{wilgenhof.token()}"))) == both
    assert set(uras(await wilgenhof.search(subject_identifier=wilgenhof.token()))) == both
    assert uras(await wilgenhof.search(subject_identifier=wilgenhof.token("999990020"))) == []
    assert uras(await wilgenhof.search(source_identifier="ehr-1")) == ["90000111"]
    assert uras(await wilgenhof.search(subject_identifier=wilgenhof.token(), source_identifier="ehr-1")) == ["90000111"]
    assert uras(await meerwijck.search(subject_identifier=f"|{wilgenhof.token()}")) == ["90000222"]


async def test_a_seeded_patient_is_found_by_another_blinding_and_seeding_twice_is_once(wilgenhof: Holder) -> None:
    nvi = wilgenhof.region.services.nvi
    first = await nvi.seed(Bsn(PATIENT), Ura("90000222"), "ehr-2")
    assert await nvi.seed(Bsn(PATIENT), Ura("90000222"), "ehr-2") == first
    assert uras(await wilgenhof.search(subject_identifier=wilgenhof.token())) == ["90000222"]


@pytest.mark.parametrize("query", [{"code": "AdvanceDirective"}, {"_count": "5"}, {"_format": "json"}])
async def test_any_other_search_parameter_is_422_and_422_alone_is_spelled_right(
    wilgenhof: Holder, query: dict[str, str]
) -> None:
    answer = await wilgenhof.http.get("/fhir/List", params=query, headers=wilgenhof.headers)
    assert answer.status_code == 422
    assert answer.json()["resourceType"] == "OperationOutcome"


async def test_a_patient_token_is_good_once_for_its_recipient_and_for_five_minutes(
    wilgenhof: Holder, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = wilgenhof.token()
    assert (await wilgenhof.search(subject_identifier=token)).status_code == 200
    assert (await wilgenhof.search(subject_identifier=token)).status_code == 400
    late, patients = wilgenhof.token(), wilgenhof.region.services.nvi._patients
    started = patients._clock()
    monkeypatch.setattr(patients, "_clock", lambda: started + 301)
    assert (await wilgenhof.search(subject_identifier=late)).status_code == 400
    assert (await wilgenhof.search(subject_identifier="bm90IGEgdG9rZW4=")).status_code == 400


async def test_deleting_answers_201_and_touches_only_ones_own(wilgenhof: Holder, meerwijck: Holder) -> None:
    own = (await wilgenhof.create()).json()["id"]
    await meerwijck.create()
    delete = wilgenhof.http.delete
    assert (await meerwijck.http.get(f"/fhir/List/{own}", headers=meerwijck.headers)).status_code == 404
    assert (await meerwijck.http.delete(f"/fhir/List/{own}", headers=meerwijck.headers)).status_code == 404
    assert (await delete(f"/fhir/List/{own}", headers=wilgenhof.headers)).status_code == 201
    await wilgenhof.create()
    assert (await delete("/fhir/List", headers=wilgenhof.headers)).status_code == 201
    assert uras(await wilgenhof.search(subject_identifier=wilgenhof.token())) == ["90000222"]


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"status": "active"}, 422),
        ({"mode": None}, 422),
        ({"emptyReason": None}, 422),
        ({"extension": []}, 422),
        ({"source": {"identifier": {"system": "https://x.example", "value": "ehr-1"}}}, 422),
        ({"subject": {"identifier": {"system": "https://x.example", "value": "x"}}}, 422),
        ({"subject": {"identifier": {"system": SYSTEM, "value": "x"}}}, 400),
        ({"extension": [{"valueReference": {"identifier": {"system": URA, "value": "90000222"}}}]}, 403),
    ],
)
async def test_a_list_that_is_wrong_is_refused(wilgenhof: Holder, change: dict[str, Any], status: int) -> None:
    assert (await wilgenhof.create(**change)).status_code == status


@pytest.mark.parametrize(
    ("scope", "source", "method"),
    [("nvi:read", "gateway-90000111", "POST"), ("nvi:create", "gateway-90000111", "GET")],
)
async def test_a_scope_that_is_missing_is_403(region: Any, scope: str, source: str, method: str) -> None:
    headers = await region.token("90000111", scope, "https://nvi.sandbox", source)
    answer = await region.client("nvi").request(method, "/fhir/List", json={}, headers=headers)
    assert answer.status_code == 403
    assert answer.json()["issue"][0]["code"] == "security"


async def test_every_answer_has_a_request_id_and_echoes_a_clean_trace_id(wilgenhof: Holder) -> None:
    headers = wilgenhof.headers | {"x-client-trace-id": "ab c/1<2>" + "d" * 80}
    answer = await wilgenhof.http.get("/fhir/List", headers=headers)
    assert answer.headers["x-request-id"]
    assert answer.headers["x-client-trace-id"] == "abc12" + "d" * 59


async def test_without_its_quirks_the_twin_is_as_the_guide_says(wilgenhof: Holder) -> None:
    wilgenhof.region.services.nvi.quirks = Quirks(False, False, False, False, False)
    created = (await wilgenhof.create()).json()
    assert created["source"]["identifier"]["system"] == "urn:ietf:rfc:3986"
    assert (await wilgenhof.create()).json()["resourceType"] == "OperationOutcome"
    assert (await wilgenhof.http.get("/fhir/List", params={"code": "x"}, headers=wilgenhof.headers)).status_code == 200
    gone = await wilgenhof.http.delete(f"/fhir/List/{created['id']}", headers=wilgenhof.headers)
    assert gone.status_code == 204


async def test_the_control_face_shows_rows_without_pseudonyms(wilgenhof: Holder) -> None:
    created = (await wilgenhof.create()).json()
    rows = (await wilgenhof.region.client("nvi", face="control").get("/rows")).json()
    assert rows == [{"id": created["id"], "ura": "90000111", "source_id": "ehr-1"}]
