"""Raw bytes at the network listener: no other spelling of a tenant, and no refusal that tells."""

from __future__ import annotations

from typing import Any

import pytest
from raw_requests import ASK, END, FORM, PATH, TOKEN, asked, bare, get

from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason

SLUGS = [
    b"/%6deerwijck/fhir/Consent", b"/MEERWIJCK/fhir/Consent", b"/meerwijck./fhir/Consent",
    b"/meerwijck%2e/fhir/Consent", b"/meerwijck%00/fhir/Consent", b"/meerwijck%20/fhir/Consent",
    b"/meerwijck;x=1/fhir/Consent", b"/./meerwijck/fhir/Consent", b"/kade/../meerwijck/fhir/Consent",
    b"/kade/fhir/Consent", b"/system/fhir/Consent",
    b"/meerwijck/fhirx/Consent", b"/meerwijck//fhir/Consent", b"/meerwijck/%66hir/Consent", b"/meerwijck/FHIR/Consent",
    b"/meerwijck\\fhir/Consent", b"/meerwijck%2ffhir/Consent", b"/meerwijck/fhir%2fConsent", b"/meerwijck/pzp/v1",
    b"/", b"/meerwijck", b"/metadata", b"/health", b"/ready", b"/metrics", b"/fhir/Consent", b"/__class__/fhir/Consent",
]  # fmt: skip


@pytest.mark.parametrize("path", SLUGS, ids=[path.decode() for path in SLUGS])
async def test_no_other_spelling_reaches_a_tenant(path: bytes, wire: Any) -> None:
    answer = await wire.say(get(path + ASK))
    assert answer[9:12] == b"404"
    assert wire.holder.journal == []
    assert [event.stop.reason for event in wire.system.events] == [Reason.TENANT_UNKNOWN]


BELOW = [
    b"/meerwijck/fhir", b"/meerwijck/fhir/", b"/meerwijck/fhir//Consent", b"/meerwijck/fhir/Consent/",
    b"/meerwijck/fhir/../fhir/Consent", b"/meerwijck/fhir/./Consent", b"/meerwijck/fhir/../../kade/fhir/Consent",
    b"/meerwijck/fhir/Consent%2f", b"/meerwijck/fhir/Consent%3fpatient=Patient/p2", b"/meerwijck/fhir/Consent;a",
    b"/meerwijck/fhir/Consent%23", b"/meerwijck/fhir/%43onsent%00",
]  # fmt: skip


@pytest.mark.parametrize("path", BELOW, ids=[path.decode() for path in BELOW])
async def test_no_odd_path_below_a_tenant_is_forwarded(path: bytes, wire: Any) -> None:
    answer = await wire.say(get(path + ASK))
    assert answer[9:10] == b"4"
    assert asked(wire) == 0
    assert len(wire.holder.audit.events) == 1


async def test_the_capability_statement_is_public_only_by_its_plain_name(wire: Any) -> None:
    wire.says = Deny(Reason.TOKEN_ABSENT)
    assert (await wire.say(get(b"/meerwijck/fhir/metadata", more=b"")))[9:12] == b"200"
    assert (await wire.say(get(b"/meerwijck/fhir/metadata?x=1", more=b"")))[9:12] == b"400"
    for path in (b"/%6detadata", b"/metadata/", b"/metadata/../Consent", b"/metadata%2f"):
        assert (await wire.say(get(b"/meerwijck/fhir" + path, more=b"")))[9:12] == b"401"


async def test_whether_a_patient_exists_is_not_told(wire: Any, fakes: Any) -> None:
    holder = wire.holder
    holder.consent.says = Deny(Reason.MITZ_DENY)
    holder.records.resources += [
        fakes.patient("two", fakes.OWN) | {"identifier": [
            {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": fakes.OWN},
            {"system": "http://fhir.nl/fhir/NamingSystem/bsn", "value": fakes.SOMEONE_ELSE},
        ]},
        fakes.patient("none", None), fakes.patient("gone", fakes.OWN, active=False),
        fakes.patient("dead", fakes.OWN, deceasedBoolean=True), fakes.consent("odd", "Patient/../x"),
        fakes.consent("nobody", "Group/g1"), fakes.consent("lost", "Patient/nowhere"),
    ]  # fmt: skip
    paths = [PATH + b"?patient=Patient/" + who for who in (b"p1", b"unknown", b"two", b"none", b"gone", b"dead")]
    paths += [PATH + b"/" + which for which in (b"c1", b"unknown", b"odd", b"nobody", b"lost")]
    answers = {bare(await wire.say(get(path)), wire) for path in paths}
    assert len(answers) == 1
    assert answers.pop().startswith(b"HTTP/1.1 403")


async def test_a_search_on_bsn_does_not_tell_either(wire: Any, fakes: Any) -> None:
    wire.holder.consent.says = Deny(Reason.MITZ_DENY)
    answers = set()
    for bsn in (fakes.OWN, fakes.SOMEONE_ELSE, "999990019"):
        body = b"identifier=http://fhir.nl/fhir/NamingSystem/bsn%7C" + bsn.encode()
        head = b"POST /meerwijck/fhir/Patient/_search HTTP/1.1\r\n" + END + TOKEN + FORM
        answer = await wire.say(head + b"Content-Length: %d\r\n\r\n" % len(body) + body)
        assert bsn.encode() not in answer
        answers.add(bare(answer, wire))
    assert len(answers) == 1


async def test_no_refusal_repeats_what_was_sent(wire: Any, fakes: Any) -> None:
    for path in (
        b"/Consent?patient=" + b"999911120,1",
        b"/Consent/999911120%2f",
        b"/999911120",
        b"/Consent?999911120=1",
    ):
        assert b"999911120" not in await wire.say(get(b"/meerwijck/fhir" + path))
