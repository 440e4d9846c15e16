"""The region under attack: fills templates, sends bytes, and knows what the holders' own servers and logs saw of it."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hostile.attack import DIRECTIVES, VERMEER, Attack
from hostile.forging import Forger, tokens_of_no_issuer
from staging import Raw, Visitor

from nuts_pzp.audit import reading
from nuts_pzp.cli.stage import Stage
from nuts_pzp.sandbox.authority import Authority, Issued
from nuts_pzp.sandbox.fhir_server.twin import AskedOf
from nuts_pzp.sandbox.mitz import Choice
from nuts_pzp.sandbox.mitz.notices import Told, as_json, bundle
from nuts_pzp.sandbox.mitz.subscribed import Subscribed
from nuts_pzp.sandbox.nuts_node.internal import create_subject

_HOLE = re.compile(rb"\{([a-z][a-z0-9:-]*)\}")
_CLAIM = {"purposeOfUse": "ETREAT", "emergencyReason": "unresponsive", "emergencyText": "niet bij kennis"}
_DOCTOR = "waarnemend huisarts"
_LOOK_UP = re.compile(r"GET /fhir/[A-Za-z]+/[A-Za-z0-9.-]+|POST /fhir/Patient/_search", re.ASCII)


@dataclass
class Scene:
    """A stage with two gateways, and what attackers have in hand: tokens, proofs, pages, certificates."""

    stage: Stage
    visitor: Visitor
    strangers: dict[str, Issued]
    held: dict[bytes, bytes] = field(default_factory=dict)
    forger: Any = None

    @classmethod
    async def of(cls, stage: Stage, folder: Path) -> Scene:
        """Get every token once; make certificates of an authority with the region's own name, and of none."""
        visitor = Visitor(stage)
        other = Authority(folder / "evil", "Sandbox TLS CA").client("kade", common_name="kade.gateway.sandbox")
        alone = Authority(folder / "alone", "kade.gateway.sandbox").client("self", common_name="kade.gateway.sandbox")
        scene = cls(stage, visitor, {"stranger": other, "selfmade": alone})
        await scene._tokens()
        await scene._bound()
        await scene._page()
        await scene._questions()
        scene._notice()
        return scene

    def keep(self, **held: str | bytes) -> None:
        for name, value in held.items():
            self.held[name.replace("_", "-").encode()] = value.encode() if isinstance(value, str) else value

    async def _tokens(self) -> None:
        token, region = self.visitor.token, self.stage.region
        own = region.nodes["wilgenhof"].twin.state
        create_subject(own, "lindezicht")
        self.keep(
            bearer=await token("wilgenhof"),
            colleague=await token("wilgenhof"),
            neighbor=await token("lindezicht"),
            foreign=await token("wilgenhof", issuer=own.issuer("lindezicht")),
            janitor=await token("wilgenhof", role="baliemedewerker"),
            hospital=await token("meerwijck", role=_DOCTOR),
            emergency=await token("meerwijck", role=_DOCTOR, emergency=_CLAIM),
            nurse=await token("meerwijck", role="verpleegkundige", emergency=_CLAIM),
            practice=await token("meerwijck", user="wilgenhof", role=_DOCTOR, emergency=_CLAIM),
            two_scopes=await self._altered(scope="pzp-gf pzp-spoed"),
            unreasoned=await self._altered(without="emergency_reason"),
            pem=quote(region.gateways["kade"].client.certificate_file.read_text()),
        )
        self.keep(half=self.held[b"bearer"][:-8])
        claims = {"iss": region.nodes["wilgenhof"].twin.issuer, "scope": "pzp-gf", "exp": int(time.time()) + 600}
        self.keep(**tokens_of_no_issuer(claims, next(iter(own.subjects.values())).key))
        charts = next(one for one in region.people if one.bsn.value == VERMEER.decode()).charts["wilgenhof"]
        self.keep(objected=next(one["id"] for one in charts.resources if one["resourceType"] == "Consent"))

    async def _altered(self, *, scope: str = "", without: str = "") -> str:
        """A token of the hospital's node that says other things than its definition should have let through."""
        token = await self.visitor.token("meerwijck", role=_DOCTOR, emergency=_CLAIM)
        grants = self.stage.region.nodes["meerwijck"].twin.state.grants
        grant = grants.get(token)
        claims = {name: value for name, value in grant.claims.items() if name != without}
        grants.put(token, replace(grant, scope=scope or grant.scope, claims=claims), 900)
        return token

    async def _bound(self) -> None:
        """A token bound to a key of the asking node, which an attacker inside that organization may use at will."""
        region = self.stage.region
        node = region.nodes["kade"]
        body = {
            "authorization_server": region.nodes["wilgenhof"].twin.issuer,
            "scope": "pzp-gf",
            "token_type": "DPoP",
            "credentials": [
                {
                    "@context": ["https://www.w3.org/2018/credentials/v1", "https://nuts.nl/credentials/v1"],
                    "type": ["VerifiableCredential", "NutsEmployeeCredential"],
                    "credentialSubject": {"identifier": "bound", "name": "P. Vos", "roleName": "huisarts"},
                }
            ],
        }
        url = f"{node.internal_url}/internal/auth/v2/kade/request-service-access-token"
        answer = (await self.visitor.client(None).post(url, json=body)).json()
        key = node.twin.state.key(answer["dpop_kid"])
        assert key is not None
        base = region.gateway_of("wilgenhof").fhir_base("wilgenhof")
        self.forger = Forger(key, answer["access_token"], f"{base}/Consent")
        self.keep(bound=self.forger.token)
        self.forger.used = self.forger.made()
        headers = {"authorization": f"DPoP {self.forger.token}", "dpop": self.forger.used}
        good = await self.visitor.fhir("wilgenhof", "/Consent?" + DIRECTIVES.decode(), headers=headers)
        assert good.status_code == 200, "the proof that is used again served once"

    async def _page(self) -> None:
        found = await self.visitor.directives("wilgenhof", "10", self.held[b"bearer"].decode())
        link = next(link["url"] for link in found.json()["link"] if link["relation"] == "next")
        page = link.partition("_page=")[2]
        self.keep(page=page)
        self.held[b"page:cut"] = page[:-4].encode()

    async def _questions(self) -> None:
        """Introspection answers as the nodes give them, and questions to the decision API with one thing wrong."""
        said = await self._said("wilgenhof", b"bearer")
        patients = {"query": "patient=Patient/1&patient=Patient/6"}
        asked: dict[str, dict[str, Any]] = {
            "": {},
            "inactive": {"subject": said | {"active": False}},
            "neighbor": {"subject": await self._said("lindezicht", b"neighbor")},
            "ended": {"subject": said | {"iat": said["iat"] - 7200, "exp": said["exp"] - 7200}},
            "nobody": {"subject": said | {"scope": "nobody"}},
            "holder": {"context": {"data_holder_organization_id": "90000222"}},
            "purpose": {"context": {"purpose_of_use": "ETREAT"}},
            "bsn": {"context": {"patient_bsn": VERMEER.decode()}},
            "id": {"context": {"patient_id": "6"}},
            "consent": {
                "request": {"query": DIRECTIVES.decode().replace("t/1", "t/6")},
                "context": {"mitz_consent": True},
            },
            "patients": {"request": patients},
            "body": {"request": {"body": "patient=Patient/6"}},
            "override": {"request": {"header": {"X-HTTP-Method-Override": ["DELETE"]}}},
        }
        for name, change in asked.items():
            plain = {
                "method": "GET",
                "protocol": "HTTP/1.1",
                "path": "/Consent",
                "query": DIRECTIVES.decode(),
                "header": {},
                "body": "",
            }
            about = {"connection_type_code": "hl7-fhir-rest", "data_holder_organization_id": "90000111"}
            question = {
                "subject": change.get("subject", said),
                "request": plain | change.get("request", {}),
                "context": about | change.get("context", {}),
            }
            self.held[f"question:{name}".rstrip(":").encode()] = json.dumps({"input": question}).encode()

    async def _said(self, holder: str, token: bytes) -> dict[str, Any]:
        url = f"{self.stage.region.nodes[holder].internal_url}/internal/auth/v2/accesstoken/introspect"
        found: dict[str, Any] = (
            await self.visitor.client(None).post(url, data={"token": self.held[token].decode()})
        ).json()
        return found

    def _notice(self) -> None:
        """What Mitz would say if the one who objected permitted after all."""
        told = Told([Choice(VERMEER.decode(), "90000111", "GGC002", "RPZAC001", "permit")])
        to = Subscribed("x", VERMEER.decode(), "90000111", "Z3", "", "json", "2.999.2.1", "2.999.2.2")
        self.keep(notice=as_json(bundle(told, to, "2026-11-20T10:00:00Z")))

    def filled(self, template: bytes) -> bytes:
        """Put in what only this region has; the length last."""

        def value(hole: re.Match[bytes]) -> bytes:
            name = hole[1]
            if name == b"length":
                return hole[0]
            if name.startswith(b"proof:"):
                return str(self.forger.proof(name[6:].decode())).encode()
            return self.held[name]

        whole = _HOLE.sub(value, template)
        return whole.replace(b"{length}", b"%d" % len(whole.partition(b"\r\n\r\n")[2]))

    async def send(self, attack: Attack, seconds: float = 1.5) -> list[Raw]:
        """Send the bytes and return every answer that came before the connection ended.

        A connection that stays open is let go after so many seconds: ten times as many while an answer is to come.
        """
        gateway = self.stage.region.gateways["meerwijck" if attack.door == "hospital" else "providers"]
        port = gateway.operations if attack.door == "operations" else gateway.network
        heard = b""
        try:
            reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=self._tls(attack.shows))
        except (ssl.SSLError, ConnectionError):
            return []
        try:
            async with asyncio.timeout(10 * seconds if attack.status else seconds) as patience:
                writer.write(self.filled(attack.sent))
                await writer.drain()
                while more := await reader.read(262_144):
                    heard += more
                    if heard.count(b"HTTP/1.1 ") >= len(attack.status):
                        patience.reschedule(asyncio.get_running_loop().time() + seconds)
        except (TimeoutError, ConnectionError, ssl.SSLError):
            pass
        finally:
            writer.transport.abort()
        return _answers(heard, head=b"HEAD " in attack.sent[:6])

    def _tls(self, shows: str) -> ssl.SSLContext | None:
        region = self.stage.region
        issued = {
            "gateway": region.gateways["kade"].client,
            "ehr": region.ehr_clients["wilgenhof"],
            "mitz": region.mitz_identity,
            "nobody": None,
            **self.strangers,
        }
        return None if shows == "plain" else self.visitor.context(issued[shows])

    def forget(self) -> None:
        """Begin the registers anew: of the holders' own servers, and of Mitz."""
        for twin in self.stage.region.fhir.values():
            twin.asked.clear()
        self.stage.region.mitz.questions.clear()

    @property
    def reached(self) -> list[AskedOf]:
        """What the holders' own servers were asked since, but for their version, which a gateway asks by itself."""
        return [
            one for twin in self.stage.region.fhir.values() for one in twin.asked if not one.path.endswith("/metadata")
        ]

    @property
    def looked_up(self) -> bool:
        """True when nothing but whose record it is about was asked."""
        return all(_LOOK_UP.fullmatch(f"{one.method} {one.path}") for one in self.reached)

    def recorded(self, attack: Attack, answer: Raw) -> list[reading.Entry]:
        """The records of an answer in the log it belongs to."""
        name = "meerwijck" if attack.door == "hospital" else "providers"
        return list(reading.records(self.stage.ledger(name), attack.log, answer.headers["x-meldcode"]))


def _answers(heard: bytes, *, head: bool) -> list[Raw]:
    found = []
    while heard:
        first, _, rest = heard.partition(b"\r\n\r\n")
        status, *lines = first.decode("latin-1").split("\r\n")
        headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in lines)}
        size = 0 if head else int(headers.get("content-length", len(rest)))
        found.append(Raw(int(status.split(" ")[1]), headers, rest[:size]))
        heard = rest[size:]
    return found
