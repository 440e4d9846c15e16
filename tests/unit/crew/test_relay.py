"""A decision's way from the supervisor to a worker and back: whole, or not at all."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from nuts_pzp.authorization.knooppunt import LARGEST
from nuts_pzp.crew.relay import Relay, answered

SCOPE: dict[str, Any] = {
    "type": "http",
    "method": "POST",
    "raw_path": b"/pdp",
    "query_string": b"a=%20b",
    "headers": [(b"x-strange", b"\xe9\xff"), (b"x-strange", b"twice")],
    "client": ("192.0.2.7", 4711),
    "client_certificate": b"\x30\x82",
}


class Worker:
    """A member of the crew that answers with an app, over what is really written on the line."""

    def __init__(self, app: Any, *, ready: bool = True) -> None:
        self._app, self.ready = app, ready
        self.asked = 0

    async def ask(self, message: dict[str, Any], within: float) -> dict[str, Any]:
        self.asked += 1
        if self._app is None:
            raise ConnectionError
        return dict(orjson.loads(orjson.dumps(await answered(self._app, orjson.loads(orjson.dumps(message))))))


async def called(workers: list[Worker], body: bytes = b"question") -> list[dict[str, Any]]:
    parts: list[dict[str, Any]] = []
    incoming = [{"type": "http.request", "body": body[:3], "more_body": True},
                {"type": "http.request", "body": body[3:], "more_body": False}]  # fmt: skip

    async def receive() -> dict[str, Any]:
        return incoming.pop(0) if incoming else {"type": "http.disconnect"}

    async def send(message: dict[str, Any]) -> None:
        parts.append(message)

    await Relay(lambda: workers)(SCOPE, receive, send)  # type: ignore[arg-type,return-value]
    return parts


async def echo(scope: Any, receive: Any, send: Any) -> None:
    """Answer with everything that was given."""
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 418, "headers": [*scope["headers"], (b"x-meldcode", b"M")]})
    told = b"|".join([scope["method"].encode(), scope["raw_path"], scope["query_string"], scope["client_certificate"]])
    await send({"type": "http.response.body", "body": told + b"|" + repr(scope["client"]).encode() + b"|" + body})


async def test_a_call_and_its_answer_arrive_as_they_were() -> None:
    start, body = await called([Worker(echo)])
    assert (start["status"], start["headers"]) == (418, [*SCOPE["headers"], (b"x-meldcode", b"M")])
    assert body["body"] == b"POST|/pdp|a=%20b|\x30\x82|('192.0.2.7', 4711)|question"


async def test_what_is_too_large_stays_too_large_and_is_not_carried_whole() -> None:
    _, body = await called([Worker(echo)], b"x" * (3 * LARGEST))
    assert body["body"].count(b"x") == LARGEST + 1


async def test_workers_take_turns_and_one_that_is_not_ready_takes_none() -> None:
    workers = [Worker(echo), Worker(echo, ready=False), Worker(echo)]
    relay = Relay(lambda: workers)  # type: ignore[arg-type,return-value]
    for _ in range(4):
        await relay(SCOPE, _empty, _nowhere)
    assert [one.asked for one in workers] == [2, 0, 2]


@pytest.mark.parametrize("workers", [[], [Worker(echo, ready=False)], [Worker(None)]], ids=["none", "unready", "lost"])
async def test_without_a_worker_there_is_no_answer_but_503(workers: list[Worker]) -> None:
    start = (await called(workers))[0]
    assert start["status"] == 503
    assert (b"retry-after", b"5") in start["headers"]


async def _empty() -> dict[str, Any]:
    return {"type": "http.request", "body": b"", "more_body": False}


async def _nowhere(_: dict[str, Any]) -> None:
    return
