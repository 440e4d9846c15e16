"""The open question against the twin, over mutual TLS: whom one may ask, and nobody's permission (spec consent 2)."""

from __future__ import annotations

import ipaddress
import json
import uuid
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from nuts_pzp.accounted import Intended, Receipt
from nuts_pzp.exchange import Access, Attempt, Caller, Inquiry
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.identity import (
    Assurance,
    Bsn,
    Organization,
    Patient,
    Professional,
    Purpose,
    Standing,
    Tenant,
    Ura,
)  # fmt: skip
from nuts_pzp.outcome import Deny, Permit, Unavailable
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import Choice, Fault, MitzTwin
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
from nuts_pzp.systems.mitz import consent
from nuts_pzp.systems.mitz.open_assertion import Signer
from nuts_pzp.systems.mitz.open_locator import MitzLocator, build_locator
from nuts_pzp.systems.mitz.open_question import OpenQuestion, build
from nuts_pzp.systems.mitz.question import Party, Responsible
from nuts_pzp.web.server import Server, ServerTls

BSN = "999990019"
KADE = Organization(Ura("90000444"), "N6", "Huisartsenpost De Kade")
HOSPITAL, PRACTICE = "90000222", "90000111"
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
ISSUER = "urn:oid:2.16.840.1.113883.2.4.3.11.999.7"
DOCTOR = Professional("000012345", "huisarts", assurance=Assurance.UZI)


@dataclass
class Setting:
    """A twin that serves, the papers of who asks, and a locator that asks it."""

    twin: MitzTwin
    locator: MitzLocator
    settings: dict[str, Any]
    around: Surroundings
    authority: Authority
    signing: Issued

    def subscribed(self, provider: str, kind: str, bsn: str = BSN) -> None:
        one = Subscribed(
            str(uuid.uuid4()), bsn, provider, kind, "https://x.example", "json", "urn:oid:2.999.7", "urn:oid:2.999.8"
        )
        self.twin.book.held[one.id] = one

    async def located(self, who: Professional = DOCTOR, bsn: str = BSN) -> Any:
        return await self.locator.locate(intended(who, bsn))


def intended(who: Professional = DOCTOR, bsn: str = BSN) -> Receipt[Intended]:
    caller = Caller(KADE, None, frozenset(), Purpose.TREATMENT, None, {}, "mtls")
    inquiry = Inquiry(caller, who, Bsn(bsn), date(1941, 5, 4), Purpose.TREATMENT, None, None, (), 10.0)
    return Receipt(Intended(Attempt("c1"), inquiry), 0, "r1")


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("papers"), "Mitz CA")


@pytest.fixture(scope="module")
def papers(authority: Authority) -> dict[str, Issued]:
    named = {"organization": "De Kade", "locality": "Almere"}
    return {
        "server": authority.server("mitz", hosts=("localhost",)),
        "client": authority.client("connector", common_name="connector.example"),
        "signing": authority.uzi("signing", ura="90000444", **named),
        "other": authority.uzi("other", ura="90000999", **named),
    }


@pytest.fixture
async def setting(authority: Authority, papers: dict[str, Issued], tmp_path: Path) -> AsyncIterator[Setting]:
    twin = MitzTwin("")
    twin.signers.append(papers["signing"].certificate)
    shown = papers["server"]
    server = Server(
        twin.app, host="127.0.0.1", port=0,
        tls=ServerTls(shown.certificate_file, shown.key_file, authority.root_file, client_required=True),
    )  # fmt: skip
    twin.url = f"https://localhost:{await server.start()}"
    client, signing = papers["client"], papers["signing"]
    settings = {
        "url": twin.url, "roots_file": str(authority.root_file),
        "certificate_file": str(client.certificate_file), "key_file": str(client.key_file),
        "roles": {"huisarts": "01.015"},
        "assertion": {
            "issuer": ISSUER, "key_file": str(signing.key_file), "certificate_file": str(signing.certificate_file)
        },
    }  # fmt: skip
    around = Surroundings(Tenant("kade", KADE), LOOPBACK, tmp_path, tmp_path)
    locator = build_locator(settings, around)
    yield Setting(twin, locator, settings, around, authority, signing)
    await locator.stop()
    await server.stop(grace=0.1)


def may(holder: str = "RPZAC104", bsn: str = BSN, effect: Any = "permit") -> Choice:
    return Choice(bsn, holder, "GGC002", "RPZAC001", effect)


