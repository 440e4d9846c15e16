"""An open question that fails is a gap of its class, asked once (spec consent 2)."""

from __future__ import annotations

import json

import pytest
from mitz_open import BSN, Setting
from structlog.testing import capture_logs

from nuts_pzp.identity import (
    Assurance,
    Professional,
)  # fmt: skip
from nuts_pzp.outcome import Deny, Unavailable
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Fault

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
