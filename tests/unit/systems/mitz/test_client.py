"""What each end of a question becomes (spec consent 1.6, 1.8, 6.3; 8: 5, 6, 14 to 30, 39)."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable

import pytest

from nuts_pzp.outcome import Unavailable
from nuts_pzp.outside import Heard, Trouble
from nuts_pzp.reasons import Reason
from nuts_pzp.sandbox.mitz.answers import fault
from nuts_pzp.sandbox.mitz.hostile import honest
from nuts_pzp.sandbox.mitz.request import Asked, read
from nuts_pzp.systems.mitz.answer import Decision, Rules
from nuts_pzp.systems.mitz.client import Answered, ClosedQuestion, why_not
from nuts_pzp.systems.mitz.question import Question

SOAP = {"content-type": "application/soap+xml; charset=utf-8"}
Script = Callable[[Asked], Heard | Trouble]


class FakePeer:
    """A peer that reads each question and answers by a script; the last line repeats."""

    base = "https://mitz.test/base"

    def __init__(self, *script: Script) -> None:
        self.script = list(script)
        self.sent: list[Asked] = []
        self.headers: list[dict[str, str]] = []
        self.gate: asyncio.Event | None = None

    async def send(self, method: str, path: str, *, headers: dict[str, str], content: bytes) -> Heard | Trouble:
        asked = read(content, headers, roots=frozenset({"2.16.528.1.1007.3.1"}), to=self.base + path)
        self.sent.append(asked)
        self.headers.append({"method": method, "path": path, **headers})
        if self.gate:
            await self.gate.wait()
        line = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return line(asked)

    async def close(self) -> None:
        self.script = []


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def says(word: str) -> Script:
    return lambda asked: Heard(200, SOAP, honest(word, asked).encode())


def answers(status: int, headers: dict[str, str] | None = None, body: bytes = b"<html/>") -> Script:
    return lambda _: Heard(status, {"content-type": "text/html", **(headers or {})}, body)


def faults(code: str, status: int) -> Script:
    return lambda asked: Heard(status, SOAP, fault(code, f"patientid={asked.bsn}", asked.message_id).encode())


def fails(trouble: Trouble) -> Script:
    return lambda _: trouble


def client(*script: Script, clock: Clock | None = None) -> tuple[ClosedQuestion, FakePeer]:
    peer = FakePeer(*script)
    return ClosedQuestion(peer, Rules(), clock=clock or Clock()), peer


async def test_permit_comes_with_its_evidence(question: Question, asked: Asked) -> None:
    mitz, _ = client(says("Permit"))
    found = await mitz.ask(question)
    assert isinstance(found, Answered)
    assert found.decisions == (("GGC002", Decision.PERMIT),)
    assert found.evidence.source == "mitz"
    assert found.evidence.reference == "urn:uuid:4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01"
    assert found.evidence.digest == hashlib.sha256(honest("Permit", asked).encode()).hexdigest()


async def test_content_type_soap12_with_action_and_request_id_equal_to_message_id(question: Question) -> None:
    mitz, peer = client(says("Permit"))
    await mitz.ask(question)
    assert peer.headers == [
        {
            "method": "POST",
            "path": "/geslotenautorisatievraag/xacml3",
            "content-type": 'application/soap+xml; charset=UTF-8; action="XACMLAuthorizationDecisionQueryRequest"',
            "accept": "application/soap+xml",
            "x-request-id": "4f0c1a52-7d5e-4c1b-9f63-2a8f1f7b6c01",
        }
    ]


ENDS: dict[str, tuple[Script, Reason, str, int]] = {
    # name: what Mitz does, the reason, its detail, how many questions were sent
    "fault_sender": (faults("Sender", 400), Reason.MITZ_REJECTED, "fault-sender", 1),
    "fault_sender_500": (faults("Sender", 500), Reason.MITZ_REJECTED, "fault-sender", 1),
    "fault_receiver": (faults("Receiver", 500), Reason.MITZ_UNAVAILABLE, "fault-receiver", 1),
    "fault_receiver_503": (faults("Receiver", 503), Reason.MITZ_UNAVAILABLE, "fault-receiver", 1),
    "fault_http200": (faults("Receiver", 200), Reason.MITZ_UNAVAILABLE, "fault-receiver", 1),
    "fault_must_understand": (faults("MustUnderstand", 500), Reason.MITZ_REJECTED, "fault-other", 1),
    "http_302_not_followed": (fails(Trouble.REDIRECT), Reason.MITZ_REJECTED, "redirect", 1),
    "http_400": (answers(400), Reason.MITZ_REJECTED, "http-400", 1),
    "http_401": (answers(401), Reason.MITZ_REJECTED, "http-401", 1),
    "http_401_with_receiver_fault": (faults("Receiver", 401), Reason.MITZ_REJECTED, "http-401", 1),
    "http_403": (answers(403), Reason.MITZ_REJECTED, "http-403", 1),
    "http_404": (answers(404), Reason.MITZ_REJECTED, "http-404", 1),
    "http_429": (answers(429, {"retry-after": "7"}), Reason.MITZ_THROTTLED, "http-429", 1),
    "http_500": (answers(500), Reason.MITZ_UNAVAILABLE, "http-500", 1),
    "http_503": (answers(503), Reason.MITZ_UNAVAILABLE, "http-503", 2),
    "http_503_retry_after": (answers(503, {"retry-after": "7"}), Reason.MITZ_UNAVAILABLE, "http-503", 1),
    "http_202": (
        lambda asked: Heard(202, SOAP, honest("Permit", asked).encode()),
        Reason.MITZ_MALFORMED,
        "http-status",
        1,
    ),
    "permit_with_http_500": (
        lambda asked: Heard(500, SOAP, honest("Permit", asked).encode()),
        Reason.MITZ_UNAVAILABLE,
        "http-500",
        1,
    ),
    "html_200": (answers(200), Reason.MITZ_MALFORMED, "media-type", 1),
    "text_xml_200": (
        lambda asked: Heard(200, {"content-type": "text/xml"}, honest("Permit", asked).encode()),
        Reason.MITZ_MALFORMED,
        "media-type",
        1,
    ),
    "charset_latin1": (
        lambda asked: Heard(
            200, {"content-type": "application/soap+xml; charset=ISO-8859-1"}, honest("Permit", asked).encode()
        ),
        Reason.MITZ_MALFORMED,
        "media-type",
        1,
    ),
    "empty_200": (lambda _: Heard(200, SOAP, b""), Reason.MITZ_MALFORMED, "empty", 1),
    "connect_refused": (fails(Trouble.REFUSED), Reason.MITZ_UNAVAILABLE, "connection-refused", 2),
    "connection_dropped": (fails(Trouble.BROKEN), Reason.MITZ_UNAVAILABLE, "broken", 1),
    "tls": (fails(Trouble.TLS), Reason.MITZ_UNAVAILABLE, "tls", 1),
    "address": (fails(Trouble.ADDRESS), Reason.MITZ_UNAVAILABLE, "address-not-allowed", 1),
    "timeout": (fails(Trouble.TIMEOUT), Reason.MITZ_TIMEOUT, "timeout", 1),
    "oversize": (fails(Trouble.OVERSIZE), Reason.MITZ_MALFORMED, "too-large", 1),
}


@pytest.mark.parametrize("name", ENDS)
async def test_no_answer_is_unavailable_for_its_reason(name: str, question: Question) -> None:
    line, reason, detail, sent = ENDS[name]
    mitz, peer = client(line)
    found = await mitz.ask(question)
    assert isinstance(found, Unavailable)
    assert (found.reason, found.detail) == (reason, detail)
    assert len(peer.sent) == sent
    assert found.evidence[0].reference == f"urn:uuid:{peer.sent[-1].message_id}"
    assert "999912008" not in repr(found)


async def test_http_503_single_retry_new_messageid(question: Question) -> None:
    mitz, peer = client(answers(503), says("Permit"))
    found = await mitz.ask(question)
    assert isinstance(found, Answered)
    first, second = (asked.message_id for asked in peer.sent)
    assert first != second
    assert found.evidence.reference == f"urn:uuid:{second}"
    assert peer.headers[1]["x-request-id"] == second


async def test_retry_that_is_denied_is_not_retried(question: Question) -> None:
    mitz, peer = client(fails(Trouble.REFUSED), says("Deny"), says("Permit"))
    found = await mitz.ask(question)
    assert isinstance(found, Answered)
    assert why_not(found) is Reason.MITZ_DENY
    assert len(peer.sent) == 2


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("Permit",), None),
        (("Permit", "Permit"), None),
        (("Deny",), Reason.MITZ_DENY),
        (("Permit", "Deny"), Reason.MITZ_PARTIAL),
        (("Indeterminate",), Reason.MITZ_INDETERMINATE),
        (("Permit", "Indeterminate"), Reason.MITZ_INDETERMINATE),
        (("NotApplicable", "Permit"), Reason.MITZ_NOT_APPLICABLE),
        (("NotApplicable", "Indeterminate"), Reason.MITZ_INDETERMINATE),
    ],
)
async def test_only_permits_for_all_categories_are_a_permit(words: tuple[str, ...], reason: Reason | None) -> None:
    decisions = tuple((f"GGC{number}", Decision(word)) for number, word in enumerate(words))
    assert why_not(Answered(decisions, None)) is reason


async def test_http_429_retry_after_holds_every_question_back(question: Question) -> None:
    clock = Clock()
    mitz, peer = client(answers(429, {"retry-after": "7"}), says("Permit"), clock=clock)
    await mitz.ask(question)
    clock.now += 6.9
    held = await mitz.ask(question)
    assert isinstance(held, Unavailable)
    assert held.reason is Reason.MITZ_THROTTLED
    assert mitz.resting() == held
    assert len(peer.sent) == 1
    clock.now += 0.2
    assert mitz.resting() is None
    assert isinstance(await mitz.ask(question), Answered)


@pytest.mark.parametrize(
    ("told", "seconds"), [("0", 1), ("9999999", 300), ("Wed, 21 Oct 2026 07:28:00 GMT", 30), ("", 30)]
)
async def test_retry_after_is_bounded(told: str, seconds: float, question: Question) -> None:
    clock = Clock()
    mitz, _ = client(answers(429, {"retry-after": told}), says("Permit"), clock=clock)
    await mitz.ask(question)
    clock.now += seconds - 0.1
    assert mitz.resting() is not None
    clock.now += 0.2
    assert mitz.resting() is None


async def test_breaker_opens_and_half_opens(question: Question) -> None:
    clock = Clock()
    mitz, peer = client(faults("Receiver", 500), clock=clock)
    for _ in range(5):
        assert mitz.resting() is None
        await mitz.ask(question)
    assert mitz.resting() is not None
    held = await mitz.ask(question)
    assert isinstance(held, Unavailable)
    assert (held.reason, held.detail) == (Reason.MITZ_UNAVAILABLE, "breaker-open")
    assert len(peer.sent) == 5

    clock.now += 30.1
    assert mitz.resting() is None
    await mitz.ask(question)
    assert len(peer.sent) == 6
    assert mitz.resting() is not None

    clock.now += 30.1
    peer.script = [says("Deny")]
    assert isinstance(await mitz.ask(question), Answered)
    assert mitz.resting() is None


async def test_one_probe_at_a_time(question: Question) -> None:
    clock = Clock()
    mitz, peer = client(fails(Trouble.TIMEOUT), clock=clock)
    for _ in range(5):
        await mitz.ask(question)
    clock.now += 30.1
    peer.gate = asyncio.Event()
    probe = asyncio.create_task(mitz.ask(question))
    await asyncio.sleep(0)
    assert mitz.resting() is not None
    assert isinstance(await mitz.ask(question), Unavailable)
    assert len(peer.sent) == 6
    peer.script = [says("Permit")]
    peer.gate.set()
    assert isinstance(await probe, Answered)
    assert mitz.resting() is None


async def test_cancelled_probe_lets_another_probe(question: Question) -> None:
    clock = Clock()
    mitz, peer = client(fails(Trouble.TIMEOUT), clock=clock)
    for _ in range(5):
        await mitz.ask(question)
    clock.now += 30.1
    peer.gate = asyncio.Event()
    probe = asyncio.create_task(mitz.ask(question))
    await asyncio.sleep(0)
    probe.cancel()
    with pytest.raises(asyncio.CancelledError):
        await probe
    peer.gate, peer.script = None, [says("Permit")]
    assert isinstance(await mitz.ask(question), Answered)


@pytest.mark.parametrize("line", [answers(401), answers(200), faults("Sender", 400)], ids=["401", "html", "sender"])
async def test_a_mitz_that_refuses_is_not_down(line: Script, question: Question) -> None:
    mitz, peer = client(line)
    for _ in range(8):
        await mitz.ask(question)
    assert len(peer.sent) == 8
    assert mitz.resting() is None


async def test_question_is_well_formed_for_the_twin(question: Question) -> None:
    mitz, peer = client(says("Permit"))
    await mitz.ask(question)
    sent = peer.sent[0]
    assert (sent.bsn, sent.holder, sent.holder_type) == ("999912008", "90000222", "V6")
    assert (sent.user, sent.user_type, sent.role, sent.professional) == ("90000444", "N6", "01.015", "000012345")
    assert (sent.purpose, sent.categories, sent.mandated) == ("TREAT", ("GGC002",), "")


@pytest.mark.parametrize("trouble", list(Trouble))
async def test_every_trouble_of_the_transport_is_a_reason(trouble: Trouble, question: Question) -> None:
    mitz, _ = client(fails(trouble))
    assert isinstance(await mitz.ask(question), Unavailable)
