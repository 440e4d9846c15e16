"""Ten sources in one process that fail at random, each visit in its own way.

Run: python sources.py CERTIFICATE KEY; it prints its port. Patient search gives the patient of the BSN that was posted;
every statement carries `tag-<patient>-<source>`. A source that mixes up its patients sends another one's statement
among the right ones. `GET /quiet` ends all failures.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
from typing import Any
from urllib.parse import parse_qs, unquote_plus

import uvloop

BSN_SYSTEM = "http://fhir.nl/fhir/NamingSystem/bsn"
PER_VISIT = {"busy": 0.03, "drop": 0.02, "hang": 0.02, "refuse": 0.02, "outcome": 0.02, "cut": 0.02, "born": 0.02,
             "other": 0.02, "mixed": 0.05}  # fmt: skip
PER_QUERY = {"error": 0.005, "hang": 0.002, "drop": 0.002}
OUTCOME = {"resourceType": "OperationOutcome", "issue": [{"severity": "error", "code": "exception"}]}
SCT = "http://snomed.info/sct"


def number_of(bsn: str) -> int:
    """The patient's number is part of his BSN: the test made them that way."""
    return int(bsn[4:8])


def patient(number: int, bsn: str, born: str) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "id": f"p{number}",
        "identifier": [{"system": BSN_SYSTEM, "value": bsn}],
        "birthDate": born,
        "name": [{"text": f"tag-{number}-name"}],
    }


def observation(number: int, source: str, turn: str = "") -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "id": f"o{number}{turn}",
        "status": "final",
        "code": {"coding": [{"system": SCT, "code": "153851000146100"}]},
        "subject": {"reference": f"Patient/p{number}"},
        "effectiveDateTime": "2026-01-01",
        "valueString": f"tag-{number}-{source}",
    }


def directive(number: int, source: str) -> dict[str, Any]:
    return {
        "resourceType": "Consent",
        "id": f"c{number}",
        "status": "active",
        "scope": {"coding": [{"system": "http://terminology.hl7.org/CodeSystem/consentscope", "code": "treatment"}]},
        "category": [{"coding": [{"system": SCT, "code": "129125009"}]}],
        "patient": {"reference": f"Patient/p{number}"},
        "dateTime": f"20{10 + number % 15}-03-0{1 + len(source) % 9}",
        "provision": {"type": "deny", "code": [{"coding": [{"system": SCT, "code": "89666000"}]}]},
        "extension": [
            {"url": "http://nictiz.nl/fhir/StructureDefinition/ext-Comment", "valueString": f"tag-{number}-{source}"}
        ],
    }


def written(content: Any, status: str = "200 OK") -> bytes:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    head = f"HTTP/1.1 {status}\r\ncontent-type: application/fhir+json\r\ncontent-length: {len(body)}\r\n\r\n"
    return head.encode() + body


def bundle(*resources: dict[str, Any]) -> dict[str, Any]:
    return {"resourceType": "Bundle", "type": "searchset", "entry": [{"resource": one} for one in resources]}


def drawn(chances: dict[str, float]) -> str:
    left = random.random()
    for name, chance in chances.items():
        left -= chance
        if left < 0:
            return name
    return ""


class Answering(asyncio.Protocol):
    """One connection."""

    quiet = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport: Any = transport
        self._waiting = b""

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        head, found, rest = self._waiting.partition(b"\r\n\r\n")
        if not found:
            return
        line, *headers = head.decode().split("\r\n")
        length = next((int(one[15:]) for one in headers if one.lower().startswith("content-length:")), 0)
        if len(rest) < length:
            return
        self._waiting = rest[length:]
        method, target, _ = line.split(" ")
        self._answer(method, target, rest[:length].decode())

    def _answer(self, method: str, target: str, body: str) -> None:
        if target == "/quiet":
            Answering.quiet = True
            self._transport.write(written({}))
            return
        path, _, query = target.partition("?")
        source, kind = path.split("/")[1], path.split("/")[3]
        searching = method == "POST"
        fate = "" if Answering.quiet else drawn(PER_VISIT if searching else PER_QUERY)
        if fate == "drop":
            self._transport.abort()
        elif fate != "hang":
            content = self._patient(body, fate) if searching else self._found(kind, query, source, fate)
            delay = random.uniform(0.002, 0.03)
            asyncio.get_running_loop().call_later(delay, self._write, content)

    def _write(self, content: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(content)

    def _patient(self, body: str, fate: str) -> bytes:
        bsn = unquote_plus(body).rpartition("|")[2]
        number = number_of(bsn)
        if fate in ("busy", "refuse"):
            return written(OUTCOME, {"busy": "503 Busy", "refuse": "403 Forbidden"}[fate])
        if fate == "outcome":
            return written(OUTCOME)
        if fate == "cut":
            return written(json.dumps(bundle(patient(number, bsn, "1950-01-01"))).encode()[:-20])
        if fate == "other":
            return written(bundle(patient(number, "999900006", "1950-01-01")))
        found = [patient(number, bsn, "1951-02-02" if fate == "born" else "1950-01-01")]
        if fate == "mixed":
            found[0]["id"] = f"p{number}-mixed"
        return written(bundle(*found))

    def _found(self, kind: str, query: str, source: str, fate: str) -> bytes:
        if fate == "error":
            return written(OUTCOME, "500 Oops")
        asked = parse_qs(query)
        about = (asked.get("patient") or asked.get("subject") or [""])[0].removeprefix("Patient/p")
        number, mixed = int(about.partition("-")[0] or 0), about.endswith("-mixed")
        if kind == "Observation":
            own = observation(number, source)
            if mixed:
                own["subject"]["reference"] += "-mixed"
                return written(bundle(own, observation(number + 1, source)))
            return written(bundle(own))
        if kind == "Consent" and "129125009" in query and not mixed:
            return written(bundle(directive(number, source)))
        return written(bundle())


async def serve(certificate: str, key: str) -> None:
    """Listen on loopback until killed."""
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    server = await asyncio.get_running_loop().create_server(Answering, "127.0.0.1", 0, ssl=tls, backlog=1024)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await asyncio.Event().wait()


if __name__ == "__main__":
    random.seed(5)
    uvloop.run(serve(sys.argv[1], sys.argv[2]))