async def test_plq_two_holders(setting: Setting) -> None:
    setting.subscribed(HOSPITAL, "V6")
    setting.subscribed(PRACTICE, "Z3")
    setting.subscribed("90000333", "X3")
    setting.subscribed("90000555", "V6", "999990020")
    setting.twin.choices[:] = [may(), may("RPZAC001")]
    found = await setting.located()
    assert [(one.ura.value, one.found_by) for one in found.items] == [(PRACTICE, "mitz"), (HOSPITAL, "mitz")]
    assert found.gaps == ()
    [asked] = setting.twin.open_questions
    assert (asked.user, asked.user_type, asked.role, asked.professional, asked.purpose, asked.issuer) == (
        "90000444", "N6", "01.015", "000012345", "TREAT", ISSUER,
    )  # fmt: skip


async def test_a_mandate_names_both(setting: Setting) -> None:
    assistant = Professional("000054321", "doktersassistent", assurance=Assurance.UZI, mandated_by=DOCTOR)
    await setting.located(assistant)
    [asked] = setting.twin.open_questions
    assert (asked.professional, asked.mandated, asked.role) == ("000012345", "000054321", "01.015")


async def test_plq_empty_is_not_error(setting: Setting) -> None:
    setting.subscribed(HOSPITAL, "V6")
    found = await setting.located()
    assert (found.items, found.gaps) == ((), ())


async def test_plq_other_patient_dropped(setting: Setting) -> None:
    setting.twin.open_faults.set(Fault("hostile", name="other_patient_among_two"))
    with capture_logs() as lines:
        found = await setting.located()
    assert [one.ura.value for one in found.items] == [HOSPITAL]
    [gap] = found.gaps
    assert (gap.where, gap.stop.reason, gap.stop.detail) == (
        "localization", Reason.LOCALIZATION_BROKEN, "Mitz: other-patient",
    )  # fmt: skip
    assert [(line["error_class"], line["alarm"]) for line in lines] == [("Mitz: other-patient", "security")]
    assert "99999" not in json.dumps(lines)


async def test_plq_source_id_never_dialled(setting: Setting) -> None:
    import asyncio

    dialled: list[int] = []
    trap = await asyncio.start_server(lambda *_: dialled.append(1), "127.0.0.1", 0)
    async with trap:
        address = f"http://127.0.0.1:{trap.sockets[0].getsockname()[1]}/fhir"
        setting.subscribed(HOSPITAL, "V6")
        [held] = setting.twin.book.held.values()
        setting.twin.book.held[held.id] = replace(held, gateway_system=address, source_system=address)
        setting.twin.choices[:] = [may()]
        found = await setting.located()
        await asyncio.sleep(0.05)
    assert [one.ura.value for one in found.items] == [HOSPITAL]
    assert dialled == []
    assert "127.0.0.1" not in repr(found)


async def test_plq_permit_still_needs_closed_question(setting: Setting) -> None:
    setting.subscribed(HOSPITAL, "V6")
    setting.twin.choices[:] = [may()]
    found = await setting.located()
    assert [one.ura.value for one in found.items] == [HOSPITAL]
    assert not setting.twin.questions, "to be found is no question about disclosure"
    hospital = Organization(Ura(HOSPITAL), "V6", "Ziekenhuis Meerwijck")
    files = {name: setting.settings[name] for name in ("url", "roots_file", "certificate_file", "key_file", "roles")}
    holder = consent.build(files, replace(setting.around, tenant=Tenant("meerwijck", hospital)))
    caller = Caller(KADE, DOCTOR, frozenset({"pzp-gf"}), Purpose.TREATMENT, None, {}, "nuts-bearer")
    access = Access(caller, FhirRequest("search-type", "Consent"), Patient(Bsn(BSN), "1", Standing.KNOWN))
    assert isinstance((await holder.ask(access)).outcome, Permit)
    setting.twin.choices[:] = [may(effect="deny")]
    assert isinstance((await holder.ask(access)).outcome, Deny)
    await holder.stop()
    assert len(setting.twin.questions) == 2


async def test_plq_relates_to_mismatch(setting: Setting) -> None:
    for name in ("relates_to_other", "no_relates_to"):
        setting.twin.open_faults.set(Fault("hostile", name=name))
        found = await setting.located()
        assert found.items == ()
        assert [gap.stop.reason for gap in found.gaps] == [Reason.LOCALIZATION_BROKEN]


async def test_the_own_organization_is_named_like_any_other(setting: Setting) -> None:
    setting.subscribed("90000444", "N6")
    setting.twin.choices[:] = [may("RPZAC001")]
    assert [one.ura.value for one in (await setting.located()).items] == ["90000444"]


