"""Subscriptions out, notifications in, over real TLS between adapter, door and twin (spec consent 3; 8: 119 to 130).

What Mitz tells is taken only when it is durable and recorded; what is subscribed survives a restart and is told once.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from nuts_pzp.accounted import Denied, Notified, Receipt
from nuts_pzp.audit.port import NotRecorded
from nuts_pzp.consent.profile import Ranked, SharingConsent
from nuts_pzp.exchange import Access, Caller, Generation
from nuts_pzp.fhir.request import FhirRequest
from nuts_pzp.house import Holding, House
from nuts_pzp.identity import Bsn, Organization, Patient, Professional, Purpose, Standing, Tenant, Ura
from nuts_pzp.outcome import Deny
from nuts_pzp.outside import Outbound, Surroundings
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.mitz import Choice, Fault, MitzTwin
from nuts_pzp.sandbox.mitz.notices import Told, as_json, as_xml, bundle
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
from nuts_pzp.store.sqlite import SqliteStore
from nuts_pzp.systems.mitz import correspondence
from nuts_pzp.systems.mitz.consent import MitzConsent, build
from nuts_pzp.systems.mitz.subscriptions import State
from nuts_pzp.web.meter import Meter
from nuts_pzp.web.network import NetworkDoor
from nuts_pzp.web.server import Server, ServerTls

BSN, OTHER = "999912008", "999912033"
HOLDER = Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck")
TENANT = Tenant("meerwijck", HOLDER)
GPS, HOSPITALS = "RPZAC001", "RPZAC104"
LOOPBACK = Outbound((ipaddress.ip_network("127.0.0.0/8"),))
KNOWN = Patient(Bsn(BSN), "1", Standing.KNOWN, date(1950, 3, 4))

pytestmark = pytest.mark.asyncio


@dataclass
class FakeAudit:
    """Keeps what it is given, unless it is down."""

    down: bool = False
    written: list[Any] = field(default_factory=list)

    async def append(self, event: Any) -> Receipt[Any]:
        if self.down:
            raise NotRecorded("the disk is full")
        self.written.append(event)
        return Receipt(event, len(self.written), "r")


@dataclass
class Ward:
    """One holder with its door, Mitz, and who may call whom."""

    folder: Path
    trusted: Authority
    mitz_identity: Issued
    gateway_client: Issued
    twin: MitzTwin
    audit: FakeAudit
    mitz: MitzConsent
    store: SqliteStore
    registry: CollectorRegistry
    url: str = ""

    async def notify(
        self, body: bytes, media_type: str = "application/fhir+json", *, by: Issued | None = None, path: str = "",
        method: str = "POST", anonymous: bool = False,
    ) -> httpx.Response:  # fmt: skip
        """Call the notification endpoint as Mitz, as somebody else, or as nobody."""
        context = ssl.create_default_context(cafile=str(self.trusted.root_file))
        if not anonymous:
            shown = by or self.mitz_identity
            context.load_cert_chain(shown.certificate_file, shown.key_file)
        async with httpx.AsyncClient(verify=context, trust_env=False) as client:
            headers = {"content-type": media_type}
            return await client.request(method, self.url + path, content=body, headers=headers)

    def bundle(self, user: str = HOSPITALS, effect: str = "deny", **other: Any) -> dict[str, Any]:
        bsn, provider = other.get("bsn", BSN), other.get("provider", HOLDER.ura.value)
        to = Subscribed("1", bsn, provider, "V6", self.url, "json", "urn:oid:2.999.1", "urn:oid:2.999.2")
        choice = Choice(bsn, provider, "GGC002", user, effect)  # type: ignore[arg-type]
        return bundle(Told([choice], other.get("deceased", "")), to, other.get("at", "2026-11-24T14:05:00Z"))

    async def says(self, type: str = "V6", bsn: str = BSN) -> Any:
        """What the source that was told says about a user of that type."""
        caller = Caller(
            Organization(Ura("90000444"), type, ""), Professional("k-1", "huisarts"), frozenset(), Purpose.TREATMENT,
            None, {}, "nuts-bearer", token_digest=b"t" * 32,
        )  # fmt: skip
        letters = self.mitz.correspondence
        assert letters is not None
        access = Access(caller, FhirRequest("search-type", "Consent"), replace(KNOWN, bsn=Bsn(bsn)))
        return await SharingConsent(
            "nl-pzp-strict", (Ranked(letters.told, True, False), Ranked(self.mitz, True, True))
        ).ask(access)

    async def generation(self) -> Generation:
        letters = self.mitz.letters
        assert letters is not None
        found = await letters.told._patients.generation(Bsn(BSN))
        assert isinstance(found, Generation)
        return found

    async def state(self, bsn: str = BSN) -> State | None:
        assert self.mitz.letters is not None
        assert self.mitz.letters.subscriptions is not None
        found = await self.mitz.letters.subscriptions.of(Bsn(bsn))
        return found.state if found else None

    async def until(self, state: State | None) -> None:
        async with asyncio.timeout(10):
            while await self.state() is not state:
                await asyncio.sleep(0.02)

    def metric(self, became: str) -> float:
        found = self.registry.get_sample_value("nuts_pzp_notices_total", {"tenant": "meerwijck", "became": became})
        return found or 0.0

    def adapter(self, **own: Any) -> MitzConsent:
        """One more adapter over the same state, as another process or the next start has it."""
        return adapter(self, **own)


def adapter(ward: Ward, **own: Any) -> MitzConsent:
    subscriptions = {
        "subscribe_on": "first_pzp_record",
        "endpoint": ward.url,
        "format": "json",
        "gateway_system": "2.999.2.1",
        "source_system": "2.999.2.2",
        **own,
    }
    settings = {
        "url": ward.twin.url,
        "roots_file": str(ward.trusted.root_file),
        "certificate_file": str(ward.gateway_client.certificate_file),
        "key_file": str(ward.gateway_client.key_file),
        "roles": {"huisarts": "01.015"},
        "professional_id_root": "2.16.528.1.1007.3.1",
        "notifications": {"fingerprints": [ward.mitz_identity.sha256]},
        "subscriptions": subscriptions,
    }
    store = SqliteStore(ward.folder / "state" / "store.sqlite")
    around = Surroundings(TENANT, LOOPBACK, ward.folder, ward.folder / "state", store.of(TENANT))
    ward.store = store
    return build(settings, around)


@pytest.fixture
async def serving() -> AsyncIterator[Callable[..., Awaitable[int]]]:
    servers: list[Server] = []

    async def serve(app: Any, tls: ServerTls) -> int:
        servers.append(Server(app, host="127.0.0.1", port=0, tls=tls))
        return await servers[-1].start()

    yield serve
    for server in servers:
        await server.stop(grace=0.1)


@pytest.fixture
async def ward(tmp_path: Path, serving: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Ward]:
    monkeypatch.setattr(correspondence, "PAUSE", 0.02)
    trusted = Authority(tmp_path / "pki", "Sandbox PKI")
    server, identity = trusted.server("both"), trusted.client("mitz", common_name="notificaties.mitz.sandbox")
    client = trusted.client("meerwijck", common_name="meerwijck")
    twin = MitzTwin("", identity=identity, trust=trusted.root_file, clients=frozenset({client.sha256}))
    mutual = ServerTls(server.certificate_file, server.key_file, trusted.root_file, client_required=True)
    asked = ServerTls(server.certificate_file, server.key_file, trusted.root_file)
    twin.url = f"https://localhost:{await serving(twin.app, mutual)}"
    registry = CollectorRegistry()
    one = Ward(tmp_path, trusted, identity, client, twin, FakeAudit(), None, None, registry)  # type: ignore[arg-type]
    houses: dict[str, House] = {}
    door = NetworkDoor(houses.get, FakeAudit(), "https://localhost", Meter(registry))
    one.url = f"https://localhost:{await serving(door, asked)}/meerwijck/mitz/notifications"
    (tmp_path / "state").mkdir(mode=0o700)
    one.mitz = adapter(one)
    store = one.store
    nobody: Any = None
    holding = Holding(
        TENANT, "https://localhost/meerwijck/fhir", b"k" * 32, nobody, nobody, nobody, nobody, nobody, one.audit,
        correspondence=one.mitz.correspondence,
    )  # fmt: skip
    houses["meerwijck"] = House(TENANT, holding, None)
    await one.mitz.start()
    yield one
    await one.mitz.stop()
    await twin.close()
    store.close()
    one.store.close()


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
    assert (await ward.notify(as_json(ward.bundle()))).status_code == 503
    assert ward.audit.written == []


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


@pytest.mark.parametrize("form", ["json", "xml"])
async def test_subscription_202_location(form: str, ward: Ward) -> None:
    await ward.mitz.stop()
    other = ward.adapter(format=form, birth_dates_verified=True)
    await other.start()
    other.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    [held] = ward.twin.book.held.values()
    assert (held.bsn, held.provider, held.type, held.payload) == (BSN, "90000222", "V6", form)
    assert (held.endpoint, held.gateway_system) == (ward.url, "urn:oid:2.999.2.1")
    assert held.birth_date == "1950-03-04"
    found = await ward.mitz.letters.subscriptions.of(Bsn(BSN))  # type: ignore[union-attr]
    assert found is not None
    assert found.id == held.id
    await other.stop()


async def test_birth_date_is_not_told_unless_it_was_verified(ward: Ward) -> None:
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    assert [one.birth_date for one in ward.twin.book.held.values()] == [""]


async def test_subscription_422_no_retry(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("status", status=422, times=1))
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.REFUSED)
    await asyncio.sleep(0.2)
    assert (ward.twin.book.received, await ward.state()) == (0, State.REFUSED)
    await ward.mitz.letters.subscriptions.reconcile()  # type: ignore[union-attr]
    assert await ward.state() is State.REFUSED
    await ward.mitz.letters.subscriptions.want(Bsn(BSN), again=True)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)


async def test_subscription_429_backoff(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("status", status=429, retry_after="1", times=1))
    loop = asyncio.get_running_loop()
    began = loop.time()
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    assert loop.time() - began >= 1.0
    assert ward.twin.book.received == 1


async def test_subscription_idempotent(ward: Ward) -> None:
    for _ in range(3):
        ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    other = ward.adapter()  # another process, that has not seen the patient yet
    await other.start()
    other.letters.has(KNOWN)  # type: ignore[union-attr]
    await asyncio.sleep(0.2)
    assert ward.twin.book.received == 1
    await other.stop()


async def test_two_processes_send_one_subscription(ward: Ward) -> None:
    other = ward.adapter()
    await other.start()
    for mitz in (ward.mitz, other):
        mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    await asyncio.sleep(0.2)
    assert ward.twin.book.received == 1
    await other.stop()


@pytest.mark.parametrize(("mode", "commands"), [("manual", True), ("never", False)])
async def test_at_a_disclosure_nobody_is_subscribed_unless_the_settings_say_so(
    mode: str, commands: bool, ward: Ward
) -> None:
    other = ward.adapter(subscribe_on=mode)
    assert other.letters is not None
    assert other.letters.subscribes is commands
    other.letters.has(KNOWN)
    await other.stop()
    assert await ward.state() is None


async def test_what_is_wanted_survives_a_restart(ward: Ward) -> None:
    await ward.mitz.stop()
    quiet = ward.adapter()
    quiet.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.WANTED)
    await quiet.stop()
    assert ward.twin.book.received == 0
    again = ward.adapter()
    await again.start()
    await ward.until(State.ACCEPTED)
    await again.stop()


@pytest.mark.parametrize("by", ["the holder's own record", "a notification"])
async def test_unsubscribe_on_death(by: str, ward: Ward) -> None:
    ward.mitz.letters.has(KNOWN)  # type: ignore[union-attr]
    await ward.until(State.ACCEPTED)
    if by == "a notification":
        assert (await ward.notify(as_json(ward.bundle(deceased="2026-11-20")))).status_code == 200
        assert (await ward.says("N6")).reason is Reason.PATIENT_DECEASED
    else:
        ward.mitz.letters.died(replace(KNOWN, standing=Standing.DECEASED))  # type: ignore[union-attr]
    await ward.until(None)
    assert ward.twin.book.held == {}


async def test_an_outage_is_waited_out_by_one_call_at_a_time(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("status", status=503))
    subscriptions = ward.mitz.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    await subscriptions.want(Bsn(BSN))
    await subscriptions.want(Bsn(OTHER))
    await asyncio.sleep(0.5)
    tried = [one for one in (await subscriptions.of(Bsn(BSN)), await subscriptions.of(Bsn(OTHER))) if one and one.why]
    assert len(tried) == 1
    ward.twin.subscription_faults.clear()
    await ward.until(State.ACCEPTED)


async def test_who_changes_his_mind_while_the_call_is_made_is_unsubscribed_in_the_end(ward: Ward) -> None:
    ward.twin.subscription_faults.set(Fault("delay", seconds=0.4, times=1))
    subscriptions = ward.mitz.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    await subscriptions.want(Bsn(BSN))
    await asyncio.sleep(0.2)
    assert await subscriptions.unwant(Bsn(BSN)) is True
    await ward.until(None)
    async with asyncio.timeout(5):
        while ward.twin.book.received != 1 or ward.twin.book.held:
            await asyncio.sleep(0.02)


async def test_reconciling_confirms_what_mitz_worked_off_and_tries_again_who_was_not_admitted(ward: Ward) -> None:
    subscriptions = ward.mitz.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    ward.twin.subscription_faults.set(Fault("status", status=401, times=1))
    with capture_logs() as lines:
        await subscriptions.want(Bsn(BSN))
        await ward.until(State.NOT_ADMITTED)
    assert {"mitz.subscription-refused"} <= {line["event"] for line in lines}
    assert await subscriptions.reconcile() == {"wanted": 1}
    await ward.until(State.ACCEPTED)
    ward.twin.book.queued = 3
    assert await subscriptions.reconcile() == {"accepted": 1}
    ward.twin.book.queued = 0
    assert await subscriptions.reconcile() == {"confirmed": 1}


async def test_an_authorization_file_is_read_at_every_call(ward: Ward) -> None:
    file = ward.folder / "bewijs"
    seen: list[str] = []
    ward.twin.app.middleware_stack = None
    ward.twin.app.add_middleware(lambda inner: _Watching(inner, seen))
    other = ward.adapter(authorization_file=str(file))
    subscriptions = other.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    await ward.mitz.stop()
    await subscriptions.want(Bsn(BSN))
    assert await subscriptions.work() == 1
    assert await ward.state() is State.WANTED, "without the file nothing is sent"
    file.write_text("SAML abc\n")
    later = ward.adapter(authorization_file=str(file))
    subscriptions = later.letters.subscriptions  # type: ignore[union-attr]
    assert subscriptions is not None
    subscriptions._clock = lambda: 4_000_000_000.0
    await subscriptions.work()
    assert (await ward.state(), seen) == (State.ACCEPTED, ["SAML abc"])
    await other.stop()
    await later.stop()


class _Watching:
    def __init__(self, inner: Any, seen: list[str]) -> None:
        self._inner, self._seen = inner, seen

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        self._seen.extend(value.decode() for name, value in scope.get("headers", ()) if name == b"authorization")
        await self._inner(scope, receive, send)


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
