"""The twin is as strict as the guide (spec consent 1.9): what it refuses, what it decides, what it registers."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from uuid import UUID
from xml.etree import ElementTree

import httpx
import pytest

from nuts_pzp.sandbox.mitz import Choice, Fault, MitzTwin, Switches
from nuts_pzp.sandbox.mitz.choices import decide
from nuts_pzp.sandbox.mitz.control import control_app
from nuts_pzp.sandbox.mitz.hostile import HOSTILE
from nuts_pzp.sandbox.mitz.request import Asked

URL = "http://127.0.0.1:1"
ID = "4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01"
X = "{urn:oasis:names:tc:xacml:3.0:core:schema:wd-17}"


def attribute(name: str, kind: str, system: str, value: str) -> str:
    tag, one, two = (
        ("InstanceIdentifier", "root", "extension") if kind == "II" else ("CodedValue", "codeSystem", "code")
    )
    return (
        f'<x:Attribute AttributeId="{name}" IncludeInResult="true"><x:AttributeValue DataType="urn:hl7-org:v3#{kind}">'
        f'<h:{tag} {one}="{system}" {two}="{value}"/></x:AttributeValue></x:Attribute>'
    )


PATIENT = attribute("urn:oasis:names:tc:xacml:2.0:resource:resource-id", "II", "2.16.840.1.113883.2.4.6.3", "999912008")
ROLE = attribute("urn:oasis:names:tc:xacml:2.0:subject:role", "CV", "2.16.840.1.113883.2.4.15.111", "01.015")

# A question written out by hand, apart from the gateway's writer.
QUESTION = f"""<?xml version="1.0" encoding="UTF-8"?>
<e:Envelope xmlns:e="http://www.w3.org/2003/05/soap-envelope" xmlns:a="http://www.w3.org/2005/08/addressing">
<e:Header><a:Action>XACMLAuthorizationDecisionQueryRequest</a:Action><a:MessageID>urn:uuid:{ID}</a:MessageID>
<a:To>{URL}/geslotenautorisatievraag/xacml3</a:To></e:Header>
<e:Body><q:XACMLAuthzDecisionQuery xmlns:q="urn:oasis:names:tc:xacml:3.0:profile:saml2.0:v2:schema:protocol:wd-14"
 xmlns:x="urn:oasis:names:tc:xacml:3.0:core:schema:wd-17" xmlns:h="urn:hl7-org:v3">