ENDS = {
    "http_401": (Fault("status", status=401), Deny, Reason.LOCALIZATION_REFUSED),
    "http_403": (Fault("status", status=403), Deny, Reason.LOCALIZATION_REFUSED),
    "http_404": (Fault("status", status=404), Unavailable, Reason.LOCALIZATION_BROKEN),
    "http_500": (Fault("status", status=500), Unavailable, Reason.LOCALIZATION_DOWN),
    "fault_sender": (Fault("fault", name="Sender", status=400), Deny, Reason.LOCALIZATION_REFUSED),
    "fault_receiver": (Fault("fault", name="Receiver", status=500), Unavailable, Reason.LOCALIZATION_DOWN),
    "fault_http200": (Fault("fault", name="Receiver", status=200), Unavailable, Reason.LOCALIZATION_DOWN),
    "html_200": (Fault("html"), Unavailable, Reason.LOCALIZATION_BROKEN),
    "empty_200": (Fault("empty"), Unavailable, Reason.LOCALIZATION_BROKEN),
    "redirect": (Fault("redirect", location="http://127.0.0.1:9/"), Unavailable, Reason.LOCALIZATION_BROKEN),
    "oversize": (Fault("oversize"), Unavailable, Reason.LOCALIZATION_BROKEN),
    "gzip": (Fault("gzip"), Unavailable, Reason.LOCALIZATION_DOWN),
    "drop": (Fault("drop"), Unavailable, Reason.LOCALIZATION_DOWN),
    "slow": (Fault("slow-body", seconds=0.2), Unavailable, Reason.LOCALIZATION_DOWN),
}


@pytest.mark.parametrize("name", sorted(ENDS))
async def test_what_fails_is_a_gap_of_its_class_and_asked_once(name: str, setting: Setting) -> None:
    setting.locator._timeout = 1.0
    injected, kind, reason = ENDS[name]
    setting.twin.open_faults.set(injected)
    with capture_logs() as lines:
        found = await setting.located()
    [gap] = found.gaps
    assert (found.items, gap.where, type(gap.stop), gap.stop.reason) == ((), "localization", kind, reason)
    assert len(setting.twin.open_questions) == 1
    assert BSN not in json.dumps(lines) + repr(found)


async def test_patience_is_kept_and_nothing_is_sent(setting: Setting) -> None:
    setting.twin.open_faults.set(Fault("status", status=429, retry_after="60"))
    await setting.located()
    setting.twin.open_faults.clear()
    found = await setting.located()
    assert [gap.stop.detail for gap in found.gaps] == ["Mitz: held-by-retry-after"]
    assert len(setting.twin.open_questions) == 1
    assert isinstance(await setting.locator.health(), Unavailable)


async def test_a_mitz_that_is_down_is_left_alone(setting: Setting) -> None:
    setting.twin.open_faults.set(Fault("status", status=500))
    for _ in range(6):
        found = await setting.located()
    assert [gap.stop.detail for gap in found.gaps] == ["Mitz: breaker-open"]
    assert len(setting.twin.open_questions) == 5


@pytest.mark.parametrize(
    ("who", "why"),
    [
        (Professional("1", "doula", assurance=Assurance.UZI), "PZP-CONSENT"),
        (Professional("", "huisarts", assurance=Assurance.UZI), "PZP-CONSENT"),
        (Professional("1", "huisarts"), "PZP-CONSENT"),
        (Professional("1\u0007", "huisarts", assurance=Assurance.UZI), "control characters"),
    ],
    ids=["unmapped", "nameless", "no-register", "control-character"],
)
async def test_who_cannot_be_named_truthfully_does_not_ask(who: Professional, why: str, setting: Setting) -> None:
    found = await setting.located(who)
    [gap] = found.gaps
    assert gap.stop.reason is Reason.LOCALIZATION_REFUSED
    assert why in gap.stop.detail
    assert not setting.twin.open_questions


QUESTION = OpenQuestion(
    uuid.UUID("6f1f6a6e-0b7e-4c1b-9a34-2f6f3f1f0a01"), Bsn(BSN), Party(Ura("90000444"), "N6"),
    Responsible("000012345", "01.015"),
)  # fmt: skip


def signer(paper: Issued, when: datetime | None = None) -> Signer:
    return Signer(paper.key_file, paper.certificate_file, ISSUER, clock=(lambda: when) if when else None)


