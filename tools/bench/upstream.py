"""A process that answers prepared requests with prepared bytes, after a set delay: the FHIR servers of the benchmark.

Run: python tools/bench/upstream.py FILE [--certificate PEM --key PEM --roots PEM]; prints its port. FILE is JSON:
`{"delay": seconds, "sources": [{"path": "/s1/fhir", "answers": {"GET /Patient/1": "..."}}]}`; a posted body follows
the target after a space. What is not prepared is a 404, so a question nobody expected cannot pass unseen.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import ssl
import sys
from pathlib import Path

import uvloop

Answers = dict[bytes, bytes]

_NOT_FOUND = b'{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"not-found"}]}'


def written(body: bytes, status: bytes = b"200 OK") -> bytes:
    """Return a whole HTTP answer with this FHIR JSON."""
    head = b"HTTP/1.1 %b\r\ncontent-type: application/fhir+json;charset=utf-8\r\ncontent-length: %d\r\n\r\n"
    return head % (status, len(body)) + body


def prepared(sources: list[dict[str, object]]) -> Answers:
    """Return every answer by `METHOD target[ body]`; `{base}` in an answer becomes that source's own base."""
    found: Answers = {}
    for source in sources:
        answers, path, base = source["answers"], str(source["path"]), str(source["base"])
        assert isinstance(answers, dict)
        for question, answer in answers.items():
            method, _, target = question.partition(" ")
            found[f"{method} {path}{target}".encode()] = written(answer.replace("{base}", base).encode())
    return found


class Responder(asyncio.Protocol):
    """One kept connection; requests come one at a time."""

    def __init__(self, answers: Answers, delay: float) -> None:
        self._answers, self._delay = answers, delay
        self._waiting = b""
        self._missing = written(_NOT_FOUND, b"404 Not Found")

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport
        self._loop = asyncio.get_running_loop()

    def data_received(self, data: bytes) -> None:
        self._waiting = data = self._waiting + data if self._waiting else data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            return
        line, _, headers = data[:end].partition(b"\r\n")
        method, target, _ = line.split(b" ", 2)
        question = b"%b %b" % (method, target)
        whole = end + 4
        if method == b"POST":
            length = int(headers.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
            if len(data) < whole + length:
                return
            question += b" " + data[whole : whole + length]
            whole += length
        self._waiting = data[whole:]
        answer = self._answers.get(question)
        if answer is None:
            print("not prepared:", method.decode(), target.decode(), file=sys.stderr, flush=True)
            answer = self._missing
        if self._delay:
            self._loop.call_later(self._delay, self._write, answer)
        else:
            self._transport.write(answer)  # type: ignore[attr-defined]

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)  # type: ignore[attr-defined]


async def serve(content: dict[str, object], port: int, tls: ssl.SSLContext | None) -> None:
    """Listen on loopback, print the port, until killed."""
    sources = content["sources"]
    assert isinstance(sources, list)
    answers, delay = prepared(sources), float(str(content["delay"]))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Responder(answers, delay), "127.0.0.1", port, ssl=tls, backlog=1024)
    print(server.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


def main() -> None:
    """Serve one file."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("file", type=Path)
    asked.add_argument("--port", type=int, required=True)
    for name in ("--certificate", "--key", "--roots"):
        asked.add_argument(name, type=Path)
    options = asked.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(options.certificate, options.key)
        if options.roots:
            tls.load_verify_locations(options.roots)
            tls.verify_mode = ssl.CERT_REQUIRED
    uvloop.run(serve(json.loads(options.file.read_text("utf-8")), options.port, tls))


if __name__ == "__main__":
    main()