<x:Request ReturnPolicyIdList="false" CombinedDecision="false">
<x:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:resource">
{PATIENT}
{attribute("urn:ihe:iti:appc:2016:document-entry:healthcare-facility-type-code", "CV", "2.16.840.1.113883.2.4.15.1060", "V6")}
{attribute("urn:ihe:iti:appc:2016:author-institution:id", "II", "2.16.528.1.1007.3.3", "90000222")}
</x:Attributes>
<x:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:action">
{attribute("urn:ihe:iti:appc:2016:document-entry:event-code", "CV", "2.16.840.1.113883.2.4.3.111.5.10.1", "GGC002")}
</x:Attributes>
<x:Attributes Category="urn:oasis:names:tc:xacml:1.0:subject-category:access-subject">
{ROLE}
{attribute("urn:ihe:iti:xua:2017:subject:provider-identifier", "II", "2.16.528.1.1007.3.1", "000012345")}
{attribute("urn:nl:otv:names:tc:1.0:subject:provider-institution", "II", "2.16.528.1.1007.3.3", "90000444")}
{attribute("urn:nl:otv:names:tc:1.0:subject:consulting-healthcare-facility-type-code", "CV", "2.16.840.1.113883.2.4.15.1060", "N6")}
</x:Attributes>
<x:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:environment">
{attribute("urn:oasis:names:tc:xspa:1.0:subject:purposeofuse", "CV", "2.16.840.1.113883.1.11.20448", "TREAT")}
</x:Attributes></x:Request></q:XACMLAuthzDecisionQuery></e:Body></e:Envelope>"""  # noqa: E501 (attribute names are long)

HEADERS = {"content-type": "application/soap+xml; charset=UTF-8", "x-request-id": ID}
PERMITTED = Choice("999912008", "90000222", "GGC002", "RPZAC001", "permit")


@pytest.fixture
def twin() -> MitzTwin:
    return MitzTwin(URL, [PERMITTED], switches=Switches(mutual_tls=False))


async def post(twin: MitzTwin, body: str = QUESTION, headers: dict[str, str] | None = None) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(twin.app), base_url=URL) as client:
        return await client.post("/geslotenautorisatievraag/xacml3", content=body, headers=headers or HEADERS)


def said(answer: httpx.Response) -> tuple[str | None, str]:
    """(decision, end of the status code)"""
    root = ElementTree.fromstring(answer.content)
    code = root.find(f".//{X}StatusCode")
    return root.findtext(f".//{X}Decision"), "" if code is None else code.attrib["Value"].rpartition(":")[2]


async def test_question_by_hand_is_answered_with_header_echo_and_status(twin: MitzTwin) -> None:
    answer = await post(twin)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/soap+xml; charset=utf-8"
    assert said(answer) == ("Permit", "ok")
    assert f">urn:uuid:{ID}</a:RelatesTo>" in answer.text
    for value in ("999912008", "90000222", "GGC002"):
        assert f'"{value}"' in answer.text


async def test_question_is_registered_as_the_citizen_would_see_it(twin: MitzTwin) -> None:
    await post(twin)
    one = twin.questions[0]
    assert (one.asked.bsn, one.asked.user, one.asked.role, one.became) == (
        "999912008",
        "90000444",
        "01.015",
        "GGC002=Permit",
    )
    assert "999912008" not in repr(one)


async def test_caller_without_a_certificate_is_refused() -> None:
    answer = await post(MitzTwin(URL, [PERMITTED]))
    assert answer.status_code == 403


BROKEN: dict[str, tuple[str, str]] = {
    "soap11": ("http://www.w3.org/2003/05/soap-envelope", "http://schemas.xmlsoap.org/soap/envelope/"),
    "action": (">XACMLAuthorizationDecisionQueryRequest<", ">XACMLAuthzDecisionQuery<"),
    "message id": ("urn:uuid:", ""),
    "other message id": (ID, "4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c02"),
    "to": (f"<a:To>{URL}", "<a:To>http://127.0.0.1:2"),
    "query namespace": ("protocol:wd-14", "protocol"),
    "combined": ('CombinedDecision="false"', 'CombinedDecision="true"'),
    "no patient": (PATIENT, ""),
    "two patients": (PATIENT, PATIENT * 2),
    "no role": (ROLE, ""),
    "patient oid": ("2.16.840.1.113883.2.4.6.3", "2.16.840.1.113883.2.4.6.4"),
    "professional oid": ("2.16.528.1.1007.3.1", "2.16.528.1.1007.3.9"),
    "data type": ("urn:hl7-org:v3#II", "http://www.w3.org/2001/XMLSchema#string"),
    "unknown attribute": (ROLE, ROLE + ROLE.replace("subject:role", "subject:rolle")),
    "group in two": (
        PATIENT,
        PATIENT + '</x:Attributes><x:Attributes Category="urn:oasis:names:tc:xacml:3.0:attribute-category:resource">',
    ),
    "not well-formed": ("</e:Envelope>", ""),
    "doctype": ("<e:Envelope", "<!DOCTYPE x><e:Envelope"),
}


@pytest.mark.parametrize("name", BROKEN)
async def test_broken_question_is_a_sender_fault_with_http_400(name: str, twin: MitzTwin) -> None:
    old, new = BROKEN[name]
    assert old in QUESTION
    answer = await post(twin, QUESTION.replace(old, new, 1))
    assert answer.status_code == 400
    assert "<s:Value>s:Sender</s:Value>" in answer.text
    assert not twin.questions


async def test_x_request_id_is_required(twin: MitzTwin) -> None:
    answer = await post(twin, headers={"content-type": "application/soap+xml"})
    assert answer.status_code == 400


async def test_soap11_media_type_is_refused(twin: MitzTwin) -> None:
    assert (await post(twin, headers={**HEADERS, "content-type": "text/xml"})).status_code == 415


MEANINGLESS = {
    "bsn": ('"999912008"', '"123456789"', "syntax-error"),
    "ura": ('"90000444"', '"90000"', "syntax-error"),
    "role": ('"01.015"', '"huisarts"', "syntax-error"),
    "type": ('"N6"', '"3600"', "missing-attribute"),
    "purpose": ('"TREAT"', '"ETREAT"', "missing-attribute"),
    "category": ('"GGC002"', '"GGC099"', "missing-attribute"),
}


@pytest.mark.parametrize("name", MEANINGLESS)
async def test_value_that_means_nothing_is_indeterminate(name: str, twin: MitzTwin) -> None:
    old, new, code = MEANINGLESS[name]
    assert said(await post(twin, QUESTION.replace(old, new, 1))) == ("Indeterminate", code)


async def test_regional_type_can_be_made_known() -> None:
    twin = MitzTwin(URL, [PERMITTED], more_types=frozenset({"3600"}), switches=Switches(mutual_tls=False))
    assert said(await post(twin, QUESTION.replace('"N6"', '"3600"'))) == ("Deny", "ok")


async def test_switches_leave_out_what_real_answers_may_miss(twin: MitzTwin) -> None:
    twin.switches.status = twin.switches.action = twin.switches.relates_to = False
    answer = await post(twin)
    assert said(answer) == ("Permit", "")
    assert "RelatesTo" not in answer.text
    assert "Action" not in answer.text


ASKED = Asked(ID, "999912008", "90000222", "V6", "90000444", "N6", "01.015", "1", "", "TREAT", ("GGC002",))


def choose(holder: str, ggc: str, user: str, effect: Any) -> Choice:
    return Choice("999912008", holder, ggc, user, effect)


DECISIONS: dict[str, tuple[list[Choice], str, str]] = {
    "no choice": ([], "GGC002", "Deny"),
    "another citizen's choice": ([replace(PERMITTED, bsn="999912033")], "GGC002", "Deny"),
    "category and category": ([choose("RPZAC104", "GGC002", "RPZAC001", "permit")], "GGC002", "Permit"),
    "another category of users": ([choose("RPZAC104", "GGC002", "RPZAC104", "permit")], "GGC002", "Deny"),
    "another category of holders": ([choose("RPZAC001", "GGC002", "RPZAC001", "permit")], "GGC002", "Deny"),
    "higher data category implies lower": ([choose("90000222", "GGC002", "90000444", "permit")], "GGC013", "Permit"),
    "lower does not imply higher": ([choose("90000222", "GGC013", "90000444", "permit")], "GGC002", "Deny"),
    "individual deny beats categorical permit": (
        [choose("RPZAC104", "GGC002", "RPZAC001", "permit"), choose("90000222", "GGC002", "RPZAC001", "deny")],
        "GGC002",
        "Deny",
    ),
    "individual permit beats categorical deny": (
        [choose("RPZAC104", "GGC002", "RPZAC001", "deny"), choose("90000222", "GGC002", "RPZAC001", "permit")],
        "GGC002",
        "Permit",
    ),
    "deny wins a tie": (
        [choose("90000222", "GGC002", "RPZAC001", "deny"), choose("RPZAC104", "GGC002", "90000444", "permit")],
        "GGC002",
        "Deny",
    ),
}


@pytest.mark.parametrize("name", DECISIONS)
def test_choices_decide(name: str) -> None:
    choices, category, word = DECISIONS[name]
    for order in itertools.permutations(choices):
        assert decide(order, ASKED, category) == word


def test_z3_is_gp_not_hospital() -> None:
    gp = replace(ASKED, user_type="Z3")
    assert decide([choose("90000222", "GGC002", "RPZAC001", "permit")], gp, "GGC002") == "Permit"
    assert decide([choose("90000222", "GGC002", "RPZAC104", "permit")], gp, "GGC002") == "Deny"


def test_type_without_a_known_category_gets_only_individual_choices() -> None:
    hospice = replace(ASKED, user="90000555", user_type="H2")
    assert decide([choose("90000222", "GGC002", "RPZAC004", "permit")], hospice, "GGC002") == "Deny"
    assert decide([choose("90000222", "GGC002", "90000555", "permit")], hospice, "GGC002") == "Permit"


async def test_fault_is_for_one_citizen_and_counts_down(twin: MitzTwin) -> None:
    twin.faults.set(Fault("status", status=503, times=2), "999912033")
    assert (await post(twin)).status_code == 200
    other = QUESTION.replace("999912008", "999912033")
    assert [(await post(twin, other)).status_code for _ in range(3)] == [503, 503, 200]


def test_hostile_fault_needs_a_known_name() -> None:
    with pytest.raises(ValueError, match="no hostile answer"):
        Fault("hostile", name="friendly")


@pytest.fixture
def control(twin: MitzTwin) -> Callable[..., Any]:
    async def call(method: str, path: str, json: Any = None) -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(control_app(twin)), base_url=URL) as client:
            return await client.request(method, path, json=json)

    return call


async def test_control_shows_and_forgets_questions(twin: MitzTwin, control: Any) -> None:
    await post(twin)
    (shown,) = (await control("GET", "/questions")).json()
    assert (shown["message_id"], shown["bsn"], shown["became"]) == (ID, "999912008", "GGC002=Permit")
    await control("DELETE", "/questions")
    assert (await control("GET", "/questions")).json() == []


async def test_control_changes_choices(twin: MitzTwin, control: Any) -> None:
    await control("PUT", "/choices", [])
    assert said(await post(twin)) == ("Deny", "ok")
    choice = {"bsn": "999912008", "holder": "90000222", "ggc": "GGC002", "user": "90000444", "effect": "permit"}
    assert (await control("POST", "/choices", choice)).json() == [{**choice, "since": ""}]
    assert said(await post(twin)) == ("Permit", "ok")
    assert (await control("POST", "/choices", {"bsn": "999912008"})).status_code == 400


async def test_control_sets_faults_and_switches(twin: MitzTwin, control: Any) -> None:
    assert (await control("POST", "/faults", {"kind": "status", "status": 500, "bsn": "999912008"})).status_code == 204
    assert (await post(twin)).status_code == 500
    await control("DELETE", "/faults")
    assert (await post(twin)).status_code == 200
    assert (await control("POST", "/faults", {"kind": "hostile", "name": "friendly"})).status_code == 400
    assert (await control("PATCH", "/switches", {"status": False})).json()["status"] is False
    assert (await control("PATCH", "/switches", {"kind": True})).status_code == 400
    assert (await control("GET", "/hostile")).json() == sorted(HOSTILE)


async def test_every_hostile_answer_can_be_served(twin: MitzTwin) -> None:
    for name in HOSTILE:
        twin.faults.set(Fault("hostile", name=name))
        answer = await post(twin)
        assert answer.content == HOSTILE[name](replace(twin.questions[-1].asked, message_id=str(UUID(ID))))