Change = Callable[[bytes], bytes]
SPOILED: dict[str, Change] = {
    "another_user": lambda body: body.replace(b'extension="90000444"', b'extension="90000999"'),
    "another_role": lambda body: body.replace(b"01.015", b"01.047"),
    "another_purpose": lambda body: body.replace(b'code="TREAT"', b'code="COC"'),
    "longer": lambda body: body.replace(b"NotOnOrAfter=", b"x="),
    "unsigned": lambda body: body[: body.index(b"<ds:Signature")] + body[body.index(b"</ds:Signature>") + 15 :],
    "signed_twice": lambda body: body.replace(
        b"</soap:Header>", body[body.index(b"<ds:Signature") : body.index(b"</ds:Signature>") + 15] + b"</soap:Header>"
    ),
    "another_patient_root": lambda body: body.replace(b"2.16.840.1.113883.2.4.6.3", b"2.16.840.1.113883.2.4.6.4"),
    "no_authority": lambda body: body.replace(b' assigningAuthorityName="NLMINBIZA"', b""),
    "need_not_be_understood": lambda body: body.replace(
        b'secext-1.0.xsd" soap:mustUnderstand="1"', b'secext-1.0.xsd" soap:mustUnderstand="0"'
    ),
    "another_action": lambda body: body.replace(b">urn:ihe:iti:2009:PatientLocationQuery<", b">urn:other<"),
    "sha1": lambda body: body.replace(b"xmlenc#sha256", b"xmlenc#sha1"),
    "another_canonicalization": lambda body: body.replace(b"xml-exc-c14n#", b"xml-exc-c14n#WithComments"),
}


async def _sent(setting: Setting, body: bytes, request_id: str = "") -> int:
    headers = {
        "content-type": "application/soap+xml; charset=UTF-8",
        "x-request-id": request_id or str(QUESTION.message_id),
    }
    heard = await setting.locator._peer.send("POST", "/openautorisatievraag", headers=headers, content=body)
    return int(getattr(heard, "status", 0))


@pytest.mark.parametrize("name", sorted(SPOILED))
async def test_the_twin_takes_nothing_that_was_not_signed_so(name: str, setting: Setting) -> None:
    body = build(QUESTION, setting.twin.url + "/openautorisatievraag", signer(setting.signing).assertion(QUESTION))
    spoiled = SPOILED[name](body)
    assert spoiled != body
    assert await _sent(setting, spoiled) == 400
    assert not setting.twin.open_questions
    assert await _sent(setting, body, "6f1f6a6e-0b7e-4c1b-9a34-2f6f3f1f0a02") == 400
    assert await _sent(setting, body) == 200
    assert await _sent(setting, body) == 400, "an assertion serves once"


async def test_the_twin_takes_no_other_signer_and_no_other_time(setting: Setting, papers: dict[str, Issued]) -> None:
    to, now = setting.twin.url + "/openautorisatievraag", datetime.now(UTC)
    for made in (
        signer(papers["other"]),
        signer(setting.signing, now - timedelta(minutes=6)),
        signer(setting.signing, now + timedelta(minutes=2)),
    ):
        assert await _sent(setting, build(QUESTION, to, made.assertion(QUESTION))) == 400
    assert await _sent(setting, build(QUESTION, to + "/x", signer(setting.signing).assertion(QUESTION))) == 400
    assert not setting.twin.open_questions


async def test_markup_in_a_name_adds_nothing(setting: Setting) -> None:
    odd = Professional('1"/><x a="', "huisarts", assurance=Assurance.UZI)
    await setting.located(odd)
    [asked] = setting.twin.open_questions
    assert asked.professional == odd.id


async def test_the_patient_is_not_in_the_assertion(setting: Setting) -> None:
    said = signer(setting.signing).assertion(QUESTION)
    assert BSN.encode() not in said
    assert b"PRIVATE" not in said


@pytest.mark.parametrize("which", ["other-certificate", "ec-key", "open-key", "no-tls-files", "issuer", "type"])
def test_settings_that_cannot_work_refuse_the_start(
    which: str, setting: Setting, papers: dict[str, Issued], tmp_path: Path
) -> None:
    settings = {**setting.settings, "assertion": dict(setting.settings["assertion"])}
    around = setting.around
    if which == "other-certificate":
        settings["assertion"]["certificate_file"] = str(papers["other"].certificate_file)
    if which == "ec-key":
        settings["assertion"]["key_file"] = str(papers["client"].key_file)
    if which == "open-key":
        (tmp_path / "open.key").write_bytes(setting.signing.key_file.read_bytes())
        (tmp_path / "open.key").chmod(0o644)
        settings["assertion"]["key_file"] = "open.key"
    if which == "no-tls-files":
        del settings["certificate_file"]
    if which == "issuer":
        settings["assertion"]["issuer"] = "connector"
    if which == "type":
        around = replace(around, tenant=Tenant("kade", replace(KADE, type="Q9")))
    with pytest.raises(ValueError, match=r"certificate|RSA|0600|mutual|issuer|user_types"):
        build_locator(settings, around)
