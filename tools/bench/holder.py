"""The holder that discloses: its own server, its tokens, and gateways in front of it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import nginx
from load import Request
from processes import listening, running
from stand import HOLDER, PATIENT, Process, Settings, Stand, free_port

from nuts_pzp.consult.queries import PZP
from nuts_pzp.fhir.request import encode
from nuts_pzp.sandbox.nuts_node import dpop
from nuts_pzp.sandbox.nuts_node.jose import SigningKey, thumbprint
from nuts_pzp.sandbox.nuts_node.state import TOKEN_LIFE

BYTES = 20_000
NO_LIMITS = {
    f"{who}_{what}": 100_000 for who in ("organization", "tenant", "patient") for what in ("per_second", "burst")
}


def searchset() -> tuple[str, str, str]:
    """Return the search below a FHIR base, its answer of about 20 KB (`{base}` inside), and the Patient."""
    chart = PATIENT.charts[HOLDER]
    raw = encode(next(one for one in PZP if one.name == "Observation").tries[0].about(chart.patient_id))
    target = f"{raw.path}?{raw.query}"
    people = [one for one in chart.resources if one["resourceType"] == "Patient"]
    seen = [one for one in chart.resources if one["resourceType"] == "Observation"]
    entries: list[dict[str, Any]] = []
    while len(json.dumps(entries, separators=(",", ":"))) < BYTES:
        number = len(entries)
        resource = {**seen[number % len(seen)], "id": f"{chart.patient_id}-{number}"}
        resource["meta"] = {**resource["meta"], "versionId": "1", "lastUpdated": "2026-11-20T09:00:00.000+01:00"}
        url = f"{{base}}/Observation/{resource['id']}"
        entries.append({"fullUrl": url, "resource": resource, "search": {"mode": "match"}})
    bundle = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(entries),
        "link": [{"relation": "self", "url": f"{{base}}{target}"}],
        "entry": entries,
    }
    patient = {**people[0], "meta": {**people[0].get("meta", {}), "versionId": "1"}}
    return target, *(json.dumps(one, ensure_ascii=False, separators=(",", ":")) for one in (bundle, patient))


class Holder:
    """The holder under measurement: its FHIR server, its tokens, and gateways in front of it."""

    def __init__(self, stand: Stand) -> None:
        self.stand = stand
        self.upstream = free_port()
        self.base = f"http://127.0.0.1:{self.upstream}/fhir"
        self.target, self.answer, self.patient = searchset()
        self._node = stand.region.nodes[HOLDER].twin

    @property
    def asked(self) -> Request:
        """The search as the holder's own server gets it."""
        return Request(f"/fhir{self.target}")

    @contextlib.asynccontextmanager
    async def server(self) -> AsyncIterator[Process]:
        """Run the holder's own server: the search and the patient. nginx where it is, else a process of Python."""
        answers = {
            self.target: self.answer,
            f"/Patient/{PATIENT.charts[HOLDER].patient_id}": self.patient,
            "/metadata": '{"resourceType":"CapabilityStatement","fhirVersion":"4.0.1"}',  # readiness asks for it
        }
        if nginx.NGINX is None:
            asked = {f"GET {target}": answer for target, answer in answers.items()}
            sources = [{"path": "/fhir", "base": self.base, "answers": asked}]
            async with self.stand.server(sources, port=self.upstream) as process:
                yield process
            return
        folder = self.stand.place("holder")
        served = {f"/fhir{target}": answer.replace("{base}", self.base) for target, answer in answers.items()}
        async with running(nginx.serving(folder, self.upstream, served), folder / "nginx.log") as process:
            await listening(process, self.upstream, folder / "nginx.log")
            yield Process(self.upstream, process.pid)

    @contextlib.asynccontextmanager
    async def gateway(self, workers: int = 1, state: Any = None, **policy: Any) -> AsyncIterator[Process]:
        """Run the holder's gateway with so many workers; `policy` are further settings of the policy slot."""
        settings = self.settings(**policy)
        if state is not None:
            settings["deployment.yaml"]["state"] = state
        if workers > 1:
            settings["deployment.yaml"]["workers"] = workers
        async with self.stand.gateway(settings, HOLDER, "network") as process:
            yield process

    def settings(self, **policy: Any) -> Settings:
        """Return the settings of a gateway before the holder's server, without limits, on ports of its own."""
        settings = self.stand.settings(HOLDER)
        port = free_port()
        listeners = settings["deployment.yaml"]["listeners"]
        listeners["network"] = {"port": port, "url": f"http://127.0.0.1:{port}"}
        for other in ("ehr", "operations"):
            listeners[other]["port"] = free_port()  # several gateways of one holder stand side by side
        disclose = settings[f"tenants/{HOLDER}.yaml"]["disclose"]
        disclose["records"] = {"kind": "fhir_server", "base": self.base}
        disclose["policy"] |= policy
        disclose["protection"] = NO_LIMITS
        return settings

    async def bearer(self) -> Request:
        """Return the search with a real token."""
        token = await self.stand.token(self._node.issuer)
        return self._search(("authorization", f"Bearer {token}"))

    async def bearers(self, count: int) -> list[Request]:
        """Return the search so many times, each with a token that the node knows and nobody showed before."""
        grant = self._node.state.grants.get(await self.stand.token(self._node.issuer))
        return [self._search(("authorization", f"Bearer {self._given(grant, n)}")) for n in range(count)]

    async def proved(self, port: int, count: int) -> list[Request]:
        """Return the search so many times with one bound token and as many proofs, made just now."""
        grant = self._node.state.grants.get(await self.stand.token(self._node.issuer))
        key = SigningKey.make("bench")
        token = self._given(replace(grant, thumbprint=thumbprint({**key.jwk, "alg": "ES256"})), -1)
        url = f"http://127.0.0.1:{port}/{HOLDER}/fhir{self.target.partition('?')[0]}"
        made = (dpop.make(key, method="GET", url=url, token=token, now=time.time() - 1) for _ in range(count))
        return [self._search(("authorization", f"DPoP {token}"), ("dpop", proof)) for proof in made]

    def _given(self, grant: Any, number: int) -> str:
        """Have the node know one more token like another."""
        token = f"bench-{id(grant)}-{time.monotonic_ns()}-{number}"
        self._node.state.grants.put(token, grant, TOKEN_LIFE)
        return token

    def _search(self, *headers: tuple[str, str]) -> Request:
        return Request(f"/{HOLDER}/fhir{self.target}", headers)
