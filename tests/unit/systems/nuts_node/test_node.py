"""The bytes on the wire to the node, and what counts as an answer."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from nuts_pzp.identity import Organization, Tenant, Ura
from nuts_pzp.outside import Outbound, Surroundings, Trouble
from nuts_pzp.systems.nuts_node.node import Mishap, Node, Token
from nuts_pzp.systems.nuts_node.settings import Internal
from nuts_pzp.web.server import Server

TOKEN = "kVJw4c5J0yC1yCq2rWv5bP8Hq0oXz3mXQk0v2p1b9cE"
JSON = "application/json"


@dataclass
class Recorder:
    """A listener that answers one thing and keeps what it got: raw path, headers, body."""

    status: int = 200
    body: bytes = b"{}"
    headers: dict[str, str] = field(default_factory=lambda: {"content-type": JSON})
    got: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)
    base: str = ""

    def answer(self, value: Any) -> None:
        self.body = json.dumps(value).encode()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            body, more = body + message["body"], message["more_body"]
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        self.got.append((scope["raw_path"].decode(), headers, body))
        answered = [(name.encode(), value.encode()) for name, value in self.headers.items()]
        await send({"type": "http.response.start", "status": self.status, "headers": answered})
        await send({"type": "http.response.body", "body": self.body})


@pytest.fixture
async def wire() -> AsyncIterator[Recorder]:
    recorder = Recorder()
    server = Server(recorder, host="127.0.0.1", port=0)
    recorder.base = f"http://127.0.0.1:{await server.start()}"
    yield recorder
    await server.stop(grace=0.5)


def around(tmp_path: Path) -> Surroundings:
    tenant = Tenant("meerwijck", Organization(Ura("90000222"), "V6", "Ziekenhuis Meerwijck"))
    return Surroundings(tenant, Outbound(), tmp_path, tmp_path)


@pytest.fixture
async def node(wire: Recorder, tmp_path: Path) -> AsyncIterator[Node]:
    """Reached on loopback although the deployment may dial public addresses only."""
    made = Node.at(Internal(node=wire.base), around(tmp_path), timeout=1.0)
    yield made
    await made.close()


async def test_introspection_sends_one_bare_content_type(node: Node, wire: Recorder) -> None:
    wire.answer({"active": False})
    assert await node.introspect("a+b/c=") == {"active": False}
    path, headers, body = wire.got[0]
    assert path == "/internal/auth/v2/accesstoken/introspect"
    assert headers["content-type"] == "application/x-www-form-urlencoded"
    assert body == b"token=a%2Bb%2Fc%3D"


async def test_a_key_id_with_a_port_is_escaped_once(node: Node, wire: Recorder) -> None:
    wire.answer({"dpop": "a.b.c"})
    kid = "did:web:localhost%3A18443:iam:U#K"
    assert await node.make_proof(kid, method="GET", url="https://pep.example/Goal", token=TOKEN) == "a.b.c"
    path, _, body = wire.got[0]
    assert path == "/internal/auth/v2/dpop/did%3Aweb%3Alocalhost%253A18443%3Aiam%3AU%23K"
    assert json.loads(body) == {"htm": "GET", "htu": "https://pep.example/Goal", "token": TOKEN}


async def test_a_token_request_bypasses_only_when_told(node: Node, wire: Recorder) -> None:
    wire.answer({"access_token": TOKEN, "token_type": "Bearer", "expires_in": 900, "expires_at": 1790000900})
    assert await node.request_token("wilgenhof", b"{}") == Token(TOKEN, 1790000900.0)
    await node.request_token("wilgenhof", b"{}", bypass=True)
    (path, plain, body), (_, bypassing, _) = wire.got
    assert (path, body) == ("/internal/auth/v2/wilgenhof/request-service-access-token", b"{}")
    assert "cache-control" not in plain
    assert bypassing["cache-control"] == "no-cache"


async def test_a_bound_token_names_its_key(node: Node, wire: Recorder) -> None:
    wire.answer({"access_token": TOKEN, "token_type": "DPoP", "dpop_kid": "k", "expires_in": 5, "expires_at": 17})
    assert await node.request_token("w", b"{}") == Token(TOKEN, 17.0, "k")


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        {"access_token": TOKEN, "token_type": "Bearer"},
        {"access_token": TOKEN, "token_type": "Bearer", "expires_in": "900"},
        {"access_token": TOKEN, "token_type": "Bearer", "expires_in": True},
        {"access_token": 5, "token_type": "Bearer", "expires_in": 900},
        {"access_token": "", "token_type": "Bearer", "expires_in": 900},
        {"access_token": "a\r\nx-evil: 1", "token_type": "Bearer", "expires_in": 900},
        {"access_token": "a b", "token_type": "Bearer", "expires_in": 900},
        {"access_token": TOKEN, "expires_in": 900},
        {"access_token": TOKEN, "token_type": "mac", "expires_in": 900},
        {"access_token": TOKEN, "token_type": "DPoP", "expires_in": 900},
        {"access_token": TOKEN, "token_type": "DPoP", "dpop_kid": "", "expires_in": 900},
    ],
)
async def test_an_answer_that_is_no_token_is_none(node: Node, wire: Recorder, answer: Any) -> None:
    wire.answer(answer)
    assert isinstance(await node.request_token("w", b"{}"), Mishap)


@pytest.mark.parametrize("said", [{}, {"valid": "true"}, {"valid": 1}, {"valid": None}, {"valid": False}])
async def test_a_proof_is_accepted_by_an_exact_yes_only(node: Node, wire: Recorder, said: Any) -> None:
    wire.answer(said)
    assert await node.accepts_proof("p", method="GET", url="u", token="t", thumbprint="k") is False
    wire.answer({"valid": True})
    assert await node.accepts_proof("p", method="GET", url="u", token="t", thumbprint="k") is True


@pytest.mark.parametrize(
    ("status", "media_type", "body", "expected"),
    [
        (200, "text/plain", b"OK", Mishap(200, "an answer that is not JSON")),
        (200, JSON, b"{", Mishap(200, "an answer that is not JSON")),
        (200, JSON, b"[" * 5000, Mishap(200, "an answer that is not JSON")),
        (200, JSON, b"[]", Mishap(200, "an answer that is not a JSON object")),
        (500, JSON, b'{"detail": "geheim"}', Mishap(500, "the node answered 500")),
        (302, JSON, b"{}", Mishap(0, "the node could not be asked: redirect", Trouble.REDIRECT)),
        (200, JSON, b" " * 300_000, Mishap(0, "the node could not be asked: oversize", Trouble.OVERSIZE)),
    ],
)
async def test_a_mishap_says_what_happened_and_nothing_of_the_answer(
    node: Node, wire: Recorder, status: int, media_type: str, body: bytes, expected: Mishap
) -> None:
    wire.status, wire.body, wire.headers = status, body, {"content-type": media_type, "location": "/"}
    assert await node.introspect(TOKEN) == expected


@pytest.mark.parametrize("address", ["http://10.0.0.5:8081", "http://192.0.2.1", "http://[2001:db8::1]"])
def test_plain_http_reaches_loopback_only(address: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="outside outbound"):
        Node.at(Internal(node=address), around(tmp_path), timeout=1.0)
