"""What is signed, by whom, and what the twin refuses (spec consent 2)."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from mitz_open import BSN, ISSUER, KADE, Setting

from nuts_pzp.identity import (
    Assurance,
    Bsn,
    Professional,
    Tenant,
    Ura,
)  # fmt: skip
from nuts_pzp.sandbox.authority import Issued
from nuts_pzp.systems.mitz.open_assertion import Signer
from nuts_pzp.systems.mitz.open_locator import build_locator
from nuts_pzp.systems.mitz.open_question import OpenQuestion, build
from nuts_pzp.systems.mitz.question import Party, Responsible

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
