"""Notifications in, over real TLS between door and twin (spec consent 3; 8: 119 to 125).

What Mitz tells is taken only when it is durable and recorded.
"""

from __future__ import annotations

import json

import pytest
from mitz_ward import BSN, GPS, HOSPITALS, KNOWN, OTHER, Ward
from structlog.testing import capture_logs

from nuts_pzp.accounted import Denied, Notified
from nuts_pzp.identity import Bsn
from nuts_pzp.outcome import Deny
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz import Fault
from nuts_pzp.sandbox.mitz.notices import as_json, as_xml
from nuts_pzp.systems.mitz.subscriptions import State

pytestmark = pytest.mark.asyncio


async def test_a_refusal_is_taken_kept_and_recorded(ward: Ward) -> None:
    before = await ward.generation()
    taken = await ward.notify(as_json(ward.bundle()))
    assert taken.status_code == 200
    assert taken.json()["resourceType"] == "OperationOutcome"
    assert await ward.generation() != before
    assert (await ward.says()).reason is Reason.CONSENT_OBJECTION
    [event] = ward.audit.written
    assert isinstance(event, Notified)
    assert event.bsn == Bsn(BSN)
    assert dict(event.detail)["refused"] == f"GGC002:{HOSPITALS}"
    assert event.attempt.correlation == taken.headers["x-meldcode"]


async def test_the_path_for_consents_is_the_same_door_and_other_paths_are_none(ward: Ward) -> None:
    assert (await ward.notify(as_json(ward.bundle()), path="/Consent")).status_code == 200
    assert (await ward.notify(as_json(ward.bundle()), path="/Patient")).status_code == 404
    assert (await ward.notify(b"", method="GET")).status_code == 405


async def test_replayed_notification_harmless(ward: Ward) -> None:
    permit, refusal = ward.bundle(effect="permit", at="2026-11-24T14:00:00Z"), ward.bundle()
    for content in (permit, refusal, permit, refusal, permit):
        assert (await ward.notify(as_json(content))).status_code == 200
    assert (await ward.says()).reason is Reason.CONSENT_OBJECTION
    assert (await ward.says("N6")).reason is Reason.MITZ_DENY, "no choice at Mitz: no"


async def test_notification_permit_does_not_grant(ward: Ward) -> None:
    assert (await ward.notify(as_json(ward.bundle(GPS, "permit")))).status_code == 200
    assert (await ward.says("N6")).reason is Reason.MITZ_DENY
    assert len(ward.twin.questions) == 1, "the closed question decides"


@pytest.mark.parametrize("who", ["nobody", "another client of the same roots"])
async def test_notification_without_mtls_401(who: str, ward: Ward) -> None:
    other = ward.trusted.client("other", common_name="notificaties.mitz.sandbox")
    body = as_json(ward.bundle())
    answer = await ward.notify(body, by=other, anonymous=who == "nobody")
    assert answer.status_code == 401
    assert not isinstance(await ward.says("N6"), Exception)
    assert await ward.generation() == (0, 0)
    [event] = ward.audit.written
    assert isinstance(event, Denied)
    expected = Reason.CERTIFICATE_ABSENT if who == "nobody" else Reason.CERTIFICATE_UNLISTED
    assert event.stop.reason is expected
    assert ward.metric("not-admitted") == 1


async def test_notification_foreign_ura_ignored(ward: Ward) -> None:
    with capture_logs() as lines:
        answer = await ward.notify(as_json(ward.bundle(provider="90000111")))
    assert answer.status_code == 200
    assert await ward.generation() == (0, 0)
    assert [(line["event"], line["alarm"]) for line in lines] == [("notice.other-holder", "security")]
    assert [event.bsn for event in ward.audit.written] == [None]


