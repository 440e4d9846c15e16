"""The open question over mutual TLS: whom one may ask, and nobody's permission (spec consent 2)."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

from mitz_open import BSN, DOCTOR, ISSUER, KADE, Setting
from structlog.testing import capture_logs

from nuts_pzp.exchange import Access, Caller
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
from nuts_pzp.outcome import Deny, Permit
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Choice, Fault
from nuts_pzp.systems.mitz import consent

HOSPITAL, PRACTICE = "90000222", "90000111"


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
