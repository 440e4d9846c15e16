"""The prepared sources of the data-user side: the sandbox's FHIR twins at one address, each with one known trap.

They hold the sandbox's test patient and take any token, because what is judged is what arrives. Every request is kept
in memory for the length of the run and nowhere else.
"""

from __future__ import annotations

import asyncio
import contextlib
import copy
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from ..sandbox.fhir_server import Behavior, FhirServerTwin
from ..sandbox.fhir_server.faults import Faults
from ..sandbox.people import by_slug
from ..web.server import Server, ServerTls
from .rules import named

PERSON = by_slug("postma")
Json = dict[str, Any]
_FIRST_URA = 90000601


@dataclass(frozen=True, slots=True)
class Prepared:
    """One source: what it is, whose records it shows, and its trap."""

    name: str
    chart: str
    speaks: str
    fault: str = ""
    page_size: int = 20


PREPARED: tuple[Prepared, ...] = (
    Prepared("rc2", "meerwijck", "r4-rc2"),
    Prepared("beta3", "wilgenhof", "r4-beta3"),
    Prepared("form", "lindezicht", "form", "unsupported"),
    Prepared("stu3", "wilgenhof", "stu3"),
    Prepared("paging", "wilgenhof", "r4-beta3", page_size=2),
    Prepared("hanging", "wilgenhof", "r4-beta3", "hang"),
    Prepared("lying", "wilgenhof", "r4-beta3", "lying-next"),
    Prepared("refusing", "wilgenhof", "r4-beta3", "consents-only"),
    Prepared("outcome", "wilgenhof", "r4-beta3", "outcome-200"),
    Prepared("stranger", "avondrood", "r4-rc2"),
)
"""`stranger`: the right BSN with another birth date."""
URAS: Mapping[str, str] = {one.name: str(_FIRST_URA + number) for number, one in enumerate(PREPARED)}


@dataclass(frozen=True, slots=True)
class Arrived:
    """One request that reached a source."""

    source: str
    method: str
    path: str = field(repr=False)
    query: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    @property
    def kind(self) -> str:
        """The resource type below the base; empty at the base itself."""
        return named(self.path.strip("/").partition("/")[0]).strip("-")


class Sources:
    """`async with Sources(...) as up:` serves them; `arrived` grows, `open` is how many requests are still held."""

    def __init__(self, *, host: str = "127.0.0.1", port: int = 0, tls: ServerTls | None = None, url: str = "") -> None:
        """`url`: how the target reaches them, when that is not host and port."""
        self.arrived: list[Arrived] = []
        self.trapped: list[str] = []
        self.open = 0
        self._idle = asyncio.Event()
        self._twins = {one.name: _twin(one) for one in PREPARED}
        self._host, self._port, self._tls, self._url = host, port, tls, url.rstrip("/")
        self._servers: list[Server] = []
        self._trap = ""

    async def __aenter__(self) -> Sources:
        """Listen; the trap listens at the next port, where the target reaches it too: another origin."""
        scheme = "https" if self._tls else "http"
        server = Server(self._serve, host=self._host, port=self._port, tls=self._tls)
        trap = Server(self._caught, host=self._host, port=(self._port + 1) % 65536 if self._port else 0, tls=self._tls)
        self._servers = [server, trap]
        self._port = await server.start()
        self._url = self._url or f"{scheme}://{_written(self._host)}:{self._port}"
        host = urlsplit(self._url).hostname or self._host
        self._trap = f"{scheme}://{_written(host)}:{await trap.start()}/fhir?page=2"
        return self

    async def __aexit__(self, *_: object) -> None:
        """Let go of what hangs and stop."""
        for twin in self._twins.values():
            twin.close()
        await asyncio.gather(*(server.stop(grace=0.2) for server in self._servers))

    def addresses(self) -> dict[str, str]:
        """Return the FHIR base of each source by name."""
        return addresses(self._url)

    async def quiet(self, seconds: float) -> None:
        """Wait until no request is held any more, this long at most."""
        if self.open:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), seconds)

    async def _serve(self, scope: Any, receive: Any, send: Any) -> None:
        name, _, rest = scope["path"].strip("/").partition("/")
        twin = self._twins.get(name)
        if twin is None or not (rest == "fhir" or rest.startswith("fhir/")):
            await _reply(send, 404)
            return
        body = await _body(receive)
        headers = {key.decode("latin-1"): value.decode("latin-1") for key, value in scope["headers"]}
        query = scope["query_string"].decode("latin-1")
        self.arrived.append(Arrived(name, scope["method"], rest.removeprefix("fhir"), query, headers, body))
        self.open += 1
        self._idle.clear()
        try:
            await twin.app(scope, _again(body, receive), self._lying(send) if name == "lying" else send)
        finally:
            self.open -= 1
            if not self.open:
                self._idle.set()

    def _lying(self, send: Any) -> Any:
        """Let the link that leads elsewhere lead to our own trap."""
        started: list[Any] = []

        async def changed(message: Any) -> None:
            if message["type"] == "http.response.start":
                started.append(message)
                return
            body = message["body"].replace(
                b"https://elsewhere.example/fhir?_getpages=1&_getpagesoffset=20", self._trap.encode()
            )
            headers = [pair for pair in started[0]["headers"] if pair[0].lower() != b"content-length"]
            headers.append((b"content-length", str(len(body)).encode()))
            await send(started[0] | {"headers": headers})
            await send(message | {"body": body})

        return changed

    async def _caught(self, scope: Any, receive: Any, send: Any) -> None:
        self.trapped.append(scope["method"])
        await _reply(send, 404)