async def test_notification_xml_and_json_same_effect(ward: Ward) -> None:
    content = ward.bundle()
    assert (await ward.notify(as_xml(content), "application/fhir+xml; charset=utf-8")).status_code == 200
    assert (await ward.says()).reason is Reason.CONSENT_OBJECTION
    by_xml = ward.audit.written.pop().detail
    assert (await ward.notify(as_json(content))).status_code == 200
    by_json = ward.audit.written.pop().detail
    assert dict(by_xml) | {"sha256": ""} == dict(by_json) | {"sha256": ""}


async def test_notification_transaction_verbs_not_executed(ward: Ward) -> None:
    content = ward.bundle()
    for entry, (method, url) in zip(
        content["entry"], [("DELETE", "Consent?patient=1"), ("PUT", ward.twin.url), ("GET", "file:///etc/passwd")],
        strict=True,
    ):  # fmt: skip
        entry["request"] = {"method": method, "url": url}
    assert (await ward.notify(as_json(content))).status_code == 200
    assert (await ward.says()).reason is Reason.CONSENT_OBJECTION
    assert not ward.twin.questions, "nothing was called"


async def test_notification_persist_fails_5xx(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    ward.audit.down = True
    unrecorded = await ward.notify(as_json(ward.bundle()))
    assert unrecorded.status_code == 503
    assert (await ward.says()).reason is Reason.CONSENT_OBJECTION, "what restricts counts before its record"
    ended = await ward.notify(as_json(ward.bundle(effect="permit", at="2026-11-24T14:06:00Z")))
    assert ended.status_code == 503
    assert (await ward.says()).reason is Reason.CONSENT_OBJECTION, "what relaxes does not"
    ward.audit.down = False
    ward.mitz.letters.told._patients.vault._store._store.close()  # type: ignore[union-attr,attr-defined]
    unkept = await ward.notify(as_json(ward.bundle()))
    assert unkept.status_code == 503
    [refused] = ward.audit.written
    assert isinstance(refused, Denied)
    assert refused.stop.reason is Reason.CONSENT_STATE_UNREADABLE
    assert refused.attempt.correlation == unkept.headers["x-meldcode"]


@pytest.mark.parametrize(
    ("body", "media_type", "status"),
    [
        (b"{", "application/fhir+json", 400),
        (b"<Bundle/>", "application/fhir+xml", 400),
        (b"", "application/fhir+json", 400),
        (b"{}", "text/plain", 415),
        (b" " * 1_048_577, "application/fhir+json", 413),
    ],
)
async def test_what_is_no_notification_is_refused_recorded_and_changes_nothing(
    body: bytes, media_type: str, status: int, ward: Ward
) -> None:
    assert (await ward.notify(body, media_type)).status_code == status
    assert [dict(event.detail)["became"] for event in ward.audit.written] == ["unreadable"]
    assert ward.metric("unreadable") == 1


async def test_known_and_unknown_patients_get_the_same_answer_and_are_counted_apart(ward: Ward) -> None:
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    known = await ward.notify(as_json(ward.bundle()))
    unknown = await ward.notify(as_json(ward.bundle(bsn=OTHER)))
    assert (known.status_code, known.content) == (unknown.status_code, unknown.content)
    assert (ward.metric("kept"), ward.metric("unknown-patient")) == (1, 1)
    await ward.until(State.CONFIRMED)  # Mitz notifies about this patient, so it has the subscription


async def test_no_bsn_in_a_log_a_file_or_an_address(ward: Ward) -> None:
    with capture_logs() as lines:
        ward.twin.subscription_faults.set(Fault("status", status=500, times=1))
        ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
        await ward.until(State.ACCEPTED)
        await ward.notify(as_json(ward.bundle()))
        await ward.notify(as_json(ward.bundle()) + b"x")
        ward.mitz.letters.died(KNOWN)  # type: ignore[union-attr]
        await ward.until(None)
    assert lines
    assert BSN not in json.dumps(lines, default=repr)
    files = b"".join(file.read_bytes() for file in (ward.folder / "state").iterdir() if file.is_file())
    assert BSN.encode() not in files
    assert isinstance(await ward.says(), Deny)