def _written(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host


def addresses(url: str) -> dict[str, str]:
    """Return the FHIR base of each source below an origin."""
    return {one.name: f"{url.rstrip('/')}/{one.name}/fhir" for one in PREPARED}


def listed(bases: Mapping[str, str], servers: Iterable[str], review: str) -> Json:
    """Return the sources as a regional file lists them; the authorization servers are dealt out in turn."""
    given = list(servers) or [""]
    return {
        "owner": "nuts-pzp conformance",
        "review_before": review,
        "organizations": [
            {
                "ura": URAS[one.name],
                "types": ["Z3"],
                "name": f"Toetsbron {one.name}",
                "phone": "0570-555000",
                "fhir_base": bases[one.name],
                "authorization_server": given[number % len(given)],
            }
            for number, one in enumerate(PREPARED)
        ],
    }


def _twin(one: Prepared) -> FhirServerTwin:
    chart = PERSON.charts[one.chart]
    found = [copy.deepcopy(dict(resource)) for resource in chart.resources]
    patient = next(resource for resource in found if resource["resourceType"] == "Patient")
    if one.name == "stranger":
        patient["birthDate"] = "1940-01-01"
    if one.speaks == "stu3":
        found = [patient, _directive(patient["id"])]
    faults = Faults({one.fault} if one.fault else set())
    belongs = dict.fromkeys(chart.unlinked, chart.patient_id)
    behavior = Behavior(page_size=one.page_size)
    return FhirServerTwin(
        f"/{one.name}/fhir",
        found,
        one.speaks,  # type: ignore[arg-type]
        faults,
        belongs=belongs,
        behavior=behavior,
    )


def _directive(patient: str) -> Json:
    """A zib2017 treatment directive: antibiotics, no (spec pzp-fhir 5)."""
    zib = "http://nictiz.nl/fhir/StructureDefinition/zib-TreatmentDirective-"
    sct = "http://snomed.info/sct"
    treatment = {"coding": [{"system": sct, "code": "281789004"}]}
    said = {"coding": [{"system": "urn:oid:2.16.840.1.113883.2.4.3.11.60.40.4", "code": "NEE"}]}
    return {
        "resourceType": "Consent",
        "id": "old-1",
        "status": "active",
        "category": [{"coding": [{"system": sct, "code": "11291000146105"}]}],
        "patient": {"reference": f"Patient/{patient}"},
        "dateTime": "2022-02-02",
        "extension": [{"url": f"{zib}Treatment", "valueCodeableConcept": treatment}],
        "modifierExtension": [{"url": f"{zib}TreatmentPermitted", "valueCodeableConcept": said}],
    }


async def _body(receive: Any) -> bytes:
    body = b""
    while True:
        message = await receive()
        body += bytes(message.get("body", b""))
        if message["type"] == "http.disconnect" or not message.get("more_body") or len(body) > 65536:
            return body


def _again(body: bytes, receive: Any) -> Any:
    """Give the body once more, then whatever comes."""
    given = [{"type": "http.request", "body": body, "more_body": False}]

    async def once() -> Any:
        return given.pop() if given else await receive()

    return once


async def _reply(send: Any, status: int) -> None:
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-length", b"0")]})
    await send({"type": "http.response.body", "body": b""})
